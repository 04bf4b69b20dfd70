"""Under any row level security, REST gives and changes what PostgreSQL itself lets the role see and change.

Property tests: policies, privileges, callers and requests are drawn; the answer is compared with the same statement
under `set role` and the same claims.
"""

import json
import time
from dataclasses import dataclass, replace

import httpx
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey

JWT_SECRET = "a-secret-of-more-than-thirty-two-characters"
COLUMNS = ("id", "owner", "team", "body", "open")
ROWS = [
    (number, ("ann", "bob", None)[number % 3], number % 4, "x" * (number % 3), (True, False, None)[number % 3 - 1])
    for number in range(1, 13)
]
ATOMS = st.sampled_from(
    [
        "owner = auth.jwt() ->> 'sub'",
        "owner is distinct from auth.jwt() ->> 'sub'",
        "auth.role() = 'authenticated'",
        "team = 1",
        "team > 1",
        "open",
        "open is not true",
        "length(body) > 0",
        "id % 2 = 0",
        "true",
        "false",
        "exists (select from public.members m where m.name = auth.jwt() ->> 'sub' and m.team = docs.team)",
        "current_setting('request.method', true) = 'GET' or team = 2",
    ]
)
PREDICATES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=4,
)
REMARK_PREDICATES = st.sampled_from(
    [
        "author = auth.jwt() ->> 'sub'",
        "auth.role() = 'authenticated'",
        "id % 3 > 0",
        "true",
        "false",
        "exists (select from public.docs d where d.id = remarks.doc and d.open)",
    ]
)


def policies(predicates, *, max_size):
    return st.lists(
        st.tuples(
            st.sampled_from(["all", "select", "insert", "update", "delete"]),
            st.sampled_from(["public", "anon", "authenticated"]),
            st.sampled_from(["permissive", "permissive", "restrictive"]),
            predicates,
            predicates,
        ),
        max_size=max_size,
    )


POLICIES = policies(PREDICATES, max_size=6)
REMARK_POLICIES = policies(REMARK_PREDICATES, max_size=3)
READABLE = st.one_of(st.just(COLUMNS), st.just(COLUMNS), st.sets(st.sampled_from(COLUMNS)).map(sorted))
CALLERS = st.sampled_from(
    [
        {"role": "anon"},
        {"role": "authenticated", "sub": "ann"},
        {"role": "authenticated", "sub": "bob"},
        {"role": "authenticated"},
        {"role": "service_role"},
    ]
)
FILTERS = st.sampled_from(
    [
        ("id=gt.0", "id > 0"),
        ("id=lte.6", "id <= 6"),
        ("owner=eq.ann", "owner = 'ann'"),
        ("owner=is.null", "owner is null"),
        ("team=in.(1,2)", "team in (1, 2)"),
        ("open=not.is.true", "open is not true"),
        ("or=(team.eq.3,body.like.x*)", "(team = 3 or body like 'x%')"),
    ]
)
ORDERS = st.sampled_from([("id.asc", "id"), ("team.desc.nullslast,id.desc", "team desc nulls last, id desc")])
NEW_ROWS = st.fixed_dictionaries(
    {
        "id": st.integers(1, 16),
        "owner": st.sampled_from(["ann", "bob", None]),
        "team": st.integers(0, 3),
        "open": st.booleans(),
    }
)
SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Case:
    """Policies, the columns that may be read, and who asks."""

    policies: list
    readable: tuple
    claims: dict


CASES = st.builds(Case, POLICIES, READABLE, CALLERS)


@pytest.fixture(scope="module")
def guarded(start_supabase_backend, new_database):
    """A backend whose transactions may be rolled back, and the superuser's connection to its database."""
    options = {"gotrue_jwt_secret": JWT_SECRET, "db_tx_end": "commit-allow-override"}
    with (
        start_supabase_backend(new_database(), **options) as backend,
        psycopg.connect(backend.database_url, autocommit=True) as connection,
        httpx.Client(base_url=f"{backend.url}/rest/v1", headers={"apikey": backend.anon_key}, timeout=20) as http,
    ):
        connection.execute("create table public.members (name text, team int)")
        connection.execute("insert into public.members values ('ann', 1), ('ann', 3), ('bob', 2)")
        connection.execute(
            "create table public.docs (id int primary key, owner text, team int, body text default 'new', open boolean)"
        )
        with connection.cursor().copy("copy public.docs from stdin") as copy:
            for row in ROWS:
                copy.write_row(row)
        connection.execute("alter table public.docs enable row level security")
        connection.execute(
            "create table public.remarks (id int primary key, doc int references public.docs, author text)"
        )
        connection.execute(
            "insert into public.remarks select n, nullif(n % 14, 13), (array['ann', 'bob', null])[n % 3 + 1]"
            " from generate_series(1, 27) n where n % 14 > 0"
        )
        connection.execute("alter table public.remarks enable row level security")
        connection.execute(
            "create function public.listed(lowest int) returns setof public.docs language sql stable"
            " as 'select * from public.docs where id >= lowest'"
        )
        yield http, connection


def protect(connection, table, policies):
    """Replace all policies of a table."""
    found = connection.execute("select policyname from pg_policies where tablename = %s", (table,)).fetchall()
    for (name,) in found:
        connection.execute(f'drop policy "{name}" on public.{table}')
    for number, (command, role, kind, using, check) in enumerate(policies):
        parts = [f"create policy p{number} on public.{table} as {kind} for {command} to {role}"]
        if command != "insert":
            parts.append(f"using ({using})")
        if command in {"all", "insert", "update"}:
            parts.append(f"with check ({check})")
        connection.execute(" ".join(parts))


def prepare(connection, case):
    """Replace all policies and privileges of the documents at once."""
    with connection.transaction():
        protect(connection, "docs", case.policies)
        connection.execute("revoke all on public.docs from anon, authenticated")
        connection.execute("grant insert, update, delete on public.docs to anon, authenticated")
        if case.readable:
            connection.execute(f"grant select ({', '.join(case.readable)}) on public.docs to anon, authenticated")


def by_hand(connection, case, method, statement, *values):
    """The rows of a statement under the caller's role, or the SQLSTATE of its refusal; nothing stays."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(
                "select set_config('request.jwt.claims', %s, true), set_config('request.method', %s, true),"
                " set_config('role', %s, true)",
                (json.dumps(case.claims), method, case.claims["role"]),
            )
            return [row[0] for row in connection.execute(statement.encode(), values or None).fetchall()]
    except psycopg.Error as exc:
        return exc.sqlstate


def by_rest(http, case, method, path, **more):
    """The rows of the answer, or its code; nothing stays."""
    token = jwt.encode({"alg": "HS256"}, {"exp": int(time.time()) + 60, **case.claims}, OctKey.import_key(JWT_SECRET))
    headers = {"authorization": f"Bearer {token}", "prefer": more.pop("prefer", "tx=rollback,return=representation")}
    answer = http.request(method, path, headers=headers, **more)
    assert answer.status_code < 500, answer.text
    if not answer.is_success:
        return answer, answer.json()["code"]
    return answer, answer.json() if answer.content else None


def shown(columns):
    pairs = ", ".join(f"'{column}', {column}" for column in columns)
    return f"json_build_object({pairs})"


@SOME
@given(case=CASES, condition=FILTERS, order=ORDERS)
def test_what_is_read_is_what_the_role_may_read(guarded, case, condition, order):
    http, connection = guarded
    prepare(connection, case)
    columns = case.readable or COLUMNS
    query, where = condition
    statement = f"select {shown(columns)} from public.docs where {where} order by {order[1]}"
    expected = by_hand(connection, case, "GET", statement)

    path = f"/docs?select={','.join(columns)}&{query}&order={order[0]}"
    answer, rows = by_rest(http, case, "GET", path, prefer="count=exact")

    assert rows == expected
    if isinstance(expected, list):
        assert answer.headers["content-range"].endswith(f"/{len(expected)}")
    everything = by_hand(connection, case, "GET", "select row_to_json(docs.*) from public.docs order by id")
    assert by_rest(http, case, "GET", "/docs?order=id")[1] == everything


@SOME
@given(case=CASES, lowest=st.integers(1, 12), condition=FILTERS)
def test_what_a_function_gives_is_what_the_role_may_read(guarded, case, lowest, condition):
    http, connection = guarded
    prepare(connection, case)
    query, where = condition
    statement = "select row_to_json(d.*) from public.listed(%s) d where " + where.replace("%", "%%") + " order by id"
    expected = by_hand(connection, case, "GET", statement, lowest)

    answer, rows = by_rest(http, case, "GET", f"/rpc/listed?lowest={lowest}&{query}&order=id", prefer="count=exact")

    assert rows == expected
    if isinstance(expected, list):
        assert answer.headers["content-range"].endswith(f"/{len(expected)}")


@SOME
@given(case=CASES, row=NEW_ROWS, merge=st.booleans())
def test_what_is_inserted_is_what_the_role_may_insert(guarded, case, row, merge):
    http, connection = guarded
    prepare(connection, case)
    columns = case.readable or COLUMNS
    merging = " on conflict (id) do update set owner = excluded.owner, team = excluded.team, open = excluded.open,"
    conflict = merging + " id = excluded.id" if merge else ""
    statement = (
        f"insert into public.docs (id, owner, team, open) values (%s, %s, %s, %s){conflict} returning {shown(columns)}"
    )
    expected = by_hand(connection, case, "POST", statement, *[row[name] for name in ("id", "owner", "team", "open")])

    prefer = f"tx=rollback,return=representation{',resolution=merge-duplicates' if merge else ''}"
    _, rows = by_rest(http, case, "POST", f"/docs?select={','.join(columns)}", json=row, prefer=prefer)

    assert rows == expected


@SOME
@given(case=CASES, condition=FILTERS, team=st.integers(0, 3))
def test_what_is_changed_is_what_the_role_may_change(guarded, case, condition, team):
    http, connection = guarded
    prepare(connection, case)
    columns = case.readable or COLUMNS
    query, where = condition
    path = f"/docs?select={','.join(columns)}&{query}"
    updated = by_hand(
        connection, case, "PATCH", f"update public.docs set team = {team} where {where} returning {shown(columns)}"
    )
    deleted = by_hand(connection, case, "DELETE", f"delete from public.docs where {where} returning {shown(columns)}")
    silent = by_hand(connection, case, "DELETE", f"delete from public.docs where {where} returning 1")

    _, patched = by_rest(http, case, "PATCH", path, json={"team": team})
    _, removed = by_rest(http, case, "DELETE", path)
    quiet, code = by_rest(http, case, "DELETE", path, prefer="tx=rollback,count=exact") if silent else (None, None)

    def same(rows):
        return sorted(rows, key=json.dumps) if isinstance(rows, list) else rows

    assert same(patched) == same(updated)
    assert same(removed) == same(deleted)
    if isinstance(silent, list) and quiet is not None:
        assert quiet.headers["content-range"] == f"*/{len(silent)}"
    elif quiet is not None:
        assert code == silent


@SOME
@given(case=CASES, remarks=REMARK_POLICIES, condition=FILTERS)
def test_what_is_embedded_is_what_the_role_may_read(guarded, case, remarks, condition):
    http, connection = guarded
    prepare(connection, replace(case, readable=COLUMNS))
    protect(connection, "remarks", remarks)
    query, where = condition
    below = "(select coalesce(json_agg(json_build_object('id', r.id) order by r.id), '[]') from public.remarks r"
    downwards = f"select json_build_object('id', id, 'remarks', {below} where r.doc = docs.id)) from public.docs"
    above = "(select json_build_object('id', d.id) from public.docs d where d.id = remarks.doc)"
    upwards = f"select json_build_object('id', id, 'docs', {above}) from public.remarks"
    with_doc = "exists (select from public.docs where docs.id = remarks.doc"
    by_team = "(select team from public.docs d where d.id = remarks.doc)"

    for path, statement in (
        (f"/docs?select=id,remarks(id)&remarks.order=id&{query}&order=id", f"{downwards} where {where} order by id"),
        ("/remarks?select=id,docs(id)&order=id", f"{upwards} order by id"),
        (
            f"/remarks?select=id,docs!inner(id)&docs.{query}&order=id",
            f"{upwards} where {with_doc} and {where}) order by id",
        ),
        ("/remarks?select=id,docs(id)&docs=is.null&order=id", f"{upwards} where not {with_doc}) order by id"),
        (
            "/remarks?select=id,docs(id)&order=docs(team).desc.nullslast,id",
            f"{upwards} order by {by_team} desc nulls last, id",
        ),
    ):
        expected = by_hand(connection, case, "GET", statement)
        answer, rows = by_rest(http, case, "GET", path, prefer="count=exact")
        assert isinstance(expected, list)
        assert rows == expected, path
        assert answer.headers["content-range"].endswith(f"/{len(expected)}")
