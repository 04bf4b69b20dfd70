"""The server as a process: over stdio, over HTTP with --read-only, without its settings, and without its store."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.stores.valkey import running_valkey

COMMAND = [sys.executable, "-m", "smeboost_redis"]
READS = {"scan_keys", "get_key", "describe_key", "get_hash", "get_cached", "server_info"}
WRITES = {
    "set_key",
    "delete_keys",
    "expire_key",
    "set_hash_fields",
    "delete_hash_fields",
    "put_cached",
    "invalidate_cache",
}
POLL_SECONDS = 0.05
POLLS_MAX = 600


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REDIS_")}
    return {**kept, "REDIS_KEY_PREFIX": f"test-{uuid4().hex}:", **variables}


@asynccontextmanager
async def http_server(*options: str, **variables: str) -> AsyncGenerator[str]:
    port = free_port()
    arguments = [*COMMAND, "--http", "--port", str(port), *options]
    process = await asyncio.create_subprocess_exec(*arguments, env=environment(**variables))
    try:
        for _ in range(POLLS_MAX):
            if await is_listening(port):
                break
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
async def test_a_stdio_process_does_the_main_job_and_never_logs_the_password(
    valkey_url: str, tmp_path: Path, mode: str
):
    log = tmp_path / "stderr"
    transport = StdioTransport(
        COMMAND[0],
        [*COMMAND[1:], "--log-level", "DEBUG"],
        env=environment(REDIS_URL=valkey_url),
        log_file=log,
        keep_alive=False,
    )
    async with Client(transport, mode=mode) as client:
        assert {tool.name for tool in await client.list_tools()} == READS | WRITES
        await client.call_tool("set_key", {"key": "a", "value": "text", "ttl_seconds": 60})
        read = await client.call_tool("get_key", {"key": "a"})
        missing = await client.call_tool("get_key", {"key": "b"}, raise_on_error=False)
    assert read.structured_content is not None
    assert read.structured_content["value"] == "text"
    assert missing.is_error
    assert str(urlsplit(valkey_url).password) not in log.read_text()


async def test_a_read_only_server_over_http_offers_and_does_nothing_else(valkey_url: str):
    async with http_server("--read-only", REDIS_URL=valkey_url) as url:
        for mode in ("auto", "legacy"):
            async with Client(url, mode=mode) as client:
                assert {tool.name for tool in await client.list_tools()} == READS
                refused = await client.call_tool("set_key", {"key": "a", "value": "1"}, raise_on_error=False)
                assert refused.is_error
                assert refused.structured_content is not None
                assert refused.structured_content["error"]["code"] == "not_found"
                found = await client.call_tool("scan_keys", {})
                assert found.structured_content == {"keys": [], "cursor": None}


async def test_a_server_whose_store_goes_and_comes_says_so_and_needs_no_restart(tmp_path: Path):
    port = free_port()
    async with running_valkey(tmp_path, port=port, durable=False) as valkey:
        url = valkey.url
    async with http_server(REDIS_URL=url) as endpoint, Client(endpoint) as client:
        assert {tool.name for tool in await client.list_tools()} == READS | WRITES
        down = await client.call_tool("get_key", {"key": "a"}, raise_on_error=False)
        assert down.structured_content is not None
        assert down.structured_content["error"]["code"] == "store_unavailable"
        assert down.structured_content["error"]["retryable"] is True
        async with running_valkey(tmp_path, port=port, durable=False):
            made = await client.call_tool("set_key", {"key": "a", "value": "1"})
            assert made.structured_content == {"key": "a", "written": True}


async def test_a_wrong_password_is_told_to_the_caller_without_it(valkey_url: str):
    port = urlsplit(valkey_url).port
    async with (
        http_server(REDIS_URL=f"redis://:wr0ng@127.0.0.1:{port}/0") as url,
        Client(url) as client,
    ):
        refused = await client.call_tool("get_key", {"key": "a"}, raise_on_error=False)
    assert refused.structured_content is not None
    assert refused.structured_content["error"]["code"] == "vendor_credentials"
    assert "wr0ng" not in str(refused)


def test_a_server_without_its_url_names_the_variable_and_ends_with_2():
    done = subprocess.run(COMMAND, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "REDIS_URL" in done.stderr
