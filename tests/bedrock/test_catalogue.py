"""`list_models` and `estimate_cost`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
from smeboost_bedrock.catalogue import base_id, end_warning, load_catalogue

Ask = Callable[..., Awaitable[Any]]


async def listed(ask: Ask, **settings: Any) -> dict[str, dict[str, Any]]:
    result = (await ask("list_models", {}, **settings)).structured_content
    return {model["id"]: model for model in result["models"]}


async def test_models_carry_lifecycle_limits_prices_and_the_ids_to_call(ask: Ask):
    models = await listed(ask)
    sonnet = models["anthropic.claude-sonnet-4-6"]
    assert sonnet["name"] == "Claude Sonnet 4.6"
    assert sonnet["status"] == "active"
    assert sonnet["call_ids"] == ["global.anthropic.claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6"]
    assert sonnet["context_tokens"] == 1_000_000
    assert sonnet["max_output_tokens"] == 128_000
    prices = {price["scope"]: price for price in sonnet["prices_per_million_tokens"]}
    assert prices["global"]["input_usd"] == 3
    assert prices["regional"]["output_usd"] == 16.5
    assert prices["global"]["source"]


async def test_retired_model_is_marked_with_its_successor(ask: Ask):
    retired = (await listed(ask))["anthropic.claude-sonnet-4-20250514-v1:0"]
    assert retired["status"] == "end_of_life"
    assert retired["end_of_life"] == "2026-10-14"
    assert "global.anthropic.claude-sonnet-4-6" in retired["warning"]


async def test_model_that_cannot_converse_is_left_out_and_on_demand_comes_first(ask: Ask):
    models = await listed(ask)
    assert "amazon.titan-embed-text-v2:0" not in models
    assert models["anthropic.claude-sonnet-5"]["call_ids"][0] == "anthropic.claude-sonnet-5"


async def test_profiles_follow_the_region(ask: Ask):
    models = await listed(ask, region="eu-west-1")
    assert models["anthropic.claude-sonnet-4-6"]["call_ids"] == [
        "eu.anthropic.claude-sonnet-4-6",
        "global.anthropic.claude-sonnet-4-6",
    ]


async def test_models_are_filtered_by_provider_and_paged(ask: Ask):
    whole = (await ask("list_models", {"provider": "anthropic"})).structured_content
    assert {model["provider"] for model in whole["models"]} == {"Anthropic"}
    assert whole["cursor"] is None
    assert whole["default_model"] == "global.anthropic.claude-sonnet-4-6"
    seen: list[str] = []
    arguments: dict[str, Any] = {"provider": "anthropic", "limit": 3}
    for _ in range(10):
        page = (await ask("list_models", arguments)).structured_content
        seen += [model["id"] for model in page["models"]]
        if page["cursor"] is None:
            break
        arguments["cursor"] = page["cursor"]
    assert seen == [model["id"] for model in whole["models"]]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"cursor": "nonsense"}, "cursor"), ({"limit": 0}, "limit"), ({"provider": ""}, "provider")],
)
async def test_bad_input_of_list_models_names_the_field(ask: Ask, arguments: dict[str, Any], field: str):
    failure = (await ask("list_models", arguments)).structured_content["error"]
    assert failure["code"] == "invalid_input"
    assert [problem["field"] for problem in failure["errors"]] == [field]


async def test_unreachable_control_plane_is_unavailable(ask: Ask):
    result = await ask("list_models", {}, control_url="http://127.0.0.1:9")
    assert result.structured_content["error"]["code"] == "vendor_unavailable"


async def test_list_that_breaks_off_is_unavailable_and_says_nothing_of_a_bill(ask: Ask):
    async def cut(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
        result = await ask("list_models", {}, control_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    failure = result.structured_content["error"]
    assert failure["code"] == "vendor_unavailable"
    assert "billed" not in failure.get("hint", "")


async def test_lists_at_once_are_bounded_and_all_answer_in_time(connect: Any):
    async with connect() as client:
        calls = [client.call_tool("list_models", {}, raise_on_error=False) for _ in range(12)]
        results = [result.structured_content for result in await asyncio.gather(*calls)]
        codes = {result["error"]["code"] for result in results if "error" in result}
        assert codes <= {"rate_limited"}
        assert sum("models" in result for result in results) >= 8
        assert (await client.call_tool("list_models", {})).structured_content["models"]


@pytest.mark.parametrize(
    ("model", "tokens", "total"),
    [
        ("sonnet-4.6", (1_000_000, 100_000), 4.5),
        ("us.anthropic.claude-sonnet-4-6", (1_000_000, 100_000), 4.95),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-sonnet-4-6", (1, 0), 3e-06),
        ("haiku-5.5", (100_000, 0), 0.01),
        ("haiku-5.5", (100_001, 0), 0.0500005),
        ("sonnet-4.6", (0, 0), 0.0),
    ],
)
async def test_cost_is_tokens_times_price(ask: Ask, model: str, tokens: tuple[int, int], total: float):
    arguments = {"model": model, "input_tokens": tokens[0], "output_tokens": tokens[1]}
    result = (await ask("estimate_cost", arguments)).structured_content
    assert result["total_usd"] == pytest.approx(total)
    assert result["total_usd"] == pytest.approx(result["input_usd"] + result["output_usd"])
    assert result["prices_per_million_tokens"]["as_of"] == "2026-11-23"


async def test_cost_of_an_unknown_model_is_not_guessed(ask: Ask):
    result = await ask("estimate_cost", {"model": "acme.model", "input_tokens": 1, "output_tokens": 1})
    assert result.structured_content["error"]["code"] == "not_found"
    assert "sonnet-4.6" in result.structured_content["error"]["hint"]


@pytest.mark.parametrize(
    ("model_id", "expected"),
    [
        ("anthropic.claude-sonnet-4-6", "anthropic.claude-sonnet-4-6"),
        ("apac.anthropic.claude-sonnet-4-6", "anthropic.claude-sonnet-4-6"),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
        ("arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"),
    ],
)
def test_base_id_strips_arn_and_geography(model_id: str, expected: str):
    assert base_id(model_id) == expected


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 10, 9), None),
        (date(2026, 10, 10), "in 90 days"),
        (date(2027, 1, 7), "in 1 days"),
        (date(2027, 1, 8), "reached the end"),
    ],
)
def test_warning_begins_ninety_days_before_the_end(today: date, words: str | None):
    warning = end_warning("X", date(2027, 1, 8), None, today)
    assert (warning is None) if words is None else (words in (warning or ""))


def test_catalogue_is_consistent():
    catalogue = load_catalogue()
    aliases = [model.alias for model in catalogue.models]
    assert len(set(aliases)) == len(aliases)
    for model in catalogue.models:
        assert base_id(model.call_as) == model.id
        assert model.prices(model.call_as) is not None
        assert model.end_of_life is None or catalogue.facts(model.successor or "") is not None
