"""`converse` against the emulator: what it answers, what it refuses, how it fails."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from smeboost_bedrock.server import create_server

Ask = Callable[..., Awaitable[Any]]
Connect = Callable[..., Any]
Server = Callable[..., Any]
HELLO = [{"role": "user", "text": "Hello there"}]


def error(result: Any) -> dict[str, Any]:
    assert result.is_error
    return result.structured_content["error"]


async def test_converse_answers_with_text_usage_and_latency(ask: Ask):
    result = (await ask("converse", {"messages": HELLO, "system": "Be brief."})).structured_content
    assert "emulator" in result["text"]
    assert "Hello there" in result["text"]
    assert result["stop_reason"] == "end_turn"
    assert result["model"] == "global.anthropic.claude-sonnet-4-6"
    usage = result["usage"]
    assert usage["input_tokens"] == 5
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["cache_read_input_tokens"] == 0
    assert result["latency_ms"] >= 0


async def test_max_tokens_and_stop_sequences_reach_the_model(ask: Ask):
    cut = await ask("converse", {"messages": HELLO, "max_tokens": 3, "temperature": 0.5})
    assert cut.structured_content["stop_reason"] == "max_tokens"
    assert cut.structured_content["usage"]["output_tokens"] == 3
    stopped = await ask("converse", {"messages": HELLO, "stop_sequences": ["emulator"]})
    assert stopped.structured_content["stop_reason"] == "stop_sequence"
    assert "emulator" not in stopped.structured_content["text"]


async def test_alias_names_a_model_and_a_model_near_its_end_is_warned_about(ask: Ask):
    result = (await ask("converse", {"messages": HELLO, "model": "Opus-4.1"})).structured_content
    assert result["model"] == "us.anthropic.claude-opus-4-1-20250805-v1:0"
    assert "global.anthropic.claude-opus-5-5" in result["warning"]


async def test_default_model_comes_from_the_settings(ask: Ask):
    result = await ask("converse", {"messages": HELLO}, model_id="haiku-4.5")
    assert result.structured_content["model"] == "global.anthropic.claude-haiku-4-5-20251001-v1:0"


async def test_progress_grows_up_to_the_total(connect: Connect):
    seen: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, _message: str | None) -> None:
        seen.append((progress, total))

    async with connect() as client:
        await client.call_tool("converse", {"messages": HELLO}, progress_handler=note)
    assert len(seen) >= 2
    assert seen == sorted(seen)
    assert seen[-1] == (1024, 1024)


async def test_retired_model_names_its_successor(ask: Ask):
    failure = error(await ask("converse", {"messages": HELLO, "model": "sonnet-4"}))
    assert failure["code"] == "not_found"
    assert "end of its life" in failure["message"]
    assert "global.anthropic.claude-sonnet-4-6" in failure["hint"]


async def test_retired_model_that_is_answered_as_unknown_names_its_successor_too(
    ask: Ask, faulty_wire: Server, steps: Any
):
    wire = faulty_wire(steps.refuses(400, "ValidationException", "The provided model identifier is invalid."))
    failure = error(await ask("converse", {"messages": HELLO, "model": "sonnet-4"}, runtime_url=wire.url))
    assert failure["code"] == "not_found"
    assert "global.anthropic.claude-sonnet-4-6" in failure["hint"]


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("anthropic.claude-nonsense", "list_models"),
        ("anthropic.claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6"),
    ],
)
async def test_model_that_cannot_be_called_is_named_with_a_way_out(ask: Ask, model: str, hint: str):
    failure = error(await ask("converse", {"messages": HELLO, "model": model}))
    assert failure["code"] == "invalid_input"
    assert failure["errors"][0]["field"] == "model"
    assert hint in failure["hint"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [{"role": "robot", "text": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "text": ""}]}, "messages.0.text"),
        ({"messages": [{"role": "user", "text": " \n"}]}, "messages.0.text"),
        ({"messages": [{"role": "user", "text": "x", "extra": 1}]}, "messages.0.extra"),
        ({"messages": HELLO, "system": " "}, "system"),
        ({"messages": HELLO, "max_tokens": 0}, "max_tokens"),
        ({"messages": HELLO, "max_tokens": 128_001}, "max_tokens"),
        ({"messages": HELLO, "temperature": 1.1}, "temperature"),
        ({"messages": HELLO, "temperature": 0.5, "model": "sonnet-5.5"}, "temperature"),
        ({"messages": HELLO, "stop_sequences": [""]}, "stop_sequences.0"),
        ({"messages": HELLO, "model": ""}, "model"),
        ({"messages": [*HELLO, {"role": "assistant", "text": "Well,"}]}, "messages"),
        ({}, "messages"),
    ],
)
async def test_bad_input_names_the_field(ask: Ask, arguments: dict[str, Any], field: str):
    # Nothing may be sent: this address answers nobody.
    failure = error(await ask("converse", arguments, runtime_url="http://127.0.0.1:9"))
    assert failure["code"] == "invalid_input"
    assert failure["fault"] == "caller"
    assert field in [problem["field"] for problem in failure["errors"]]


async def test_wrong_order_of_roles_gets_the_services_own_words(ask: Ask):
    failure = error(await ask("converse", {"messages": HELLO * 2}))
    assert failure["code"] == "invalid_input"
    assert "must alternate" in failure["message"]


async def test_prompt_over_the_limit_is_not_sent(ask: Ask):
    failure = error(await ask("converse", {"messages": HELLO}, prompt_characters_max=10))
    assert failure["code"] == "too_large"
    assert "BEDROCK_PROMPT_CHARACTERS_MAX" in failure["hint"]


async def test_missing_credentials_name_the_variables(ask: Ask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    failure = error(await ask("converse", {"messages": HELLO}))
    assert failure["code"] == "vendor_credentials"
    assert "AWS_ACCESS_KEY_ID" in failure["hint"]


async def test_unknown_profile_is_a_matter_of_credentials(ask: Ask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert error(await ask("list_models", {}))["code"] == "vendor_credentials"


async def test_bearer_key_over_plain_http_is_explained(ask: Ask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key")
    failure = error(await ask("converse", {"messages": HELLO}))
    assert failure["code"] == "misconfigured"
    assert "https" in failure["hint"]


async def test_many_calls_at_once_all_answer(connect: Connect):
    async with connect(calls_max=4) as client:
        calls = [client.call_tool("converse", {"messages": [{"role": "user", "text": f"n{n}"}]}) for n in range(24)]
        results = await asyncio.gather(*calls)
    assert all(f'"n{n}"' in result.structured_content["text"] for n, result in enumerate(results))


async def test_server_may_be_opened_again(make_settings: Server):
    server: FastMCP = create_server(make_settings())
    for _ in range(2):
        async with Client(server) as client:
            assert (await client.call_tool("converse", {"messages": HELLO})).structured_content


async def test_tools_match_the_snapshot(make_settings: Server, assert_tools_match: Callable[..., Awaitable[None]]):
    await assert_tools_match(create_server(make_settings()), Path(__file__).parent / "tools.json")
