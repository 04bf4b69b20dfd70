"""What the gateway costs: `python bench/bench_gateway.py [--seconds 4] [--connections 16]` prints a Markdown table.

Real processes on free loopback ports: Valkey (every write on the disk, as in the demo), the Airtable emulator without
its rate limit and with the Superstore data, two gateways (one with its cache off), a bare Starlette route that
returns the same bytes, and a bare FastMCP server with one tool that returns the same page. The load comes from a
process of its own (`gateway_load.py`). Everything has one worker and shares the machine's cores with the load.
Each measurement is taken twice, turn by turn with its baseline, and the better one of both counts.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
from processes import BENCH, Result, get_request, measure, start
from smeboost_emulators.samples import superstore
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.stores.valkey import running_valkey
from smeboost_gateway.app import SESSIONS_NAMESPACE
from smeboost_gateway.gate import identity_of, session_data
from smeboost_gateway.identity import AccessTokens, Role
from smeboost_gateway.settings import GatewaySettings
from smeboost_redis.client import RedisClient
from smeboost_redis.sessions import Sessions
from smeboost_shared.settings import load

TURNS = 2
PAGE = 100
MODERN, HANDSHAKE = "2026-07-28", "2025-11-25"


@dataclass(frozen=True)
class Target:
    """One thing to measure: a request, and what to compare it with."""

    name: str
    port: int
    request: str
    must_contain: str
    baseline: str | None = None


async def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="smeboost-bench-") as folder:
        async with AsyncExitStack() as stack:
            targets = await _targets(Path(folder), stack)
            results: dict[str, Result] = {}
            for _ in range(TURNS):
                for target in targets:
                    print(target.name, file=sys.stderr)
                    result = await measure(
                        target.port,
                        target.request,
                        target.must_contain,
                        connections=options.connections,
                        seconds=options.seconds,
                    )
                    known = results.get(target.name)
                    if known is None or result.requests_per_second > known.requests_per_second:
                        results[target.name] = result
    print(_table(targets, results, options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the gateway beside its baselines.")
    parser.add_argument("--seconds", type=float, default=4, help="length of one measurement (default: 4)")
    parser.add_argument("--connections", type=int, default=16, help="requests under way at a time (default: 16)")
    return parser.parse_args()


async def _targets(folder: Path, stack: AsyncExitStack) -> list[Target]:
    """Start everything, and say what to measure."""
    valkey = await stack.enter_async_context(running_valkey(folder / "valkey"))
    seed = superstore.seed()
    (folder / "seed.json").write_text(json.dumps(seed))
    base = seed["bases"][0]
    table = next(one for one in base["tables"] if "line" in one["name"].lower())
    airtable, cached, uncached, plain, bare_mcp = (free_port() for _ in range(5))
    emulator = ["-m", "smeboost_emulators", "airtable", "--port", str(airtable), "--no-rate-limit"]
    await start(stack, [*emulator, "--seed", str(folder / "seed.json")], {}, airtable, "/healthz")
    environment = _environment(valkey.url, airtable)
    os.environ.update(environment)
    token = await _log_in()
    gateway = ["-m", "smeboost_gateway", "--port"]
    await start(stack, [*gateway, str(cached)], environment, cached, "/healthz")
    off = {"SMEBOOST_RECORDS_CACHE_SECONDS": "0"}
    await start(stack, [*gateway, str(uncached)], environment | off, uncached, "/healthz")

    path = f"/api/airtable/records/{base['id']}/{table['id']}"
    authorization = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(timeout=30) as http:
        page = await http.get(f"http://127.0.0.1:{cached}{path}", headers=authorization)
        page.raise_for_status()
        (folder / "page.json").write_bytes(page.content)
    print(f"One page is {PAGE} order lines, {len(page.content):,} bytes.\n")
    bare = [str(BENCH / "gateway_bare.py")]
    await start(stack, [*bare, "starlette", str(plain), str(folder / "page.json")], {}, plain, "/page")
    await start(stack, [*bare, "fastmcp", str(bare_mcp), str(folder / "page.json")], {}, bare_mcp, "/")

    vendor = f"/v0/{base['id']}/{table['id']}"
    place = {"base_id": base["id"], "table_id": table["id"], "page_size": PAGE}
    targets = [
        Target("bare Starlette route, same bytes", plain, get_request(plain, "/page", {}), '"records"'),
        Target(
            "gateway, cached list",
            cached,
            get_request(cached, path, authorization),
            '"records"',
            "bare Starlette route, same bytes",
        ),
        Target(
            "Airtable emulator, asked directly",
            airtable,
            get_request(airtable, vendor, {"Authorization": "Bearer pat"}),
            '"records"',
        ),
        Target(
            "gateway, uncached list",
            uncached,
            get_request(uncached, path, authorization),
            '"records"',
            "Airtable emulator, asked directly",
        ),
    ]
    for version in (MODERN, HANDSHAKE):
        baseline = f"bare FastMCP, tools/call, {version}"
        call = await _call(bare_mcp, version, place, {})
        targets.append(Target(baseline, bare_mcp, call, '"structuredContent"'))
        call = await _call(cached, version, place, authorization)
        targets.append(Target(f"gateway /mcp, tools/call, {version}", cached, call, '"structuredContent"', baseline))
    return targets


def _environment(redis_url: str, airtable: int) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "AIRTABLE_API_KEY": "pat",
        "AIRTABLE_ENDPOINT_URL": f"http://127.0.0.1:{airtable}",
        "AIRTABLE_REQUESTS_PER_SECOND": "10000",
        "AIRTABLE_TOKEN_REQUESTS_PER_SECOND": "10000",
        # Nobody logs in here: the session is made below.
        "SUPABASE_URL": "http://127.0.0.1:9",
        "SUPABASE_KEY": "unused",
        "AWS_REGION": "us-east-1",
        "SMEBOOST_JWT_SECRET": "only-for-this-benchmark-and-long-enough",
        "SMEBOOST_REQUESTS_PER_MINUTE": "1000000",
        "SMEBOOST_RECORDS_CACHE_SECONDS": "3600",
    }


async def _log_in() -> str:
    """What a log-in ends with: a session in the store, and a token for it."""
    settings = load(GatewaySettings)
    async with RedisClient(settings.redis) as store:
        data = session_data("bench@example.com", Role.EDITOR, "bench")
        _, session = await Sessions(store, SESSIONS_NAMESPACE).create("bench", data, 3600)
    return AccessTokens(settings).issue(identity_of(session))


async def _call(port: int, version: str, arguments: Mapping[str, object], headers: Mapping[str, str]) -> str:
    """A `tools/call` as it travels in that era; a handshake-era server may want a session first."""
    name = "airtable_list_records"
    params: dict[str, object] = {"name": name, "arguments": arguments}
    sent = {**headers, "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    sent["MCP-Protocol-Version"] = version
    if version == MODERN:
        prefix = "io.modelcontextprotocol/"
        params["_meta"] = {f"{prefix}protocolVersion": version, f"{prefix}clientCapabilities": {}}
        sent |= {"Mcp-Method": "tools/call", "Mcp-Name": name}
    else:
        sent |= await _session(port, version, sent)
    body = json.dumps({"jsonrpc": "2.0", "id": 1000000000, "method": "tools/call", "params": params})
    sent["Content-Length"] = str(len(body))
    return get_request(port, "/mcp", sent).replace("GET", "POST", 1) + body


async def _session(port: int, version: str, headers: Mapping[str, str]) -> dict[str, str]:
    client = {"name": "bench", "version": "1"}
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": client}
    initialize = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
    url = f"http://127.0.0.1:{port}/mcp"
    async with httpx2.AsyncClient(timeout=30) as http:
        answer = await http.post(url, json=initialize, headers=headers)
        answer.raise_for_status()
        session = answer.headers.get("mcp-session-id")
        found = {"Mcp-Session-Id": session} if session else {}
        initialized = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        (await http.post(url, json=initialized, headers={**headers, **found})).raise_for_status()
    return found


def _table(targets: list[Target], results: Mapping[str, Result], options: argparse.Namespace) -> str:
    lines = [
        f"{options.connections} connections, {options.seconds:g} s each, {os.cpu_count()} cores for everything.",
        "",
        "| what | requests/s | p50 ms | p99 ms | failures | of its baseline |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for target in targets:
        found = results[target.name]
        share = ""
        if target.baseline:
            share = f"{found.requests_per_second / results[target.baseline].requests_per_second:.0%}"
        numbers = f"{found.requests_per_second:,.0f} | {found.p50_ms:.2f} | {found.p99_ms:.2f} | {found.failures}"
        lines.append(f"| {target.name} | {numbers} | {share} |")
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(main())
