"""What the Supabase backend's REST carries: `python bench/bench_supabase_rest.py [--seconds 3]`.

A PostgreSQL of its own with 100,000 rows; the backend as a process; and, turn by turn, the page's SQL by plain psycopg
in one process, over as many connections as requests are under way: no role, no claims, no transaction beside the
statement, no HTTP. REST shares the cores with its load generator, too (`gateway_load.py`, a process of its own). The
aim is a filtered page of 100 rows at no less than a quarter of psycopg's pages a second.

Each turn gives a share of what psycopg did in the same turn; the table shows the medians of all turns, so that a
machine that does other things at times changes little.
"""

import argparse
import asyncio
import os
import secrets
import tempfile
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import psycopg
from processes import Result, get_request, measure, start
from smeboost_emulators.stores.postgres import running_postgres
from smeboost_emulators.stores.process import free_port

ROWS = 100_000
TURNS = 5
SEED = f"""
create table public.makers (id int primary key, name text not null);
create table public.goods (id int primary key, maker_id int not null references public.makers, name text, price numeric,
  kind text, made timestamptz);
insert into public.makers select n, 'Maker ' || n from generate_series(1, 1000) n;
insert into public.goods select n, n % 1000 + 1, 'Good number ' || n, n % 977 / 100.0, 'kind ' || n % 10,
  timestamptz '2026-01-01' + n * interval '1 minute' from generate_series(1, {ROWS}) n;
create index on public.goods (kind, id);
create index on public.goods (maker_id);
analyze;
"""
PAGE = """select coalesce(json_agg(row_to_json(page)), '[]')::text from
  (select * from public.goods where kind = %s and price >= %s order by id limit %s) page"""
FILTER = "kind=eq.kind%203&price=gte.1&order=id"
PATHS = {
    "a filtered page of 100 rows": f"goods?{FILTER}&limit=100",
    "the same with the row each belongs to": f"goods?select=*,makers(name)&{FILTER}&limit=100",
    "50 rows, each with its 100": "makers?select=name,goods(id,name)&order=id&limit=50",
    "one row by its key": "goods?id=eq.77",
}


async def main() -> None:
    parser = argparse.ArgumentParser(description="Measure REST of the Supabase backend.")
    parser.add_argument("--seconds", type=float, default=3, help="length of one measurement (default: 3)")
    parser.add_argument("--connections", type=int, default=16, help="requests under way at a time (default: 16)")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores for everything; {options.connections} connections, {options.seconds:g} s each.\n")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smeboost-bench-")))
        postgres = await stack.enter_async_context(running_postgres(folder / "postgres", durable=False))
        port, headers = await _started(stack, postgres.url, options.connections)
        async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as connection:
            await connection.execute(SEED.encode())
        await _compare(postgres.url, port, headers, options)


async def _started(stack: AsyncExitStack, url: str, connections: int) -> tuple[int, dict[str, str]]:
    port, key = free_port(), f"sb_publishable_{secrets.token_hex(20)}"
    command = ["-m", "smeboost_emulators", "supabase", "--port", str(port), "--database-url", url, "--anon-key", key]
    await start(stack, command, {"PGRST_DB_POOL": str(connections)}, port, "/healthz")
    return port, {"apikey": key}


async def _compare(url: str, port: int, headers: dict[str, str], options: argparse.Namespace) -> None:
    plain: list[float] = []
    results: defaultdict[str, list[Result]] = defaultdict(list)
    for _ in range(TURNS):
        plain.append(await _pages_by_psycopg(url, options.connections, options.seconds))
        for what, path in PATHS.items():
            request = get_request(port, f"/rest/v1/{path}", headers)
            found = await measure(port, request, '"name"', connections=options.connections, seconds=options.seconds)
            results[what].append(found)
    print("| what | requests/s | p50 ms | p99 ms | failures | of psycopg |\n|---|---:|---:|---:|---:|---:|")
    print(f"| that page by psycopg, same process | {median(plain):,.0f} | | | | |")
    for what, turns in results.items():
        rates = [turn.requests_per_second for turn in turns]
        share = median(rate / base for rate, base in zip(rates, plain, strict=True))
        p50, p99 = median(turn.p50_ms for turn in turns), median(turn.p99_ms for turn in turns)
        failures = sum(turn.failures for turn in turns)
        print(f"| {what} | {median(rates):,.0f} | {p50:.1f} | {p99:.1f} | {failures} | {share:.0%} |")


async def _pages_by_psycopg(url: str, connections: int, seconds: float) -> float:
    """Pages a second of bare psycopg."""
    deadline = time.perf_counter() + seconds

    async def ask() -> int:
        done = 0
        async with await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=None) as connection:
            while time.perf_counter() < deadline:
                cursor = await connection.execute(PAGE, ("kind 3", 1, 100))
                assert await cursor.fetchone()
                done += 1
        return done

    return sum(await asyncio.gather(*(ask() for _ in range(connections)))) / seconds


if __name__ == "__main__":
    asyncio.run(main())
