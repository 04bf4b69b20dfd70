"""Fixtures of the Airtable server's tests: a server to talk to, and a wire that misbehaves on demand."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from fastmcp import Client, FastMCP
from smeboost_airtable.server import create_server
from smeboost_airtable.settings import AirtableSettings
from smeboost_shared.settings import load

TOKEN = "pat" + "A" * 14 + "." + "0123456789abcdef" * 4
BASE_ID = "app" + "B" * 14
TABLE_ID = "tbl" + "T" * 14
DRIP_SECONDS = 0.02


@dataclass(frozen=True)
class Seen:
    """A request as it arrived on the wire."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: dict


@dataclass(frozen=True)
class Reply:
    """What to do about a request: answer it, leave it hanging, cut the connection, or send spaces one by one."""

    payload: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    fate: Literal["answer", "hang", "cut", "drip"] = "answer"
    after: asyncio.Event | None = None
    """Answered when this is set."""

    def encoded(self) -> bytes:
        body = json.dumps(self.payload).encode() if self.raw is None else self.raw
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | self.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Status\r\n{head}\r\n".encode() + body


@dataclass
class Wire:
    """An HTTP server whose answers a test decides."""

    answer: Callable[[Seen], dict]
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    open: dict[asyncio.Task, asyncio.StreamWriter] = field(default_factory=dict)

    async def stop(self) -> None:
        self.stopped.set()
        for writer in self.open.values():
            writer.transport.abort()
        await asyncio.gather(*self.open)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.open[task] = writer
        try:
            while not self.stopped.is_set():
                request = await self._read(reader)
                self.seen.append(request)
                self.arrived.set()
                reply = Reply(**self.answer(request))
                if reply.fate == "hang":
                    await self.stopped.wait()
                if reply.fate == "drip":
                    await self._drip(writer)
                if reply.fate != "answer":
                    return
                if reply.after:
                    await reply.after.wait()
                writer.write(reply.encoded())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            del self.open[task]

    async def _drip(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n")
        while not self.stopped.is_set():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)

    async def _read(self, reader: asyncio.StreamReader) -> Seen:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        return Seen(method, parts.path, parse_qs(parts.query), headers, json.loads(body) if body else {})


@pytest.fixture
async def wire() -> AsyncIterator[Callable[..., Awaitable[Wire]]]:
    """Start a server that gives these replies in turn (the last one again and again), or what a function says.

    A reply is the parts of `Reply` as a dictionary.
    """
    async with AsyncExitStack() as stack:

        async def start(*replies: dict, answer: Callable[[Seen], dict] | None = None) -> Wire:
            left = list(replies)
            found = Wire(answer or (lambda _seen: left.pop(0) if len(left) > 1 else left[0]))
            server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
            found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

            stack.push_async_callback(found.stop)
            stack.callback(server.close)
            return found

        yield start


Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def make_server() -> Callable[..., FastMCP]:
    """A server for an endpoint, with settings of the test's choice."""

    def make(url: str, **settings: object) -> FastMCP:
        quick = {"api_key": TOKEN, "requests_per_second": 1000, "pause_seconds": 30, "read_timeout_seconds": 5}
        quick["token_requests_per_second"] = 1000
        return create_server(load(AirtableSettings, **(quick | {"endpoint_url": url} | settings)))

    return make


@pytest.fixture
def connect(make_server: Callable[..., FastMCP]) -> Connect:
    """An MCP client in memory, connected to a server for this endpoint."""

    @asynccontextmanager
    async def open_client(url: str, **settings: object) -> AsyncGenerator[Client]:
        async with Client(make_server(url, **settings)) as client:
            yield client

    return open_client


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def call() -> Callable[..., Awaitable[dict]]:
    """Call a tool; the structured result, or the error of a failed call under the key `error`."""

    async def run(client: Client, tool: str, **arguments: object) -> dict:
        given = {"base_id": BASE_ID, "table_id": TABLE_ID} if tool not in ("list_bases", "list_tables") else {}
        result = await client.call_tool(tool, given | arguments, raise_on_error=False)
        assert result.structured_content is not None
        assert result.is_error == ("error" in result.structured_content)
        return result.structured_content

    return run


@pytest.fixture
def way_to(wire: Callable[..., Awaitable[Wire]]) -> Callable[..., Awaitable[Wire]]:
    """A way to a real endpoint that loses what a test says: `asks` or `answers` are functions of a request.

    A lost question never arrives; of a lost answer the endpoint knows nothing.
    """

    async def start(url: str, *, loses_ask: Callable[[Seen], bool], loses_answer: Callable[[Seen], bool]) -> Wire:
        def answer(seen: Seen) -> dict:
            if loses_ask(seen):
                return {"fate": "cut"}
            target = f"{url}{seen.path}" + (f"?{urlencode(seen.query, doseq=True)}" if seen.query else "")
            reply = httpx2.request(
                seen.method,
                target,
                headers={"Authorization": seen.headers["authorization"]},
                json=seen.body if seen.method != "GET" and seen.body else None,
            )
            return {"fate": "cut"} if loses_answer(seen) else {"status": reply.status_code, "raw": reply.content}

        return await wire(answer=answer)

    return start
