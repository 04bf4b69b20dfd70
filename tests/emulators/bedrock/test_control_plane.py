"""Foundation models and inference profiles of the emulator, driven by unmodified boto3."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

Aws = Callable[..., Any]


def test_models_come_with_their_lifecycle(aws: Aws):
    models = {model["modelId"]: model for model in aws("bedrock").list_foundation_models()["modelSummaries"]}
    retired = models["anthropic.claude-sonnet-4-20250514-v1:0"]["modelLifecycle"]
    assert retired["status"] == "LEGACY"
    assert retired["endOfLifeTime"] == datetime(2026, 10, 14, tzinfo=UTC)
    assert models["anthropic.claude-sonnet-4-6"]["modelLifecycle"]["status"] == "ACTIVE"
    assert models["anthropic.claude-sonnet-4-6"]["inferenceTypesSupported"] == ["INFERENCE_PROFILE"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"byProvider": "Amazon"}, {"amazon.nova-lite-v1:0", "amazon.titan-embed-text-v2:0"}),
        ({"byOutputModality": "EMBEDDING"}, {"amazon.titan-embed-text-v2:0"}),
        ({"byProvider": "anthropic", "byInferenceType": "ON_DEMAND"},
         {"anthropic.claude-sonnet-5", "anthropic.claude-opus-5-5"}),
        ({"byCustomizationType": "FINE_TUNING"}, set[str]()),
    ],
)  # fmt: skip
def test_models_are_filtered(aws: Aws, filters: dict[str, str], expected: set[str]):
    found = aws("bedrock").list_foundation_models(**filters)["modelSummaries"]
    assert {model["modelId"] for model in found} == expected


def test_unknown_filter_value_is_refused(wire: httpx.Client):
    answer = wire.get("/foundation-models", params={"byOutputModality": "SMELL"})
    assert answer.status_code == 400
    assert "byOutputModality" in answer.json()["message"]


def test_one_model_is_found_by_id_and_by_arn(aws: Aws):
    client = aws("bedrock")
    by_id = client.get_foundation_model(modelIdentifier="anthropic.claude-sonnet-4-5-20250929-v1:0")["modelDetails"]
    by_arn = client.get_foundation_model(modelIdentifier=by_id["modelArn"])["modelDetails"]
    assert by_id == by_arn
    assert by_id["modelName"] == "Claude Sonnet 4.5"
    with pytest.raises(ClientError, match="model identifier is invalid"):
        client.get_foundation_model(modelIdentifier="anthropic.claude-nonsense")


@pytest.mark.parametrize(
    ("region", "geographies"),
    [("us-west-2", {"global", "us"}), ("eu-central-1", {"global", "eu"}), ("ap-northeast-1", {"global", "jp", "apac"}),
     ("sa-east-1", {"global"})],
)  # fmt: skip
def test_profiles_belong_to_the_callers_region(aws: Aws, region: str, geographies: set[str]):
    profiles = aws("bedrock", region=region).list_inference_profiles()["inferenceProfileSummaries"]
    assert {profile["inferenceProfileId"].split(".")[0] for profile in profiles} == geographies
    assert all(f":{region}:" in profile["inferenceProfileArn"] for profile in profiles)


def test_profiles_are_paged(aws: Aws):
    client = aws("bedrock")
    pages = list(client.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 4}))
    listed = [profile["inferenceProfileId"] for page in pages for profile in page["inferenceProfileSummaries"]]
    whole = client.list_inference_profiles()["inferenceProfileSummaries"]
    assert len(pages) > 2
    assert listed == [profile["inferenceProfileId"] for profile in whole]


@pytest.mark.parametrize(
    "query",
    [
        "nextToken=x",
        "nextToken=9999",
        "maxResults=0",
        "maxResults=x",
        "type=OTHER",
        "maxResults=0000000019999",
        f"nextToken={'0' * 5_000}",
    ],
)
def test_bad_page_or_type_is_refused(wire: httpx.Client, query: str):
    answer = wire.get(f"/inference-profiles?{query}")
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"].startswith("ValidationException:")


def test_one_profile_is_found_or_not(aws: Aws):
    client = aws("bedrock")
    profile = client.get_inference_profile(inferenceProfileIdentifier="global.anthropic.claude-sonnet-4-6")
    assert profile["models"] == [
        {"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-6"}
    ]
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_inference_profile(inferenceProfileIdentifier="eu.anthropic.claude-sonnet-4-6")
