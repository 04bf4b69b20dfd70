"""Who may ask: the token's signature, its times, its audience, and the role that it names."""

from typing import cast

from starlette.requests import Request

from smeboost_emulators.supabase.callers import Caller, caller_of
from smeboost_emulators.supabase.rest.errors import RestFailure
from smeboost_emulators.supabase.rest.role_claims import role_at
from smeboost_emulators.supabase.rest.settings import RestSettings
from smeboost_emulators.supabase.tokens import Claims, Keyring, TokenRejected

SKEW_SECONDS = 30
ROLE_NAME_BYTES_MAX = 63


def admitted(request: Request, keyring: Keyring, settings: RestSettings) -> Caller:
    """The caller that the request's token names, or the anonymous role.

    Raises:
        RestFailure: PGRST301, PGRST302, PGRST303, or 22023 for a role that no database can have.
    """
    try:
        claims = caller_of(request.headers.get("authorization"), keyring, leeway_seconds=SKEW_SECONDS).claims
    except TokenRejected as exc:
        raise _refused("PGRST303" if exc.reason == "claims" else "PGRST301", str(exc)) from None
    _check_audience(claims, settings.jwt_aud)
    role = role_at(settings.role_path, claims) or settings.db_anon_role
    if not role:
        raise RestFailure(401, "PGRST302", "Anonymous access is disabled", headers={"WWW-Authenticate": "Bearer"})
    if "\0" in role or len(role.encode(errors="replace")) > ROLE_NAME_BYTES_MAX or role == "none":
        # PostgreSQL cuts longer names, and reads "none" as the log-in itself.
        raise RestFailure(401, "22023", f'role "{role[:63]}" does not exist', headers={"WWW-Authenticate": "Bearer"})
    return Caller(role, claims)


def _check_audience(claims: Claims, wanted: str) -> None:
    audience = claims.get("aud")
    if audience is None:
        return
    audiences = cast(list[object], audience) if isinstance(audience, list) else [audience]
    if not all(isinstance(one, str) for one in audiences):
        raise _refused("PGRST303", "The JWT 'aud' claim must be a string or an array of strings")
    if wanted and audiences and wanted not in audiences:
        raise _refused("PGRST303", "JWT not in audience")


def _refused(code: str, message: str) -> RestFailure:
    challenge = f'Bearer error="invalid_token", error_description="{message}"'
    return RestFailure(401, code, message, headers={"WWW-Authenticate": challenge})
