"""Settings of the Supabase backend. The originals' variable names are kept where they mean the same here."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator

from smeboost_emulators.supabase.auth.settings import AuthSettings
from smeboost_emulators.supabase.realtime.settings import RealtimeSettings
from smeboost_emulators.supabase.rest.settings import RestSettings
from smeboost_emulators.supabase.storage.settings import StorageSettings

JWT_SECRET_MIN_LENGTH = 32


class SupabaseBackendSettings(AuthSettings, RestSettings, RealtimeSettings, StorageSettings):
    """A local Supabase backend: the database, the keys, and the settings of its parts."""

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

    db_pool: int = Field(10, ge=1, le=100, validation_alias="PGRST_DB_POOL", description="connections of each part")
    db_pool_acquisition_timeout_seconds: float = Field(
        5, gt=0, le=60, validation_alias="PGRST_DB_POOL_ACQUISITION_TIMEOUT"
    )
    statement_timeout_seconds: float = Field(8, gt=0, le=600, validation_alias="SUPABASE_STATEMENT_TIMEOUT_SECONDS")
    start_timeout_seconds: float = Field(
        30, gt=0, validation_alias="SUPABASE_START_TIMEOUT_SECONDS", description="how long to wait for the database"
    )

    @field_validator("gotrue_jwt_secret", "pgrst_jwt_secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value()) < JWT_SECRET_MIN_LENGTH:
            raise ValueError(f"must have at least {JWT_SECRET_MIN_LENGTH} characters")
        return secret

    @property
    def jwt_secret(self) -> SecretStr | None:
        """The HS256 secret, whichever name it came under."""
        return self.gotrue_jwt_secret or self.pgrst_jwt_secret
