"""The server as a process: over stdio, over HTTP with --read-only, and without its settings."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from smeboost_airtable.settings import AirtableSettings
from smeboost_emulators.testing.airtable import running_emulator, small_seed
from smeboost_shared.errors import Misconfigured
from smeboost_shared.settings import load

COMMAND = [sys.executable, "-m", "smeboost_airtable"]
START_SECONDS_MAX = 30
POLL_SECONDS = 0.05
ORDERS = {"base_id": "appSmallShop00001", "table_id": "Orders"}
READS = {
    "list_bases",
    "list_tables",
    "list_records",
    "get_record",
    "list_comments",
    "read_attachment",
    "list_webhooks",
    "list_webhook_payloads",
    "check_access",
    "read_admin",
}
WRITES = {
    "create_records",
    "update_records",
    "upsert_records",
    "delete_records",
    "create_base",
    "create_table",
    "create_field",
    "update_schema",
    "write_comment",
    "delete_comment",
    "upload_attachment",
    "create_webhook",
    "change_webhook",
    "sync_csv",
    "change_admin",
}


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRTABLE_")}
    return {**kept, **variables}


@pytest.fixture(scope="module")
def airtable():
    """One emulator for all processes; each test leaves the three orders as they were."""
    with running_emulator(seed=small_seed()) as running:
        yield running


@pytest.fixture(scope="module")
def http_url(airtable) -> Iterator[str]:
    """One server over HTTP for all tests that want every tool."""
    with http_server(AIRTABLE_API_KEY=airtable.token, AIRTABLE_ENDPOINT_URL=airtable.url) as url:
        yield url


async def ask(client: Client, tool: str, **arguments) -> dict:
    """Call a tool on the orders; the structured result."""
    result = await client.call_tool(tool, ORDERS | arguments if tool != "list_bases" else {}, raise_on_error=False)
    assert result.structured_content is not None
    return result.structured_content


@contextmanager
def http_server(*options: str, **variables: str) -> Generator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*COMMAND, "--http", "--port", str(port), *options], env=environment(**variables))
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not is_listening(port):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(POLL_SECONDS)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait()


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


async def test_stdio_process_does_the_main_job_and_never_logs_the_token(airtable, tmp_path):
    log = tmp_path / "stderr"
    variables = environment(AIRTABLE_API_KEY=airtable.token, AIRTABLE_ENDPOINT_URL=airtable.url)
    arguments = [*COMMAND[1:], "--log-level", "DEBUG"]
    transport = StdioTransport(COMMAND[0], arguments, env=variables, log_file=log, keep_alive=False)
    async with Client(transport) as client:
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
    with http_server("--read-only", **variables) as url:
        async with Client(url) as client:
            assert {tool.name for tool in await client.list_tools()} == READS
            listed = await ask(client, "list_records", fields=["Number"], page_size=2)
            refused = await ask(client, "delete_records", record_ids=[listed["records"][0]["id"]])
            again = await ask(client, "list_records", fields=["Number"])
    assert [record["fields"]["Number"] for record in listed["records"]] == ["A-1", "A-2"]
    assert refused["error"]["code"] == "not_found"
    assert len(again["records"]) == 3


async def test_server_offers_the_toolsets_that_the_command_line_names(airtable):
    variables = {"AIRTABLE_API_KEY": airtable.token, "AIRTABLE_TOOLSETS": "records"}
    arguments = [*COMMAND[1:], "--toolsets", "schema, comments"]
    transport = StdioTransport(COMMAND[0], arguments, env=environment(**variables), keep_alive=False)
    async with Client(transport) as client:
        assert {tool.name for tool in await client.list_tools()} == {
            "list_bases",
            "list_tables",
            "create_base",
            "create_table",
            "create_field",
            "update_schema",
            "list_comments",
            "write_comment",
            "delete_comment",
        }


async def test_unknown_toolset_ends_the_start_with_one_line_and_the_closest():
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--toolsets", "recrods", env=environment(AIRTABLE_API_KEY="pat"), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    lines = errors.decode().splitlines()
    assert len(lines) == 1
    assert "'records'" in lines[0]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_http_server_does_the_main_job(http_url, mode):
    async with Client(http_url, mode=mode) as client:
        made = await ask(client, "create_records", records=[{"fields": {"Number": "A-4"}}])
        change = {"id": made["records"][0]["id"], "fields": {"Email": "dora@example.com"}}
        changed = await ask(client, "update_records", records=[change])
        deleted = await ask(client, "delete_records", record_ids=[change["id"]])
    assert changed["records"][0]["fields"]["Email"] == "dora@example.com"
    assert deleted["deleted"] == [change["id"]]


async def test_process_ends_with_its_client_even_while_airtable_is_silent(wire):
    silent = await wire({"fate": "hang"})
    pipe = asyncio.subprocess.PIPE
    variables = environment(AIRTABLE_API_KEY="pat", AIRTABLE_ENDPOINT_URL=silent.url)
    process = await asyncio.create_subprocess_exec(*COMMAND, env=variables, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    for message in (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "list_bases", "arguments": {}}},
    ):
        process.stdin.write(json.dumps(message).encode() + b"\n")
    try:
        await asyncio.wait_for(silent.arrived.wait(), START_SECONDS_MAX)
        process.stdin.close()
        # Far below the 30 s for which the request's thread would wait.
        await asyncio.wait_for(process.communicate(), 5)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0


async def test_start_with_a_missing_setting_ends_with_one_line_that_names_it():
    process = await asyncio.create_subprocess_exec(
        *COMMAND, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    lines = errors.decode().splitlines()
    assert len(lines) == 1
    assert "AIRTABLE_API_KEY" in lines[0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AIRTABLE_API_KEY", ""),
        ("AIRTABLE_API_KEY", "two leaked"),
        ("AIRTABLE_API_KEY", "pat\nleaked"),
        ("AIRTABLE_API_KEY", "patleakedé"),
        ("AIRTABLE_ENDPOINT_URL", "api.airtable.com"),
        ("AIRTABLE_ENDPOINT_URL", "ftp://api.airtable.com"),
        ("AIRTABLE_ENDPOINT_URL", "https://airtable.com/"),
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


async def test_request_for_a_host_that_is_not_the_servers_is_refused(http_url):
    port = int(http_url.split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    head = f"POST /mcp HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\n\r\n{body}".encode())
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert status.split()[1] in (b"403", b"421")
