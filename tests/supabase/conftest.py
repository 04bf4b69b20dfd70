"""Servers under test, and a project that answers as a test tells it to.

The scripted project is HTTP on a real socket: it can answer, refuse, hang or cut the connection, which a backend that
works cannot be asked to do.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from fastmcp import Client, FastMCP
from smeboost_cli.migrations import apply_migrations
from smeboost_emulators.supabase.bootstrap import bootstrap
from smeboost_shared.settings import load
from smeboost_supabase.server import create_server
from smeboost_supabase.settings import SupabaseSettings

MIGRATIONS = Path(__file__).parents[2] / "supabase/migrations"
JWT_SECRET = "of the tests, and longer than 32 characters"
KEY = "sb_publishable_of-the-tests"
USER = {
    "id": "7f1d9a1c-4a0e-4f0e-9a53-0c4f6e0f3a11",
    "aud": "authenticated",
    "role": "authenticated",
    "email": "ada@example.com",
    "app_metadata": {"provider": "email"},
    "user_metadata": {"name": "Ada"},
    "created_at": "2026-11-23T02:15:43.1Z",
}


@pytest.fixture
def grant() -> Callable[..., dict[str, Any]]:
    """A factory of token responses of Auth."""
    return _grant


def _grant(number: int = 1, *, expires_in: int = 3600) -> dict[str, Any]:
    """A token response of Auth; `number` tells one grant from the next."""
    return {
        "access_token": f"access-token-{number}",
        "refresh_token": f"refreshtoken{number}",
        "token_type": "bearer",
        "expires_in": expires_in,
        "user": USER,
    }


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Told:
    """An answer to give. `status` 0 cuts the connection; `hang` never answers."""

    status: int = 200
    body: bytes | str | dict[str, Any] | list[Any] = b""
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False

    def as_bytes(self) -> bytes:
        body = self.body if isinstance(self.body, bytes | str) else json.dumps(self.body)
        content = body if isinstance(body, bytes) else body.encode()
        lines = [f"HTTP/1.1 {self.status} Told", f"content-length: {len(content)}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


Answering = Callable[[Asked], dict[str, Any]]
"""Gives the fields of `Told` for a request."""


@dataclass
class ScriptedProject:
    """A project whose every answer the test decides; `asked` holds what arrived."""

    url: str
    answering: Answering
    asked: list[Asked] = field(default_factory=list)


@pytest.fixture
async def scripted_project() -> AsyncIterator[Callable[[Answering], Awaitable[ScriptedProject]]]:
    """A factory of scripted projects."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(answering: Answering) -> ScriptedProject:
            return await stack.enter_async_context(_listening(answering))

        yield make


@contextlib.asynccontextmanager
async def _listening(answering: Answering) -> AsyncGenerator[ScriptedProject]:
    project = ScriptedProject("", answering)
    connections: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections.add(task)
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            asked = await _asked(reader)
            project.asked.append(asked)
            told = Told(**project.answering(asked))
            if told.hang:
                await asyncio.Event().wait()
            if told.status:
                writer.write(told.as_bytes())
                await writer.drain()
        writer.close()
        connections.discard(task)

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    project.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield project
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _asked(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request, *lines = head.strip().split("\r\n")
    method, target, _ = request.split(" ")
    path, _, query = target.partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, path, query, headers, body)


@pytest.fixture
def server_for() -> Callable[..., FastMCP]:
    """A factory: the MCP server for the project at a URL, with keyword overrides of its settings."""

    return _server


# Making a server costs more than most tests do with it; a server may be opened again, and then has no sign-ins.
@lru_cache(maxsize=16)
def _server(url: str, **overrides: Any) -> FastMCP:
    return create_server(load(SupabaseSettings, **{"url": url, "key": KEY, **overrides}))


@pytest.fixture
async def tools_of(server_for: Callable[..., FastMCP]) -> AsyncIterator[Callable[..., Awaitable["Tools"]]]:
    """A factory: an in-memory MCP client on the server for the project at a URL."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(url: str, **overrides: Any) -> Tools:
            return Tools(await stack.enter_async_context(Client(server_for(url, **overrides))))

        yield make


@pytest.fixture
def tools_with() -> "Callable[[Client[Any]], Tools]":
    """Tools over a client that the test opened itself."""
    return Tools


class Tools:
    """Calls tools by MCP and gives what they give: a result, or the error it failed with."""

    def __init__(self, client: Client[Any]) -> None:
        self.client = client

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured result of a call that has to succeed."""
        result = await self.client.call_tool(tool, arguments, raise_on_error=False)
        assert not result.is_error, result.content
        assert result.structured_content is not None
        return result.structured_content

    async def fails(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The error body of a call that has to fail; it must hold no secret of these tests."""
        result = await self.client.call_tool(tool, arguments, raise_on_error=False)
        assert result.is_error, result.structured_content
        shown = repr(result)
        for secret in ("access-token-", "refreshtoken", KEY, JWT_SECRET, "Traceback"):
            assert secret not in shown
        return (result.structured_content or {})["error"]

    async def signed_in(self, email: str, password: str) -> str:
        """The session of a sign-in."""
        return (await self("sign_in", email=email, password=password))["session"]


@pytest.fixture
def unused_url() -> Iterator[str]:
    """The URL of a port that is ours and that nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


SCHEMA = """
create table public.notes (
  id bigint generated always as identity primary key,
  owner uuid not null default auth.uid() references auth.users (id),
  body text not null
);
alter table public.notes enable row level security;
create policy "owners only" on public.notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid());

create table public.things (
  id bigint generated always as identity primary key,
  name text not null default 'unnamed',
  code text unique,
  quantity integer constraint things_quantity_check check (quantity >= 0),
  twice integer generated always as (quantity * 2) stored,
  price numeric(12, 2),
  ok boolean,
  made_on date,
  tags text[],
  details jsonb,
  span int4range,
  parent_id bigint references public.things (id),
  "select" text,
  "limit" text,
  "Odd, (name)" text
);
create table public."Order lines" (id integer primary key, "заметка" text);
create view public.thing_names as select id, name from public.things;
create schema private;
create table private.secrets (id integer);
"""


@pytest.fixture(scope="session")
def backend(new_database: Callable[[], str], start_supabase_backend: Callable[..., Any]) -> Iterator[Any]:
    """A local Supabase with the house's migrations and the tables of these tests, on a database of its own."""
    url = new_database()

    async def prepare() -> None:
        await bootstrap(url)
        await apply_migrations(url, MIGRATIONS)
        async with await psycopg.AsyncConnection.connect(url) as connection:
            await connection.execute(SCHEMA)

    asyncio.run(prepare())
    with start_supabase_backend(url, gotrue_jwt_secret=JWT_SECRET) as started:
        yield started


@pytest.fixture
def new_person(backend: Any) -> Callable[..., dict[str, str]]:
    """A factory of people who can sign in: gives what `signed_in` needs."""

    def make(**attributes: object) -> dict[str, str]:
        person = {"email": f"{uuid4().hex}@example.com", "password": uuid4().hex}
        backend.create_user(**person, **attributes)
        return person

    return make


@pytest.fixture
async def as_anyone(backend: Any, tools_of: Callable[..., Awaitable["Tools"]]) -> "Tools":
    """The tools with the public key of the local Supabase."""
    return await tools_of(backend.url, key=backend.anon_key)


@pytest.fixture
async def as_service(backend: Any, tools_of: Callable[..., Awaitable["Tools"]]) -> "Tools":
    """The tools with the key that passes row level security."""
    return await tools_of(backend.url, key=backend.service_role_key)


@pytest.fixture
async def as_owner(backend: Any, tools_of: Callable[..., Awaitable["Tools"]]) -> "Tools":
    """The tools with the public key and the owner's connection string."""
    return await tools_of(backend.url, key=backend.anon_key, db_url=backend.database_url)


@pytest.fixture
async def over_sql(backend: Any, tools_of: Callable[..., Awaitable["Tools"]]) -> "Tools":
    """The tools with a connection string and nothing else."""
    return await tools_of("", key="", db_url=backend.database_url)


@pytest.fixture
async def as_administrator(backend: Any, tools_of: Callable[..., Awaitable["Tools"]]) -> "Tools":
    """The tools with everything: the secret key, the owner's connection string and the JWT secret."""
    everything = {"key": backend.service_role_key, "db_url": backend.database_url, "jwt_secret": JWT_SECRET}
    return await tools_of(backend.url, **everything)
