"""The server as a process: over stdio, over HTTP with --read-only, and without its settings."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from smeboost_airtable.settings import AirtableSettings
from smeboost_emulators.testing.airtable import small_seed
from smeboost_shared.errors import Misconfigured
from smeboost_shared.settings import load

COMMAND = [sys.executable, "-m", "smeboost_airtable"]
START_SECONDS_MAX = 30
POLL_SECONDS = 0.05
ORDERS = {"base_id": "appSmallShop00001", "table_id": "Orders"}
READS = {"list_bases", "list_tables", "list_records", "get_record"}
WRITES = {"create_records", "update_records", "upsert_records", "delete_records"}


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRTABLE_")}
    return {**kept, **variables}


@pytest.fixture
def airtable(airtable_emulator):
    return airtable_emulator(seed=small_seed())


async def ask(client: Client, tool: str, **arguments) -> dict:
    """Call a tool on the orders; the structured result."""
    result = await client.call_tool(tool, ORDERS | arguments if tool != "list_bases" else {}, raise_on_error=False)
    assert result.structured_content is not None
    return result.structured_content


@asynccontextmanager
async def http_server(*options: str, **variables: str) -> AsyncGenerator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [*COMMAND, "--http", "--port", str(port), *options]
    process = await asyncio.create_subprocess_exec(*arguments, env=environment(**variables))
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            while not await is_listening(port):
                assert process.returncode is None
                await asyncio.sleep(POLL_SECONDS)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        await process.wait()


async def is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_stdio_process_does_the_main_job_and_never_logs_the_token(airtable, tmp_path, mode):
    log = tmp_path / "stderr"
    variables = environment(AIRTABLE_API_KEY=airtable.token, AIRTABLE_ENDPOINT_URL=airtable.url)
    arguments = [*COMMAND[1:], "--log-level", "DEBUG"]
    transport = StdioTransport(COMMAND[0], arguments, env=variables, log_file=log, keep_alive=False)
    async with Client(transport, mode=mode) as client:
        assert {tool.name for tool in await client.list_tools()} == READS | WRITES
        bases = await ask(client, "list_bases")
        made = await ask(client, "create_records", records=[{"fields": {"Number": "A-4"}}])
        record_id = made["records"][0]["id"]
        listed = await ask(client, "list_records", formula="{Number}='A-4'")
        deleted = await ask(client, "delete_records", record_ids=[record_id])
        gone = await ask(client, "get_record", record_id=record_id)
    assert bases["bases"][0]["id"] == ORDERS["base_id"]
    assert [record["id"] for record in listed["records"]] == [record_id]
    assert deleted["deleted"] == [record_id]
    assert gone["error"]["code"] == "not_found"
    assert airtable.token not in log.read_text(encoding="utf-8")


async def test_http_server_that_is_read_only_offers_and_does_reading_only(airtable):
    variables = {"AIRTABLE_API_KEY": airtable.token, "AIRTABLE_ENDPOINT_URL": airtable.url + "/v0/"}
    async with http_server("--read-only", **variables) as url, Client(url) as client:
        assert {tool.name for tool in await client.list_tools()} == READS
        listed = await ask(client, "list_records", fields=["Number"], page_size=2)
        refused = await ask(client, "delete_records", record_ids=[listed["records"][0]["id"]])
        again = await ask(client, "list_records", fields=["Number"])
    assert [record["fields"]["Number"] for record in listed["records"]] == ["A-1", "A-2"]
    assert refused["error"]["code"] == "not_found"
    assert len(again["records"]) == 3


async def test_http_server_does_the_main_job(airtable):
    variables = {"AIRTABLE_API_KEY": airtable.token, "AIRTABLE_ENDPOINT_URL": airtable.url}
    async with http_server(**variables) as url, Client(url) as client:
        made = await ask(client, "create_records", records=[{"fields": {"Number": "A-4"}}])
        change = {"id": made["records"][0]["id"], "fields": {"Email": "dora@example.com"}}
        changed = await ask(client, "update_records", records=[change])
        deleted = await ask(client, "delete_records", record_ids=[change["id"]])
    assert changed["records"][0]["fields"]["Email"] == "dora@example.com"
    assert deleted["deleted"] == [change["id"]]


@pytest.mark.parametrize("variables", [{}, {"AIRTABLE_API_KEY": "two leaked"}], ids=["missing", "wrong"])
async def test_start_with_a_missing_or_wrong_setting_ends_with_one_line_that_names_it(variables):
    process = await asyncio.create_subprocess_exec(
        *COMMAND, env=environment(**variables), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    lines = errors.decode().splitlines()
    assert len(lines) == 1
    assert "AIRTABLE_API_KEY" in lines[0]
    assert "leaked" not in lines[0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AIRTABLE_API_KEY", ""),
        ("AIRTABLE_API_KEY", "pat\nleaked"),
        ("AIRTABLE_API_KEY", "patleakedé"),
        ("AIRTABLE_ENDPOINT_URL", "api.airtable.com"),
        ("AIRTABLE_ENDPOINT_URL", "ftp://api.airtable.com"),
        ("AIRTABLE_ENDPOINT_URL", "http://u:leaked@h"),
        ("AIRTABLE_REQUESTS_PER_SECOND", "0"),
        ("AIRTABLE_REQUESTS_PER_SECOND", "nan"),
        ("AIRTABLE_THREADS_MAX", "many"),
    ],
)
def test_wrong_setting_is_named_and_its_value_is_not_shown(monkeypatch, variable, value):
    monkeypatch.setenv("AIRTABLE_API_KEY", "pat")
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured) as refused:
        load(AirtableSettings)
    assert [problem.field for problem in refused.value.errors] == [variable]
    assert "leaked" not in str(refused.value)


async def test_request_for_a_host_that_is_not_the_servers_is_refused(airtable):
    variables = {"AIRTABLE_API_KEY": airtable.token, "AIRTABLE_ENDPOINT_URL": airtable.url}
    async with http_server(**variables) as url:
        port = int(url.split(":")[2].split("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        head = (
            f"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        writer.write(f"{head}\r\n\r\n{body}".encode())
        status = await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert status.split()[1] in (b"403", b"421")
