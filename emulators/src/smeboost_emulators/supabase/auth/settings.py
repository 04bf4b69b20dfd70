"""Settings of auth, under GoTrue's names where they mean the same here."""

from datetime import timedelta
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from smeboost_shared.settings import Settings

from smeboost_emulators.supabase.auth.durations import GoDuration
from smeboost_emulators.supabase.auth.factors.sealing import Seal, master_key
from smeboost_emulators.supabase.auth.mail.redirects import Redirects


class MailSettings(Settings):
    """What is mailed, which means shown in the inbox of this backend, and what a link or a code in it is good for."""

    mailer_autoconfirm: bool = Field(
        True,
        validation_alias="GOTRUE_MAILER_AUTOCONFIRM",
        description="on by default, so that a sign-up is a session at once; off, the inbox has a mail to confirm it",
    )
    secure_email_change: bool = Field(
        True,
        validation_alias="GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED",
        description="a new address counts when the old one has confirmed too",
    )
    otp_expiry_seconds: int = Field(
        3600, ge=1, le=86_400, validation_alias="GOTRUE_MAILER_OTP_EXP", description="life of links and codes"
    )
    otp_length: int = Field(6, ge=6, le=10, validation_alias="GOTRUE_MAILER_OTP_LENGTH", description="digits of a code")
    otp_attempts_max: int = Field(
        10, ge=1, le=1000, validation_alias="SUPABASE_OTP_ATTEMPTS_MAX", description="wrong codes before one is void"
    )
    external_email_enabled: bool = Field(True, validation_alias="GOTRUE_EXTERNAL_EMAIL_ENABLED")
    site_url: str = Field(
        "http://localhost:3000", validation_alias="GOTRUE_SITE_URL", description="where links lead in the end"
    )
    uri_allow_list: str = Field(
        "",
        max_length=20_000,
        validation_alias="GOTRUE_URI_ALLOW_LIST",
        description="globs of other places that links may lead to, with commas between them",
    )
    api_external_url: str | None = Field(
        None, validation_alias="API_EXTERNAL_URL", description="what links in mails begin with; default: this url"
    )
    flow_state_expiry: GoDuration = Field(
        timedelta(minutes=5),
        gt=timedelta(),
        validation_alias="GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION",
        description="how long a PKCE code can be exchanged",
    )
    update_password_require_reauthentication: bool = Field(
        False, validation_alias="GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION"
    )
    smtp_max_frequency: GoDuration = Field(
        timedelta(seconds=1),
        validation_alias="GOTRUE_SMTP_MAX_FREQUENCY",
        description="time between two mails of a kind to somebody",
    )
    emails_sent_max: int | None = Field(
        None, ge=1, le=100_000, validation_alias="GOTRUE_RATE_LIMIT_EMAIL_SENT", description="mails an hour; no limit"
    )
    verify_failures_max: int = Field(
        100,
        ge=1,
        le=100_000,
        validation_alias="GOTRUE_RATE_LIMIT_VERIFY",
        description="wrong links, token hashes and codes from one network address in five minutes",
    )
    inbox_messages_max: int = Field(
        500, ge=1, le=100_000, validation_alias="SUPABASE_INBOX_MESSAGES_MAX", description="the oldest go first"
    )

    @field_validator("site_url", "api_external_url")
    @classmethod
    def _a_web_address(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        Redirects(url or "", "")
        return url

    @field_validator("uri_allow_list")
    @classmethod
    def _readable(cls, globs: str) -> str:
        Redirects("", globs)
        return globs


class AuthSettings(MailSettings):
    """What people may do with their accounts, and how long what they are given lasts."""

    jwt_expiry_seconds: int = Field(3600, ge=1, le=604_800, validation_alias="GOTRUE_JWT_EXP")
    jwt_issuer: str | None = Field(None, validation_alias="GOTRUE_JWT_ISSUER", description="default: this url/auth/v1")
    jwt_aud: str = Field(
        "authenticated",
        min_length=1,
        max_length=255,
        validation_alias="GOTRUE_JWT_AUD",
        description="audience of new people and of their tokens",
    )
    jwt_default_group_name: str = Field(
        "authenticated",
        min_length=1,
        max_length=63,
        validation_alias="GOTRUE_JWT_DEFAULT_GROUP_NAME",
        description="role of new people",
    )
    jwt_admin_roles: str = Field(
        "service_role,supabase_admin",
        validation_alias="GOTRUE_JWT_ADMIN_ROLES",
        description="roles that may use /admin, comma-separated",
    )
    disable_signup: bool = Field(False, validation_alias="GOTRUE_DISABLE_SIGNUP")
    password_min_length: int = Field(6, ge=1, le=72, validation_alias="GOTRUE_PASSWORD_MIN_LENGTH")
    password_required_characters: str = Field(
        "",
        validation_alias="GOTRUE_PASSWORD_REQUIRED_CHARACTERS",
        description="sets of characters of each of which a password needs one, separated by colons",
    )
    password_change_needs_current: bool = Field(
        False, validation_alias="GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD"
    )
    manual_linking_enabled: bool = Field(
        False, validation_alias="GOTRUE_SECURITY_MANUAL_LINKING_ENABLED", description="identities may be unlinked"
    )
    anonymous_users_enabled: bool = Field(False, validation_alias="GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED")
    anonymous_users_hourly_max: int = Field(
        30,
        ge=1,
        le=1_000_000,
        validation_alias="GOTRUE_RATE_LIMIT_ANONYMOUS_USERS",
        description="anonymous sign-ins of one address in an hour",
    )
    audit_log_disabled: bool = Field(False, validation_alias="GOTRUE_AUDIT_LOG_DISABLE_POSTGRES")
    audit_log_days: int = Field(
        90, ge=1, le=36_500, validation_alias="SUPABASE_AUDIT_LOG_DAYS", description="how long entries are kept"
    )
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
    refresh_wait_seconds: float = Field(
        5,
        gt=0,
        le=60,
        validation_alias="SUPABASE_REFRESH_WAIT_SECONDS",
        description="how long a refresh waits for another one of the same session before 409",
    )
    sessions_timebox: GoDuration | None = Field(None, validation_alias="GOTRUE_SESSIONS_TIMEBOX")
    sessions_inactivity_timeout: GoDuration | None = Field(None, validation_alias="GOTRUE_SESSIONS_INACTIVITY_TIMEOUT")
    sessions_allow_low_aal: GoDuration | None = Field(
        None,
        validation_alias="GOTRUE_SESSIONS_ALLOW_LOW_AAL",
        description="how long who has a second factor may go without it",
    )
    sessions_per_user_max: int = Field(
        1000, ge=1, le=100_000, validation_alias="SUPABASE_SESSIONS_PER_USER_MAX", description="older ones end"
    )
    sessions_single_per_user: bool = Field(False, validation_alias="GOTRUE_SESSIONS_SINGLE_PER_USER")

    totp_enroll_enabled: bool = Field(True, validation_alias="GOTRUE_MFA_TOTP_ENROLL_ENABLED")
    totp_verify_enabled: bool = Field(True, validation_alias="GOTRUE_MFA_TOTP_VERIFY_ENABLED")
    mfa_challenge_expiry_seconds: float = Field(
        300, gt=0, le=86_400, validation_alias="GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION"
    )
    mfa_factor_expiry: GoDuration = Field(
        timedelta(minutes=5),
        gt=timedelta(),
        validation_alias="GOTRUE_MFA_FACTOR_EXPIRY_DURATION",
        description="an unverified factor that nobody challenged goes after this time",
    )
    mfa_enrolled_factors_max: int = Field(10, ge=0, le=100, validation_alias="GOTRUE_MFA_MAX_ENROLLED_FACTORS")
    mfa_verified_factors_max: int = Field(10, ge=0, le=100, validation_alias="GOTRUE_MFA_MAX_VERIFIED_FACTORS")
    mfa_attempts_max: int = Field(
        15,
        ge=1,
        le=1000,
        validation_alias="GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY",
        description="challenges and wrong codes of one factor in SUPABASE_MFA_ATTEMPTS_WINDOW",
    )
    mfa_attempts_window: GoDuration = Field(
        timedelta(minutes=5), gt=timedelta(), le=timedelta(days=1), validation_alias="SUPABASE_MFA_ATTEMPTS_WINDOW"
    )

    db_encryption: bool = Field(
        False, validation_alias="GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT", description="seal the secrets of factors"
    )
    db_encryption_key_id: str = Field("", validation_alias="GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID")
    db_encryption_key: SecretStr | None = Field(
        None,
        validation_alias="GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY",
        description="256 bits in URL-safe base64",
    )
    db_decryption_keys: SecretStr | None = Field(
        None,
        validation_alias="GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS",
        description="older keys as id:key,id:key",
    )

    @field_validator("db_encryption_key")
    @classmethod
    def _usable(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None:
            master_key(key.get_secret_value())
        return key

    @field_validator("db_decryption_keys")
    @classmethod
    def _all_usable(cls, keys: SecretStr | None) -> SecretStr | None:
        _decryption_keys(keys)
        return keys

    @model_validator(mode="after")
    def _sealed_with_something(self) -> Self:
        if self.db_encryption and not (self.db_encryption_key and self.db_encryption_key_id):
            raise ValueError(
                "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT needs GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID and _KEY"
            )
        return self

    @property
    def admin_roles(self) -> frozenset[str]:
        """The roles that may use /admin."""
        return frozenset(role.strip() for role in self.jwt_admin_roles.split(",") if role.strip())

    @property
    def seal(self) -> Seal:
        """How secrets are kept in the database."""
        keys = _decryption_keys(self.db_decryption_keys)
        if self.db_encryption_key and self.db_encryption_key_id:
            keys[self.db_encryption_key_id] = master_key(self.db_encryption_key.get_secret_value())
        return Seal(self.db_encryption_key_id if self.db_encryption else "", keys)


def _decryption_keys(text: SecretStr | None) -> dict[str, bytes]:
    pairs = [pair.partition(":") for pair in text.get_secret_value().split(",") if pair] if text else []
    return {key_id.strip(): master_key(key.strip()) for key_id, _, key in pairs}
