"""Whose channel it is, and until when."""

import time
from dataclasses import dataclass

from smeboost_emulators.supabase.callers import Caller
from smeboost_emulators.supabase.tokens import Keyring, TokenRejected

MISSING_CLAIMS = "Fields `role` and `exp` are required in JWT"


class TokenRefused(Exception):
    """The token lets nobody in; `code` is Realtime's name for the reason."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


@dataclass(frozen=True)
class Holder:
    """Somebody with a token that is valid until `expires_at` (seconds since 1970)."""

    caller: Caller
    expires_at: float


def holder_of(token: str, keyring: Keyring) -> Holder:
    """The holder of a token.

    Raises:
        TokenRefused: it is not one of ours, not valid now, or lacks `role` or `exp`.
    """
    try:
        claims = keyring.verify(token)
    except TokenRejected as exc:
        if str(exc) == "JWT expired":
            raise TokenRefused("InvalidJWTToken", "Token has expired") from None
        if exc.reason == "claims":
            raise TokenRefused("InvalidJWTToken", str(exc)) from None
        raise TokenRefused("MalformedJWT", "The token provided is not a valid JWT") from None
    role, expires = claims.get("role"), claims.get("exp")
    if not isinstance(role, str) or not role or not isinstance(expires, int | float):
        raise TokenRefused("InvalidJWTToken", MISSING_CLAIMS)
    return Holder(Caller(role, claims), float(expires))


def expiry_message(holder: Holder) -> str:
    """What the holder of an expired token is told."""
    return f"Token has expired {max(0, round(time.time() - holder.expires_at))} seconds ago"
