"""A gateway on a port of its own, before real stores and emulators, and people of every role who may log in."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import psycopg
import pytest
import uvicorn
from anyio.from_thread import start_blocking_portal
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from smeboost_airtable.settings import AirtableSettings
from smeboost_bedrock.settings import BedrockSettings
from smeboost_cli.migrations import apply_migrations
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, running_emulator, small_seed
from smeboost_emulators.testing.bedrock import BedrockEmulator
from smeboost_emulators.testing.supabase_backend import StartBackend, SupabaseBackend
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


UNHURRIED = {"requests_per_second": 1000, "token_requests_per_second": 1000}


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


@pytest.fixture(scope="session", autouse=True)
def _aws_credentials() -> Iterator[None]:
    """The emulator takes any; the SDK insists on having some."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        yield


MakeSettings = Callable[..., GatewaySettings]


@pytest.fixture(scope="session")
def make_settings(people: SupabaseBackend, bedrock_emulator: BedrockEmulator, valkey_url: str) -> MakeSettings:
    """A factory: settings before an Airtable emulator, with keys of their own in Valkey; keywords are settings."""

    def make(emulator: AirtableEmulator, **options: Any) -> GatewaySettings:
        key, url = emulator.token, emulator.url
        servers = {
            "airtable": load(AirtableSettings, api_key=key, endpoint_url=url, **UNHURRIED),
            "supabase": load(SupabaseSettings, url=people.url, key=people.anon_key),
            "redis": load(RedisSettings, url=valkey_url, key_prefix=f"{uuid4().hex}:"),
            "bedrock": load(BedrockSettings, region="us-east-1", runtime_url=bedrock_emulator.url),
        }
        return load(GatewaySettings, **{"jwt_secret": SECRET, **servers, **options})

    return make


@asynccontextmanager
async def running(settings: GatewaySettings) -> AsyncGenerator[str]:
    """The gateway behind a real port, as long as the context is open; gives its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn_config(settings, host="127.0.0.1", port=0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(5):
            while not server.started:
                assert not serving.done(), serving
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listener.close()


@pytest.fixture
async def start_gateway(make_settings: MakeSettings, airtable_emulator: StartAirtable) -> AsyncIterator[StartGateway]:
    """A factory of gateways with nothing in common; keywords are settings."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Gateway:
            airtable = options.pop("airtable_emulator", None) or airtable_emulator(seed=small_seed())
            settings = make_settings(airtable, **options)
            url = await stack.enter_async_context(running(settings))
            http = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=20))
            return Gateway(url, settings, airtable, http)

        yield start


@pytest.fixture
async def own_gateway(start_gateway: StartGateway) -> Gateway:
    """A gateway and an Airtable that the test has for itself, with the default settings."""
    return await start_gateway()


@dataclass(frozen=True)
class _Shared:
    url: str
    settings: GatewaySettings
    airtable: AirtableEmulator
    tokens: dict[str, str]


@pytest.fixture(scope="session")
def shared_gateway(make_settings: MakeSettings) -> Iterator[_Shared]:
    limits = {"logins_per_minute_by_email": 10_000, "logins_per_minute_by_address": 10_000}
    with running_emulator(seed=small_seed()) as airtable, start_blocking_portal() as portal:
        settings = make_settings(airtable, requests_per_minute=100_000, **limits)
        with portal.wrap_async_context_manager(running(settings)) as url:
            yield _Shared(url, settings, airtable, {})


@pytest.fixture
async def gateway(shared_gateway: _Shared) -> AsyncIterator[Gateway]:
    """A gateway that many tests share: for tests that leave its records as they are."""
    shared = shared_gateway
    async with httpx2.AsyncClient(base_url=shared.url, timeout=20) as http:
        yield Gateway(shared.url, shared.settings, shared.airtable, http, _tokens=shared.tokens)
