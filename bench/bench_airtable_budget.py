"""What the shared request budget reaches: `python bench/bench_airtable_budget.py [--calls 250]` prints a table.

Four processes share one base of the Airtable emulator, which counts arrivals strictly: the sixth request within any
second is a 429 and locks the base out for 30 s. Each process has a job of four tasks that make calls as fast as they
get turns (list, get, create and update in turn); in one of them a person makes a call now and then. They share the
budget through Valkey, which writes to its disk before it answers, as in the demo.

The baselines get the same work for a shorter time, all of them at once. The ideal is 5 requests a second from the first
to the last call, after a first burst of 5.
"""

import argparse
import asyncio
import json
import math
import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import httpx2
from pydantic import SecretStr
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.stores.valkey import running_valkey
from smeboost_emulators.testing.airtable import small_seed
from smeboost_shared.pacing.asks import Ask, Limit
from smeboost_shared.pacing.redis_ledger import RedisLedger

LOAD = Path(__file__).parent / "airtable_budget_load.py"
PROCESSES, TASKS, RATE = 4, 4, 5
PERSON = 0.15
"""The part of the calls that a person makes."""
BASE, TABLE, RECORD = "appSmallShop00001", "tblProducts000001", "recProduct0000001"
START_SECONDS = 60


@dataclass(frozen=True)
class Run:
    """One way to do the work."""

    name: str
    way: str = "ours"
    redis: bool = False
    requests_per_second: float = RATE
    busy: int = PROCESSES
    """Processes that have work."""


OURS = Run("shared budget, 4 processes", redis=True)
BASELINES = (
    Run("each process its own 5/s", requests_per_second=RATE),
    Run("the 5/s split by hand, one process has work", requests_per_second=RATE / PROCESSES, busy=1),
    Run("pyairtable with its own retries", way="pyairtable"),
)


@dataclass(frozen=True)
class Call:
    """One call, as its process saw it."""

    kind: str
    began: float
    ended: float
    error: str


@dataclass(frozen=True)
class Result:
    """What all processes saw together."""

    calls: list[Call]
    met_429: int
    seconds: float

    @property
    def good(self) -> list[Call]:
        """The calls that succeeded."""
        return [call for call in self.calls if not call.error]

    def waits(self, kind: str) -> list[float]:
        """How long calls of a kind took, from asking for a turn to the answer."""
        return sorted(call.ended - call.began for call in self.good if call.kind == kind)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the shared request budget beside its baselines.")
    parser.add_argument("--calls", type=int, default=250, help="calls of our run; 5 take a second (default: 250)")
    parser.add_argument("--seconds", type=float, default=40, help="length of the baselines (default: 40)")
    options = parser.parse_args()
    lines = [
        "| what | calls | seconds | calls/s | of the ideal | 429s | failed | a person's call: p50, longest |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        f"| ideal | {options.calls} | {ideal_seconds(options.calls):.1f} | {RATE} | 100.0% | 0 | 0 |  |",
    ]
    lines.append(row(OURS, await measured(OURS, options.calls, math.inf)))
    results = await asyncio.gather(*(measured(run, options.calls, options.seconds) for run in BASELINES))
    lines += [row(run, result) for run, result in zip(BASELINES, results, strict=True)]
    print(f"{os.cpu_count()} cores for everything; the emulator locks the base out for 30 s after a 429.\n")
    print("\n".join(lines))


def ideal_seconds(calls: int) -> float:
    """The first five at once, then one every fifth of a second."""
    return max(calls - RATE, 0) / RATE


def row(run: Run, result: Result) -> str:
    good, waits = len(result.good), result.waits("interactive")
    share = ideal_seconds(good) / result.seconds
    person = f"{quantiles(waits, n=2)[0]:.2f} s, {waits[-1]:.2f} s" if len(waits) > 1 else ""
    numbers = f"{good} | {result.seconds:.1f} | {good / result.seconds:.2f} | {share:.1%} | {result.met_429}"
    return f"| {run.name} | {numbers} | {len(result.calls) - good} | {person} |"


async def measured(run: Run, calls: int, seconds: float) -> Result:
    """Do the work with an emulator and a Valkey of its own."""
    print(run.name, file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="smeboost-bench-") as folder:
        async with emulator(Path(folder)) as url, running_valkey(Path(folder) / "valkey") as valkey:
            place = {"url": url, "redis_url": valkey.url if run.redis else None, "seconds": min(seconds, 1e6)}
            await waken(valkey.url)
            processes = [await started() for _ in range(run.busy)]
            orders = [place | order(run, number, calls) for number in range(run.busy)]
            found = await asyncio.gather(*(load(*pair) for pair in zip(processes, orders, strict=True)))
    done = [call for calls, _ in found for call in calls]
    taken = max(call.ended for call in done) - min(call.began for call in done)
    return Result(done, sum(met for _, met in found), taken if len(done) >= calls else seconds)


def order(run: Run, number: int, calls: int) -> dict[str, object]:
    """The work of one process; in the first one there is a person too."""
    person = round(calls * PERSON)
    return {
        "way": run.way,
        "requests_per_second": run.requests_per_second,
        "base": BASE,
        "table": TABLE,
        "record": RECORD,
        "calls": (calls - person) // run.busy + ((calls - person) % run.busy if number == 0 else 0),
        "tasks": TASKS,
        "interactive": person if number == 0 else 0,
    }


async def waken(redis_url: str) -> None:
    """A store gives no turn in its first second; that is over when the processes have started."""
    ledger = RedisLedger(SecretStr(redis_url))
    await ledger.take(Ask(limits=(Limit("waken", 1, 1.0),)), since=0, patience_seconds=0)
    await ledger.close()


async def started() -> asyncio.subprocess.Process:
    """A process that has imported everything and waits for its order."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, LOAD, stdin=pipe, stdout=pipe)
    assert process.stdout
    assert json.loads(await process.stdout.readline()) == "ready"
    return process


async def load(process: asyncio.subprocess.Process, what: dict[str, object]) -> tuple[list[Call], int]:
    """The calls of one process, and the 429s that it met."""
    output, _ = await process.communicate(json.dumps(what).encode())
    *lines, last = [json.loads(line) for line in output.splitlines()]
    return [Call(*line) for line in lines], last


@asynccontextmanager
async def emulator(folder: Path) -> AsyncGenerator[str]:
    """The Airtable emulator with its limits on, answering."""
    (folder / "seed.json").write_text(json.dumps(small_seed()))
    port = free_port()
    arguments = ["-m", "smeboost_emulators", "airtable", "--port", str(port), "--seed", str(folder / "seed.json")]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=asyncio.subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx2.AsyncClient() as http:
            for _ in range(START_SECONDS * 10):
                if await answers(http, f"{url}/healthz"):
                    break
                await asyncio.sleep(0.1)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def answers(http: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).is_success
    except httpx2.TransportError:
        return False


if __name__ == "__main__":
    asyncio.run(main())
