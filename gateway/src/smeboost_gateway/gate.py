"""The first two steps of every request that is not public: who is it, and how often.

The access token is checked here; whether its session still lives and whether its allowance is used up are asked of
the store, in one command. Nothing is let through when the store cannot answer.
"""

import asyncio
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from smeboost_redis.admission import Admission
from smeboost_redis.limits import Decision, RateLimiter
from smeboost_redis.sessions import Session
from smeboost_shared.errors import NotAuthenticated, RateLimited

from smeboost_gateway.identity import AccessTokens, Identity, Role
from smeboost_gateway.settings import GatewaySettings

PERIOD_SECONDS = 60.0
AUTHORIZATION_CHARACTERS_MAX = 4096
SESSION_FIELDS = ("email", "role", "workspace_id")


@dataclass(frozen=True, slots=True)
class Pass:
    """Somebody may pass; `decision` is what is left of their allowance."""

    identity: Identity
    decision: Decision

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The allowance, for the answer (the fields of draft-ietf-httpapi-ratelimit-headers, version 3)."""
        return [
            (b"ratelimit-limit", b"%d" % self.decision.limit),
            (b"ratelimit-remaining", b"%d" % self.decision.remaining),
            (b"ratelimit-reset", b"%d" % math.ceil(self.decision.reset_after_seconds)),
        ]


class Gate:
    """Admits requests by their `Authorization` header."""

    def __init__(
        self, settings: GatewaySettings, tokens: AccessTokens, admission: Admission, limiter: RateLimiter
    ) -> None:
        self._settings, self._tokens, self._admission, self._limiter = settings, tokens, admission, limiter

    async def admit(self, authorization: str | None) -> Pass:
        """Identity, then rate limit.

        Raises:
            NotAuthenticated: no token, not our token, or a session that has ended.
            TokenExpired: the token was good once.
            RateLimited: too many requests of this session.
            StoreUnavailable: the session cannot be looked up now.
        """
        claims = self._tokens.verify(_bearer(authorization))
        admitted = await self._admission.check(claims.session_id)
        if admitted is None or admitted.user_id != claims.user_id:
            raise NotAuthenticated("The session has ended.", hint="Log in again.")
        _refuse_surplus(admitted.decision, "Too many requests in this session.")
        return Pass(_identity(claims.session_id, admitted.user_id, admitted.data), admitted.decision)

    async def admit_login(self, address: str, email: str) -> None:
        """Count an attempt to log in, by address and by e-mail.

        Raises:
            RateLimited: too many attempts.
        """
        digest = hashlib.sha256(email.strip().lower().encode()).hexdigest()
        by_address, by_email = await asyncio.gather(
            self._limiter.check(
                f"login-address:{address}",
                limit=self._settings.logins_per_minute_by_address,
                period_seconds=PERIOD_SECONDS,
            ),
            self._limiter.check(
                f"login-email:{digest}", limit=self._settings.logins_per_minute_by_email, period_seconds=PERIOD_SECONDS
            ),
        )
        for decision in (by_address, by_email):
            _refuse_surplus(decision, "Too many attempts to log in.")


def _bearer(authorization: str | None) -> str:
    if authorization is None:
        raise NotAuthenticated(
            "This needs an access token.", hint="Log in at POST /api/auth/login and send Authorization: Bearer <token>."
        )
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token or len(token) > AUTHORIZATION_CHARACTERS_MAX:
        raise NotAuthenticated("The Authorization header is not `Bearer <token>`.")
    return token.strip()


def identity_of(session: Session) -> Identity:
    """Who a session belongs to, as it was found when it began."""
    return _identity(session.session_id, session.user_id, session.data)


def _identity(session_id: str, user_id: str, data: Mapping[str, str]) -> Identity:
    return Identity(
        user_id=user_id,
        email=data["email"],
        role=Role(data["role"]),
        workspace_id=data["workspace_id"],
        session_id=session_id,
    )


def session_data(email: str, role: Role, workspace_id: str) -> Mapping[str, str]:
    """What `identity_of` finds again."""
    return dict(zip(SESSION_FIELDS, (email, role.value, workspace_id), strict=True))


def _refuse_surplus(decision: Decision, message: str) -> None:
    if not decision.allowed:
        raise RateLimited(
            message, hint="Wait as Retry-After says.", retry_after_seconds=max(decision.retry_after_seconds, 0.001)
        )
