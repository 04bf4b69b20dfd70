"""The server against the emulator, and against a wire that fails as it is told to."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastmcp import Client
from smeboost_bedrock.client import BedrockClient
from smeboost_bedrock.server import create_server
from smeboost_bedrock.settings import BedrockSettings
from smeboost_emulators.bedrock.eventstream import MEDIA_TYPE, encode_event
from smeboost_emulators.listening import served_in_thread
from smeboost_emulators.testing.bedrock import EMULATED_TIME, BedrockEmulator
from smeboost_shared.settings import load
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount
from starlette.types import Message, Receive, Scope, Send

Step = Callable[[Request], Awaitable[Response]]
WAIT_SECONDS = 5.0


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dummy keys, and nothing of the machine's own."""
    for name in ("AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


MakeSettings = Callable[..., BedrockSettings]
Connect = Callable[..., AbstractAsyncContextManager[Client[Any]]]


@pytest.fixture
def make_settings(bedrock_emulator: BedrockEmulator) -> MakeSettings:
    """Settings that point at the emulator, with quick retries."""

    def make(**overrides: Any) -> BedrockSettings:
        defaults: dict[str, Any] = {"region": "us-east-1", "runtime_url": bedrock_emulator.url}
        defaults["retry_wait_max_seconds"] = 0.05
        return load(BedrockSettings, **(defaults | overrides))

    return make


@pytest.fixture
def connect(make_settings: MakeSettings) -> Connect:
    """An in-memory MCP client of a server with these settings."""

    def make(**overrides: Any) -> Client[Any]:
        settings = make_settings(**overrides)
        return Client(create_server(settings, BedrockClient(settings, today=EMULATED_TIME.date)))

    return make


@pytest.fixture
def ask(connect: Connect) -> Callable[..., Awaitable[Any]]:
    """Call a tool of a fresh server; the raw result comes back, failed or not."""

    async def call(tool: str, arguments: dict[str, Any], **settings: Any) -> Any:
        async with connect(**settings) as client:
            return await client.call_tool(tool, arguments, raise_on_error=False)

    return call


@dataclass
class FaultyWire:
    """Answers each request with the next step; the last one stays."""

    steps: list[Step]
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    arrived: threading.Event = field(default_factory=threading.Event)
    disconnected: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:

        async def noting_receive() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnected.set()
            return message

        request = Request(scope, noting_receive)
        self.requests.append({"path": scope["raw_path"].decode(), "body": await _body(request)})
        self.arrived.set()
        step = self.steps[min(len(self.requests), len(self.steps)) - 1]
        response = await step(request)
        await response(scope, noting_receive, send)


async def _body(request: Request) -> Any:
    sent = await request.body()
    return json.loads(sent) if sent else None


class FaultyServer:
    """One server for the faulty wires of all tests; the first segment of a path says whose request it is."""

    def __init__(self) -> None:
        self.wires: dict[str, FaultyWire] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, name, rest = scope["raw_path"].decode().split("/", 2)
        await self.wires[name]({**scope, "raw_path": f"/{rest}".encode()}, receive, send)


@pytest.fixture(scope="session")
def faulty_server() -> Generator[tuple[FaultyServer, str]]:
    """The server that `faulty_wire` plugs its wires into, and its address."""
    server = FaultyServer()
    with served_in_thread(Starlette(routes=[Mount("", app=server)])) as (url, _stop):
        yield server, url


@pytest.fixture
def faulty_wire(faulty_server: tuple[FaultyServer, str]) -> Callable[..., FaultyWire]:
    """Makes wires that fail in the given steps."""
    server, url = faulty_server

    def make(*steps: Step) -> FaultyWire:
        name = f"wire{len(server.wires)}"
        wire = server.wires[name] = FaultyWire(list(steps), url=f"{url}/{name}")
        return wire

    return make


USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}


def frames(*texts: str, finished: bool = True) -> bytes:
    """A stream that says `texts`."""
    events = [encode_event("messageStart", {"role": "assistant"})]
    events += [encode_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}) for text in texts]
    if finished:
        events.append(encode_event("contentBlockStop", {"contentBlockIndex": 0}))
        events.append(encode_event("messageStop", {"stopReason": "end_turn"}))
        events.append(encode_event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 7}}))
    return b"".join(events)


async def until_gone(request: Request) -> None:
    """Wait for the client to go away."""
    while (await asyncio.wait_for(request.receive(), WAIT_SECONDS))["type"] != "http.disconnect":
        pass


class Steps:
    """What a faulty wire can do."""

    @staticmethod
    def says(*texts: str) -> Step:
        return Steps.sends(frames(*texts))

    @staticmethod
    def sends(body: bytes) -> Step:
        async def step(_request: Request) -> Response:
            return Response(body, media_type=MEDIA_TYPE)

        return step

    @staticmethod
    def refuses(status: int, kind: str, message: str, headers: dict[str, str] | None = None, **more: Any) -> Step:
        async def step(_request: Request) -> Response:
            return JSONResponse({"message": message, **more}, status, {"x-amzn-ErrorType": kind, **(headers or {})})

        return step

    @staticmethod
    def hangs_after(body: bytes) -> Step:
        """Sends `body`, then nothing until the client goes away."""

        async def step(request: Request) -> Response:
            async def content() -> AsyncGenerator[bytes]:
                yield body
                await until_gone(request)

            return StreamingResponse(content(), media_type=MEDIA_TYPE)

        return step

    @staticmethod
    def hangs() -> Step:
        """Answers nothing at all until the client goes away."""

        async def step(request: Request) -> Response:
            await until_gone(request)
            return Response()

        return step

    frames = staticmethod(frames)


@pytest.fixture
def steps() -> type[Steps]:
    """The vocabulary of `faulty_wire`."""
    return Steps
