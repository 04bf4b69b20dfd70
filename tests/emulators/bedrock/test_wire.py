"""What only raw HTTP can show: frames, limits, authorization, odd paths."""

import json
import struct
from binascii import crc32
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st
from smeboost_emulators.bedrock.eventstream import encode_exception, encode_frame

MODEL = "global.anthropic.claude-sonnet-4-6"
HELLO = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}


def path(operation: str, model: str = MODEL) -> str:
    return f"/model/{quote(model, safe='')}/{operation}"


def frames(body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """An independent reading of the specification, byte by byte."""
    while body:
        total, header_length, prelude_crc = struct.unpack_from(">III", body)
        frame, body = body[:total], body[total:]
        assert prelude_crc == crc32(frame[:8])
        assert struct.unpack(">I", frame[-4:])[0] == crc32(frame[:-4])
        block, headers = frame[12 : 12 + header_length], {}
        while block:
            name = block[1 : 1 + block[0]].decode()
            kind, length = struct.unpack_from(">BH", block, 1 + block[0])
            assert kind == 7
            start = 4 + block[0]
            headers[name], block = block[start : start + length].decode(), block[start + length :]
        yield headers, frame[12 + header_length : -4]


def test_frames_without_headers_match_the_published_vectors():
    assert encode_frame({}, b"") == bytes.fromhex("000000100000000005c248eb7d98c8ff")
    assert encode_frame({}, b"{'foo':'bar'}") == b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'}\xc3e96"


@given(st.dictionaries(st.text("abc:-", min_size=1, max_size=9), st.text(max_size=99), max_size=5), st.binary())
def test_any_frame_is_read_back_by_botocore(headers: dict[str, str], payload: bytes):
    buffer = EventStreamBuffer()
    buffer.add_data(encode_frame(headers, payload))
    message = next(buffer)
    assert message.headers == headers
    assert message.payload == payload


def test_exception_frame_carries_its_type_and_message():
    headers, payload = next(frames(encode_exception("throttlingException", "Too many tokens")))
    assert headers[":message-type"] == "exception"
    assert headers[":exception-type"] == "throttlingException"
    assert json.loads(payload) == {"message": "Too many tokens"}


def test_stream_has_the_real_headers_and_padding(wire: httpx.Client):
    answer = wire.post(path("converse-stream"), json=HELLO)
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    read = list(frames(answer.content))
    assert len(read) > 5
    for headers, payload in read:
        assert list(headers) == [":event-type", ":content-type", ":message-type"]
        assert headers[":content-type"] == "application/json"
        parsed = json.loads(payload)
        assert "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".startswith(parsed["p"])
        assert list(parsed) == sorted(parsed)
    assert read[0][0][":event-type"] == "messageStart"


@pytest.mark.parametrize("value", [0, -3])
def test_max_tokens_below_one_is_refused(wire: httpx.Client, value: int):
    answer = wire.post(path("converse"), json={**HELLO, "inferenceConfig": {"maxTokens": value}})
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"].startswith("ValidationException:")
    assert "inferenceConfig.maxTokens" in answer.json()["message"]
    assert "greater than or equal to 1" in answer.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b'{"messages":{}}', b'{"messages":[1]}', b'{"messages":[{"role":"user","content":"x"}]}',
        b'{"messages":[{"role":"user","content":[{"text":1}]}]}', b"[" * 100_000, b"\xff",
        b'{"messages":[{"role":"user","content":[{"text":"\\ud800"}]}]}',
        b'{"messages":[{"role":"user","content":[{"text":"x"}]}],"inferenceConfig":{"maxTokens":"5"}}',
        b'{"messages":[{"role":"user","content":[{"text":"x"}]}],"inferenceConfig":{"temperature":true}}',
    ],
)  # fmt: skip
def test_body_of_a_wrong_shape_is_unreadable_and_never_a_fault_of_the_server(wire: httpx.Client, body: bytes):
    answer = wire.post(path("converse"), content=body)
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"].startswith("SerializationException:")
    assert answer.json()["message"]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"messages":null}'])
def test_missing_messages_are_named(wire: httpx.Client, body: bytes):
    answer = wire.post(path("converse"), content=body)
    assert answer.status_code == 400
    assert "'messages'" in answer.json()["message"]


def test_body_over_25_megabytes_is_too_large(wire: httpx.Client):
    answer = wire.post(path("converse"), content=b" " * 25_000_001)
    assert answer.status_code == 413
    assert answer.headers["x-amzn-errortype"].startswith("RequestEntityTooLargeException:")
    assert "25000000" in answer.json()["message"]


@pytest.mark.parametrize("header", [None, "", "Basic eDp5", "AWS4-HMAC-SHA256 nonsense", "Bearer"])
def test_request_without_authorization_is_forbidden(wire: httpx.Client, header: str | None):
    request = wire.build_request("POST", path("converse"), json=HELLO)
    del request.headers["Authorization"]
    if header is not None:
        request.headers["Authorization"] = header
    answer = wire.send(request)
    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"].startswith("MissingAuthenticationTokenException:")


def test_bearer_key_is_accepted(wire: httpx.Client):
    answer = wire.post(path("converse"), json=HELLO, headers={"Authorization": "Bearer key"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "target", "operation"),
    [
        ("POST", path("invoke"), "InvokeModel"),
        ("POST", path("invoke-with-response-stream"), "InvokeModelWithResponseStream"),
        ("POST", "/guardrail/g/version/1/apply", "ApplyGuardrail"),
        ("POST", "/model-invocation-job", "CreateModelInvocationJob"),
        ("GET", "/async-invoke/x", "GetAsyncInvoke"),
    ],
)
def test_operation_that_is_not_built_says_so(wire: httpx.Client, method: str, target: str, operation: str):
    answer = wire.request(method, target, json={} if method == "POST" else None)
    assert answer.status_code == 501
    assert answer.headers["x-amzn-errortype"].startswith("NotImplementedException:")
    assert operation in answer.json()["message"]


def test_unescaped_arn_gets_the_services_odd_answer(wire: httpx.Client):
    arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6"
    answer = wire.post(f"/model/{arn}/converse", json=HELLO)
    assert answer.status_code == 200
    assert answer.json()["Output"]["__type"].endswith("#UnknownOperationException")


def test_health_needs_no_authorization(wire: httpx.Client):
    assert httpx.get(wire.base_url.join("/healthz")).status_code == 200
