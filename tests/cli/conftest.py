"""Real child processes for the supervisor: tiny HTTP servers, and waiting on what they do."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from smeboost_cli.probes import answers_200
from smeboost_cli.supervisor import Child
from smeboost_emulators.stores.process import Command, free_port

WAIT_SECONDS = 5.0
SERVER = """
import http.server, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *arguments):
        pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.serve_forever()
"""


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Wait until a condition holds, at most 5 s."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():  # noqa: ASYNC110  # what happens in another process sets no event here
                await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def server_child(tmp_path: Path) -> Callable[..., Child]:
    """A factory: a child that runs `before`, then serves a free port (its last argument) until it is stopped."""

    def make(name: str = "web", *, tier: int = 0, before: str = "", grace_seconds: float = 5.0) -> Child:
        port = free_port()
        command = Command(
            argv=(sys.executable, "-c", before + SERVER, str(port)),
            env={"PATH": os.environ["PATH"]},
            cwd=tmp_path,
            stop_grace_seconds=grace_seconds,
        )
        return Child(name, tier, command, answers_200(port, "/"), start_timeout_seconds=10.0)

    return make
