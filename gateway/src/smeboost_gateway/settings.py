"""The gateway's settings, and through it those of the servers that it runs in its own process.

Every variable begins with `SMEBOOST_`; a server's own variables (`AIRTABLE_API_KEY`, `SUPABASE_URL`, `REDIS_URL`, ...)
keep their names. A server that runs elsewhere is named by its URL (`SMEBOOST_AIRTABLE_MCP_URL`), and then its own
variables are not asked for. Valkey is always needed: sessions, limits and the cache live there.
"""

import os
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict
from smeboost_airtable.settings import AirtableSettings
from smeboost_bedrock.settings import BedrockSettings
from smeboost_redis.settings import RedisSettings
from smeboost_shared.settings import Settings, SomeSettings, load
from smeboost_supabase.settings import SupabaseSettings
from smeboost_sync.settings import JobSettings

JWT_SECRET_BYTES_MIN = 32
"""HS256 wants a key at least as long as its hash (RFC 7518, section 3.2)."""

Words = Annotated[tuple[str, ...], NoDecode]
"""Written with commas: `a.example,b.example`."""

LOOPBACK = ("127.0.0.1", "127.0.0.1:*", "localhost", "localhost:*", "[::1]", "[::1]:*")


def _unless_remote(kind: type[SomeSettings], url_field: str, values: dict[str, object]) -> SomeSettings | None:
    return None if values.get(url_field) else load(kind)


class GatewaySettings(Settings):
    """One gate in front of the four servers: REST and MCP."""

    model_config = SettingsConfigDict(env_prefix="SMEBOOST_")

    jwt_secret: SecretStr = Field(
        description="key that signs access tokens, at least 32 bytes, the same for all gateways"
    )
    jwt_issuer: str = Field(default="smeboost", description="`iss` of our access tokens")
    jwt_audience: str = Field(
        default="smeboost-gateway", description="`aud` of our access tokens; no other is accepted"
    )
    access_token_seconds: int = Field(default=900, ge=1, le=86_400, description="life of an access token")
    session_seconds: int = Field(
        default=604_800, ge=60, le=31_536_000, description="life of a session without a refresh"
    )
    refresh_grace_seconds: float = Field(
        default=0, ge=0, le=60, description="a used refresh token is refused but does not end the session for so long"
    )

    requests_per_minute: int = Field(
        default=600, ge=1, description="requests of one session, over REST and MCP together"
    )
    logins_per_minute_by_address: int = Field(
        default=60, ge=1, le=1_000_000, description="log-in attempts from one address"
    )
    logins_per_minute_by_email: int = Field(
        default=20, ge=1, le=1_000_000, description="log-in attempts for one e-mail"
    )

    records_cache_seconds: int = Field(default=5, ge=0, le=3600, description="age of a cached list or record; 0 = off")
    schema_cache_seconds: int = Field(default=60, ge=0, le=3600, description="age of cached bases and tables; 0 = off")

    body_bytes_max: int = Field(default=1_048_576, ge=1024, description="largest request body")
    body_timeout_seconds: float = Field(default=60, gt=0, description="longest wait for a whole request body")
    url_bytes_max: int = Field(default=16_384, ge=1024, description="longest path and query")
    header_bytes_max: int = Field(default=32_768, ge=1024, description="all request headers together")
    json_depth_max: int = Field(default=32, ge=4, description="deepest nesting of a JSON body")
    job_records_max: int = Field(default=10_000, ge=10, description="most records of one job")
    wait_records_max: int = Field(default=1000, ge=10, description="most records of one POST with wait=true")
    call_timeout_seconds: float = Field(default=120, gt=0, description="longest wait for one tool call")
    ready_timeout_seconds: float = Field(default=3, gt=0, description="longest wait for one answer to /readyz")

    allowed_hosts: Words = Field(default=(), description="Host headers to accept at /mcp beside loopback, with commas")
    allowed_origins: Words = Field(default=(), description="Origin headers to accept at /mcp, with commas")
    cors_origins: Words = Field(default=(), description="origins whose pages may call the REST API; none by default")
    forwarded_allow_ips: Words = Field(default=(), description="proxies whose X-Forwarded-For is believed, with commas")

    airtable_mcp_url: str | None = Field(
        default=None, description="an Airtable server elsewhere; in process when unset"
    )
    supabase_mcp_url: str | None = Field(default=None, description="a Supabase server elsewhere; in process when unset")
    redis_mcp_url: str | None = Field(default=None, description="a Redis server elsewhere; in process when unset")
    bedrock_mcp_url: str | None = Field(default=None, description="a Bedrock server elsewhere; in process when unset")

    jobs: JobSettings | None = Field(
        default_factory=lambda: load(JobSettings) if os.environ.get("SMEBOOST_DATABASE_URL") else None,
        description="SMEBOOST_DATABASE_URL and its kin; without it there are no jobs",
    )
    redis: RedisSettings = Field(default_factory=lambda: load(RedisSettings), description="REDIS_URL and its kin")
    airtable: AirtableSettings | None = Field(
        default_factory=lambda values: _unless_remote(AirtableSettings, "airtable_mcp_url", values),
        description="AIRTABLE_API_KEY and its kin",
    )
    supabase: SupabaseSettings | None = Field(
        default_factory=lambda values: _unless_remote(SupabaseSettings, "supabase_mcp_url", values),
        description="SUPABASE_URL, SUPABASE_KEY and their kin",
    )
    bedrock: BedrockSettings | None = Field(
        default_factory=lambda values: _unless_remote(BedrockSettings, "bedrock_mcp_url", values),
        description="AWS_REGION and its kin",
    )

    @field_validator("allowed_hosts", "allowed_origins", "cors_origins", "forwarded_allow_ips", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(word.strip() for word in value.split(",") if word.strip())

    @field_validator("jwt_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value().encode()) < JWT_SECRET_BYTES_MIN:
            raise ValueError("is shorter than 32 bytes; make one with: openssl rand -hex 32")
        return value

    @property
    def mcp_hosts(self) -> list[str]:
        """The Host headers that `/mcp` accepts."""
        return [*LOOPBACK, *self.allowed_hosts]
