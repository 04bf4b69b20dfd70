"""`smeboost-emulators bedrock --host --port`: run the emulated Bedrock until SIGINT or SIGTERM."""

import argparse
import socket
import sys

import uvicorn
from starlette.types import ASGIApp

from smeboost_emulators.bedrock.app import create_app

SHUTDOWN_SECONDS = 5


class AnnouncingServer(uvicorn.Server):
    """Says where it listens, on stderr, when it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            name = f"[{host}]" if ":" in host else host
            print(f"listening on http://{name}:{port}", file=sys.stderr, flush=True)  # noqa: T201  # the contract's line


def main(argv: list[str] | None = None) -> int:
    """Run the emulator; the exit status is returned."""
    parser = argparse.ArgumentParser(prog="smeboost-emulators bedrock", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: 0, any free one)")
    options = parser.parse_args(argv)
    try:
        listener = listen(options.host, options.port)
    except (OSError, OverflowError) as exc:
        message = f"smeboost-emulators bedrock: cannot listen on {options.host}:{options.port}: {exc}"
        print(message, file=sys.stderr)  # noqa: T201  # one line for a person
        return 2
    try:
        with listener:
            AnnouncingServer(config(create_app())).run(sockets=[listener])
    except KeyboardInterrupt:
        # uvicorn stops in order first and raises the signal again when it is done.
        return 130
    return 0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)


def config(app: ASGIApp) -> uvicorn.Config:
    """How the emulator is served, in its process and in tests alike."""
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
