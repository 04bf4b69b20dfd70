"""Settings of the Supabase server, all from `SUPABASE_*` variables."""

from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import SettingsConfigDict
from smeboost_shared.settings import Settings

NO_URL = "is not set (the project's URL). Set it and SUPABASE_KEY, or only SUPABASE_DB_URL"
NO_KEY = "is not set (the project's API key). Set it, e.g. export SUPABASE_KEY=..."


class SupabaseSettings(Settings):
    """The Supabase server: database, people, storage and changes of one project.

    With `url` and `key` everything that goes through the project's HTTP interface is offered, with `db_url` everything
    that needs SQL; one of the two is needed.
    """

    model_config = SettingsConfigDict(env_prefix="SUPABASE_")

    db_url: SecretStr | None = Field(
        default=None,
        description="a Postgres connection string for the SQL tools; list_tables then tells row level security too",
    )
    url: str = Field(
        default="",
        validate_default=True,
        description="the project's URL, e.g. https://abcdefgh.supabase.co or http://127.0.0.1:54321; may be left out "
        "when SUPABASE_DB_URL is set: only the SQL tools are offered then",
    )
    key: SecretStr = Field(
        default=SecretStr(""),
        validate_default=True,
        description="the project's API key, needed with SUPABASE_URL: publishable (anon) to act as people, secret "
        "(service_role) for all rows, users and files",
    )
    read_db_url: SecretStr | None = Field(
        default=None,
        description="a connection string whose log-in can only read, for run_query and explain_query; without it the "
        "server makes such log-ins itself, when the one of SUPABASE_DB_URL may",
    )
    act_db_url: SecretStr | None = Field(
        default=None,
        description="a connection string whose log-in may become anon, authenticated and service_role and no more, "
        "such as the project's authenticator, for run_as in SQL; without it as for SUPABASE_READ_DB_URL",
    )
    read_role: str = Field(
        default="smeboost_reader",
        pattern=r"^[a-z_][a-z0-9_]{0,50}$",
        description="the name of the log-in that the server makes for reading; with _as at its end, the one for run_as",
    )
    jwt_secret: SecretStr | None = Field(
        default=None,
        description="the project's (legacy) JWT secret; lets row tools act as any user or role by run_as",
    )
    sql_writes: bool = Field(
        default=False,
        description="true offers execute_sql and apply_migration, with the rights of SUPABASE_DB_URL's log-in",
    )
    approval_seconds: float = Field(
        default=120, gt=0, le=3600, description="how long the approval of a statement may be used"
    )
    toolsets: str = Field(
        default="all", description="which families of tools are offered, e.g. database,auth,development"
    )
    request_timeout_seconds: float = Field(default=30, gt=0, le=600, description="the most one request may take in all")
    connect_timeout_seconds: float = Field(default=5, gt=0, le=60, description="the most that connecting may take")
    statement_timeout_seconds: float = Field(
        default=10, gt=0, le=600, description="the most one SQL statement that reads may take"
    )
    change_timeout_seconds: float = Field(
        default=120, gt=0, le=3600, description="the most one SQL statement that changes something may take"
    )
    query_rows_max: int = Field(default=1000, ge=1, le=100_000, description="the most rows that run_query gives")
    query_bytes_max: int = Field(
        default=1_000_000, ge=1024, le=2**30, description="the most bytes of rows that run_query gives"
    )
    connections_max: int = Field(default=20, ge=1, le=1000, description="HTTP connections kept at the same time")
    body_max_bytes: int = Field(default=2 * 2**20, ge=1024, description="the largest request body that is sent")
    answer_max_bytes: int = Field(default=8 * 2**20, ge=1024, description="the largest answer that is read")
    upload_max_bytes: int = Field(default=5 * 2**20, ge=1, le=2**30, description="the largest file that is uploaded")
    download_max_bytes: int = Field(
        default=2**20, ge=1, le=2**30, description="the largest file that is given; SUPABASE_ANSWER_MAX_BYTES holds too"
    )
    subscriptions_max: int = Field(default=20, ge=1, le=1000, description="subscriptions to changes kept at once")
    subscription_idle_seconds: float = Field(
        default=600, gt=0, description="a kept subscription unused for this long makes room for another"
    )
    events_max: int = Field(default=1000, ge=1, le=100_000, description="events that wait in a kept subscription")
    sessions_max: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="sign-ins held at once; the one unused for longest makes room",
    )
    session_idle_seconds: float = Field(
        default=8 * 3600, gt=0, description="a sign-in unused for this long has to sign in again"
    )

    @property
    def has_project(self) -> bool:
        """Whether there is an HTTP interface to talk to."""
        return bool(self.url)

    @field_validator("sql_writes")
    @classmethod
    def _needs_a_database(cls, value: bool, known: ValidationInfo) -> bool:
        if value and known.data.get("db_url") is None:
            raise ValueError("needs SUPABASE_DB_URL, a Postgres connection string")
        return value

    @field_validator("url")
    @classmethod
    def _a_plain_web_address(cls, value: str, known: ValidationInfo) -> str:
        if not value.strip():
            if known.data.get("db_url") is None:
                raise PydanticCustomError(
                    "not_set", "is not set (the project's URL). Set it and SUPABASE_KEY, or only SUPABASE_DB_URL"
                )
            return ""
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
    def _fit_for_a_header(cls, value: SecretStr, known: ValidationInfo) -> SecretStr:
        key = value.get_secret_value().strip()
        if not key and known.data.get("url"):
            raise PydanticCustomError(
                "not_set", "is not set (the project's API key). Set it, e.g. export SUPABASE_KEY=..."
            )
        if not all("!" <= character <= "~" for character in key):
            raise ValueError("must be one line of printable ASCII without spaces; copy it again from the project")
        return SecretStr(key)
