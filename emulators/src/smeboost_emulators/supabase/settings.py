"""Settings of the Supabase backend. The originals' variable names are kept where they mean the same here."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator
from smeboost_shared.settings import Settings

JWT_SECRET_MIN_LENGTH = 32


class SupabaseBackendSettings(Settings):
    """A local Supabase backend: auth and REST on PostgreSQL."""

    db_url: SecretStr | None = Field(
        None, validation_alias="SUPABASE_DB_URL", description="a superuser's url; an embedded PostgreSQL when absent"
    )
    data_dir: str | None = Field(
        None, validation_alias="SUPABASE_DATA_DIR", description="where the embedded PostgreSQL keeps its data"
    )
    gotrue_jwt_secret: SecretStr | None = Field(
        None, validation_alias="GOTRUE_JWT_SECRET", description="HS256 secret, 32 characters or more; made when absent"
    )
    pgrst_jwt_secret: SecretStr | None = Field(
        None, validation_alias="PGRST_JWT_SECRET", description="the same secret under PostgREST's name"
    )
    anon_key: SecretStr | None = Field(None, validation_alias="SUPABASE_ANON_KEY", description="made when absent")
    service_role_key: SecretStr | None = Field(
        None, validation_alias="SUPABASE_SERVICE_ROLE_KEY", description="made when absent"
    )
    publishable_key: SecretStr | None = Field(
        None, validation_alias="SUPABASE_PUBLISHABLE_KEY", description="an opaque sb_publishable_... key to accept"
    )
    secret_key: SecretStr | None = Field(
        None, validation_alias="SUPABASE_SECRET_KEY", description="an opaque sb_secret_... key to accept"
    )

    jwt_keys: SecretStr | None = Field(
        None, validation_alias="GOTRUE_JWT_KEYS", description="JSON array of private JWKs, one with key_ops sign"
    )
    jwt_algorithm: Literal["ES256", "HS256"] = Field(
        "ES256",
        validation_alias="SUPABASE_JWT_ALGORITHM",
        description="what user tokens are signed with when GOTRUE_JWT_KEYS is absent",
    )
    jwt_expiry_seconds: int = Field(3600, ge=1, le=604_800, validation_alias="GOTRUE_JWT_EXP")
    jwt_issuer: str | None = Field(None, validation_alias="GOTRUE_JWT_ISSUER", description="default: this url/auth/v1")
    disable_signup: bool = Field(False, validation_alias="GOTRUE_DISABLE_SIGNUP")
    mailer_autoconfirm: bool = Field(
        True, validation_alias="GOTRUE_MAILER_AUTOCONFIRM", description="on by default: nothing is mailed here"
    )
    password_min_length: int = Field(6, ge=1, le=72, validation_alias="GOTRUE_PASSWORD_MIN_LENGTH")
    refresh_token_rotation: bool = Field(True, validation_alias="GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED")
    refresh_token_reuse_seconds: int = Field(
        10, ge=0, le=3600, validation_alias="GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL"
    )
    bcrypt_cost: int = Field(
        10, ge=4, le=16, validation_alias="SUPABASE_BCRYPT_COST", description="work factor of new password hashes"
    )
    password_threads: int = Field(2, ge=1, le=64, validation_alias="SUPABASE_PASSWORD_THREADS")
    password_queue_max: int = Field(
        200, ge=1, validation_alias="SUPABASE_PASSWORD_QUEUE_MAX", description="waiting sign-ins before 429"
    )
    auth_body_max_bytes: int = Field(1_048_576, ge=1, validation_alias="SUPABASE_AUTH_BODY_MAX_BYTES")

    db_schemas: str = Field(
        "public", validation_alias="PGRST_DB_SCHEMAS", description="comma-separated; first: default"
    )
    db_extra_search_path: str = Field("public,extensions", validation_alias="PGRST_DB_EXTRA_SEARCH_PATH")
    db_max_rows: int = Field(1000, ge=1, validation_alias="PGRST_DB_MAX_ROWS")
    db_pool: int = Field(10, ge=1, le=100, validation_alias="PGRST_DB_POOL", description="connections of each part")
    db_pool_acquisition_timeout_seconds: float = Field(
        5, gt=0, le=60, validation_alias="PGRST_DB_POOL_ACQUISITION_TIMEOUT"
    )
    statement_timeout_seconds: float = Field(8, gt=0, le=600, validation_alias="SUPABASE_STATEMENT_TIMEOUT_SECONDS")
    rest_body_max_bytes: int = Field(16_777_216, ge=1, validation_alias="SUPABASE_REST_BODY_MAX_BYTES")
    start_timeout_seconds: float = Field(
        30, gt=0, validation_alias="SUPABASE_START_TIMEOUT_SECONDS", description="how long to wait for the database"
    )

    @field_validator("gotrue_jwt_secret", "pgrst_jwt_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < JWT_SECRET_MIN_LENGTH:
            raise ValueError(f"must have at least {JWT_SECRET_MIN_LENGTH} characters")
        return secret

    @field_validator("db_schemas")
    @classmethod
    def _at_least_one(cls, names: str) -> str:
        if not names.replace(",", " ").split():
            raise ValueError("names no schema; set it to e.g. public")
        return names

    @property
    def jwt_secret(self) -> SecretStr | None:
        """The HS256 secret, whichever name it came under."""
        return self.gotrue_jwt_secret or self.pgrst_jwt_secret

    @property
    def schemas(self) -> tuple[str, ...]:
        """The exposed schemas, the default one first."""
        return tuple(name.strip() for name in self.db_schemas.split(",") if name.strip())

    @property
    def extra_search_path(self) -> tuple[str, ...]:
        """Schemas that are searched for functions and types after the exposed one."""
        return tuple(name.strip() for name in self.db_extra_search_path.split(",") if name.strip())
