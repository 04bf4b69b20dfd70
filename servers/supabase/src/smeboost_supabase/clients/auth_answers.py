"""Calls to Auth, and what its answers and errors are in our words."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import httpx
from pydantic import SecretStr, ValidationError
from smeboost_shared.errors import InvalidInput, OutcomeUnknown, SmeBoostError, VendorBadAnswer
from supabase_auth import Session
from supabase_auth import User as AuthUser

from smeboost_supabase.models import User
from smeboost_supabase.service_faults import admin_error, auth_error, http_error
from smeboost_supabase.sessions import Grant
from smeboost_supabase.wire import AnswerTooLarge, Refused, asked_to_wait
from supabase import AuthApiError, AuthError, AuthWeakPasswordError

Answer = TypeVar("Answer")


async def ask_auth(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Make a call to Auth; its errors become ours. A sign-in that is cut off changed no data, so it may be repeated."""
    return await _asked(call, writes=False)


async def ask_auth_admin(call: Callable[[], Awaitable[Answer]], *, writes: bool) -> Answer:
    """Make a call to Auth as its administrator; its errors become ours.

    Raises:
        NotFound, Conflict, InvalidInput: there is no such user, the address is taken, a value is not accepted.
        NotPermitted: the configured key is no secret key.
        OutcomeUnknown: a change was cut off.
    """
    try:
        return await _asked(call, writes=writes, admin=True)
    except OutcomeUnknown as exc:
        exc.hint = "Read the user before you repeat it."
        raise


async def _asked(call: Callable[[], Awaitable[Answer]], *, writes: bool, admin: bool = False) -> Answer:
    try:
        return await call()
    except AuthApiError as exc:
        if admin and (error := admin_error(exc.code, exc.status, exc.message)):
            raise error from exc
        raise auth_error(exc.code, exc.status, retry_after_seconds=_retry_after(exc)) from exc
    except AuthError as exc:
        if admin and isinstance(exc, AuthWeakPasswordError):
            raise InvalidInput(f"The project does not accept this password: {', '.join(exc.reasons)}.") from exc
        raise _auth_failure(exc, writes=writes) from exc
    except (Refused, AnswerTooLarge) as exc:
        raise http_error(exc, writes=writes) from exc
    except ValidationError:
        # Not chained: pydantic's message repeats its input, which holds the tokens.
        raise VendorBadAnswer("Supabase Auth gave an answer that we do not understand.") from None


def _auth_failure(exc: AuthError, *, writes: bool) -> SmeBoostError:
    cause = exc.__cause__
    if isinstance(cause, httpx.HTTPStatusError):
        return auth_error(None, cause.response.status_code, retry_after_seconds=_retry_after(exc))
    if isinstance(cause, httpx.HTTPError):
        return http_error(cause, writes=writes)
    return VendorBadAnswer("Supabase Auth gave an answer that we do not understand.")


def _retry_after(exc: AuthError) -> float | None:
    cause = exc.__cause__
    return asked_to_wait(cause.response) if isinstance(cause, httpx.HTTPStatusError) else None


def grant_of(session: Session | None) -> Grant:
    if session is None:
        raise VendorBadAnswer("Supabase Auth answered a sign-in without a session.")
    now = datetime.now(UTC)
    expires_at = datetime.fromtimestamp(session.expires_at, UTC) if session.expires_at else now
    return Grant(
        access=SecretStr(session.access_token),
        refresh=SecretStr(session.refresh_token),
        # From now on our own clock counts, so that a clock that differs from the project's does no harm.
        lifetime_seconds=float(session.expires_in),
        expires_at=expires_at,
        user=user_of(session.user),
    )


def user_of(user: AuthUser) -> User:
    return User(
        id=user.id,
        email=user.email,
        role=user.role,
        app_metadata=user.app_metadata,
        user_metadata=user.user_metadata,
    )
