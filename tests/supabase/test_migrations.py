"""Migrations and their history."""

from uuid import uuid4

import psycopg
import pytest
from smeboost_cli.migrations import apply_migrations


@pytest.fixture
async def fresh(new_database, tools_of):
    """The tools of a server that may change a database without any history."""
    return await tools_of("", key="", db_url=new_database(), sql_writes=True)


SQL = "create table public.orders (id int);\n-- why\ncreate index on orders (id);"


async def test_a_database_without_history_has_no_migrations(fresh):
    assert await fresh("list_migrations") == {"migrations": [], "next_offset": None}
    assert (await fresh.fails("list_migrations", version="1"))["code"] == "not_found"


async def test_a_migration_is_run_and_recorded_as_the_cli_does(fresh):
    done = await fresh("apply_migration", name="add_orders", sql=SQL, version="20260101000000")
    assert (done["done"], done["file"], done["applied_before_later"]) == (True, "20260101000000_add_orders.sql", False)
    listed = await fresh("list_migrations")
    assert listed["migrations"] == [{"version": "20260101000000", "name": "add_orders", "statements": 2, "sql": None}]
    told = (await fresh("list_migrations", version="20260101000000"))["migrations"][0]["sql"]
    assert told.startswith("create table public.orders (id int);")
    assert (await fresh("run_query", sql="select * from orders"))["rows"] == []


async def test_the_house_command_takes_what_the_tool_applied(new_database, tools_of, tmp_path):
    url = new_database()
    tools = await tools_of("", key="", db_url=url, sql_writes=True)
    done = await tools("apply_migration", name="add_orders", sql=SQL)
    (tmp_path / done["file"]).write_text(SQL)
    assert await apply_migrations(url, tmp_path) == []


async def test_a_version_is_applied_once_and_an_older_one_is_told(fresh):
    await fresh("apply_migration", name="first", sql="create table a (n int)", version="20260201000000")
    error = await fresh.fails("apply_migration", name="again", sql="create table b (n int)", version="20260201000000")
    assert error["code"] == "conflict"
    older = await fresh("apply_migration", name="older", sql="create table c (n int)", version="20260101000000")
    assert older["applied_before_later"] is True
    page = await fresh("list_migrations", limit=1)
    assert ([one["name"] for one in page["migrations"]], page["next_offset"]) == (["first"], 1)


async def test_a_migration_that_fails_changes_and_records_nothing(fresh):
    sql = "create table kept (n int); create table kept (n int)"
    assert (await fresh.fails("apply_migration", name="twice", sql=sql))["code"] == "conflict"
    assert (await fresh("list_migrations"))["migrations"] == []
    assert (await fresh.fails("run_query", sql="select * from kept"))["code"] == "invalid_input"


async def test_a_migration_that_destroys_needs_the_approval_of_its_text_and_name(fresh):
    await fresh("apply_migration", name="first", sql="create table a (n int)", version="1")
    sql = "drop table a"
    asked = await fresh("apply_migration", name="drop_a", sql=sql)
    assert asked["done"] is False
    other = await fresh.fails("apply_migration", name="drop_b", sql=sql, approval=asked["approval"])
    assert other["errors"][0]["field"] == "approval"
    done = await fresh("apply_migration", name="drop_a", sql=sql, approval=asked["approval"])
    assert done["done"] is True


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"name": "Add Orders"}, "name"), ({"name": "../x"}, "name"), ({"name": "x", "version": "1; drop"}, "version")],
)
async def test_a_name_that_cannot_be_a_files_is_refused(fresh, arguments, field):
    error = await fresh.fails("apply_migration", sql="create table a (n int)", **arguments)
    assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", field)


ADVISED = """
create schema {s};
create table {s}.open (id int primary key);
create table {s}.closed (id int primary key);
alter table {s}.closed enable row level security;
create table {s}.guarded (id int primary key, owner uuid, other int references {s}.open (id));
alter table {s}.guarded enable row level security;
create policy each_row on {s}.guarded for select using (owner = auth.uid());
create policy once on {s}.guarded for update using (owner = (select auth.uid()));
create policy theirs on {s}.guarded for delete using ((auth.jwt() -> 'user_metadata' ->> 'admin')::boolean);
create table {s}.idle (n int);
create policy idle on {s}.idle using (true);
create index one on {s}.guarded (owner);
create index two on {s}.guarded (owner);
create view {s}.seen as select * from {s}.guarded;
create view {s}.invoked with (security_invoker = on) as select * from {s}.guarded;
create function {s}.f() returns int language sql security definer as 'select 1';
create function {s}.g() returns int language sql set search_path = '' as 'select 1';
grant usage on schema {s} to anon;
grant select on all tables in schema {s} to anon;
"""


async def test_advice_names_what_is_wrong_and_nothing_else(over_sql, backend):
    name = f"s{uuid4().hex}"
    with psycopg.connect(backend.database_url, autocommit=True) as connection:
        connection.execute(ADVISED.format(s=name).encode())
        told = await over_sql("get_advisors", schema=name)
        again = await over_sql("get_advisors", schema=name, limit=2, offset=2)
        performance = await over_sql("get_advisors", schema=name, kind="performance")
        for advice in told["advice"]:
            if advice["code"] in ("row_level_security_off", "foreign_key_without_index", "security_definer_view"):
                connection.execute(advice["fix"].encode())
        left = await over_sql("get_advisors", schema=name)
        connection.execute(f"drop schema {name} cascade".encode())
    found = {(advice["code"], advice["object"].removeprefix(f"{name}.")) for advice in told["advice"]}
    assert found == {
        ("row_level_security_off", "open"),
        ("row_level_security_off", "idle"),
        ("policy_without_effect", "idle"),
        ("no_policy", "closed"),
        ("policy_calls_for_each_row", "guarded"),
        ("policy_trusts_user_metadata", "guarded"),
        ("foreign_key_without_index", "guarded"),
        ("duplicate_index", "guarded"),
        ("no_primary_key", "idle"),
        ("security_definer_view", "seen"),
        ("function_search_path_mutable", "f()"),
    }
    each_row = [advice["message"] for advice in told["advice"] if advice["code"] == "policy_calls_for_each_row"]
    assert ["each_row" in message or "theirs" in message for message in each_row] == [True, True]
    assert again["advice"] == told["advice"][2:4]
    assert again["next_offset"] == 4
    assert {advice["code"] for advice in performance["advice"]} == {
        "policy_calls_for_each_row",
        "foreign_key_without_index",
        "duplicate_index",
        "no_primary_key",
    }
    assert {advice["code"] for advice in left["advice"]}.isdisjoint(
        {"row_level_security_off", "foreign_key_without_index", "security_definer_view", "policy_without_effect"}
    )
