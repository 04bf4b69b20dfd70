"""The Bedrock emulator as a pytest fixture: a real server on a free loopback port, in a thread."""

import socket
import threading
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import uvicorn

from smeboost_emulators.bedrock.app import create_app
from smeboost_emulators.bedrock.command import SHUTDOWN_SECONDS, config, listen

START_SECONDS_MAX = 5.0
EMULATED_TIME = datetime(2026, 11, 23, tzinfo=UTC)
"""Which models have reached their end must not depend on the day of the test."""


@dataclass(frozen=True)
class BedrockEmulator:
    """A running emulator; `url` serves the runtime and the control plane."""

    url: str


class _ThreadServer(uvicorn.Server):
    def __init__(self) -> None:
        super().__init__(config(create_app(clock=lambda: EMULATED_TIME)))
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@pytest.fixture(scope="session")
def bedrock_emulator() -> Generator[BedrockEmulator]:
    """One emulator for the whole run: it keeps no state, so that tests cannot disturb each other."""
    server = _ThreadServer()
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="bedrock-emulator")
        thread.start()
        if not server.ready.wait(START_SECONDS_MAX):
            pytest.fail("the Bedrock emulator did not start")
        yield BedrockEmulator(f"http://127.0.0.1:{listener.getsockname()[1]}")
        server.should_exit = True
        thread.join(SHUTDOWN_SECONDS + START_SECONDS_MAX)
