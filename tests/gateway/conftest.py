"""A gateway on a port of its own, before real stores and emulators, and people of every role who may log in."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
import uvicorn
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from smeboost_airtable.settings import AirtableSettings
from smeboost_bedrock.settings import BedrockSettings
from smeboost_cli.migrations import apply_migrations
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, small_seed
from smeboost_emulators.testing.bedrock import BedrockEmulator
from smeboost_emulators.testing.supabase import StartBackend, SupabaseBackend
from smeboost_gateway.serving import uvicorn_config
from smeboost_gateway.settings import GatewaySettings
from smeboost_redis.settings import RedisSettings
from smeboost_shared.settings import load
from smeboost_supabase.settings import SupabaseSettings

MIGRATIONS = Path(__file__).parents[2] / "supabase" / "migrations"
PASSWORD = "correct horse battery staple"
SECRET = "a-secret-of-tests-that-is-long-enough-for-hs256"
ROLES = ("admin", "editor", "viewer")
BASE, ORDERS, PRODUCTS = "appSmallShop00001", "tblOrders00000001", "tblProducts000001"


@dataclass
class Gateway:
    """A running gateway, and the ways to ask it."""

    url: str
    settings: GatewaySettings
    airtable: AirtableEmulator
    http: httpx2.AsyncClient
    password: str = PASSWORD
    _tokens: dict[str, str] = field(default_factory=dict)

    async def log_in(self, who: str = "editor") -> dict[str, Any]:
        """A new session of the person with this role."""
        answer = await self.http.post("/api/auth/login", json={"email": f"{who}@example.com", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def token(self, who: str = "editor") -> str:
        """The access token of the person's one session in this test."""
        if who not in self._tokens:
            self._tokens[who] = (await self.log_in(who))["access_token"]
        return self._tokens[who]

    async def ask(self, method: str, path: str, *, who: str = "editor", **options: Any) -> httpx2.Response:
        """A request of the person with this role."""
        headers = {"Authorization": f"Bearer {await self.token(who)}", **options.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **options)

    async def mcp(self, who: str = "editor", *, mode: str = "auto") -> Client[Any]:
        """An MCP client of the person with this role; the caller opens it."""
        headers = {"Authorization": f"Bearer {await self.token(who)}"}
        return Client(StreamableHttpTransport(f"{self.url}/mcp", headers=headers), mode=mode)


StartGateway = Callable[..., Awaitable[Gateway]]


@pytest.fixture(scope="session")
def people(new_database: Callable[[], str], start_supabase_backend: StartBackend) -> Iterator[SupabaseBackend]:
    """A Supabase with our schema, and admin@, editor@, viewer@ and outsider@example.com (no membership)."""
    with start_supabase_backend(new_database()) as backend:
        asyncio.run(apply_migrations(backend.database_url, MIGRATIONS))
        with psycopg.connect(backend.database_url, autocommit=True) as connection:
            row = connection.execute("insert into public.workspaces (name) values ('Shop') returning id").fetchone()
            assert row is not None
            for role in (*ROLES, None):
                user = backend.create_user(f"{role or 'outsider'}@example.com", PASSWORD)
                if role:
                    connection.execute(
                        "insert into public.members (workspace_id, user_id, role) values (%s, %s, %s)",
                        (row[0], user["id"], role),
                    )
        yield backend


@pytest.fixture
async def start_gateway(
    people: SupabaseBackend,
    airtable_emulator: StartAirtable,
    bedrock_emulator: BedrockEmulator,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[StartGateway]:
    """A factory of gateways, each with keys of its own in Valkey; keywords are settings."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Gateway:
            airtable = options.pop("airtable_emulator", None) or airtable_emulator(seed=small_seed())
            servers = {
                "airtable": load(
                    AirtableSettings, api_key=airtable.token, endpoint_url=airtable.url, requests_per_second=1000
                ),
                "supabase": load(SupabaseSettings, url=people.url, key=people.anon_key),
                "redis": load(RedisSettings, url=valkey_url, key_prefix=f"{uuid4().hex}:"),
                "bedrock": load(BedrockSettings, region="us-east-1", runtime_url=bedrock_emulator.url),
            }
            settings = load(GatewaySettings, **{"jwt_secret": SECRET, **servers, **options})
            url = await _serve(settings, stack)
            http = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=20))
            return Gateway(url, settings, airtable, http)

        yield start


async def _serve(settings: GatewaySettings, stack: AsyncExitStack) -> str:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn_config(settings, host="127.0.0.1", port=0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def stop() -> None:
        server.should_exit = True
        await serving
        listener.close()

    stack.push_async_callback(stop)
    async with asyncio.timeout(5):
        while not server.started:
            assert not serving.done(), serving
            await asyncio.sleep(0.01)
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> Gateway:
    """A gateway with the default settings."""
    return await start_gateway()
