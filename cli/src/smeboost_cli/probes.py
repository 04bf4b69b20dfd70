"""Ask a child whether it answers, without a client library: a probe runs often and beside everything else."""

import asyncio

from smeboost_emulators.stores.process import LOOPBACK, Probe

PROBE_TIMEOUT_SECONDS = 2.0
STATUS_LINE_BYTES_MAX = 1024


def answers_200(port: int, path: str, host: str = LOOPBACK) -> Probe:
    """A probe that is true when `GET path` gives 200."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_SECONDS):
                return b" 200 " in await _status_line(host, port, path)
        except (OSError, TimeoutError):
            return False

    return probe


async def _status_line(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port, limit=STATUS_LINE_BYTES_MAX)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        return await reader.readline()
    except ValueError:  # a line longer than any status line
        return b""
    finally:
        writer.close()
