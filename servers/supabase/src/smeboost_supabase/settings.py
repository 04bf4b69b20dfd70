"""Settings of the Supabase server, all from `SUPABASE_*` variables."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict
from smeboost_shared.settings import Settings


class SupabaseSettings(Settings):
    """The Supabase server: sign-in, tables and rows of one project."""

    model_config = SettingsConfigDict(env_prefix="SUPABASE_")

    url: str = Field(description="the project's URL, e.g. https://abcdefgh.supabase.co or http://127.0.0.1:54321")
    key: SecretStr = Field(
        description="the project's API key: publishable (anon) to act as people, secret (service_role) for all rows"
    )
    db_url: SecretStr | None = Field(
        default=None,
        description="a Postgres connection string; list_tables then tells row level security and row estimates too",
    )
    request_timeout_seconds: float = Field(default=30, gt=0, le=600, description="the most one request may take in all")
    connect_timeout_seconds: float = Field(default=5, gt=0, le=60, description="the most that connecting may take")
    statement_timeout_seconds: float = Field(
        default=10, gt=0, le=600, description="the most a catalogue query over SUPABASE_DB_URL may take"
    )
    connections_max: int = Field(default=20, ge=1, le=1000, description="HTTP connections kept at the same time")
    body_max_bytes: int = Field(default=2 * 2**20, ge=1024, description="the largest request body that is sent")
    answer_max_bytes: int = Field(default=8 * 2**20, ge=1024, description="the largest answer that is read")
    sessions_max: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="sign-ins held at once; the one unused for longest makes room",
    )
    session_idle_seconds: float = Field(
        default=8 * 3600, gt=0, description="a sign-in unused for this long has to sign in again"
    )

    @field_validator("url")
    @classmethod
    def _a_plain_web_address(cls, value: str) -> str:
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must start with https:// (or http:// for a local backend) and name a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must hold no user, query or fragment; the key goes into SUPABASE_KEY")
        if parts.path.rstrip("/").endswith(("/rest/v1", "/auth/v1")):
            raise ValueError("is the project's URL without a path such as /rest/v1")
        return value.strip().rstrip("/")

    @field_validator("key")
    @classmethod
    def _fit_for_a_header(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value().strip()
        if not key or not all("!" <= character <= "~" for character in key):
            raise ValueError("must be one line of printable ASCII without spaces; copy it again from the project")
        return SecretStr(key)
