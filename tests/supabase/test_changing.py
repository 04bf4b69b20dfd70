"""SQL that writes: only when it was allowed, and what destroys only after somebody agreed to that very text."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from smeboost_supabase.sql_risk import needs_approval

Asked = list[str]


@pytest.fixture
async def writing(backend, tools_of):
    """The tools of a server that may change the database; its client cannot show a form."""
    return await tools_of("", key="", db_url=backend.database_url, sql_writes=True)


@pytest.fixture
def table(backend):
    """A table of this test's own with one row."""
    name = f"t{uuid4().hex}"
    with psycopg.connect(backend.database_url, autocommit=True) as connection:
        connection.execute(f"create table public.{name} (n int primary key)".encode())
        connection.execute(f"insert into public.{name} values (1)".encode())
        yield name
        connection.execute(f"drop table if exists public.{name}".encode())


async def numbers(tools: Any, table: str) -> list[int]:
    found = await tools("run_query", sql=f"select n from {table} order by n")  # the test's own name
    return [row["n"] for row in found["rows"]]


async def test_writing_is_not_offered_unless_it_was_allowed(over_sql):
    names = {tool.name for tool in await over_sql.client.list_tools()}
    assert names.isdisjoint({"execute_sql", "apply_migration"})


async def test_what_only_adds_is_run_at_once(writing, table):
    done = await writing("execute_sql", sql=f"insert into {table} values (2), (3); comment on table {table} is 'x'")
    assert (done["done"], done["results"]) == (True, ["INSERT 0 2", "COMMENT"])
    assert await numbers(writing, table) == [1, 2, 3]


async def test_what_destroys_is_run_only_with_the_approval_of_its_text(writing, table):
    sql = f"delete from {table} returning n"
    first = await writing("execute_sql", sql=sql)
    assert (first["done"], first["results"], await numbers(writing, table)) == (False, [], [1])
    assert first["next_step"].startswith("Nothing was run.")
    done = await writing("execute_sql", sql=sql, approval=first["approval"])
    assert (done["done"], done["results"], done["rows"]) == (True, ["DELETE 1"], [{"n": 1}])
    again = await writing.fails("execute_sql", sql=sql, approval=first["approval"])
    assert again["errors"] == [{"field": "approval", "message": "was used already"}]


async def test_an_approval_is_good_for_nothing_else(writing, table, backend, tools_of):
    approval = (await writing("execute_sql", sql=f"delete from {table}"))["approval"]
    others = [f"delete from {table} ", f"delete from {table};", f"drop table {table}", f"DELETE from {table}"]
    for other in others:
        error = await writing.fails("execute_sql", sql=other, approval=approval)
        assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", "approval")
    migration = {"name": "same", "sql": f"delete from {table}"}
    assert (await writing.fails("apply_migration", **migration, approval=approval))["errors"][0]["field"] == "approval"
    elsewhere = await tools_of(
        "", key="", db_url=backend.database_url.rpartition("/")[0] + "/postgres", sql_writes=True
    )
    error = await elsewhere.fails("execute_sql", sql=f"delete from {table}", approval=approval)
    assert error["errors"][0]["message"] == "is not for this text on this database"
    assert await numbers(writing, table) == [1]


@pytest.mark.parametrize("forged", ["", ".", "9999999999.x.y", "x" * 200, "9999999999..", "é.é.é"])
async def test_an_approval_that_nobody_gave_is_refused(writing, table, forged):
    error = await writing.fails("execute_sql", sql=f"delete from {table}", approval=forged)
    assert error["code"] == "invalid_input"
    assert await numbers(writing, table) == [1]


async def test_an_approval_ends(backend, tools_of, table):
    quick = await tools_of("", key="", db_url=backend.database_url, sql_writes=True, approval_seconds=0.001)
    approval = (await quick("execute_sql", sql=f"delete from {table}"))["approval"]
    error = await quick.fails("execute_sql", sql=f"delete from {table}", approval=approval)
    assert error["errors"][0]["message"] == "is too old"
    assert await numbers(quick, table) == [1]


@pytest.fixture(params=["auto", "legacy"])
def asking(request, backend, server_for) -> Callable[[Any], Client]:
    """A client that shows the form and answers as the test says."""

    def make(answer: Any) -> Client:
        server = server_for("", key="", db_url=backend.database_url, sql_writes=True)
        return Client(server, mode=request.param, elicitation_handler=answer)

    return make


async def test_a_client_that_can_ask_asks_with_the_exact_text(asking, tools_with, table):
    shown: Asked = []

    async def agree(message, _type, _params, _context):
        shown.append(message)
        return ElicitResult(action="accept", content=form_of(_params, agreed=True))

    sql = f"delete from {table} -- all of it"
    async with asking(agree) as client:
        done = await tools_with(client)("execute_sql", sql=sql)
        left = await numbers(tools_with(client), table)
    assert (done["done"], done["results"], left) == (True, ["DELETE 1"], [])
    assert len(shown) == 1
    assert shown[0].endswith(sql)


@pytest.mark.parametrize("action", ["decline", "cancel", "unticked"])
async def test_a_person_who_does_not_agree_is_obeyed(asking, tools_with, table, action):
    async def refuse(_message, _type, _params, _context):
        if action == "unticked":
            return ElicitResult(action="accept", content=form_of(_params, agreed=False))
        return ElicitResult(action=action)

    async with asking(refuse) as client:
        error = await tools_with(client).fails("execute_sql", sql=f"delete from {table}")
        left = await numbers(tools_with(client), table)
    assert (error["code"], left) == ("not_permitted", [1])


def form_of(params: Any, *, agreed: bool) -> dict[str, bool]:
    return dict.fromkeys(params.requested_schema["properties"], agreed)


async def test_all_statements_happen_or_none(writing, table):
    sql = f"insert into {table} values (2); insert into {table} values (1)"
    error = await writing.fails("execute_sql", sql=sql)
    assert error["code"] == "conflict"
    assert await numbers(writing, table) == [1]


@pytest.mark.parametrize(
    "sql", ["commit", "insert into {t} values (5); commit; insert into {t} values (1)", "begin", ""]
)
async def test_a_text_that_would_end_the_transaction_is_refused(writing, table, sql):
    assert (await writing.fails("execute_sql", sql=sql.format(t=table)))["code"] == "invalid_input"
    assert await numbers(writing, table) == [1]


async def test_a_function_cannot_be_called_on_the_quiet(writing, table):
    calls = [
        f"insert into {table} values (U&\"setv!0061l\" uescape '!' ('{table}_s', 7))",
        f"create table {table}_d (n bigint default setval('{table}_s', 7))",
    ]
    for sql in calls:
        done = await writing("execute_sql", sql=sql)
        assert (done["done"], bool(done["approval"])) == (False, True)
    assert await numbers(writing, table) == [1]


async def test_two_statements_that_look_like_one_are_refused_by_the_database(writing, table):
    # Postgres reads a$b$ as a name, and so finds a second statement where the cutter sees a string.
    sql = f"select 1 as a$b$; drop table {table}; select 1 as a$b$"
    first = await writing("execute_sql", sql=sql)
    assert (await writing.fails("execute_sql", sql=sql, approval=first["approval"]))["code"] == "invalid_input"
    assert await numbers(writing, table) == [1]


@pytest.mark.parametrize(
    "sql",
    [
        "insert into t values (1)",
        "insert into public.t (a, b) values ('drop table x', now()), ($$, 2)".replace("$$", "1"),
        "create table t (id bigint generated always as identity primary key, o uuid references u on delete cascade)",
        "create unique index on t (a)",
        "create index if not exists i on public.t using gin (a) include (b)",
        "create table t (a varchar(20) not null default 'x', b numeric(10, 2) check (b > 0), c timestamp(3),"
        " d uuid default gen_random_uuid(), primary key (a, b), unique (c), foreign key (a) references public.u (a))",
        "create type mood as enum ('sad')",
        "alter table public.t add column c int",
        "alter table t add column c numeric(4, 2), add column d int",
        "alter table t enable row level security",
        "comment on table t is 'drop'",
        "insert into t values (1); -- drop\ncreate index on t (a)",
    ],
)
def test_what_only_adds_needs_no_approval(sql):
    assert not needs_approval(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "delete from t",
        "update t set a = 1",
        "truncate t",
        "drop table t",
        "with x as (delete from t returning *) insert into u select * from x",
        "insert into t select wipe()",
        "insert into t values (wipe())",
        'insert into t values ("wipe"())',
        "insert into t values (public.wipe())",
        "insert into t values (1) on conflict (a) do update set a = 2",
        "create table t as select wipe()",
        "create table t as values (wipe())",
        "create or replace view v as select 1",
        "create schema s create table t (a int)",
        "create role admin superuser",
        "create policy p on t using (true)",
        "alter table t add column c int default wipe()",
        "alter table t add column c int, drop column d",
        "alter table t drop column c",
        "alter table t disable row level security",
        "grant all on t to anon",
        "do 'begin delete from t; end'",
        "call wipe()",
        "select wipe()",
        "explain analyze delete from t",
        "copy t from program 'id'",
        "insert into t values (1) -- \rdelete from t",
        "insert into t values (1); delete from t",
        "/* /* */ insert into t values (1); */ delete from t",
        "insert into t values ('\\'); delete from t; --')",
        "insert into t values (a$b$); delete from t; insert into t values ($b$)",
        "insert into t values (U&'\\0027')",
        'insert into t ("a--") select wipe() union all\n values (1)',
        "insert into t (\"a'b\") select wipe() union all\n values ('c')",
        "insert into t values (U&\"w!0069pe\" uescape '!' ())",
        "create table t (a int default wipe())",
        "create table t (a int default -wipe())",
        "create table t (a int check (public.wipe() > 0))",
        "create index on t ((wipe(a)))",
        "create domain d as int check (wipe(value))",
        "alter table t add column c int check (wipe())",
        "alter table t add column c int references u (a), add check (wipe())",
        "alter table t add column c int, enable always trigger wiping",
        "insert into t values (public.now())",
        "create table t (a int default public.numeric(1))",
        "create table t (a int default key(1))",
        "create type t (input = wipe, output = wipe)",
    ],
)
def test_what_may_destroy_needs_approval(sql):
    assert needs_approval(sql)
