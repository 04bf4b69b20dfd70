"""How fast a change reaches many: `python bench/bench_supabase_realtime.py [--subscribers 1000] [--rounds 20]`.

Prints a Markdown table. Real processes on free loopback ports: the Supabase backend in one process with its embedded
PostgreSQL, a bare WebSocket fan-out on the same server library that repeats a text of the same size, and the listeners
in a process of their own (`realtime_load.py`), each with its own socket. A round inserts one row (or says one thing)
and waits until everybody has it; the latency is from before the INSERT to the arrival at a listener. A policy decides
for every listener. All share the machine's cores.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from joserfc import jwt
from joserfc.jwk import OctKey
from processes import BENCH, start
from smeboost_emulators.stores.postgres import running_postgres
from smeboost_emulators.stores.process import free_port

SECRET = "a secret for the benchmark, which nobody needs to guess"
HOST = "127.0.0.1"
ROUND_SECONDS = 20
TABLE = """
create table public.news (id bigint generated always as identity primary key, owner uuid, body text, at timestamptz
  default now());
alter table public.news enable row level security;
create policy seen on public.news for select to authenticated using (owner is null or owner = auth.uid());
alter publication supabase_realtime add table public.news;
"""
INSERT = "insert into public.news (body) values ('%ROUND%' || repeat('x', 200))"


async def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="smeboost-bench-") as folder:
        async with AsyncExitStack() as stack:
            postgres = await stack.enter_async_context(running_postgres(Path(folder)))
            backend, bare = free_port(), free_port()
            anon = _token(role="anon")
            await _start_backend(stack, postgres.url, backend, anon)
            await start(stack, [str(BENCH / "realtime_bare.py"), str(bare)], {}, bare, "/healthz")
            async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as connection:
                await connection.execute(TABLE)
            print(f"{options.subscribers:,} subscribers, {options.rounds} rounds.\n")
            print("| what | p50 ms | p95 ms | max ms | p95 of the bare fan-out |\n|---|---:|---:|---:|---:|")
            baseline = 0.0
            for name, order in _orders(options.subscribers, (backend, bare), postgres.url, anon):
                print(name, file=sys.stderr)
                latencies = await _measure({**order, "rounds": options.rounds, "seconds": ROUND_SECONDS})
                cuts = statistics.quantiles(latencies, n=100)
                baseline = baseline or cuts[94]
                p50, p95, ratio = cuts[49], cuts[94], cuts[94] / baseline
                print(f"| {name} | {p50:.0f} | {p95:.0f} | {max(latencies):.0f} | {ratio:.1f} times |")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure Realtime beside a bare fan-out.")
    parser.add_argument("--subscribers", type=int, default=1000, help="listeners, each with a socket (default: 1000)")
    parser.add_argument("--rounds", type=int, default=20, help="changes that are told (default: 20)")
    return parser.parse_args()


async def _start_backend(stack: AsyncExitStack, database_url: str, port: int, anon: str) -> None:
    environment = {
        **os.environ,
        "SUPABASE_DB_URL": database_url,
        "GOTRUE_JWT_SECRET": SECRET,
        "SUPABASE_ANON_KEY": anon,
    }
    await start(stack, ["-m", "smeboost_emulators", "supabase", "--port", str(port)], environment, port, "/healthz")


def _orders(count: int, ports: tuple[int, int], database_url: str, anon: str) -> list[tuple[str, dict[str, Any]]]:
    backend, bare = ports
    to_backend = {"host": HOST, "port": backend, "path": f"/realtime/v1/websocket?apikey={anon}&vsn=1.0.0"}
    shared = _token(role="authenticated", sub=str(uuid4()))
    wish = {"event": "INSERT", "schema": "public", "table": "news"}
    changes = {**to_backend, "joined": "Subscribed to PostgreSQL", "database": database_url, "statement": INSERT}
    row = {"id": 1, "owner": None, "body": "%ROUND%" + "x" * 200, "at": "2026-11-27T12:00:00+00:00"}
    said = json.dumps({"messages": [{"topic": "news", "event": "e", "payload": row}]})
    text = json.dumps({"topic": "realtime:news", "event": "postgres_changes", "fill": "x" * 300, "payload": row})
    return [
        (
            "bare WebSocket fan-out, text of the same size",
            {
                "host": HOST,
                "port": bare,
                "path": "/realtime/v1/websocket",
                "joins": ["hello"] * count,
                "joined": "joined",
                "post": "/say",
                "headers": {},
                "body": text,
            },
        ),
        (
            "broadcast that comes by HTTP",
            {
                **to_backend,
                "joins": [_join("news", anon, [])] * count,
                "joined": "presence_state",
                "post": "/realtime/v1/api/broadcast",
                "headers": {"apikey": anon},
                "body": said,
            },
        ),
        ("change of a table, one person on all sockets", {**changes, "joins": [_join("c", shared, [wish])] * count}),
        (
            "change of a table, everybody another person",
            {
                **changes,
                "joins": [_join("c", _token(role="authenticated", sub=str(uuid4())), [wish]) for _ in range(count)],
            },
        ),
    ]


def _join(topic: str, token: str, wishes: list[dict[str, str]]) -> str:
    payload = {"config": {"postgres_changes": wishes}, "access_token": token}
    return json.dumps(
        {"topic": f"realtime:{topic}", "event": "phx_join", "payload": payload, "ref": "1", "join_ref": "1"}
    )


def _token(**claims: object) -> str:
    everything = {**claims, "iss": "supabase", "exp": int(time.time()) + 3600}
    return jwt.encode({"alg": "HS256"}, everything, OctKey.import_key(SECRET))


async def _measure(order: dict[str, Any]) -> list[float]:
    load = await asyncio.create_subprocess_exec(
        sys.executable, BENCH / "realtime_load.py", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await load.communicate(json.dumps(order).encode())
    return json.loads(output)["latencies_ms"]


if __name__ == "__main__":
    asyncio.run(main())
