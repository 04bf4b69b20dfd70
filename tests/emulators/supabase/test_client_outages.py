"""PostgreSQL is killed while clients write, sign in, upload and listen: clear errors, nothing lost, all goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import httpx
import psycopg
import pytest
from smeboost_emulators.testing.waiting import until

from supabase import AsyncClientOptions, acreate_client

PASSWORD = "correct horse"
PATIENCE_SECONDS = 40
ENOUGH = 15
# What a client waits before it tries again.
PAUSE_SECONDS = 0.02
RETRYABLE = {503, 504}
CODES = {
    "rest": {"PGRST000", "PGRST001", "PGRST002", "PGRST003", "57P01", "57P02", "57P03"},
    "auth": {"database_unavailable"},
    "storage": {"DatabaseError"},
}


@dataclass
class Work:
    """One kind of work: what was acknowledged, and how it was refused."""

    done: list[int] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)

    async def run(self, attempt: Callable[[int], Awaitable[httpx.Response]]) -> None:
        for number in count():
            answer = await attempt(number)
            if answer.is_success:
                self.done.append(number)
            else:
                body = answer.json()
                self.refused.append((answer.status_code, body.get("error_code") or body.get("code")))
                await asyncio.sleep(PAUSE_SECONDS)


async def eventually(look: Callable[[], bool]) -> None:
    await asyncio.to_thread(partial(until, look, seconds=PATIENCE_SECONDS))


def content_of(number: int) -> bytes:
    return bytes([number % 256]) * (50_000 + number)


@pytest.fixture
def database(stoppable_postgres):
    return stoppable_postgres(durable=True)


@pytest.fixture
def backend(database, start_supabase_backend, tmp_path):
    with start_supabase_backend(database.url, file_storage_path=str(tmp_path / "files")) as started:
        with psycopg.connect(database.url) as connection:
            connection.execute("create table public.things (id int primary key)")
            connection.execute("alter publication supabase_realtime add table public.things")
        started.create_user("ada@example.com", PASSWORD)
        yield started


async def listening(backend, told):
    """An official client that is told of new things."""
    options = AsyncClientOptions(auto_refresh_token=False)
    client: Any = await acreate_client(backend.url, backend.service_role_key, options)
    channel = client.channel("things")
    live = asyncio.Event()
    channel.on_postgres_changes(
        "INSERT", lambda event: told.append(event["data"]["record"]["id"]), table="things", schema="public"
    )
    channel.on_system(lambda message: live.set() if message.status == "ok" else None)
    await channel.subscribe()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await live.wait()
    return client


async def test_a_killed_database_costs_retries_and_nothing_else(database, backend):
    told: list[int] = []
    works = {name: Work() for name in CODES}
    headers = {"apikey": backend.service_role_key}
    async with httpx.AsyncClient(base_url=backend.url, headers=headers, timeout=PATIENCE_SECONDS) as http:
        await http.post("/storage/v1/bucket", json={"name": "b"})
        listener = await listening(backend, told)
        attempts = {
            "rest": lambda number: http.post("/rest/v1/things", json={"id": number}),
            "auth": lambda _: http.post(
                "/auth/v1/token?grant_type=password", json={"email": "ada@example.com", "password": PASSWORD}
            ),
            "storage": lambda number: http.post(f"/storage/v1/object/b/{number}", content=content_of(number)),
        }
        running = [asyncio.create_task(works[name].run(attempt)) for name, attempt in attempts.items()]
        try:
            await eventually(lambda: bool(told) and all(len(work.done) >= ENOUGH for work in works.values()))
            await asyncio.to_thread(database.kill)
            await eventually(lambda: all(len(work.refused) >= 2 for work in works.values()))
            await asyncio.to_thread(database.start)
            before = {name: len(work.done) for name, work in works.items()}
            heard = len(told)
            await eventually(lambda: all(len(work.done) >= before[name] + ENOUGH for name, work in works.items()))
            await eventually(lambda: len(told) > heard)
        finally:
            for task in running:
                task.cancel()
            ended = await asyncio.gather(*running, return_exceptions=True)
            await listener.realtime.close()
        assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended

        for name, work in works.items():
            assert {status for status, _ in work.refused} <= RETRYABLE, (name, set(work.refused))
            assert {code for _, code in work.refused} <= CODES[name], (name, set(work.refused))
        for number in works["storage"].done:
            assert (await http.get(f"/storage/v1/object/b/{number}")).content == content_of(number)
    with psycopg.connect(database.url) as connection:
        kept = {number for (number,) in connection.execute("select id from public.things")}
        ((sessions,),) = connection.execute("select count(*) from auth.sessions").fetchall()
    assert set(works["rest"].done) <= kept
    assert sessions >= len(works["auth"].done)


async def test_every_part_says_that_it_is_for_now(database, backend):
    async with httpx.AsyncClient(base_url=backend.url, timeout=PATIENCE_SECONDS) as http:
        http.headers["apikey"] = backend.service_role_key
        credentials = {"email": "ada@example.com", "password": PASSWORD}
        signed_in = (await http.post("/auth/v1/token?grant_type=password", json=credentials)).json()
        refresh = {"refresh_token": signed_in["refresh_token"]}
        message = {"topic": "t", "event": "e", "payload": {}, "private": True}
        await http.post("/storage/v1/bucket", json={"name": "b"})
        await http.post("/storage/v1/object/b/a", content=b"x")
        link = (await http.post("/storage/v1/object/sign/b/a", json={"expiresIn": 60})).json()["signedURL"]
        await asyncio.to_thread(database.stop)
        asked = [
            ("GET", "/rest/v1/things", None),
            ("HEAD", "/rest/v1/things", None),
            ("PATCH", "/rest/v1/things?id=eq.1", {"id": 2}),
            ("DELETE", "/rest/v1/things?id=eq.1", None),
            ("POST", "/rest/v1/rpc/nothing", {}),
            ("POST", "/auth/v1/signup", {"email": "ben@example.com", "password": PASSWORD}),
            ("POST", "/auth/v1/otp", {"email": "ada@example.com"}),
            ("POST", "/auth/v1/recover", {"email": "ada@example.com"}),
            ("POST", "/auth/v1/verify", {"email": "ada@example.com", "token": "123456", "type": "email"}),
            ("POST", "/auth/v1/token?grant_type=refresh_token", refresh),
            ("POST", "/auth/v1/logout", None),
            ("GET", "/auth/v1/user", None),
            ("PUT", "/auth/v1/user", {"data": {}}),
            ("POST", "/auth/v1/factors", {"factor_type": "totp"}),
            ("GET", "/auth/v1/admin/users", None),
            ("GET", "/storage/v1/bucket", None),
            ("POST", "/storage/v1/bucket", {"name": "c"}),
            ("GET", "/storage/v1/object/b/a", None),
            ("GET", "/storage/v1" + link, None),
            ("POST", "/storage/v1/object/list/b", {"prefix": ""}),
            ("POST", "/storage/v1/object/b/c", {"any": "bytes"}),
            ("DELETE", "/storage/v1/object/b", {"prefixes": ["a"]}),
            ("POST", "/storage/v1/object/copy", {"bucketId": "b", "sourceKey": "a", "destinationKey": "d"}),
            ("POST", "/realtime/v1/api/broadcast", {"messages": [message]}),
            ("POST", "/realtime/v1/api/broadcast/t/events/e?private=true", {}),
            ("GET", "/_emulator/inbox/messages", None),
        ]
        bearer = {"authorization": f"Bearer {signed_in['access_token']}"}

        async def status_of(method, path, body):
            headers = bearer if path.startswith(("/auth/v1/", "/realtime/v1/")) and "admin" not in path else {}
            return method, path, (await http.request(method, path, json=body, headers=headers)).status_code

        answers = await asyncio.gather(*(status_of(*one) for one in asked))
        keys = await http.get("/auth/v1/.well-known/jwks.json")

    assert [answer for answer in answers if answer[-1] not in RETRYABLE] == []
    assert keys.status_code == 200
