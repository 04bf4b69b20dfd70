"""Child processes as values: what to run, as whom, how it is stopped; and the few verbs on them.

A `Command` says everything about a child and does nothing. Secrets travel in `env` or in files, never in `argv`,
which every user of the machine can read.
"""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from random import SystemRandom

from smeboost_shared.errors import Misconfigured, StoreUnavailable

LOOPBACK = "127.0.0.1"
TETHER = Path(__file__).with_name("tether.py")
START_TIMEOUT_SECONDS = 60.0
READY_POLL_SECONDS = 0.05
LOG_TAIL_BYTES = 4096
# PostgreSQL gives its own children 5 s after an immediate shutdown before it kills them.
ABORT_SECONDS = 6.0
# Below the range that Linux and macOS give to outgoing connections (32768 and 49152): a client that keeps dialling
# a server that is down can otherwise be given that server's own port and lock it out.
PORT_MIN, PORT_MAX = 20_000, 32_000
PORT_ATTEMPTS = 200

Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Account:
    """The user and group that a child runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """How to run one child. `lock` is held as long as it or any process it forked lives; then `stale` is void."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    account: Account | None = None
    lock: Path | None = None
    stale: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    abort_signal: signal.Signals = signal.SIGKILL
    orphan_signal: signal.Signals = signal.SIGKILL
    stop_grace_seconds: float = 10.0


async def start(command: Command, log: Path) -> Process:
    """Start the child, its output appended to `log` (mode 0600).

    It dies with the thread that calls this (Linux): call from a thread that lives as long as the child should.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return await asyncio.create_subprocess_exec(
            *_tethered(command), stdin=DEVNULL, stdout=descriptor, stderr=STDOUT, cwd=command.cwd, env=command.env
        )
    finally:
        os.close(descriptor)


async def run(command: Command, *, stdin: int = DEVNULL, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
    """Run a child that ends by itself.

    Raises:
        StoreUnavailable: it failed or did not end in time; the message carries the end of its output.
    """
    process = await asyncio.create_subprocess_exec(
        *_tethered(command), stdin=stdin, stdout=PIPE, stderr=STDOUT, cwd=command.cwd, env=command.env
    )
    name = Path(command.argv[0]).name
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout_seconds)
    except TimeoutError:
        raise StoreUnavailable(f"{name} did not end within {timeout_seconds:g} s.") from None
    finally:
        if process.returncode is None:  # too slow, or we are told to give up
            await stop(process, command)
    if process.returncode:
        text = output[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
        raise StoreUnavailable(f"{name} failed with status {process.returncode}: {text}")


async def stop(process: Process, command: Command) -> None:
    """Ask the child to stop; abort it when it has not done so within its grace time; kill what is left."""
    for request, patience_seconds in (
        (command.stop_signal, command.stop_grace_seconds),
        (command.abort_signal, ABORT_SECONDS),
    ):
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(request)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), patience_seconds)
    kill_group(process.pid)
    await process.wait()


def kill_group(pid: int) -> None:
    """Kill what is left of the process group that the child `pid` leads; nothing left is fine."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


async def wait_ready(name: str, process: Process, ready: Probe, log: Path, *, timeout_seconds: float) -> None:
    """Return when `ready` says so.

    Raises:
        StoreUnavailable: the process ended or was not ready in time; the message carries the end of its log.
    """
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    while True:
        answered = await ready()
        # Asked second, because somebody else may answer on the port that kept the child from starting.
        if process.returncode is not None:
            raise StoreUnavailable(f"{name} ended with status {process.returncode} while starting:\n{tail(log)}")
        if answered:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise StoreUnavailable(f"{name} was not ready within {timeout_seconds:g} s:\n{tail(log)}")
        await asyncio.sleep(READY_POLL_SECONDS)


@asynccontextmanager
async def running(name: str, command: Command, ready: Probe, log: Path) -> AsyncGenerator[Process]:
    """The child, started and ready; stopped on the way out."""
    process = await start(command, log)
    try:
        await wait_ready(name, process, ready, log, timeout_seconds=START_TIMEOUT_SECONDS)
        yield process
    finally:
        await stop(process, command)


def tail(log: Path) -> str:
    """The end of a log file, for a person who asks what went wrong."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""


def is_port_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server that sets SO_REUSEADDR, as all of ours do, could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """A TCP port on loopback that is free now and that no outgoing connection will be given.

    Raises:
        StoreUnavailable: none was found.
    """
    random = SystemRandom()
    for _ in range(PORT_ATTEMPTS):
        port = random.randint(PORT_MIN, PORT_MAX)
        if is_port_free(port):
            return port
    raise StoreUnavailable(f"No free TCP port between {PORT_MIN} and {PORT_MAX} on {LOOPBACK}.")


def packages_folder(package: str) -> Path:
    """The folder that holds the installed `package`, found without importing it: some do much at import."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise Misconfigured(f"The package {package} is not installed. Run uv sync.")
    return Path(spec.origin).parent.parent


def private_folder(folder: Path) -> Path:
    """The folder, made when it is missing, absolute and closed to other users."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder.resolve()


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` with mode 0600, whole or not at all, and on the disk when this returns."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _tethered(command: Command) -> list[str]:
    account = command.account
    settings = [
        os.getpid(),
        int(command.orphan_signal),
        account.uid if account else "-",
        account.gid if account else "-",
        command.lock or "-",
        command.stale or "-",
    ]
    return [sys.executable, "-I", "-S", str(TETHER), *map(str, settings), "--", *command.argv]
