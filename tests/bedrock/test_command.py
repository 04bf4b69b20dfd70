"""The server as a process: stdio, HTTP, read-only, settings."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from smeboost_bedrock.settings import BedrockSettings
from smeboost_emulators.testing.bedrock import BedrockEmulator
from smeboost_shared.errors import Misconfigured
from smeboost_shared.settings import load

COMMAND = [sys.executable, "-m", "smeboost_bedrock"]
START_SECONDS = 15
"""A process starts slowly on a busy machine."""
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
        await asyncio.wait_for(answers(port), START_SECONDS)
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            assert {tool.name for tool in await client.list_tools()} == {"list_models", "estimate_cost"}
            listed = await client.call_tool("list_models", {"provider": "Amazon"})
            assert listed.structured_content is not None
            assert [model["name"] for model in listed.structured_content["models"]] == ["Nova Lite"]
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("converse", {"messages": [{"role": "user", "text": "Hello"}]}), ("list_models", {})],
)
async def test_process_ends_with_its_client_even_while_bedrock_is_silent(
    environment: Environment, faulty_wire: Callable[..., Any], steps: Any, *, tool: str, arguments: dict[str, Any]
):
    wire = faulty_wire(steps.hangs())
    env = environment(AWS_ENDPOINT_URL_BEDROCK_RUNTIME=wire.url)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*COMMAND, env=env, stdin=pipe, stdout=pipe)
    assert process.stdin is not None
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    question = {"name": tool, "arguments": arguments}
    for message in (
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": question},
    ):
        process.stdin.write(json.dumps(message).encode() + b"\n")
    try:
        assert await asyncio.to_thread(wire.arrived.wait, START_SECONDS)
        process.stdin.close()
        # Far below the 30 or 300 s for which the call's thread would wait.
        await asyncio.wait_for(process.communicate(), 5)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0


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


def test_missing_setting_gives_one_line_that_names_it(environment: Environment):
    env = environment(AWS_REGION=None)
    result = subprocess.run(COMMAND, env=env, capture_output=True, text=True, timeout=START_SECONDS, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "AWS_REGION" in result.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_REGION", ""),
        ("AWS_REGION", "nowhere"),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "127.0.0.1:4566"),
        ("BEDROCK_CALLS_MAX", "many"),
    ],
)
def test_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured) as refused:
        load(BedrockSettings)
    assert [problem.field for problem in refused.value.errors] == [variable]
