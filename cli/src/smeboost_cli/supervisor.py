"""Keeps child processes running: starts them, starts them again when they die, stops them in order.

Rules of this room:

- A child that cannot be started the first time is an error; one that dies later is started again, at once the first
  time and then after growing pauses, until it has been healthy for a while.
- Children stop by tier, the highest first, those of one tier together. No child depends on its pid staying the same.
- Nothing here knows what the children are.
"""

import asyncio
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType

from smeboost_emulators.stores.process import Command, Probe, kill_group, start, stop, wait_ready
from smeboost_shared.errors import SmeBoostError, StoreUnavailable

BACKOFF_SECONDS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0)
HEALTHY_AFTER_SECONDS = 30.0
LOG_BYTES_MAX = 5_000_000
LOG_GENERATIONS = 3

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Child:
    """One thing to keep running. `ready` says whether it answers; a higher `tier` stops earlier."""

    name: str
    tier: int
    command: Command
    ready: Probe
    start_timeout_seconds: float = 60.0


@dataclass
class _Run:
    child: Child
    process: Process


def pause_seconds(deaths: int) -> float:
    """How long to wait before starting a child again that has died `deaths` times in a row (1 or more)."""
    return BACKOFF_SECONDS[min(deaths, len(BACKOFF_SECONDS)) - 1]


class Supervisor:
    """An async context manager; leaving it stops every child that was started.

    `on_restart` is called whenever a child answers again under a new pid; `tell` gets one line for a person about
    each death and each return.
    """

    def __init__(self, logs: Path, *, tell: Tell) -> None:
        """`logs` is an existing folder; each child writes to NAME.log in it."""
        self.on_restart: Callable[[], None] | None = None
        self._logs = logs
        self._tell = tell
        self._runs: dict[str, _Run] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> "Supervisor":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each child that runs now."""
        return {name: run.process.pid for name, run in self._runs.items() if run.process.returncode is None}

    async def start(self, child: Child) -> None:
        """Start the child, return when it answers, and keep it running from then on.

        Raises:
            StoreUnavailable: it ended or did not answer in time; the message carries the end of its log.
        """
        rotate(self.log(child))
        await self._run(child)
        self._keepers[child.name] = asyncio.create_task(self._keep(child), name=f"keep {child.name}")

    async def stop(self) -> None:
        """Stop all children by tier; when this returns, none is left."""
        keepers = list(self._keepers.values())
        self._keepers.clear()
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        runs = sorted(self._runs.values(), key=_tier, reverse=True)
        for _, together in groupby(runs, key=_tier):
            await asyncio.gather(*(stop(run.process, run.child.command) for run in together))
        self._runs.clear()

    def abort(self) -> None:
        """Make every child end at once, without its grace time; `stop` still has to be awaited."""
        for run in self._runs.values():
            if run.process.returncode is None:
                with suppress(ProcessLookupError):
                    run.process.send_signal(run.child.command.abort_signal)

    def log(self, child: Child) -> Path:
        """Where the child's output goes."""
        return self._logs / f"{child.name}.log"

    async def _run(self, child: Child) -> None:
        process = await start(child.command, self.log(child))
        self._runs[child.name] = _Run(child, process)
        await wait_ready(child.name, process, child.ready, self.log(child), timeout_seconds=child.start_timeout_seconds)

    async def _keep(self, child: Child) -> None:
        """Start the child again whenever it dies, until this task is cancelled."""
        clock = asyncio.get_running_loop().time
        deaths = 0
        while True:
            healthy_since = clock()
            run = self._runs[child.name]
            status = await run.process.wait()
            kill_group(run.process.pid)
            deaths = 1 if clock() - healthy_since >= HEALTHY_AFTER_SECONDS else deaths + 1
            self._tell(f"{child.name} ended ({_how(status)}); starting it again")
            deaths = await self._revive(child, deaths)
            self._announce(child)

    def _announce(self, child: Child) -> None:
        self._tell(f"{child.name} answers again")
        if self.on_restart:
            try:
                self.on_restart()
            except SmeBoostError as exc:
                self._tell(str(exc))

    async def _revive(self, child: Child, deaths: int) -> int:
        """Try until the child answers; the number of deaths in a row is returned."""
        while True:
            await asyncio.sleep(pause_seconds(deaths))
            try:
                await self._run(child)
            except (StoreUnavailable, OSError) as exc:
                deaths += 1
                run = self._runs[child.name]
                await stop(run.process, child.command)
                first_line = str(exc).partition("\n")[0]
                self._tell(f"{first_line}; trying again in {pause_seconds(deaths):g} s (see {self.log(child)})")
            else:
                return deaths


def rotate(log: Path) -> None:
    """Put a log that has grown large aside as NAME.log.1, keeping a few generations."""
    if not log.exists() or log.stat().st_size < LOG_BYTES_MAX:
        return
    for generation in range(LOG_GENERATIONS - 1, 0, -1):
        older = log.with_name(f"{log.name}.{generation}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{generation + 1}"))
    log.replace(log.with_name(f"{log.name}.1"))


def _tier(run: _Run) -> int:
    return run.child.tier


def _how(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"status {status}"
