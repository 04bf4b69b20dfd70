"""Serving an emulator with uvicorn: in this thread until a signal, or in a thread of its own."""

import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SHUTDOWN_SECONDS = 5
START_SECONDS_MAX = 5
BACKLOG = 2_048
CUT_EXTENSION = "smeboost.cut"
"""Of the ASGI scope: `abort` closes the connection at once."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any that is free.

    Raises:
        OSError: the port is taken or the host is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio does not see that it is and leaves Nagle's delay on: 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket) -> str:
    """The address to reach a listening socket at."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class CuttingProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose scope also lets the app close the connection without an answer."""

    def on_message_begin(self) -> None:
        """Start a request as uvicorn does, with the extension."""
        super().on_message_begin()
        self.scope["extensions"] = {CUT_EXTENSION: {"abort": self.transport.abort}}


class AnnouncingServer(uvicorn.Server):
    """A uvicorn server that tells when it is ready."""

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=CuttingProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self._on_ready = on_ready

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; a second interrupt does not wait for open requests. The signal is not raised again afterwards, as
        uvicorn does, because a stop that was asked for is a success.
        """
        del frame
        self.force_exit = self.force_exit or (self.should_exit and sig == signal.SIGINT)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then say so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()


@contextmanager
def served_in_thread(app: ASGIApp) -> Generator[tuple[str, Callable[[], None]]]:
    """The URL of `app`, served on a free port for as long as the context is open, and a function that stops it early.

    Raises:
        TimeoutError: it was not ready in time.
    """
    ready = threading.Event()
    listener = bind("127.0.0.1", 0)
    server = AnnouncingServer(app, ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="emulator")

    def stop() -> None:
        server.should_exit = True
        thread.join(SHUTDOWN_SECONDS + START_SECONDS_MAX)
        listener.close()

    thread.start()
    try:
        if not ready.wait(START_SECONDS_MAX):
            raise TimeoutError(f"the emulator was not ready within {START_SECONDS_MAX} s")
        yield url_of(listener), stop
    finally:
        stop()
