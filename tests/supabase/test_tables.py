"""What list_tables tells, from the database and from the REST description."""

from typing import Any

import psycopg
import pytest


async def table(tools: Any, name: str) -> dict[str, Any]:
    listed = await tools("list_tables")
    assert listed["truncated"] is False
    return next(one for one in listed["tables"] if one["name"] == name)


async def test_a_table_is_told_with_columns_types_and_keys(as_owner):
    things = await table(as_owner, "things")
    columns = {column["name"]: column for column in things["columns"]}
    assert columns["price"] == {"name": "price", "type": "numeric(12,2)", "nullable": True, "has_default": False}
    assert columns["name"] == {"name": "name", "type": "text", "nullable": False, "has_default": True}
    assert [columns[name]["has_default"] for name in ("id", "twice", "code")] == [True, True, False]
    assert (things["kind"], things["primary_key"]) == ("table", ["id"])
    assert things["foreign_keys"] == [
        {"columns": ["parent_id"], "referenced_table": "things", "referenced_columns": ["id"]}
    ]


async def test_a_key_of_several_columns_keeps_their_order_and_names_the_other_schema(as_owner):
    members = await table(as_owner, "members")
    assert members["primary_key"] == ["workspace_id", "user_id"]
    assert [key["referenced_table"] for key in members["foreign_keys"]] == ["auth.users", "workspaces"]


async def test_views_are_told_from_tables(as_owner):
    view = await table(as_owner, "thing_names")
    assert (view["kind"], view["row_level_security"], view["row_estimate"]) == ("view", None, None)


async def test_an_open_table_has_an_advisory_and_a_guarded_one_has_not(as_owner):
    listed = await as_owner("list_tables")
    guarded = {one["name"]: one["row_level_security"] for one in listed["tables"]}
    assert (guarded["notes"], guarded["members"], guarded["things"]) == (True, True, False)
    advisories = {advisory["table"]: advisory for advisory in listed["advisories"]}
    assert set(advisories) == {name for name, guard in guarded.items() if guard is False}
    assert 'alter table public."Order lines" enable row level security;' in advisories["Order lines"]["fix"]


async def test_the_fix_of_an_advisory_is_sql_that_postgres_takes(as_owner, backend):
    fix = (await as_owner("list_tables", schema="private"))["advisories"][0]["fix"]
    async with await psycopg.AsyncConnection.connect(backend.database_url) as connection:
        await connection.execute(fix)
        await connection.rollback()


async def test_rows_are_estimated_once_postgres_has_counted(as_owner, backend):
    async with await psycopg.AsyncConnection.connect(backend.database_url, autocommit=True) as connection:
        await connection.execute("create table public.counted as select * from generate_series(1, 50)")
        assert (await table(as_owner, "counted"))["row_estimate"] is None
        await connection.execute("analyze public.counted")
        assert (await table(as_owner, "counted"))["row_estimate"] == 50
        await connection.execute("drop table public.counted")


@pytest.mark.parametrize("schema", ["nowhere", "public'; drop table things; --", 'public"'])
async def test_an_unknown_schema_is_named_as_the_wrong_field(as_owner, schema):
    error = await as_owner.fails("list_tables", schema=schema.replace(" ", "_"))
    assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", "schema")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("{host}/no_such_database", "misconfigured"),
        ("postgresql://postgres:leaked@{unused}/postgres", "vendor_unavailable"),
        ("not a url leaked", "misconfigured"),
        ("postgresql://no.such.host.invalid:5432/leaked", "vendor_unavailable"),
    ],
)
async def test_a_database_that_cannot_be_used_is_told_without_its_password(backend, tools_of, unused_url, url, code):
    filled = url.format(host=backend.database_url.rpartition("/")[0], unused=unused_url.removeprefix("http://"))
    tools = await tools_of(backend.url, db_url=filled)
    error = await tools.fails("list_tables")
    assert error["code"] == code
    assert "SUPABASE_DB_URL" in error["message"]
    assert "leaked" not in repr(error)


DESCRIPTION = {
    "swagger": "2.0",
    "definitions": {
        "orders": {
            "required": ["id", "shop_id"],
            "properties": {
                "id": {"format": "bigint", "type": "integer", "description": "Note:\nThis is a Primary Key.<pk/>"},
                "shop_id": {
                    "format": "bigint",
                    "type": "integer",
                    "description": "Note:\nThis is a Foreign Key to `shops.id`.<fk table='shops' column='id'/>",
                },
                "at": {"format": "timestamp with time zone", "type": "string", "default": "now()"},
            },
        },
    },
}


async def test_without_a_database_the_rest_description_tells_what_it_knows(scripted_project, tools_of):
    project = await scripted_project(lambda _asked: {"body": DESCRIPTION})
    listed = await (await tools_of(project.url))("list_tables", schema="shop")
    assert (listed["source"], listed["advisories"]) == ("rest", [])
    assert listed["tables"] == [
        {
            "name": "orders",
            "kind": None,
            "columns": [
                {"name": "id", "type": "bigint", "nullable": False, "has_default": False},
                {"name": "shop_id", "type": "bigint", "nullable": False, "has_default": False},
                {"name": "at", "type": "timestamp with time zone", "nullable": True, "has_default": True},
            ],
            "primary_key": ["id"],
            "foreign_keys": [{"columns": ["shop_id"], "referenced_table": "shops", "referenced_columns": ["id"]}],
            "row_estimate": None,
            "row_level_security": None,
        }
    ]
    assert project.asked[0].headers["accept-profile"] == "shop"


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404, "body": {"code": "PGRST126", "message": "Root endpoint metadata is disabled"}},
        {"status": 401, "body": {"message": "Access to schema is forbidden"}},
        {"status": 404},
        {"body": "<html></html>"},
    ],
)
async def test_a_project_that_describes_nothing_names_the_setting_that_helps(scripted_project, tools_of, answer):
    error = await (await tools_of((await scripted_project(lambda _asked: answer)).url)).fails("list_tables")
    assert error["code"] == "misconfigured"
    assert "SUPABASE_DB_URL" in error["hint"]


async def test_a_schema_that_the_project_does_not_offer_is_the_wrong_field(scripted_project, tools_of):
    body = {
        "code": "PGRST106",
        "message": "Invalid schema: x",
        "hint": "Only the following schemas are exposed: public",
    }
    project = await scripted_project(lambda _asked: {"status": 406, "body": body})
    error = await (await tools_of(project.url)).fails("list_tables", schema="x")
    assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", "schema")
    assert "public" in error["hint"]


async def test_a_description_that_is_none_is_a_bad_answer(scripted_project, tools_of):
    project = await scripted_project(lambda _asked: {"body": {"definitions": 1}})
    assert (await (await tools_of(project.url)).fails("list_tables"))["code"] == "vendor_bad_answer"
