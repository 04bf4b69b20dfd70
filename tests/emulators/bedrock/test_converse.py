"""Converse, ConverseStream and CountTokens of the emulator, driven by unmodified boto3."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import Shape
from botocore.validate import ParamValidator

MODEL = "global.anthropic.claude-sonnet-4-6"
Aws = Callable[..., Any]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text}]}


def output_problems(client: Any, operation: str, answer: dict[str, Any]) -> str:
    shape: Shape = client.meta.service_model.operation_model(operation).output_shape
    body = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    return ParamValidator().validate(body, shape).generate_report()


def test_converse_says_that_it_is_an_emulator_and_what_it_received(aws: Aws):
    answer = aws("bedrock-runtime").converse(modelId=MODEL, messages=[user("What sold best?")], system=[{"text": "Hi"}])
    text = answer["output"]["message"]["content"][0]["text"]
    assert "emulator" in text
    assert "not a model" in text
    assert "1 message(s) with 15 characters" in text
    assert "system prompt of 2 characters" in text
    assert '"What sold best?"' in text
    assert answer["stopReason"] == "end_turn"
    assert answer["ResponseMetadata"]["RequestId"]


def test_converse_answers_in_the_shape_of_the_services_own_model(aws: Aws):
    client = aws("bedrock-runtime")
    answer = client.converse(modelId=MODEL, messages=[user("Hello")])
    assert not output_problems(client, "Converse", answer)
    assert answer["usage"]["inputTokens"] == 2
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"]


def test_stream_carries_the_same_text_in_the_services_order(aws: Aws):
    client = aws("bedrock-runtime")
    events = list(client.converse_stream(modelId=MODEL, messages=[user("Grüße, 世界")])["stream"])
    names = [next(iter(event)) for event in events]
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    whole = client.converse(modelId=MODEL, messages=[user("Grüße, 世界")])
    assert "".join(deltas) == whole["output"]["message"]["content"][0]["text"]
    assert len(deltas) > 1
    assert names[0] == "messageStart"
    assert names[-3:] == ["contentBlockStop", "messageStop", "metadata"]
    assert events[-1]["metadata"]["usage"] == whole["usage"]


def test_max_tokens_cuts_the_answer(aws: Aws):
    inference = {"maxTokens": 5}
    answer = aws("bedrock-runtime").converse(modelId=MODEL, messages=[user("Hello")], inferenceConfig=inference)
    assert answer["stopReason"] == "max_tokens"
    assert answer["usage"]["outputTokens"] == 5
    assert len(answer["output"]["message"]["content"][0]["text"]) == 20


def test_stop_sequence_ends_the_answer_before_it(aws: Aws):
    inference = {"stopSequences": [" local", "never said"]}
    answer = aws("bedrock-runtime").converse(modelId=MODEL, messages=[user("Hello")], inferenceConfig=inference)
    assert answer["stopReason"] == "stop_sequence"
    assert answer["output"]["message"]["content"][0]["text"] == "This text comes from SME Boost's"


def test_model_may_be_an_arn_of_a_profile_or_of_a_model(aws: Aws):
    client = aws("bedrock-runtime")
    profile = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6"
    model = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-5"
    for identifier in (profile, model, "us.anthropic.claude-haiku-4-5-20251001-v1:0"):
        assert client.converse(modelId=identifier, messages=[user("Hello")])["stopReason"] == "end_turn"


def test_count_tokens_agrees_with_converse_and_accepts_a_base_id(aws: Aws):
    client = aws("bedrock-runtime")
    messages = [user("How many tokens are in this sentence?")]
    counted = client.count_tokens(modelId="anthropic.claude-sonnet-4-6", input={"converse": {"messages": messages}})
    used = client.converse(modelId=MODEL, messages=messages)["usage"]["inputTokens"]
    assert counted["inputTokens"] == used


@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        ("anthropic.claude-nonsense", "ValidationException", "The provided model identifier is invalid."),
        ("eu.anthropic.claude-sonnet-4-6", "ValidationException", "The provided model identifier is invalid."),
        ("anthropic.claude-sonnet-4-6", "ValidationException", "on-demand throughput"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "ResourceNotFoundException", "the end of its life"),
        ("amazon.titan-embed-text-v2:0", "ValidationException", "doesn't support the model"),
    ],
)
def test_model_that_cannot_be_called_is_refused(aws: Aws, operation: str, model: str, code: str, words: str):
    call = getattr(aws("bedrock-runtime"), operation)
    with pytest.raises(ClientError) as caught:
        call(modelId=model, messages=[user("Hello")])
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == {"ValidationException": 400}.get(code, 404)
    assert answer["Error"]["Code"] == code
    assert words in answer["Error"]["Message"]


def said(role: str, text: str = "x") -> dict[str, Any]:
    return {"role": role, "content": [{"text": text}]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"messages": []}, "must start with a user message"),
        ({"messages": [said("user"), said("user")]}, "must alternate"),
        ({"messages": [said("user"), {"role": "assistant", "content": []}]}, "object at messages.1 is empty"),
        ({"messages": [said("user", " ")]}, "text field in the ContentBlock object at messages.0.content.0 is blank"),
        ({"messages": [said("robot")]}, "messages.1.member.role"),
        ({"messages": [said("user"), said("assistant")]}, "must end with a user message"),
        ({"inferenceConfig": {"temperature": 1.5}}, "less than or equal to 1"),
        ({"inferenceConfig": {"temperature": 0.1, "topP": 0.5}}, "cannot both be specified"),
        ({"inferenceConfig": {"maxTokens": 128_001}}, "exceeds the model limit of 128000"),
        ({"toolConfig": {"tools": [{"systemTool": {"name": "t"}}]}}, "emulator does not support"),
        ({"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}, "emulator does not support"),
        ({"messages": [{"role": "user", "content": [{"cachePoint": {"type": "default"}}]}]}, "cachePoint"),
    ],
)  # fmt: skip
def test_invalid_request_gets_the_services_validation_error(aws: Aws, arguments: dict[str, Any], words: str):
    with pytest.raises(ClientError) as caught:
        aws("bedrock-runtime").converse(**{"modelId": MODEL, "messages": [user("Hello")], **arguments})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert words in caught.value.response["Error"]["Message"]


def test_leading_assistant_turn_is_claudes_privilege(aws: Aws):
    client = aws("bedrock-runtime")
    messages = [said("assistant"), said("user")]
    assert client.converse(modelId=MODEL, messages=messages)["stopReason"] == "end_turn"
    with pytest.raises(ClientError, match="must start with a user message"):
        client.converse(modelId="amazon.nova-lite-v1:0", messages=messages)


def test_sampling_is_refused_by_models_that_dropped_it(aws: Aws):
    with pytest.raises(ClientError, match="`temperature` is deprecated for this model"):
        aws("bedrock-runtime").converse(
            modelId="global.anthropic.claude-sonnet-5-5",
            messages=[user("Hello")],
            inferenceConfig={"temperature": 0.5},
        )
