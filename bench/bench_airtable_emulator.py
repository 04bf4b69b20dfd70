"""What the Airtable emulator carries: `python bench/bench_airtable_emulator.py [--records 500000] [--seconds 3]`.

Real processes on free loopback ports, the request limits off: the emulator with half a million records of eleven
fields (see `airtable_seed.py`), started from its seed and again from its saved state; one with 100,000 lines for the
filters; and a bare Starlette route that returns the same page from memory. The load comes from a process of its own
(`gateway_load.py`), over few connections: what is measured is one core of the emulator.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote

import airtable_seed
import httpx2
from processes import BENCH, Result, get_request, measure, start
from smeboost_emulators.stores.process import free_port

FILTERED = 100_000
TURNS = 3
LINES = f"/v0/{airtable_seed.BASE}/{airtable_seed.LINES}"
AUTHORIZATION = {"Authorization": "Bearer pat"}
FILTERS = {
    "numbers and a select": "AND({{Price}} > {0}, {{Kind}} = 'Kind A')",
    "text that is searched": "FIND('oak {0}', LOWER({{Notes}}))",
    "a formula field": "{{Total}} > {0}",
    "a lookup over a link": "{{City}} = 'City {0}'",
    "dates": "IS_AFTER({{Day}}, DATEADD('2024-01-01', {0}, 'days'))",
}


async def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the Airtable emulator.")
    parser.add_argument("--records", type=int, default=500_000, help="records in the large base (default: 500,000)")
    parser.add_argument("--seconds", type=float, default=3, help="length of one measurement (default: 3)")
    parser.add_argument("--connections", type=int, default=2, help="requests under way at a time (default: 2)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="smeboost-bench-") as name:
        folder = Path(name)
        print(f"{os.cpu_count()} cores for everything; {options.connections} connections, {options.seconds:g} s each.")
        await _large(folder, options)
        await _filters(folder)


async def _large(folder: Path, options: argparse.Namespace) -> None:
    seed, data = folder / "seed.json", folder / "data"
    airtable_seed.write(options.records, seed)
    print(f"\n| {options.records:,} records | s until it answers | memory | highest memory |\n|---|---:|---:|---:|")
    async with AsyncExitStack() as stack:
        await _started(stack, "from the seed", ["--seed", str(seed), "--data", str(data)])
    async with AsyncExitStack() as stack:
        port = await _started(stack, "from saved state", ["--data", str(data)])
        await _pages(stack, port, folder, options)
        await _waiting(port, options)


async def _started(stack: AsyncExitStack, what: str, arguments: list[str]) -> int:
    port = free_port()
    command = ["-m", "smeboost_emulators", "airtable", "--no-rate-limit", "--port", str(port), *arguments]
    begun = time.perf_counter()
    process = await start(stack, command, {}, port, "/healthz")
    took = time.perf_counter() - begun
    now, highest = (_memory(process.pid, kind) for kind in ("VmRSS", "VmHWM"))
    print(f"| {what} | {took:.1f} | {now:,.0f} MB | {highest:,.0f} MB |")
    return port


def _memory(pid: int, kind: str) -> float:
    """Megabytes, by what Linux says of the process."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{kind}:")), float("nan"))


async def _pages(stack: AsyncExitStack, port: int, folder: Path, options: argparse.Namespace) -> None:
    """Pages a second, beside the same bytes from memory; turn by turn, the better of both counts."""
    async with httpx2.AsyncClient(headers=AUTHORIZATION, timeout=60) as http:
        page = await http.get(f"http://127.0.0.1:{port}{LINES}")
        page.raise_for_status()
    (folder / "page.json").write_bytes(page.content)
    plain = free_port()
    await start(
        stack, [str(BENCH / "gateway_bare.py"), "starlette", str(plain), str(folder / "page.json")], {}, plain, "/page"
    )
    record, offset = page.json()["records"][0]["id"], quote(page.json()["offset"])
    targets = {
        "bare Starlette route, same bytes": (plain, "/page"),
        "first page of 100 records": (port, LINES),
        "a next page, by its offset": (port, f"{LINES}?offset={offset}"),
        "a page of 3 of the fields": (port, f"{LINES}?fields[]=Item&fields[]=Price&fields[]=Customer"),
        "one record": (port, f"{LINES}/{record}"),
    }
    results: dict[str, Result] = {}
    for _ in range(2):
        for name, (where, path) in targets.items():
            request = get_request(where, path, AUTHORIZATION)
            found = await measure(where, request, '"fields"', connections=options.connections, seconds=options.seconds)
            if name not in results or found.requests_per_second > results[name].requests_per_second:
                results[name] = found
    bare = results["bare Starlette route, same bytes"].requests_per_second
    print(f"\nOne page is {len(page.content):,} bytes.\n")
    print("| what | requests/s | p50 ms | p99 ms | failures | of the bare route |\n|---|---:|---:|---:|---:|---:|")
    for name, found in results.items():
        numbers = f"{found.requests_per_second:,.0f} | {found.p50_ms:.2f} | {found.p99_ms:.2f} | {found.failures}"
        print(f"| {name} | {numbers} | {found.requests_per_second / bare:.0%} |")


async def _waiting(port: int, options: argparse.Namespace) -> None:
    """How long others wait while filters go over the whole large table, one after the other."""
    one = get_request(port, f"{LINES}/recLine0000000001", AUTHORIZATION)
    stopped = asyncio.Event()

    async def keep_filtering() -> None:
        async with httpx2.AsyncClient(headers=AUTHORIZATION, timeout=60) as http:
            number = 0
            while not stopped.is_set():
                number += 1
                await _filter(http, port, FILTERS["a formula field"].format(number))

    filtering = asyncio.create_task(keep_filtering())
    found = await measure(port, one, '"fields"', connections=1, seconds=options.seconds * 2)
    stopped.set()
    await filtering
    print(
        f"\nOne record while a filter goes over the whole table: p50 {found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms."
    )


async def _filters(folder: Path) -> None:
    """Filters over 100,000 records; each time with another value, so that nothing is remembered."""
    seed = folder / "lines.json"
    airtable_seed.write(FILTERED * airtable_seed.CUSTOMERS_SHARE // (airtable_seed.CUSTOMERS_SHARE - 1), seed)
    async with AsyncExitStack() as stack:
        print("\n| records | s until it answers | memory | highest memory |\n|---|---:|---:|---:|")
        port = await _started(stack, f"{FILTERED:,} and their customers", ["--seed", str(seed)])
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=AUTHORIZATION, timeout=60))
        print(f"\n| filter over {FILTERED:,} records | ms |\n|---|---:|")
        for what, formula in FILTERS.items():
            took = [await _filter(http, port, formula.format(number)) for number in range(1, TURNS + 1)]
            print(f"| {what}: `{formula.format(1)}` | {1000 * statistics.median(took):,.0f} |")
        begun = time.perf_counter()
        answer = await http.get(f"http://127.0.0.1:{port}{LINES}", params={"sort[0][field]": "Total", "pageSize": "1"})
        answer.raise_for_status()
        print(f"| no filter, sorted by a formula | {1000 * (time.perf_counter() - begun):,.0f} |")


async def _filter(http: httpx2.AsyncClient, port: int, formula: str) -> float:
    """Seconds until the first record that passes is there."""
    begun = time.perf_counter()
    answer = await http.get(f"http://127.0.0.1:{port}{LINES}", params={"filterByFormula": formula, "pageSize": "1"})
    answer.raise_for_status()
    return time.perf_counter() - begun


if __name__ == "__main__":
    asyncio.run(main())
