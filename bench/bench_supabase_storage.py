"""What files cost: `python bench/bench_supabase_storage.py [--megabytes 100] [--turns 3]` prints a Markdown table.

Real processes on free loopback ports: the Supabase backend on an embedded PostgreSQL, and beside it a plain Starlette
app (`storage_bare.py`) that writes a body to a file as it comes and syncs it at the end. The load is one client that
streams, turn by turn; the best turn counts. Memory is how much the peak of the server's process (`VmHWM`) grew over
what it was after a small upload. The aim: 100 MB in less than 100 MB of memory.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from processes import BENCH, start
from smeboost_emulators.stores.postgres import running_postgres
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.supabase.keys import load_keyring, make_api_keys
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_shared.settings import load

MEGABYTE = 1_000_000
CHUNK = os.urandom(100_000)
SECRET = "only-for-this-benchmark-and-long-enough"
FORM_HEAD = b'--bench\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: a/b\r\n\r\n'
FORM_TAIL = b"\r\n--bench--\r\n"


@dataclass
class Target:
    """One way to move bytes, and the best time it took."""

    name: str
    url: str
    process: asyncio.subprocess.Process
    baseline: str
    method: str = "PUT"
    head: bytes = b""
    tail: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    seconds: float = float("inf")

    async def move(self, http: httpx2.AsyncClient, megabytes: int) -> None:
        """Send so many megabytes, or receive what is there."""
        begun = time.perf_counter()
        if self.method == "GET":
            async with http.stream("GET", self.url, headers=self.headers) as answer:
                answer.raise_for_status()
                received = sum([len(chunk) async for chunk in answer.aiter_raw()])
                assert received >= MEGABYTE
        else:
            length = len(self.head) + megabytes * MEGABYTE + len(self.tail)
            headers = {**self.headers, "Content-Length": str(length)}
            (await http.put(self.url, content=self._body(megabytes), headers=headers)).raise_for_status()
        self.seconds = min(self.seconds, time.perf_counter() - begun)

    async def _body(self, megabytes: int) -> AsyncIterator[bytes]:
        yield self.head
        for _ in range(megabytes * MEGABYTE // len(CHUNK)):
            yield CHUNK
        yield self.tail


async def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="smeboost-bench-") as folder:
        async with AsyncExitStack() as stack:
            targets = await _targets(Path(folder), stack, options.megabytes)
            http = await stack.enter_async_context(httpx2.AsyncClient(timeout=300))
            for target in targets:
                await target.move(http, 1)
                target.seconds = float("inf")
            before = {target.process.pid: _peak_megabytes(target.process) for target in targets}
            for _ in range(options.turns):
                for target in targets:
                    print(target.name, file=sys.stderr)
                    await target.move(http, options.megabytes)
            print(_table(targets, before, options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure uploads and downloads beside a plain app.")
    parser.add_argument("--megabytes", type=int, default=100, help="size of one file (default: 100)")
    parser.add_argument("--turns", type=int, default=3, help="times each is measured (default: 3)")
    return parser.parse_args()


async def _targets(folder: Path, stack: AsyncExitStack, megabytes: int) -> list[Target]:
    """Start both servers, and say what to measure; what is read was written before."""
    bare_port, port = free_port(), free_port()
    bare_app = [str(BENCH / "storage_bare.py"), str(bare_port), str(folder / "bare.bin")]
    bare = await start(stack, bare_app, {}, bare_port, "/")
    postgres = await stack.enter_async_context(running_postgres(folder / "postgres"))
    environment = {
        "SUPABASE_DB_URL": postgres.url,
        "GOTRUE_JWT_SECRET": SECRET,
        "FILE_STORAGE_BACKEND_PATH": str(folder / "files"),
        "FILE_SIZE_LIMIT": str(2 * megabytes * MEGABYTE),
    }
    command = ["-m", "smeboost_emulators", "supabase", "--port", str(port)]
    backend = await start(stack, command, environment, port, "/healthz")
    os.environ.update(environment)
    settings = load(SupabaseBackendSettings)
    key = make_api_keys(settings, await load_keyring(settings, postgres.url)).service_role_jwt
    url, headers = f"http://127.0.0.1:{port}/storage/v1", {"apikey": key}
    async with httpx2.AsyncClient() as http:
        (await http.post(f"{url}/bucket", json={"name": "b"}, headers=headers)).raise_for_status()
    form = {**headers, "Content-Type": "multipart/form-data; boundary=bench"}
    bare_upload = "bare Starlette app, upload"
    plain, file = f"http://127.0.0.1:{bare_port}/file", f"{url}/object/b/a"
    return [
        Target(bare_upload, plain, bare, ""),
        Target("storage, upload as a plain body", file, backend, bare_upload, headers=headers),
        Target("storage, upload as a form", file, backend, bare_upload, "PUT", FORM_HEAD, FORM_TAIL, form),
        Target("bare Starlette app, download", plain, bare, "", "GET"),
        Target("storage, download", file, backend, "bare Starlette app, download", "GET", headers=headers),
    ]


def _peak_megabytes(process: asyncio.subprocess.Process) -> float:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    [peak] = [line for line in lines if line.startswith("VmHWM:")]
    return int(peak.split()[1]) / 1000


def _table(targets: list[Target], before: dict[int, float], options: argparse.Namespace) -> str:
    lines = [
        f"{options.megabytes} MB, the best of {options.turns} turns, {os.cpu_count()} cores for everything.",
        "",
        "| what | MB/s | of its baseline | peak memory of the process MB | grown by MB |",
        "|---|---:|---:|---:|---:|",
    ]
    seconds = {target.name: target.seconds for target in targets}
    for target in targets:
        share = f"{seconds[target.baseline] / target.seconds:.0%}" if target.baseline else ""
        peak = _peak_megabytes(target.process)
        grown = peak - before[target.process.pid]
        lines.append(
            f"| {target.name} | {options.megabytes / target.seconds:.0f} | {share} | {peak:.0f} | {grown:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(main())
