"""The first two steps of every request that is not public: who is it, and how often.

The access token is checked here; whether its session still lives and whether its allowance is used up are asked of
the store, both at the same time. Nothing is let through when the store cannot answer.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from smeboost_redis.limits import Decision, RateLimiter
from smeboost_redis.sessions import Session, Sessions
from smeboost_shared.errors import NotAuthenticated, RateLimited

from smeboost_gateway.identity import AccessTokens, Claims, Identity, Role
from smeboost_gateway.settings import GatewaySettings

PERIOD_SECONDS = 60.0
AUTHORIZATION_CHARACTERS_MAX = 4096


@dataclass(frozen=True, slots=True)
class Admission:
    """Somebody may pass; `decision` is what is left of their allowance."""

    identity: Identity
    decision: Decision

    def headers(self) -> dict[str, str]:
        """The allowance, for the answer (the fields of draft-ietf-httpapi-ratelimit-headers, version 3)."""
        return _allowance(self.decision)


class Gate:
    """Admits requests by their `Authorization` header."""

    def __init__(
        self, settings: GatewaySettings, tokens: AccessTokens, sessions: Sessions, limiter: RateLimiter
    ) -> None:
        self._settings, self._tokens, self._sessions, self._limiter = settings, tokens, sessions, limiter

    async def admit(self, authorization: str | None) -> Admission:
        """Identity, then rate limit.

        Raises:
            NotAuthenticated: no token, not our token, or a session that has ended.
            TokenExpired: the token was good once.
            RateLimited: too many requests of this session.
            StoreUnavailable: the session cannot be looked up now.
        """
        claims = self._tokens.verify(_bearer(authorization))
        session, decision = await asyncio.gather(
            self._sessions.read_by_id(claims.session_id),
            self._limiter.check(
                claims.session_id, limit=self._settings.requests_per_minute, period_seconds=PERIOD_SECONDS
            ),
        )
        identity = _identity(session, claims)
        _refuse_surplus(decision, "Too many requests in this session.")
        return Admission(identity, decision)

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


def _identity(session: Session | None, claims: Claims) -> Identity:
    if session is None or session.user_id != claims.user_id:
        raise NotAuthenticated("The session has ended.", hint="Log in again.")
    return identity_of(session)


def identity_of(session: Session) -> Identity:
    """Who a session belongs to, as it was found when it began."""
    return Identity(
        user_id=session.user_id,
        email=session.data["email"],
        role=Role(session.data["role"]),
        workspace_id=session.data["workspace_id"],
        session_id=session.session_id,
    )


def session_data(email: str, role: Role, workspace_id: str) -> Mapping[str, str]:
    """What `identity_of` finds again."""
    return {"email": email, "role": role.value, "workspace_id": workspace_id}


def _refuse_surplus(decision: Decision, message: str) -> None:
    if not decision.allowed:
        raise RateLimited(
            message, hint="Wait as Retry-After says.", retry_after_seconds=max(decision.retry_after_seconds, 0.001)
        )


def _allowance(decision: Decision) -> dict[str, str]:
    return {
        "RateLimit-Limit": str(decision.limit),
        "RateLimit-Remaining": str(decision.remaining),
        "RateLimit-Reset": str(-int(-decision.reset_after_seconds // 1)),
    }
