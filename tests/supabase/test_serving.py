"""The server as a process: over stdio, over HTTP with --read-only, and without its settings."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from smeboost_shared.errors import Misconfigured
from smeboost_shared.listing import tokens_about
from smeboost_shared.settings import load
from smeboost_supabase.absent import OF_THE_DATABASE, OF_THE_PROJECT, THAT_WRITE_SQL
from smeboost_supabase.server import create_server
from smeboost_supabase.settings import SupabaseSettings

SNAPSHOT = Path(__file__).with_name("tools.json")
COMMAND = [sys.executable, "-m", "smeboost_supabase"]
READS = {
    *("sign_in", "refresh_session", "get_user", "sign_out", "list_tables"),
    *("select_rows", "read_users", "read_storage", "watch_changes"),
}
WRITES = {"insert_rows", "update_rows", "delete_rows", "change_user", "change_storage", "call_function"}
AUTH = {"sign_in", "refresh_session", "get_user", "sign_out", "read_users", "change_user"}
SQL_READS = {
    *("describe_schema", "run_query", "explain_query"),
    *("list_migrations", "generate_types", "get_advisors"),
}
POLL_SECONDS = 0.05
START_SECONDS_MAX = 20


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SUPABASE_")}
    return {**kept, **variables}


async def test_the_tools_are_the_ones_in_the_snapshot(server_for, unused_url, assert_tools_match):
    whole = server_for(unused_url, db_url="postgresql://localhost/x", sql_writes=True)
    await assert_tools_match(whole, SNAPSHOT)


async def test_the_server_speaks_stdio(scripted_project, tools_with, tmp_path):
    project = await scripted_project(lambda _asked: {"body": [{"id": 1}]})
    transport = StdioTransport(
        COMMAND[0],
        COMMAND[1:],
        env=environment(SUPABASE_URL=project.url, SUPABASE_KEY="sb_publishable_x"),
        log_file=tmp_path / "log",
        keep_alive=False,
    )
    async with Client(transport) as client:
        assert {tool.name for tool in await client.list_tools()} == READS | WRITES
        page = await tools_with(client)("select_rows", table="orders")
    assert page["rows"] == [{"id": 1}]
    assert "sb_publishable_x" not in (tmp_path / "log").read_text()


@contextlib.asynccontextmanager
async def serving(*options: str, **variables: str) -> AsyncGenerator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--http", "--port", str(port), *options, env=environment(**variables)
    )
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            while not await answers(port):
                assert process.returncode is None
                await asyncio.sleep(POLL_SECONDS)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        await process.wait()


async def answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def test_a_read_only_server_offers_sign_in_and_reading_only(scripted_project, tools_with, grant):
    def answer(asked):
        return {"body": grant() if asked.path == "/auth/v1/token" else [{"id": 1}]}

    project = await scripted_project(answer)
    variables = {"SUPABASE_URL": project.url, "SUPABASE_KEY": "sb_publishable_x"}
    async with serving("--read-only", **variables) as url, Client(url) as client:
        assert {tool.name for tool in await client.list_tools()} == READS
        tools = tools_with(client)
        session = await tools.signed_in("ada@example.com", "correct horse")
        page = await tools("select_rows", table="orders", session=session)
        refused = await tools.fails("delete_rows", table="orders", filters=[])
    assert page["rows"] == [{"id": 1}]
    assert project.asked[-1].headers["authorization"] == "Bearer access-token-1"
    assert refused["code"] == "not_found"


async def test_a_missing_setting_is_named_in_one_line_and_ends_the_process():
    process = await asyncio.create_subprocess_exec(
        *COMMAND, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    assert len(errors.decode().splitlines()) == 1
    assert b"SUPABASE_URL: is not set" in errors


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"url": "abcdefgh.supabase.co"}, "SUPABASE_URL"),
        ({"url": "http://127.0.0.1:1/rest/v1"}, "SUPABASE_URL"),
        ({"url": "http://user:leaked@127.0.0.1:1"}, "SUPABASE_URL"),
        ({"url": "https://"}, "SUPABASE_URL"),
        ({"key": "two\nleaked"}, "SUPABASE_KEY"),
        ({"key": " "}, "SUPABASE_KEY"),
        ({"sessions_max": 0}, "SUPABASE_SESSIONS_MAX"),
        ({"request_timeout_seconds": "leaked"}, "SUPABASE_REQUEST_TIMEOUT_SECONDS"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(settings, named):
    with pytest.raises(Misconfigured) as caught:
        load(SupabaseSettings, **{"url": "http://127.0.0.1:1", "key": "k", **settings})
    assert [problem.field for problem in caught.value.errors] == [named]
    assert "leaked" not in caught.value.message


def test_a_connection_string_alone_is_enough_and_a_url_needs_its_key(monkeypatch):
    monkeypatch.delenv("SUPABASE_URL", raising=False)
    assert load(SupabaseSettings, db_url="postgresql://localhost/x").has_project is False
    with pytest.raises(Misconfigured) as caught:
        load(SupabaseSettings, url="http://127.0.0.1:1")
    assert [problem.field for problem in caught.value.errors] == ["SUPABASE_KEY"]


async def test_only_tools_that_have_what_they_need_are_offered(server_for, unused_url):
    over_sql = await server_for("", key="", db_url="postgresql://localhost/x").list_tools()
    over_http = await server_for(unused_url).list_tools()
    assert {tool.name for tool in over_sql} == {"list_tables"} | SQL_READS
    assert {tool.name for tool in over_http} == READS | WRITES


async def test_a_listing_costs_its_reader_few_tokens(server_for, unused_url):
    listed = await server_for(unused_url, db_url="postgresql://localhost/x", sql_writes=True).list_tools()
    shown = [tool.to_mcp_tool().model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed]
    assert len(listed) <= 25
    assert tokens_about(shown) <= 6000


async def test_a_family_can_be_offered_alone(server_for, unused_url):
    listed = await server_for(unused_url, toolsets="auth").list_tools()
    assert {tool.name for tool in listed} == AUTH


async def test_every_tool_is_known_by_what_it_needs(server_for, unused_url):
    whole = await server_for(unused_url, db_url="postgresql://localhost/x", sql_writes=True).list_tools()
    assert {tool.name for tool in whole} == {"list_tables"} | OF_THE_PROJECT | OF_THE_DATABASE | THAT_WRITE_SQL


async def test_a_tool_that_is_not_there_names_the_setting_it_needs(over_sql, as_anyone):
    for tools, tool, setting in (
        (over_sql, "select_rows", "SUPABASE_URL"),
        (over_sql, "execute_sql", "SUPABASE_SQL_WRITES"),
        (as_anyone, "run_query", "SUPABASE_DB_URL"),
        (as_anyone, "apply_migration", "SUPABASE_DB_URL"),
    ):
        error = await tools.fails(tool)
        assert (error["code"], setting in error["message"]) == ("misconfigured", True)
    assert (await over_sql.fails("no_such_tool"))["code"] == "not_found"


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({"url": "", "key": "", "db_url": "postgresql://localhost/x", "toolsets": "storage"}, "SUPABASE_URL"),
        ({"url": "http://127.0.0.1:1", "key": "k", "toolsets": "database,development"}, "SUPABASE_DB_URL"),
    ],
)
def test_a_family_that_has_nothing_to_talk_to_ends_the_start(settings, needed):
    with pytest.raises(Misconfigured) as caught:
        create_server(load(SupabaseSettings, **settings))
    assert needed in caught.value.message
