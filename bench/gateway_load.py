"""A load generator: one process, one thread, keep-alive connections that each send the same request again and again.

`python bench/gateway_load.py < request.json` reads {host, port, connections, seconds, request (HTTP/1.1 text),
must_contain} and prints {requests, seconds, p50_ms, p99_ms, failures, sample}. Built on uvloop and httptools, the
parts that the servers under test are built on, because an HTTP client library would be the bottleneck: this one asks
30,000 times a second on one core. An answer counts as a failure when its status is not 200 or `must_contain` is not
in its body; `sample` is the first such answer.
"""

import asyncio
import itertools
import json
import sys
import time
from typing import cast

import httptools
import uvloop

CONNECTIONS_MAX = 256
SECONDS_MAX = 60.0
NUMBERED = b"1000000000"
"""In a request this stands for a number of as many digits that is never the same: JSON-RPC wants its ids unique."""
NUMBERS = itertools.count(int(NUMBERED) + 1)


class Connection(asyncio.Protocol):
    """Sends, waits for the whole answer, sends again."""

    def __init__(self, request: bytes, must_contain: bytes, ends_at: float) -> None:
        self.request, self.must_contain, self.ends_at = request, must_contain, ends_at
        self.latencies: list[float] = []
        self.failures = 0
        self.sample = ""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.send()

    def send(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.chunks: list[bytes] = []
        self.sent_at = time.perf_counter()
        self.transport.write(self.request.replace(NUMBERED, b"%d" % next(NUMBERS), 1))

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.chunks.append(body)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self.latencies.append(now - self.sent_at)
        if self.parser.get_status_code() != 200 or self.must_contain not in b"".join(self.chunks):
            self.failures += 1
            self.sample = self.sample or b"".join(self.chunks)[:300].decode(errors="replace")
        if now < self.ends_at:
            # The parser is still on the stack, so the next request starts on the next turn of the loop.
            asyncio.get_running_loop().call_soon(self.send)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if time.perf_counter() < self.ends_at:
            self.failures += 1
        if not self.done.done():
            self.done.set_result(None)


async def load(order: dict[str, str | int | float]) -> dict[str, float | str]:
    """Send for the ordered time, and sum up."""
    connections = min(int(order["connections"]), CONNECTIONS_MAX)
    seconds = min(float(order["seconds"]), SECONDS_MAX)
    request, must_contain = str(order["request"]).encode(), str(order["must_contain"]).encode()
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    made = [
        await loop.create_connection(
            lambda: Connection(request, must_contain, started + seconds), str(order["host"]), int(order["port"])
        )
        for _ in range(connections)
    ]
    await asyncio.wait_for(asyncio.gather(*(protocol.done for _, protocol in made)), seconds + 30)
    took = time.perf_counter() - started
    latencies = sorted(latency for _, protocol in made for latency in protocol.latencies)
    return {
        "requests": len(latencies),
        "seconds": took,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
        "failures": sum(protocol.failures for _, protocol in made),
        "sample": next((protocol.sample for _, protocol in made if protocol.sample), ""),
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(load(json.load(sys.stdin)))))
