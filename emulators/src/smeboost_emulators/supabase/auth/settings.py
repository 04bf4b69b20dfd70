"""Settings of auth, under GoTrue's names where they mean the same here."""

from pydantic import Field
from smeboost_shared.settings import Settings


class AuthSettings(Settings):
    """What people may do with their accounts, and how long what they are given lasts."""

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
