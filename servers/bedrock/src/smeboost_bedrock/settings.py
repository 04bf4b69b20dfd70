"""Settings of the Bedrock server, from the environment."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints
from smeboost_shared.outbound import LOOPBACK_HOSTS
from smeboost_shared.settings import Settings

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+.*$")]


class BedrockSettings(Settings):
    """Claude on Amazon Bedrock, as an MCP server.

    Credentials are the AWS SDK's own business: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE,
    AWS_BEARER_TOKEN_BEDROCK, an instance's role.
    """

    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,}(-[a-z]+)+-\d+$")] = Field(
        validation_alias="AWS_REGION", description="region whose Bedrock is called, such as us-east-1"
    )
    runtime_url: Url | None = Field(
        default=None,
        validation_alias="AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
        description="another address for calling models, such as the emulator's (default: AWS's own)",
    )
    control_url: Url | None = Field(
        default=None,
        validation_alias="AWS_ENDPOINT_URL_BEDROCK",
        description="another address for listing models (default: AWS's own; the runtime's if that is on loopback)",
    )
    model_id: str = Field(
        default="global.anthropic.claude-sonnet-4-6",
        min_length=1,
        max_length=2048,
        validation_alias="BEDROCK_MODEL_ID",
        description="model to use unless a call names one: an id, an inference profile, an ARN or an alias",
    )
    calls_max: int = Field(
        default=8,
        ge=1,
        le=64,
        validation_alias="BEDROCK_CALLS_MAX",
        description="calls at the same time, a thread each (default: 8)",
    )
    queue_timeout_seconds: float = Field(
        default=30,
        gt=0,
        validation_alias="BEDROCK_QUEUE_TIMEOUT_SECONDS",
        description="how long a call waits for its turn (default: 30)",
    )
    connect_timeout_seconds: float = Field(
        default=5,
        gt=0,
        validation_alias="BEDROCK_CONNECT_TIMEOUT_SECONDS",
        description="how long connecting may take (default: 5)",
    )
    read_timeout_seconds: float = Field(
        default=300,
        gt=0,
        validation_alias="BEDROCK_READ_TIMEOUT_SECONDS",
        description="how long a model may be silent, before its answer or within it (default: 300)",
    )
    answer_timeout_seconds: float = Field(
        default=900,
        gt=0,
        validation_alias="BEDROCK_ANSWER_TIMEOUT_SECONDS",
        description="how long one answer may take in all, retries included (default: 900)",
    )
    attempts_max: int = Field(
        default=4,
        ge=1,
        le=10,
        validation_alias="BEDROCK_ATTEMPTS_MAX",
        description="attempts at a call that Bedrock throttles or cannot serve (default: 4)",
    )
    retry_wait_max_seconds: float = Field(
        default=20,
        ge=0,
        validation_alias="BEDROCK_RETRY_WAIT_MAX_SECONDS",
        description="longest wait between two attempts (default: 20)",
    )
    prompt_characters_max: int = Field(
        default=4_000_000,
        ge=1,
        validation_alias="BEDROCK_PROMPT_CHARACTERS_MAX",
        description="characters that one call may send (default: 4000000)",
    )

    def control_endpoint(self) -> str | None:
        """Where models are listed. The emulator serves both on one port, so that one variable is enough for it."""
        if self.control_url is None and self.runtime_url and urlsplit(self.runtime_url).hostname in LOOPBACK_HOSTS:
            return self.runtime_url
        return self.control_url
