"""Under any row level security, realtime tells and storage shows what PostgreSQL itself lets the role see.

Policies are drawn; what arrives is compared with a select under `set role` and the same claims.
"""

import json
import random
import time

import httpx
import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from smeboost_emulators.testing.realtime import realtime_socket

JWT_SECRET = "a-secret-of-more-than-thirty-two-characters"
CALLERS = {
    "nobody": {"role": "anon"},
    "ann": {"role": "authenticated", "sub": "00000000-0000-4000-8000-00000000000a"},
    "bob": {"role": "authenticated", "sub": "00000000-0000-4000-8000-00000000000b"},
    "service": {"role": "service_role"},
}
ROW_CONDITIONS = [
    "owner = auth.uid()",
    "auth.role() = 'authenticated'",
    "team > 1",
    "id % 2 = 0",
    "owner is null or team = 3",
    "exists (select from public.teams t where t.person = auth.uid() and t.team = docs.team)",
    "false",
    "true",
]
OBJECT_CONDITIONS = [
    "owner_id = auth.uid()::text",
    "auth.role() = 'authenticated'",
    "(storage.foldername(name))[1] = 'a'",
    "storage.extension(name) = 'txt'",
    "name like '%1%'",
    "length(name) > 7",
    "false",
    "true",
]
NAMES = [
    f"{folder}{number}.{ending}" for folder in ("", "a/", "a/b/", "c/") for number, ending in ((1, "txt"), (2, "md"))
]
TRIES = range(8)


@pytest.fixture(scope="module")
def backend(start_supabase_backend, new_database):
    with start_supabase_backend(new_database(), gotrue_jwt_secret=JWT_SECRET) as started:
        with psycopg.connect(started.database_url) as connection:
            connection.execute("create table public.teams (person uuid, team int)")
            connection.execute("insert into public.teams values (%s, 1), (%s, 2)", [ann_id(), bob_id()])
            connection.execute("create table public.docs (id int primary key, owner uuid, team int)")
            connection.execute("alter table public.docs enable row level security")
            connection.execute("alter publication supabase_realtime add table public.docs")
            connection.execute("insert into storage.buckets (id, name) values ('papers', 'papers')")
            for number, name in enumerate(NAMES):
                owner = (ann_id(), bob_id(), None)[number % 3]
                connection.execute(
                    "insert into storage.objects (bucket_id, name, owner_id, metadata)"
                    " values ('papers', %s, %s, '{\"size\": 1}')",
                    [name, owner],
                )
        yield started


def ann_id():
    return CALLERS["ann"]["sub"]


def bob_id():
    return CALLERS["bob"]["sub"]


def token_of(claims):
    return jwt.encode({"alg": "HS256"}, {"exp": int(time.time()) + 60, **claims}, OctKey.import_key(JWT_SECRET))


def protect(connection, table, conditions, draw):
    """Other policies for a table, at most three, each with one or two conditions."""
    schema, name = table.split(".")
    found = connection.execute(
        "select policyname from pg_policies where schemaname = %s and tablename = %s", [schema, name]
    ).fetchall()
    for (policy,) in found:
        connection.execute(f'drop policy "{policy}" on {table}')
    for number in range(draw.randrange(4)):
        kind = draw.choice(["permissive", "permissive", "restrictive"])
        role = draw.choice(["public", "anon", "authenticated"])
        using = draw.choice([" and ", " or "]).join(draw.sample(conditions, draw.choice([1, 1, 2])))
        connection.execute(f"create policy p{number} on {table} as {kind} for select to {role} using ({using})")


def visible(connection, claims, statement):
    """The first column of what the caller's role sees."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "select set_config('request.jwt.claims', %s, true), set_config('role', %s, true)",
            [json.dumps(claims), claims["role"]],
        )
        return [value for (value,) in connection.execute(statement)]


@pytest.mark.parametrize("number", TRIES)
async def test_a_change_is_told_to_whom_the_row_is_visible(backend, number):
    draw = random.Random(number)
    with psycopg.connect(backend.database_url, autocommit=True) as connection:
        protect(connection, "public.docs", ROW_CONDITIONS, draw)
        connection.execute("insert into public.docs values (0, null, null)")
        async with realtime_socket(backend.url, backend.anon_key) as socket:
            for name, claims in CALLERS.items():
                wish = {"event": "*", "schema": "public", "table": "docs"}
                await socket.join(name, token=token_of(claims), postgres_changes=[wish])
                await socket.wait("system", f"realtime:{name}", lambda message: message["payload"]["status"] == "ok")
            for row in range(1, 9):
                owner = draw.choice([ann_id(), bob_id(), None])
                connection.execute("insert into public.docs values (%s, %s, %s)", [row, owner, draw.randrange(4)])
            expected = {
                name: visible(connection, claims, "select id from public.docs where id > 0 order by id")
                for name, claims in CALLERS.items()
            }
            # A deletion is told to everybody, so it shows where each one's changes end.
            connection.execute("delete from public.docs where id = 0")
            for name in CALLERS:
                if not ended(socket, name):
                    await socket.wait("postgres_changes", f"realtime:{name}", is_deletion)
            told = {name: inserted(socket, name) for name in CALLERS}
        connection.execute("delete from public.docs")

    assert told == expected


def changes(socket, name):
    return [m for m in socket.seen if m["event"] == "postgres_changes" and m["topic"] == f"realtime:{name}"]


def is_deletion(message):
    return message["payload"]["data"]["type"] == "DELETE"


def ended(socket, name):
    return any(map(is_deletion, changes(socket, name)))


def inserted(socket, name):
    return [m["payload"]["data"]["record"]["id"] for m in changes(socket, name) if not is_deletion(m)]


@pytest.mark.parametrize("number", TRIES)
def test_storage_shows_the_objects_that_the_role_may_read(backend, number):
    draw = random.Random(number)
    with psycopg.connect(backend.database_url, autocommit=True) as connection:
        protect(connection, "storage.objects", OBJECT_CONDITIONS, draw)
        protect(connection, "storage.buckets", ["auth.role() = 'authenticated'", "true", "false"], draw)
        for claims in CALLERS.values():
            statement = "select name from storage.objects where bucket_id = 'papers' order by name collate \"C\""
            names = visible(connection, claims, statement)
            buckets = visible(connection, claims, "select id from storage.buckets")
            headers = {"apikey": backend.anon_key, "authorization": f"Bearer {token_of(claims)}"}
            with httpx.Client(base_url=f"{backend.url}/storage/v1", headers=headers, timeout=20) as http:
                assert [bucket["id"] for bucket in http.get("/bucket").json()] == buckets
                for prefix in ("", "a", "a/b"):
                    assert set(listed(http, prefix)) == level(names, prefix)
                assert whole(http) == names
                for name in NAMES:
                    assert http.get(f"/object/info/papers/{name}").is_success == (name in names)
                    signed = http.post(f"/object/sign/papers/{name}", json={"expiresIn": 60})
                    assert signed.is_success == (name in names)


def listed(http, prefix):
    rows = http.post("/object/list/papers", json={"prefix": prefix, "limit": 100}).json()
    return [row["name"] for row in rows]


def whole(http):
    """Every object by the second version of the listing, without folders."""
    return [
        row["name"] for row in http.post("/object/list-v2/papers", json={"with_delimiter": False}).json()["objects"]
    ]


def level(names, prefix):
    """The entries of a folder: its objects, and the folders in it."""
    start = f"{prefix}/" if prefix else ""
    return {name.removeprefix(start).split("/")[0] for name in names if name.startswith(start)}
