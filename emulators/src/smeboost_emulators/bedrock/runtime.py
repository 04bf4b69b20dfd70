"""The runtime operations: Converse, ConverseStream, CountTokens."""

from collections.abc import Generator
from datetime import datetime
from time import perf_counter
from typing import cast

from starlette.responses import JSONResponse, Response, StreamingResponse

from smeboost_emulators.bedrock.answers import Answer, answer, input_tokens
from smeboost_emulators.bedrock.conversation import JsonObject, check_conversation, read_conversation
from smeboost_emulators.bedrock.eventstream import MEDIA_TYPE, encode_event
from smeboost_emulators.bedrock.faults import constraint, not_emulated
from smeboost_emulators.bedrock.offer import callable_model, known_model


def converse(model_id: str, body: JsonObject, region: str, now: datetime) -> Response:
    """`POST /model/{id}/converse`."""
    started = perf_counter()
    finished = _answered(model_id, body, region, now)
    return JSONResponse(
        {
            "output": {"message": {"role": "assistant", "content": [{"text": finished.text}]}},
            "stopReason": finished.stop_reason,
            "usage": finished.usage(),
            "metrics": {"latencyMs": _milliseconds_since(started)},
        }
    )


def converse_stream(model_id: str, body: JsonObject, region: str, now: datetime) -> Response:
    """`POST /model/{id}/converse-stream`: faults are answered before the stream begins."""
    started = perf_counter()
    finished = _answered(model_id, body, region, now)
    return StreamingResponse(_frames(finished, started), media_type=MEDIA_TYPE)


def count_tokens(model_id: str, body: JsonObject, region: str, now: datetime) -> Response:
    """`POST /model/{id}/count-tokens`: the same estimate that Converse reports as its input tokens.

    Counting works on a base id also where a call needs a profile.
    """
    known_model(model_id, region, now)
    source = body.get("input")
    if not isinstance(source, dict):
        raise constraint("input", "not be null")
    counted = cast(JsonObject, source)
    if counted.get("invokeModel") is not None:
        raise not_emulated("counting the tokens of an InvokeModel body.")
    converse_input = counted.get("converse")
    if not isinstance(converse_input, dict):
        raise constraint("input.converse", "not be null")
    conversation = read_conversation(cast(JsonObject, converse_input))
    return JSONResponse({"inputTokens": input_tokens(conversation)})


def _answered(model_id: str, body: JsonObject, region: str, now: datetime) -> Answer:
    model = callable_model(model_id, region, now)
    conversation = read_conversation(body)
    check_conversation(conversation, model)
    return answer(conversation, model.model_id)


def _frames(finished: Answer, started: float) -> Generator[bytes]:
    """The real order: no `contentBlockStart` for text, `metadata` last."""
    yield encode_event("messageStart", {"role": "assistant"})
    for chunk in finished.chunks():
        yield encode_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": chunk}})
    yield encode_event("contentBlockStop", {"contentBlockIndex": 0})
    yield encode_event("messageStop", {"stopReason": finished.stop_reason})
    metrics = {"latencyMs": _milliseconds_since(started)}
    yield encode_event("metadata", {"usage": finished.usage(), "metrics": metrics})


def _milliseconds_since(started: float) -> int:
    return round((perf_counter() - started) * 1000)
