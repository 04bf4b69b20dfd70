"""POST /token?grant_type=refresh_token: a new pair of tokens for a session that is still good.

Rules of this room (GoTrue, internal/tokens):

- A session ends at `not_after`, after `GOTRUE_SESSIONS_TIMEBOX`, when it was not refreshed for
  `GOTRUE_SESSIONS_INACTIVITY_TIMEOUT`, or, with `GOTRUE_SESSIONS_SINGLE_PER_USER`, when a newer one was refreshed;
  its refresh token says so, its last access token lives on until it expires.
- Refreshes of one session happen one after another. Who has to wait holds no connection meanwhile, or a few clients
  could take them all, and is told `conflict` in the end. Within this process those with the same token queue up;
  beyond it, the lock on the session's row is asked for again and again.
"""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

from starlette.requests import Request

from smeboost_emulators.supabase.auth import sessions, users
from smeboost_emulators.supabase.auth.errors import AuthFailure, OAuthFailure, invalid
from smeboost_emulators.supabase.auth.factors import factors
from smeboost_emulators.supabase.auth.requests import RefreshGrant, parse
from smeboost_emulators.supabase.auth.service import AuthService, client_of
from smeboost_emulators.supabase.auth.sessions import RefreshToken, Session
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection

PAUSE_SECONDS = (0.01, 0.03)


class Refreshing:
    """Exchanges a refresh token."""

    def __init__(self, service: AuthService) -> None:
        self._service = service
        self._settings = service.settings
        # A lock lives as long as somebody holds it or waits for it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def answer(self, request: Request) -> dict[str, Any]:
        """The token response.

        Raises:
            AuthFailure, OAuthFailure: the token is missing, malformed, unknown, used before or its session over.
        """
        asked = parse(await self._service.body(request), RefreshGrant)
        if not asked.refresh_token:
            raise OAuthFailure("invalid_request", "refresh_token required")
        if not sessions.TOKEN_FORM.fullmatch(asked.refresh_token):
            raise invalid("Refresh token is not valid")
        deadline = time.monotonic() + self._settings.refresh_wait_seconds
        turn = self._turns.setdefault(asked.refresh_token, asyncio.Lock())
        try:
            async with asyncio.timeout(self._settings.refresh_wait_seconds):
                await turn.acquire()
        except TimeoutError:
            raise _conflict() from None
        try:
            outcome = await self._outcome(request, asked.refresh_token, deadline)
        finally:
            turn.release()
        # Raised after the commit: revoking a copied token's family must last.
        if isinstance(outcome, AuthFailure):
            raise outcome
        return outcome

    async def _outcome(self, request: Request, value: str, deadline: float) -> dict[str, Any] | AuthFailure:
        while (outcome := await self._try(request, value)) is None:
            if time.monotonic() > deadline:
                raise _conflict()
            await asyncio.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311  # only spreads those who wait
        return outcome

    async def _try(self, request: Request, value: str) -> dict[str, Any] | AuthFailure | None:
        """What to answer, or None while somebody else refreshes this session."""
        async with self._service.pool.connection() as connection:
            user, session, token = await self._known(connection, value)
            await self._require_good(connection, user, session, token)
            if self._settings.sessions_single_per_user:
                await users.lock(connection, user.id)
            if not await sessions.lock_if_free(connection, session.id):
                return None
            # Read again under the lock: somebody may have refreshed in between.
            user, session, token = await self._known(connection, value)
            if self._settings.sessions_single_per_user:
                await self._require_newest(connection, session, token)
            refresh_token = await self._next_token(connection, session, token)
            if refresh_token is None:
                return AuthFailure(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
            await self._service.note(connection, request, user, "token_refreshed")
            await sessions.note_refresh(connection, session, client_of(request))
            return await self._service.token_response(request, connection, user, session, refresh_token)

    async def _known(self, connection: Connection, value: str) -> tuple[User, Session, RefreshToken]:
        token = await sessions.find_token(connection, value)
        session = await sessions.find(connection, token.session_id) if token and token.session_id else None
        user = await users.find_by_id(connection, session.user_id) if session else None
        if token is None or session is None or user is None or user.deleted_at is not None:
            raise AuthFailure(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
        return user, session, token

    async def _require_good(self, connection: Connection, user: User, session: Session, token: RefreshToken) -> None:
        if user.banned:
            raise AuthFailure(400, "user_banned", "Invalid Refresh Token: User Banned")
        now = datetime.now(UTC)
        if self._over(session, now):
            raise _expired("")
        if self._idle(session, token, now):
            raise _expired(" (Inactivity)")
        allowed = self._settings.sessions_allow_low_aal
        low = bool(allowed) and session.aal == "aal1" and now > session.created_at + (allowed or timedelta())
        if low and await factors.has_verified(connection, user.id):
            raise _expired(" (Low AAL: User Needs MFA Verification)")

    def _over(self, session: Session, now: datetime) -> bool:
        timebox = self._settings.sessions_timebox
        past_end = session.not_after is not None and now > session.not_after
        return past_end or (bool(timebox) and now > session.created_at + (timebox or timedelta()))

    def _idle(self, session: Session, token: RefreshToken | None, now: datetime) -> bool:
        patience = self._settings.sessions_inactivity_timeout
        return bool(patience) and now > _last_refresh(session, token) + (patience or timedelta())

    async def _require_newest(self, connection: Connection, session: Session, token: RefreshToken) -> None:
        now, mine = datetime.now(UTC), _last_refresh(session, token)
        for other in await sessions.of_user(connection, session.user_id):
            good = not self._over(other, now) and not self._idle(other, None, now)
            if other.id != session.id and good and _last_refresh(other, None) > mine:
                raise _expired(" (Revoked by Newer Login)")

    async def _next_token(self, connection: Connection, session: Session, token: RefreshToken) -> str | None:
        """The refresh token to hand out, or None when `token` was used before and not in good faith."""
        if not token.revoked:
            return await sessions.rotate(connection, session, token)
        active = await sessions.active_token(connection, session.id)
        if not sessions.is_reusable(token, active, reuse_seconds=self._settings.refresh_token_reuse_seconds):
            if self._settings.refresh_token_rotation:
                await sessions.revoke_family(connection, session.id)
            return None
        if active is not None and active.parent == token.token:
            return active.token
        return await sessions.rotate(connection, session, token)


def _last_refresh(session: Session, token: RefreshToken | None) -> datetime:
    if session.refreshed_at is not None:
        return session.refreshed_at
    return max(session.created_at, token.updated_at) if token else session.created_at


def _conflict() -> AuthFailure:
    message = "Too many concurrent token refresh requests on the same session or refresh token"
    return AuthFailure(409, "conflict", message)


def _expired(why: str) -> AuthFailure:
    return AuthFailure(400, "session_expired", f"Invalid Refresh Token: Session Expired{why}")
