"""Where the backend's keys come from: settings first, else made once and kept in the database.

What is kept lives in `_smeboost.signing_keys`, which only the auth log-in may read.
"""

import base64
import secrets
from collections.abc import Callable
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from pydantic import SecretStr
from smeboost_shared.errors import Misconfigured

from smeboost_emulators.supabase.api_keys import ApiKeys
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.tokens import (
    Key,
    Keyring,
    TokenRejected,
    key_from_jwk,
    key_from_secret,
    keys_from_setting,
    new_es256_jwk,
)

SECRET_BYTES = 48
KEY_LIFETIME_SECONDS = 10 * 365 * 24 * 3600
# The keys of one secret are the same on every start, so that they can be pasted somewhere: a fixed moment of issue.
KEY_ISSUED_AT = 1_735_689_600
OPAQUE_PREFIX = "sb_"


async def load_keyring(settings: SupabaseBackendSettings, database_url: str) -> Keyring:
    """The keys of user tokens.

    Raises:
        Misconfigured: GOTRUE_JWT_KEYS cannot be used.
    """
    if settings.jwt_secret:
        secret = key_from_secret(settings.jwt_secret.get_secret_value())
    else:
        secret = key_from_secret(_text(await _kept(database_url, "HS256", _new_secret_jwk)))
    if settings.jwt_keys:
        try:
            signing, others = keys_from_setting(settings.jwt_keys.get_secret_value())
        except ValueError as exc:
            raise Misconfigured(f"GOTRUE_JWT_KEYS {exc}") from None
        return Keyring(signing=signing, secret=secret, others=others)
    kept = key_from_jwk(await _kept(database_url, "ES256", new_es256_jwk))
    signing: Key = kept if settings.jwt_algorithm == "ES256" else secret
    return Keyring(signing=signing, secret=secret, others=(kept,) if settings.jwt_algorithm == "HS256" else ())


def make_api_keys(settings: SupabaseBackendSettings, keyring: Keyring) -> ApiKeys:
    """The project's API keys: those of the settings, the missing ones made from the secret.

    Raises:
        Misconfigured: a key is neither opaque (`sb_...`) nor a JWT that our secret signed.
    """
    anon = _checked(keyring, "SUPABASE_ANON_KEY", settings.anon_key)
    service = _checked(keyring, "SUPABASE_SERVICE_ROLE_KEY", settings.service_role_key)
    publishable, secret = _plain(settings.publishable_key), _plain(settings.secret_key)
    return ApiKeys(
        anon_jwt=anon if _is_jwt(anon) else _role_key(keyring, "anon"),
        service_role_jwt=service if _is_jwt(service) else _role_key(keyring, "service_role"),
        publishable=tuple(key for key in (publishable, anon) if key and not _is_jwt(key)),
        secret=tuple(key for key in (secret, service) if key and not _is_jwt(key)),
    )


def _checked(keyring: Keyring, variable: str, given: SecretStr | None) -> str:
    key = _plain(given)
    if _is_jwt(key):
        try:
            keyring.verify(key)
        except TokenRejected as exc:
            raise Misconfigured(f"{variable} is neither an sb_... key nor a JWT of GOTRUE_JWT_SECRET: {exc}") from None
    return key


def _role_key(keyring: Keyring, role: Literal["anon", "service_role"]) -> str:
    claims = {"role": role, "iss": "supabase", "iat": KEY_ISSUED_AT, "exp": KEY_ISSUED_AT + KEY_LIFETIME_SECONDS}
    return keyring.sign_with_secret(claims)


def _is_jwt(key: str) -> bool:
    return bool(key) and not key.startswith(OPAQUE_PREFIX)


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _new_secret_jwk() -> dict[str, Any]:
    text = secrets.token_urlsafe(SECRET_BYTES)
    return {"kty": "oct", "k": base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()}


def _text(jwk: dict[str, Any]) -> str:
    padded = str(jwk["k"]) + "=" * (-len(str(jwk["k"])) % 4)
    return base64.urlsafe_b64decode(padded).decode()


async def _kept(database_url: str, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The key that is kept under `name`; made when there is none, also when two backends start at once."""
    async with await AsyncConnection.connect(database_url) as connection:
        await connection.execute(
            "insert into _smeboost.signing_keys (kid, jwk) values (%s, %s) on conflict do nothing",
            (name, Jsonb(make())),
        )
        cursor = await connection.execute("select jwk from _smeboost.signing_keys where kid = %s", (name,))
        row = await cursor.fetchone()
    if row is None:
        raise Misconfigured("_smeboost.signing_keys cannot be read; start with a superuser's database url")
    return row[0]
