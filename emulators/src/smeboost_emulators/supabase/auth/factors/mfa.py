"""The person's own second factors: enrol, challenge, verify, unenrol.

Rules of this room (GoTrue, "Multi-factor authentication"):

- A verified code raises the session that asked to aal2; the person's sessions below that level end, and so do factors
  that nobody finished.
- Who has a verified factor needs aal2 to enrol another one or to remove one.
- One code is good once, and a factor that was tried too often in `SUPABASE_MFA_ATTEMPTS_WINDOW` has to rest; both hold
  whatever session or address asks.
"""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import sessions, users
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid
from smeboost_emulators.supabase.auth.factors import factors, one_time_codes
from smeboost_emulators.supabase.auth.factors.factors import Attempts, Factor
from smeboost_emulators.supabase.auth.factors.sealing import CannotOpen
from smeboost_emulators.supabase.auth.requests import FactorCode, NewFactor, parse
from smeboost_emulators.supabase.auth.service import AuthService, client_of, uuid_or_none
from smeboost_emulators.supabase.auth.sessions import Session
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection
from smeboost_emulators.supabase.tokens import Claims

SECOND_LEVEL = "aal2"
NAME_MAX_LENGTH = 255
# How long an expired challenge is remembered, so that whoever answers it late learns why that is refused.
REMEMBERED = timedelta(hours=1)


class Mfa:
    """/factors."""

    def __init__(self, service: AuthService) -> None:
        self._service = service
        self._settings = service.settings
        self._seal = service.settings.seal

    async def enroll(self, request: Request) -> Response:
        """POST /factors: a secret for an authenticator app; shown here and never again."""
        claims = self._service.claims(request)
        asked = parse(await self._service.body(request), NewFactor)
        self._require_supported(asked.factor_type)
        name = acceptable_name(asked.friendly_name)
        async with self._service.pool.connection() as connection:
            user, session = await self._holder(connection, claims)
        factor_id, secret = uuid4(), one_time_codes.new_secret()
        issuer = self._issuer(asked.issuer)
        # Drawing takes a while, and nobody else should wait for it.
        totp = await asyncio.to_thread(_totp_json, secret, account=user.email or str(user.id), issuer=issuer)
        sealed = self._seal.close(factor_id, secret)
        async with self._service.pool.connection() as connection:
            if await users.lock(connection, user.id) is None:
                raise AuthFailure(403, "user_not_found", "User from sub claim in JWT does not exist")
            await factors.remove_unverified(connection, user.id, older_than=self._settings.mfa_factor_expiry)
            self._require_room(await factors.of_user(connection, user.id), name, session)
            await factors.add(connection, factor_id, user.id, friendly_name=name, secret=sealed)
            traits = {"factor_id": str(factor_id), "factor_type": factors.TOTP}
            await self._service.note(connection, request, user, "factor_in_progress", **traits)
        return JSONResponse({"id": str(factor_id), "type": factors.TOTP, "friendly_name": name, "totp": totp})

    async def challenge(self, request: Request) -> Response:
        """POST /factors/{id}/challenge: something to answer with a code, for a while."""
        claims = self._service.claims(request)
        self._require_verification()
        window, most = self._settings.mfa_attempts_window, self._settings.mfa_attempts_max
        forget = max(window, self._expiry) + REMEMBERED
        async with self._service.pool.connection() as connection:
            user, _ = await self._holder(connection, claims)
            factor = await named_factor(connection, request, user.id, lock=True)
            if await factors.challenges_since(connection, factor.id, window) >= most:
                raise _too_often()
            ip = client_of(request).ip
            challenge = await factors.add_challenge(connection, factor.id, ip=ip, forget=forget)
            traits = {"factor_id": str(factor.id), "factor_status": factor.status}
            await self._service.note(connection, request, user, "challenge_created", **traits)
        expires_at = int((challenge.created_at + self._expiry).timestamp())
        return JSONResponse({"id": str(challenge.id), "type": factor.factor_type, "expires_at": expires_at})

    async def verify(self, request: Request) -> Response:
        """POST /factors/{id}/verify: a right code gives the session aal2 and new tokens."""
        claims = self._service.claims(request)
        asked = parse(await self._service.body(request), FactorCode)
        if not asked.code:
            raise invalid("Code needs to be non-empty")
        self._require_verification()
        async with self._service.pool.connection() as connection:
            user, session = await self._holder(connection, claims)
            await users.lock(connection, user.id)
            factor = await named_factor(connection, request, user.id, lock=True)
            failure = await self._failure(connection, request, factor, asked)
            traits = {"factor_id": str(factor.id), "outcome": failure.code if failure else "verified"}
            await self._service.note(connection, request, user, "verification_attempted", **traits)
            answer = None if failure else await self._raised(request, connection, user, session, factor)
        # Raised after the commit: the count of wrong codes must last.
        if failure:
            raise failure
        return JSONResponse(answer)

    async def unenroll(self, request: Request) -> Response:
        """DELETE /factors/{id}: remove a factor; sessions that it raised fall back to aal1."""
        claims = self._service.claims(request)
        async with self._service.pool.connection() as connection:
            user, session = await self._holder(connection, claims)
            await users.lock(connection, user.id)
            factor = await named_factor(connection, request, user.id, lock=True)
            if factor.verified and session.aal != SECOND_LEVEL:
                raise AuthFailure(422, "insufficient_aal", "AAL2 required to unenroll verified factor")
            await factors.remove(connection, factor.id)
            await sessions.lower_level(connection, user.id, factor.id)
            traits = {"factor_id": str(factor.id), "factor_status": factor.status, "session_id": str(session.id)}
            await self._service.note(connection, request, user, "factor_unenrolled", **traits)
        return JSONResponse({"id": str(factor.id)})

    @property
    def _expiry(self) -> timedelta:
        return timedelta(seconds=self._settings.mfa_challenge_expiry_seconds)

    async def _holder(self, connection: Connection, claims: Claims) -> tuple[User, Session]:
        user, session = await self._service.current(connection, claims)
        if user.is_anonymous:
            message = "Anonymous user not allowed to perform these actions"
            raise AuthFailure(403, "no_authorization", message)
        if session is None:
            raise AuthFailure(403, "session_not_found", "A second factor belongs to a session; the token names none")
        return user, session

    def _issuer(self, asked: str | None) -> str:
        if asked and (len(asked) > NAME_MAX_LENGTH or ":" in asked):
            raise invalid(f"issuer is longer than {NAME_MAX_LENGTH} characters or has a colon")
        return asked or urlsplit(self._settings.site_url).hostname or ""

    def _require_supported(self, factor_type: str | None) -> None:
        if factor_type == factors.TOTP:
            if not self._settings.totp_enroll_enabled:
                raise AuthFailure(422, "mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP")
        elif factor_type in {"phone", "webauthn"}:
            message = f"Factors of type {factor_type} are not supported by this backend"
            raise AuthFailure(422, f"mfa_{factor_type}_enroll_not_enabled", message)
        else:
            raise invalid("factor_type needs to be totp, phone, or webauthn")

    def _require_verification(self) -> None:
        if not self._settings.totp_verify_enabled:
            raise AuthFailure(422, "mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP")

    def _require_room(self, present: list[Factor], name: str, session: Session) -> None:
        verified = sum(factor.verified for factor in present)
        if any(factor.friendly_name == name for factor in present):
            message = f'A factor with the friendly name "{name}" for this user already exists'
            raise AuthFailure(422, "mfa_factor_name_conflict", message)
        settings = self._settings
        if len(present) >= settings.mfa_enrolled_factors_max or verified >= settings.mfa_verified_factors_max:
            message = "Maximum number of verified factors reached, unenroll to continue"
            raise AuthFailure(422, "too_many_enrolled_mfa_factors", message)
        if verified and session.aal != SECOND_LEVEL:
            raise AuthFailure(403, "insufficient_aal", "AAL2 required to enroll a new factor")

    async def _failure(
        self, connection: Connection, request: Request, factor: Factor, asked: FactorCode
    ) -> AuthFailure | None:
        """Why this code does not prove the factor; the factor's row is locked."""
        challenge_id, ip = uuid_or_none(asked.challenge_id), client_of(request).ip
        if challenge_id is None:
            return invalid("challenge_id must be an UUID")
        challenge = await factors.find_challenge(connection, factor.id, challenge_id, ip=ip)
        if challenge is None:
            return AuthFailure(422, "mfa_factor_not_found", "MFA factor with the provided challenge ID not found")
        if challenge.verified_at is not None or not challenge.same_address:
            return AuthFailure(422, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch.")
        if challenge.created_at + self._expiry < datetime.now(UTC):
            await factors.remove_challenge(connection, challenge.id)
            message = f"MFA challenge {challenge.id} has expired, verify against another challenge or create a new one."
            return AuthFailure(422, "mfa_challenge_expired", message)
        failure = await self._wrong_code(connection, factor, asked.code or "")
        if failure is None:
            await factors.end_challenge(connection, challenge.id)
        return failure

    async def _wrong_code(self, connection: Connection, factor: Factor, code: str) -> AuthFailure | None:
        now = datetime.now(UTC)
        tried = await factors.attempts(connection, factor.id)
        if now - tried.counted_since > self._settings.mfa_attempts_window:
            tried = Attempts(tried.last_step, failures=0, counted_since=now)
        if tried.failures >= self._settings.mfa_attempts_max:
            return _too_often()
        step = one_time_codes.matching_step(await self._secret(connection, factor), code, now=time.time())
        if step is None or step <= tried.last_step:
            await factors.note_attempts(
                connection, factor.id, Attempts(tried.last_step, tried.failures + 1, tried.counted_since)
            )
            return AuthFailure(422, "mfa_verification_failed", "Invalid TOTP code entered")
        await factors.note_attempts(connection, factor.id, Attempts(step, failures=0, counted_since=now))
        return None

    async def _secret(self, connection: Connection, factor: Factor) -> str:
        """The secret; one that is kept in another way than the settings say now is kept anew."""
        stored = await factors.secret_of(connection, factor.id)
        try:
            secret = self._seal.open(factor.id, stored)
        except CannotOpen:
            raise AuthFailure(500, "unexpected_failure", "Database error verifying MFA TOTP secret") from None
        if not self._seal.is_current(stored):
            await factors.keep_secret(connection, factor.id, self._seal.close(factor.id, secret))
        return secret

    async def _raised(
        self, request: Request, connection: Connection, user: User, session: Session, factor: Factor
    ) -> dict[str, Any]:
        """The session after a right code: on aal2, with a refresh token that is new."""
        locked = await sessions.find(connection, session.id, lock=True)
        active = await sessions.active_token(connection, session.id) if locked else None
        if locked is None or active is None:
            raise AuthFailure(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        await factors.mark_verified(connection, factor.id)
        await factors.remove_unverified(connection, user.id)
        await sessions.raise_level(connection, session, factor.id, method=factors.TOTP)
        await sessions.end_below_second_level(connection, user.id)
        refresh_token = await sessions.rotate(connection, session, active)
        user = await users.change(connection, user.id, last_sign_in_at=datetime.now(UTC))
        raised = replace(session, aal=SECOND_LEVEL)
        return await self._service.token_response(request, connection, user, raised, refresh_token)


def acceptable_name(name: str | None) -> str:
    """A name for a factor; none is an empty one.

    Raises:
        AuthFailure: validation_failed.
    """
    if name and (len(name) > NAME_MAX_LENGTH or "\0" in name):
        raise invalid(f"friendly_name is longer than {NAME_MAX_LENGTH} characters or has a NUL character")
    return name or ""


async def named_factor(connection: Connection, request: Request, user_id: UUID, *, lock: bool = False) -> Factor:
    """The factor of a person that the path names, locked if asked.

    Raises:
        AuthFailure: validation_failed, mfa_factor_not_found.
    """
    factor_id = uuid_or_none(request.path_params["factor_id"])
    if factor_id is None:
        raise invalid("factor_id must be an UUID", status=404)
    factor = await factors.find(connection, user_id, factor_id, lock=lock)
    if factor is None:
        raise AuthFailure(404, "mfa_factor_not_found", "Factor not found")
    return factor


def _totp_json(secret: str, *, account: str, issuer: str) -> dict[str, str]:
    uri = one_time_codes.enrolment_uri(secret, account=account, issuer=issuer)
    try:
        drawing = one_time_codes.qr_code(uri)
    except ValueError as exc:
        raise invalid(f"issuer and address are {exc}") from None
    return {"qr_code": drawing, "secret": secret, "uri": uri}


def _too_often() -> AuthFailure:
    return AuthFailure(429, "over_request_rate_limit", "Request rate limit reached")
