"""Servers under test and the load on them, each in a process of its own; what the benchmarks have in common."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2

BENCH = Path(__file__).parent
START_SECONDS = 120


@dataclass(frozen=True)
class Result:
    """What the load generator saw."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    failures: int


async def start(
    stack: AsyncExitStack, arguments: list[str], environment: Mapping[str, str], port: int, path: str
) -> asyncio.subprocess.Process:
    """Start a Python process, wait until it answers, and stop it at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env={**os.environ, **environment}, stdout=asyncio.subprocess.DEVNULL
    )

    async def stop() -> None:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), START_SECONDS)

    stack.push_async_callback(stop)
    async with asyncio.timeout(START_SECONDS), httpx2.AsyncClient() as http:
        while True:
            assert process.returncode is None, f"{arguments} ended with {process.returncode}"
            try:
                await http.get(f"http://127.0.0.1:{port}{path}")
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
            else:
                return process


def get_request(port: int, path: str, headers: Mapping[str, str]) -> str:
    """A GET as it travels."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""])


async def measure(port: int, request: str, must_contain: str, *, connections: int, seconds: float) -> Result:
    """Send the request again and again for so long, from a process of its own."""
    order = {
        "host": "127.0.0.1",
        "port": port,
        "connections": connections,
        "seconds": seconds,
        "request": request,
        "must_contain": must_contain,
    }
    load_generator = await asyncio.create_subprocess_exec(
        sys.executable, BENCH / "gateway_load.py", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await load_generator.communicate(json.dumps(order).encode())
    found = json.loads(output)
    if found["failures"]:
        print(f"port {port}: {found['failures']} failures, such as {found['sample']}", file=sys.stderr)
    rate = found["requests"] / found["seconds"]
    return Result(rate, found["p50_ms"], found["p99_ms"], found["failures"])
