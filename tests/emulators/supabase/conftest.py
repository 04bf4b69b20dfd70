"""Official clients, plain HTTP, and tables with row level security, all against one backend."""

import json
import os
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from smeboost_emulators.stores.postgres import running_postgres
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.testing.supabase_backend import SupabaseBackend

from supabase import AsyncClient, AsyncClientOptions, Client, ClientOptions, acreate_client, create_client

PASSWORD = "correct horse"
TIMEOUT_SECONDS = 10
SUPABASE_JS, WS = "2.119.0", "8.23.0"
NODE_SECONDS_MAX = 40
# Loading the authorities' certificates for every client takes longer than all the rest of a test.
TLS = ssl.create_default_context()


@dataclass(frozen=True)
class Person:
    """Somebody with a password."""

    id: str
    email: str
    password: str


class StoppablePostgres:
    """A PostgreSQL of a test's own that goes away and comes back at the same address."""

    def __init__(self, portal: BlockingPortal, folder: Path, *, durable: bool) -> None:
        self._portal = portal
        self._folder = folder
        self._durable = durable
        self._port = free_port()
        self._running = None
        self.url = ""

    def start(self) -> None:
        store = running_postgres(self._folder, port=self._port, durable=self._durable)
        self._running = self._portal.wrap_async_context_manager(store)
        self.url = self._running.__enter__().url

    def stop(self) -> None:
        running, self._running = self._running, None
        if running:
            running.__exit__(None, None, None)

    def kill(self) -> None:
        """SIGKILL to the server and to every process of it at once, as when a machine runs out of memory."""
        postmaster = int((self._folder / "cluster" / "postmaster.pid").read_text().split()[0])
        with psycopg.connect(self.url) as connection:
            children = [pid for (pid,) in connection.execute("select pid from pg_stat_activity")]
        for pid in (postmaster, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.stop()


@pytest.fixture
def stoppable_postgres(tmp_path: Path) -> Iterator[Callable[..., StoppablePostgres]]:
    """A factory of running servers that can be stopped, killed and started again."""
    made: list[StoppablePostgres] = []
    with start_blocking_portal() as portal:

        def make(*, durable: bool = False) -> StoppablePostgres:
            server = StoppablePostgres(portal, tmp_path / f"postgres-{len(made)}", durable=durable)
            server.start()
            made.append(server)
            return server

        yield make
        for server in made:
            server.stop()


@pytest.fixture
def new_email() -> Callable[[], str]:
    return lambda: f"person-{uuid4().hex[:12]}@example.com"


@pytest.fixture
def person(supabase_backend, new_email) -> Callable[..., Person]:
    """A factory of confirmed people."""

    def make(**attributes: object) -> Person:
        email = new_email()
        user = supabase_backend.create_user(email, PASSWORD, **attributes)
        return Person(user["id"], email, PASSWORD)

    return make


@pytest.fixture
def client_for(supabase_backend) -> Iterator[Callable[..., Client]]:
    """A factory of official synchronous clients; `None` takes the anon key of the session's backend."""
    opened: list[tuple[Client, httpx.Client]] = []

    def make(key: str | None = None, *, schema: str = "public", backend=None) -> Client:
        chosen = backend or supabase_backend
        http = httpx.Client(timeout=TIMEOUT_SECONDS, verify=TLS)
        options = ClientOptions(httpx_client=http, schema=schema, auto_refresh_token=False)
        client = create_client(chosen.url, key or chosen.anon_key, options)
        opened.append((client, http))
        return client

    yield make
    for _, http in opened:
        http.close()


@pytest.fixture
def signed_in(client_for, person) -> Callable[..., Client]:
    """A factory of official clients that are signed in as a new person, or as the given one."""

    def make(somebody: Person | None = None) -> Client:
        chosen = somebody or person()
        client = client_for()
        client.auth.sign_in_with_password({"email": chosen.email, "password": chosen.password})
        return client

    return make


@pytest.fixture
async def async_client(supabase_backend) -> AsyncIterator[AsyncClient]:
    """An official asynchronous client with the anon key."""
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=TLS) as http:
        options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False)
        yield await acreate_client(supabase_backend.url, supabase_backend.anon_key, options)


@pytest.fixture(scope="session")
def http(supabase_backend) -> Iterator[httpx.Client]:
    """Plain HTTP with the anon key."""
    with httpx.Client(
        base_url=supabase_backend.url,
        headers={"apikey": supabase_backend.anon_key},
        timeout=TIMEOUT_SECONDS,
        verify=TLS,
    ) as client:
        yield client


@pytest.fixture(scope="session")
def admin_http(supabase_backend) -> Iterator[httpx.Client]:
    """Plain HTTP with the service role's key."""
    with httpx.Client(
        base_url=supabase_backend.url,
        headers={"apikey": supabase_backend.service_role_key},
        timeout=TIMEOUT_SECONDS,
        verify=TLS,
    ) as client:
        yield client


@pytest.fixture(scope="session")
def mailing_backend(new_database, start_supabase_backend) -> Iterator[SupabaseBackend]:
    """A backend where sign-ups are confirmed by mail, and mails may follow each other at once."""
    with start_supabase_backend(
        new_database(),
        mailer_autoconfirm=False,
        smtp_max_frequency="0s",
        verify_failures_max=10_000,
        site_url="http://shop.example.com",
        uri_allow_list="http://*.shop.example.com/**,myapp://login/*",
    ) as backend:
        yield backend


@pytest.fixture(scope="module")
def theatre(new_database, start_supabase_backend, execute_on) -> Iterator[SupabaseBackend]:
    """A backend with the tables of `theatre.sql`, where plans and rolling back are allowed."""
    with start_supabase_backend(new_database(), db_tx_end="commit-allow-override", db_plan_enabled=True) as backend:
        execute_on(backend, Path(__file__).with_name("theatre.sql").read_text())
        execute_on(backend, "analyze")
        yield backend


@pytest.fixture(scope="session")
def mails_to() -> Callable[..., list[dict[str, object]]]:
    """The mails in a backend's inbox that went to somebody, newest first."""

    def read(backend: SupabaseBackend, recipient: str) -> list[dict[str, object]]:
        answer = httpx.get(
            f"{backend.url}/_emulator/inbox/messages",
            params={"recipient": recipient},
            timeout=TIMEOUT_SECONDS,
            verify=TLS,
        )
        assert answer.status_code == 200
        return answer.json()

    return read


@pytest.fixture(scope="session")
def http_of() -> Iterator[Callable[..., httpx.Client]]:
    """A factory of plain HTTP clients with a key of a backend, by default the anon key."""
    opened: list[httpx.Client] = []

    def make(backend: SupabaseBackend, key: str | None = None) -> httpx.Client:
        headers = {"apikey": key or backend.anon_key}
        client = httpx.Client(base_url=backend.url, headers=headers, timeout=TIMEOUT_SECONDS, verify=TLS)
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


@pytest.fixture(scope="session")
def execute_on() -> Callable[..., list[tuple[object, ...]]]:
    """Run statements as the superuser of a backend's database."""

    def run(backend: SupabaseBackend, statement: str, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(backend.database_url, autocommit=True) as connection:
            return run_on(connection, statement, *values)

    return run


@pytest.fixture(scope="session")
def execute(supabase_backend) -> Iterator[Callable[..., list[tuple[object, ...]]]]:
    """Run statements as the superuser of the session's backend."""
    with psycopg.connect(supabase_backend.database_url, autocommit=True) as connection:
        yield partial(run_on, connection)


def run_on(connection: psycopg.Connection, statement: str, *values: object) -> list[tuple[object, ...]]:
    cursor = connection.execute(statement.encode(), values or None)
    return cursor.fetchall() if cursor.description else []


@pytest.fixture
def new_table(execute) -> Iterator[Callable[[str], str]]:
    """A factory of tables in `public`: gives the name of a table with these columns, dropped after the test."""
    made: list[str] = []

    def make(columns: str) -> str:
        name = f"table_{uuid4().hex[:10]}"
        execute(f"create table public.{name} ({columns})")
        made.append(name)
        return name

    yield make
    for name in made:
        execute(f"drop table if exists public.{name} cascade")


@pytest.fixture
def notes(new_table, execute) -> str:
    """A table in which everybody sees and writes only what is theirs."""
    name = new_table("id bigint generated by default as identity primary key, owner uuid default auth.uid(), body text")
    execute(f"alter table public.{name} enable row level security")
    execute(f"create policy own on public.{name} using (owner = auth.uid()) with check (owner = auth.uid())")
    return name


@pytest.fixture
def new_bucket(supabase_backend, client_for) -> Callable[..., str]:
    """A factory of buckets: gives the name."""

    def make(**options: object) -> str:
        name = f"bucket-{uuid4().hex[:10]}"
        client_for(supabase_backend.service_role_key).storage.create_bucket(name, options=options)
        return name

    return make


@pytest.fixture
def allow(execute) -> Iterator[Callable[..., None]]:
    """Make policies on `storage.objects` for a bucket, dropped after the test."""
    made: list[str] = []

    def make(bucket: str, action: str, condition: str = "true", *, role: str = "authenticated") -> None:
        name = f"policy_{uuid4().hex[:10]}"
        clauses = {"insert": f"with check ({condition} and bucket_id = '{bucket}')"}
        both = f"using ({condition} and bucket_id = '{bucket}')"
        execute(f"create policy {name} on storage.objects for {action} to {role} {clauses.get(action, both)}")
        made.append(name)

    yield make
    for name in made:
        execute(f"drop policy {name} on storage.objects")


@pytest.fixture
def own_folders(new_bucket, allow) -> str:
    """A bucket in which everybody has the folder that is named as their id."""
    bucket = new_bucket()
    allow(bucket, "all", "(storage.foldername(name))[1] = auth.uid()::text")
    return bucket


@pytest.fixture(scope="session")
def node(npm_package) -> Callable[..., dict[str, Any]]:
    """Run a script beside this file with supabase-js against a backend; gives the JSON that it printed."""

    def run(script: str, backend: SupabaseBackend, **variables: str) -> dict[str, Any]:
        # Node before 22 has no WebSocket of its own, so the script takes the one of `ws`.
        modules = [npm_package("@supabase/supabase-js", SUPABASE_JS), npm_package("ws", WS)]
        environment = {
            "PATH": os.environ["PATH"],
            "NODE_PATH": os.pathsep.join(map(str, modules)),
            "URL_": backend.url,
            "KEY": backend.anon_key,
            "SERVICE_KEY": backend.service_role_key,
            **variables,
        }
        done = subprocess.run(
            ["node", str(Path(__file__).with_name(script))],
            env=environment,
            capture_output=True,
            text=True,
            timeout=NODE_SECONDS_MAX,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
