"""Clients of the emulator: unmodified boto3, and plain HTTP for what boto3 refuses to send."""

from collections.abc import Callable, Generator
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config
from smeboost_emulators.testing.bedrock import BedrockEmulator

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/bedrock/aws4_request, Signature=0"}


@pytest.fixture
def aws(bedrock_emulator: BedrockEmulator) -> Generator[Callable[..., Any]]:
    """Makes boto3 clients: `aws("bedrock-runtime", region="eu-west-1")`."""
    clients: list[Any] = []

    def make(service: str, *, region: str = "us-east-1") -> Any:
        session = boto3.Session("test", "test", region_name=region)
        config = Config(retries={"total_max_attempts": 1})
        clients.append(session.client(service, endpoint_url=bedrock_emulator.url, config=config))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def wire(bedrock_emulator: BedrockEmulator) -> Generator[httpx.Client]:
    """Raw HTTP with an `Authorization` header."""
    with httpx.Client(base_url=bedrock_emulator.url, headers=SIGNED) as client:
        yield client
