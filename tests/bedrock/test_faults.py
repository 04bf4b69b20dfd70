"""`converse` on a wire that throttles, cuts, stalls and breaks."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from smeboost_emulators.bedrock.eventstream import encode_exception

Ask = Callable[..., Awaitable[Any]]
Server = Callable[..., Any]
HELLO = {"messages": [{"role": "user", "text": "Hello"}]}
TOO_MANY = "Too many tokens, please wait before trying again."


def error(result: Any) -> dict[str, Any]:
    assert result.is_error
    return result.structured_content["error"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "ThrottlingException"),
        (503, "ServiceUnavailableException"),
        (500, "InternalServerException"),
        (429, "ModelNotReadyException"),
    ],
)
async def test_passing_refusal_is_retried(ask: Ask, faulty_wire: Server, steps: Any, status: int, kind: str):
    refusal = steps.refuses(status, kind, "later")
    wire = faulty_wire(refusal, refusal, steps.says("Good ", "day"))
    result = await ask("converse", HELLO, runtime_url=wire.url)
    assert result.structured_content["text"] == "Good day"
    assert result.structured_content["usage"]["total_tokens"] == 5
    assert result.structured_content["latency_ms"] == 7
    assert len(wire.requests) == 3


async def test_lasting_throttle_ends_after_the_attempts_and_is_retryable(ask: Ask, faulty_wire: Server, steps: Any):
    wire = faulty_wire(steps.refuses(429, "ThrottlingException", TOO_MANY))
    failure = error(await ask("converse", HELLO, runtime_url=wire.url, attempts_max=3))
    assert failure["code"] == "rate_limited"
    assert failure["retryable"] is True
    assert TOO_MANY in failure["message"]
    assert len(wire.requests) == 3


async def test_long_hint_of_the_service_is_passed_on_instead_of_waited_for(ask: Ask, faulty_wire: Server, steps: Any):
    refusal = steps.refuses(429, "ThrottlingException", TOO_MANY, {"x-amz-retry-after": "60000"})
    wire = faulty_wire(refusal)
    failure = error(await ask("converse", HELLO, runtime_url=wire.url))
    assert failure["retry_after_seconds"] == 60
    assert len(wire.requests) == 1


async def test_short_hint_of_the_service_is_waited_for(ask: Ask, faulty_wire: Server, steps: Any):
    refusal = steps.refuses(429, "ThrottlingException", TOO_MANY, {"x-amz-retry-after": "300"})
    wire = faulty_wire(refusal, steps.says("Hi"))
    started = asyncio.get_running_loop().time()
    result = await ask("converse", HELLO, runtime_url=wire.url, retry_wait_max_seconds=1)
    assert result.structured_content["text"] == "Hi"
    assert asyncio.get_running_loop().time() - started >= 0.3


@pytest.mark.parametrize(
    ("status", "kind", "message", "code"),
    [
        (400, "ValidationException", "Input is too long for requested model.", "invalid_input"),
        (403, "AccessDeniedException", "You don't have access to the model.", "vendor_credentials"),
        (403, "UnrecognizedClientException", "The security token is invalid.", "vendor_credentials"),
        (403, "SomethingNewException", "no", "vendor_credentials"),
        (404, "ResourceNotFoundException", "Could not find the guardrail.", "not_found"),
        (408, "ModelTimeoutException", "The model took too long.", "vendor_timeout"),
        (400, "ServiceQuotaExceededException", "quota", "quota_exhausted"),
        (429, "ThrottlingException", "Too many tokens per day, please wait before trying again.", "quota_exhausted"),
        (413, "RequestEntityTooLargeException", "too large", "too_large"),
        (501, "NotImplementedException", "not here", "not_supported"),
        (418, "TeapotException", "short and stout", "vendor_rejected"),
    ],
)
async def test_final_refusal_is_not_retried(
    ask: Ask, faulty_wire: Server, steps: Any, *, status: int, kind: str, message: str, code: str
):
    wire = faulty_wire(steps.refuses(status, kind, message))
    failure = error(await ask("converse", HELLO, runtime_url=wire.url))
    assert failure["code"] == code
    assert message in failure["message"]
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("behind", "attempts", "code"), [(503, 2, "vendor_unavailable"), (400, 1, "vendor_bad_answer")]
)
async def test_failed_model_is_asked_once_more_only_when_it_was_down(
    ask: Ask, faulty_wire: Server, steps: Any, *, behind: int, attempts: int, code: str
):
    wire = faulty_wire(steps.refuses(424, "ModelErrorException", "failed", originalStatusCode=behind))
    assert error(await ask("converse", HELLO, runtime_url=wire.url))["code"] == code
    assert len(wire.requests) == attempts


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        ("internalServerException", "vendor_unavailable"),
        ("serviceUnavailableException", "vendor_unavailable"),
        ("modelStreamErrorException", "vendor_bad_answer"),
        ("throttlingException", "rate_limited"),
    ],
)
async def test_exception_within_the_stream_keeps_the_text_so_far_and_is_not_retried(
    ask: Ask, faulty_wire: Server, steps: Any, *, exception: str, code: str
):
    body = steps.frames("Once upon", finished=False) + encode_exception(exception, "sorry")
    wire = faulty_wire(steps.sends(body))
    failure = error(await ask("converse", HELLO, runtime_url=wire.url))
    assert failure["code"] == code
    assert "Once upon" in failure["hint"]
    assert len(wire.requests) == 1


async def test_long_text_of_a_broken_answer_is_not_repeated_in_the_error(ask: Ask, faulty_wire: Server, steps: Any):
    body = steps.frames("x" * 2001, finished=False) + encode_exception("internalServerException", "sorry")
    failure = error(await ask("converse", HELLO, runtime_url=faulty_wire(steps.sends(body)).url))
    assert "xxx" not in failure.get("hint", "")


@pytest.mark.parametrize("cut", [1, 40, 200])
async def test_cut_stream_is_a_bad_answer_and_is_not_retried(ask: Ask, faulty_wire: Server, steps: Any, cut: int):
    wire = faulty_wire(steps.sends(steps.frames("Once upon a time")[:-cut]))
    failure = error(await ask("converse", HELLO, runtime_url=wire.url))
    assert failure["code"] == "vendor_bad_answer"
    assert "Once upon a time" in failure["hint"]
    assert len(wire.requests) == 1


async def test_damaged_frame_is_a_bad_answer(ask: Ask, faulty_wire: Server, steps: Any):
    body = bytearray(steps.frames("Once upon a time"))
    body[-20] ^= 1
    failure = error(await ask("converse", HELLO, runtime_url=faulty_wire(steps.sends(bytes(body))).url))
    assert failure["code"] == "vendor_bad_answer"
    assert "Once upon a time" in failure["hint"]


async def test_answer_that_is_no_stream_is_a_bad_answer(ask: Ask, faulty_wire: Server, steps: Any):
    wire = faulty_wire(steps.sends(b'{"Output":{"__type":"UnknownOperationException"},"Version":"1.0"}'))
    assert error(await ask("converse", HELLO, runtime_url=wire.url))["code"] == "vendor_bad_answer"


async def test_silent_model_times_out_once_with_a_word_about_the_bill(ask: Ask, faulty_wire: Server, steps: Any):
    wire = faulty_wire(steps.hangs())
    failure = error(await ask("converse", HELLO, runtime_url=wire.url, read_timeout_seconds=0.2))
    assert failure["code"] == "vendor_timeout"
    assert failure["retryable"] is True
    assert "billed" in failure["hint"]
    assert len(wire.requests) == 1


async def test_model_that_falls_silent_times_out_and_keeps_its_text(ask: Ask, faulty_wire: Server, steps: Any):
    wire = faulty_wire(steps.hangs_after(steps.frames("Once upon", finished=False)))
    failure = error(await ask("converse", HELLO, runtime_url=wire.url, read_timeout_seconds=0.2))
    assert failure["code"] == "vendor_timeout"
    assert "Once upon" in failure["hint"]


async def test_answer_that_takes_too_long_in_all_is_given_up(ask: Ask, faulty_wire: Server, steps: Any):
    wire = faulty_wire(steps.hangs_after(steps.frames("Once upon", finished=False)))
    failure = error(await ask("converse", HELLO, runtime_url=wire.url, answer_timeout_seconds=0.2))
    assert failure["code"] == "vendor_timeout"
    assert await asyncio.to_thread(wire.disconnected.wait, 5)


async def test_nobody_there_is_unavailable(ask: Ask):
    failure = error(await ask("converse", HELLO, runtime_url="http://127.0.0.1:9", attempts_max=2))
    assert failure["code"] == "vendor_unavailable"
    assert failure["retryable"] is True


async def test_cancelled_call_stops_reading_the_stream(connect: Any, faulty_wire: Server, steps: Any):
    wire = faulty_wire(steps.hangs_after(steps.frames("Once upon", finished=False)))
    begun = asyncio.Event()

    async def note(_progress: float, _total: float | None, _message: str | None) -> None:
        begun.set()

    async with connect(runtime_url=wire.url) as client:
        call = asyncio.create_task(client.call_tool("converse", HELLO, progress_handler=note))
        await asyncio.wait_for(begun.wait(), 5)
        call.cancel()
        assert await asyncio.to_thread(wire.disconnected.wait, 5)


async def test_calls_beyond_the_bound_wait_and_then_are_turned_away(connect: Any, faulty_wire: Server, steps: Any):
    wire = faulty_wire(steps.hangs_after(steps.frames("Once upon", finished=False)))
    begun = asyncio.Event()

    async def note(_progress: float, _total: float | None, _message: str | None) -> None:
        begun.set()

    async with connect(runtime_url=wire.url, calls_max=1, queue_timeout_seconds=0.1) as client:
        first = asyncio.create_task(client.call_tool("converse", HELLO, progress_handler=note))
        await asyncio.wait_for(begun.wait(), 5)
        failure = error(await client.call_tool("converse", HELLO, raise_on_error=False))
        assert failure["code"] == "rate_limited"
        assert "BEDROCK_CALLS_MAX" in failure["hint"]
        first.cancel()
        assert await asyncio.to_thread(wire.disconnected.wait, 5)
    assert len(wire.requests) == 1


async def test_turn_of_a_cancelled_call_is_free_for_the_next(connect: Any, faulty_wire: Server, steps: Any):
    wire = faulty_wire(steps.hangs_after(steps.frames("Once upon", finished=False)), steps.says("Next"))
    begun = asyncio.Event()

    async def note(_progress: float, _total: float | None, _message: str | None) -> None:
        begun.set()

    async with connect(runtime_url=wire.url, calls_max=1) as client:
        first = asyncio.create_task(client.call_tool("converse", HELLO, progress_handler=note))
        await asyncio.wait_for(begun.wait(), 5)
        first.cancel()
        second = await asyncio.wait_for(client.call_tool("converse", HELLO), 5)
    assert second.structured_content["text"] == "Next"


async def test_request_carries_the_fields_of_the_contract_and_the_encoded_model(
    ask: Ask, faulty_wire: Server, steps: Any
):
    wire = faulty_wire(steps.says("Hi"))
    arguments = {**HELLO, "system": "Be kind.", "model": "haiku-4.5", "temperature": 0, "stop_sequences": ["END"]}
    await ask("converse", arguments, runtime_url=wire.url)
    sent = wire.requests[0]
    assert sent["path"] == "/model/global.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream"
    assert sent["body"] == {
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "system": [{"text": "Be kind."}],
        "inferenceConfig": {"maxTokens": 1024, "temperature": 0.0, "stopSequences": ["END"]},
    }
