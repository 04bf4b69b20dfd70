"""The server as a process: stdio, HTTP, read-only, settings."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from smeboost_emulators.testing.bedrock import BedrockEmulator

COMMAND = [sys.executable, "-m", "smeboost_bedrock"]
SECRET = "the prompt that nobody may log"

Environment = Callable[..., dict[str, str]]


@pytest.fixture
def environment(bedrock_emulator: BedrockEmulator) -> Environment:
    """The process's environment; a None removes a variable."""

    def make(**changes: str | None) -> dict[str, str]:
        own = {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock_emulator.url}
        merged = {**os.environ, **own, **changes}
        return {name: value for name, value in merged.items() if value is not None}

    return make


async def test_stdio_process_answers_and_never_logs_a_prompt(environment: Environment, tmp_path: Path):
    log = tmp_path / "stderr"
    arguments = [*COMMAND[1:], "--log-level", "DEBUG"]
    transport = StdioTransport(COMMAND[0], arguments, env=environment(), log_file=log, keep_alive=False)
    async with Client(transport) as client:
        names = {tool.name for tool in await client.list_tools()}
        result = await client.call_tool("converse", {"messages": [{"role": "user", "text": SECRET}]})
        await client.call_tool("converse", {"messages": [{"role": "user", "text": SECRET}] * 2}, raise_on_error=False)
    assert names == {"converse", "list_models", "estimate_cost"}
    assert result.structured_content is not None
    assert SECRET in result.structured_content["text"]
    assert SECRET not in log.read_text(encoding="utf-8")


async def test_http_read_only_offers_only_what_costs_nothing(environment: Environment):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "--http", "--port", str(port), "--read-only", env=environment(), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await asyncio.wait_for(answers(port), 15)
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            assert {tool.name for tool in await client.list_tools()} == {"list_models", "estimate_cost"}
            listed = await client.call_tool("list_models", {"provider": "Amazon"})
            assert listed.structured_content is not None
            assert [model["name"] for model in listed.structured_content["models"]] == ["Nova Lite"]
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


async def answers(port: int) -> None:
    """Return when something listens on `port`."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_REGION", None),
        ("AWS_REGION", "nowhere"),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "127.0.0.1:4566"),
        ("BEDROCK_CALLS_MAX", "many"),
    ],
)
def test_missing_or_wrong_setting_gives_one_line_that_names_it(
    environment: Environment, variable: str, value: str | None
):
    env = environment(**{variable: value})
    result = subprocess.run(COMMAND, env=env, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert variable in result.stderr
