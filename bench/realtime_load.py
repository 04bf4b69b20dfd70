"""Many listeners in one process, as light as they can be: it reads an order as JSON and prints latencies.

A listener only looks whether the bytes it gets contain the word it waits for; taking frames apart would cost more than
sending them. The order: host, port, path, joins (a text frame for each listener), joined (the word that says that a
listener is ready), rounds (what is done for each: `database` with a statement, or `post` with path, headers and body;
`%ROUND%` is replaced), seconds (how long one round may take).
"""

import asyncio
import json
import struct
import sys
import time
from typing import Any, cast

import httpx2
import psycopg
import uvloop

CONNECTING_AT_ONCE = 50
START_SECONDS = 120


class Listener(asyncio.Protocol):
    """A WebSocket client that waits for words."""

    def __init__(self, order: dict[str, Any], join: str) -> None:
        self._order = order
        self._join = join
        self._upgraded = False
        self._tail = b""
        self._waiting: tuple[bytes, asyncio.Future[float]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        request = (
            f"GET {self._order['path']} HTTP/1.1\r\nHost: {self._order['host']}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._write(request.encode())

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._tail += data
        if not self._upgraded and b"\r\n\r\n" in self._tail:
            if b" 101 " not in self._tail[:20]:
                raise RuntimeError(self._tail[:300].decode())
            self._upgraded = True
            self._write(_frame(self._join.encode()))
        if self._waiting and self._waiting[0] in self._tail:
            word, found = self._waiting
            self._tail = self._tail[self._tail.index(word) + len(word) :]
            self._waiting = None
            found.set_result(now)

    def wait(self, word: str) -> "asyncio.Future[float]":
        """When the word came."""
        found: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting = (word.encode(), found)
        if self._waiting[0] in self._tail:
            self.data_received(b"")
        return found

    def _write(self, data: bytes) -> None:
        self._transport.write(data)


def _frame(payload: bytes) -> bytes:
    """A text frame whose mask changes nothing."""
    length = len(payload)
    head = bytes([0x81, 0x80 | length]) if length < 126 else bytes([0x81, 0x80 | 126]) + struct.pack("!H", length)
    return head + bytes(4) + payload


async def main() -> None:
    order: dict[str, Any] = json.loads(sys.stdin.read())
    listeners = await _connected(order)
    latencies: list[float] = []
    async with httpx2.AsyncClient(timeout=order["seconds"]) as http:
        # The first round only warms up.
        for number in range(order["rounds"] + 1):
            arrivals = [listener.wait(f"round {number} ") for listener in listeners]
            started = await _act(order, number, http)
            moments = await asyncio.wait_for(asyncio.gather(*arrivals), order["seconds"])
            if number:
                latencies += [1000 * (moment - started) for moment in moments]
    print(json.dumps({"latencies_ms": latencies}))


async def _connected(order: dict[str, Any]) -> list[Listener]:
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connect(join: str) -> Listener:
        async with gate:
            _, listener = await loop.create_connection(lambda: Listener(order, join), order["host"], order["port"])
            await listener.wait(order["joined"])
        return listener

    async with asyncio.timeout(START_SECONDS):
        return list(await asyncio.gather(*(connect(join) for join in order["joins"])))


async def _act(order: dict[str, Any], number: int, http: httpx2.AsyncClient) -> float:
    """Do what is to be told; gives when it was begun."""
    if "database" in order:
        statement = order["statement"].replace("%ROUND%", f"round {number} ")
        async with await psycopg.AsyncConnection.connect(order["database"], autocommit=True) as connection:
            started = time.perf_counter()
            await connection.execute(statement)
        return started
    started = time.perf_counter()
    body = order["body"].replace("%ROUND%", f"round {number} ")
    answer = await http.post(
        f"http://{order['host']}:{order['port']}{order['post']}", content=body, headers=order["headers"]
    )
    answer.raise_for_status()
    return started


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
