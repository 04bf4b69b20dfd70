"""Settings of the Airtable server, each with the limit it names.

Sources of the defaults: Airtable's "Rate limits" page (5 requests a second for a base, 30 s after a 429).
"""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, field_validator
from smeboost_shared.redis_urls import check_redis_url
from smeboost_shared.settings import Settings


class AirtableSettings(Settings):
    """MCP server for the Airtable Web API: records, schema, comments, attachments, webhooks and administration."""

    api_key: SecretStr = Field(
        validation_alias="AIRTABLE_API_KEY",
        description="personal access token, made at https://airtable.com/create/tokens",
    )
    endpoint_url: str = Field(
        "https://api.airtable.com",
        validation_alias="AIRTABLE_ENDPOINT_URL",
        description="where the API is, without /v0",
    )
    content_url: str | None = Field(
        None,
        validation_alias="AIRTABLE_CONTENT_URL",
        description="where files are uploaded to; by default Airtable's upload host, or AIRTABLE_ENDPOINT_URL when set",
    )
    toolsets: str = Field(
        "all",
        validation_alias="AIRTABLE_TOOLSETS",
        description="which families of tools are offered, e.g. records,schema",
    )
    requests_per_second: float = Field(
        5,
        gt=0,
        le=10_000,
        validation_alias="AIRTABLE_REQUESTS_PER_SECOND",
        description="most requests a second to one base; 5 is Airtable's limit",
    )
    redis_url: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("AIRTABLE_REDIS_URL", "REDIS_URL"),
        description="Redis or Valkey through which processes share the budget, else REDIS_URL; without any of them "
        "each process has its own",
    )
    token_requests_per_second: float = Field(
        50,
        gt=0,
        le=10_000,
        validation_alias="AIRTABLE_TOKEN_REQUESTS_PER_SECOND",
        description="most requests a second with the token, to all bases; 50 is Airtable's limit",
    )
    priority: Literal["interactive", "background"] = Field(
        "interactive",
        validation_alias="AIRTABLE_PRIORITY",
        description="background for a process whose calls nobody waits for: they give way to interactive ones",
    )
    monthly_calls: int | None = Field(
        None,
        ge=1,
        validation_alias="AIRTABLE_MONTHLY_CALLS",
        description="calls a month of the plan, for the forecast and a warning at 80 %: 1000 (Free), 100000 (Team)",
    )
    wait_seconds_max: float = Field(
        10,
        ge=0,
        le=300,
        validation_alias="AIRTABLE_WAIT_SECONDS_MAX",
        description="longest wait for a turn before a call fails as rate_limited",
    )
    pause_seconds: float = Field(
        30,
        ge=0,
        le=3600,
        validation_alias="AIRTABLE_PAUSE_SECONDS",
        description="pause of a base after a 429 without Retry-After; 30 s is Airtable's rule",
    )
    connect_timeout_seconds: float = Field(
        5, gt=0, le=60, validation_alias="AIRTABLE_CONNECT_TIMEOUT_SECONDS", description="longest time for connecting"
    )
    read_timeout_seconds: float = Field(
        30,
        gt=0,
        le=300,
        validation_alias="AIRTABLE_READ_TIMEOUT_SECONDS",
        description="longest silence while an answer is awaited",
    )
    answer_timeout_seconds: float = Field(
        60,
        gt=0,
        le=600,
        validation_alias="AIRTABLE_ANSWER_TIMEOUT_SECONDS",
        description="longest time for a whole answer",
    )
    answer_bytes_max: int = Field(
        67_108_864,
        gt=0,
        validation_alias="AIRTABLE_ANSWER_BYTES_MAX",
        description="largest answer that is read",
    )
    threads_max: int = Field(
        32,
        ge=1,
        le=256,
        validation_alias="AIRTABLE_THREADS_MAX",
        description="most requests in flight at once",
    )
    records_per_call_max: int = Field(
        1_000,
        ge=1,
        le=100_000,
        validation_alias="AIRTABLE_RECORDS_PER_CALL_MAX",
        description="most records one tool call may write or delete",
    )
    schema_seconds: float = Field(
        60,
        ge=0,
        le=3600,
        validation_alias="AIRTABLE_SCHEMA_SECONDS",
        description="how long a base's schema is remembered",
    )

    @field_validator("api_key")
    @classmethod
    def _is_a_header_value(cls, token: SecretStr) -> SecretStr:
        text = token.get_secret_value().strip()
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("must be one line of printable ASCII without spaces; copy the token again")
        return SecretStr(text)

    files_dir: Path | None = Field(
        None,
        validation_alias="AIRTABLE_FILES_DIR",
        description="the one folder of this machine from which files may be uploaded",
    )

    @property
    def content_host(self) -> str:
        """The upload host: https://airtable.com/developers/web/api/upload-attachment has one of its own."""
        is_hosted = urlsplit(self.endpoint_url).hostname == "api.airtable.com"
        return self.content_url or ("https://content.airtable.com" if is_hosted else self.endpoint_url)

    @field_validator("endpoint_url", "content_url")
    @classmethod
    def _is_an_http_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url.strip())
        extras = parts.query or parts.fragment or parts.username or parts.password
        if parts.scheme not in ("http", "https") or not parts.hostname or extras:
            raise ValueError("must be an http or https URL such as https://api.airtable.com")
        if parts.hostname in ("airtable.com", "www.airtable.com"):
            raise ValueError("is Airtable's web site; its API is at https://api.airtable.com")
        return url.strip().rstrip("/").removesuffix("/v0")

    @field_validator("redis_url")
    @classmethod
    def _is_a_redis_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            check_redis_url(url.get_secret_value())
        return url
