"""Who is asking: roles, the identity that a request carries, and the access tokens that prove it.

A token is a JWT (RFC 7519) signed with HS256 by us, for us: any other algorithm, issuer or audience is refused.
It names a session (`sid`); whether that session still lives is asked of the store on every request, so a
revoked session ends at once although its token has not expired.
"""

import hashlib
import time
from collections import OrderedDict
from enum import StrEnum

import msgspec
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import OctKey
from smeboost_shared.errors import NotAuthenticated, TokenExpired

from smeboost_gateway.settings import GatewaySettings

ALGORITHM = "HS256"
VERIFIED_TOKENS_MAX = 10_000
"""How many verified tokens are remembered, so that a signature is checked once and not on every request."""


class Role(StrEnum):
    """What a member of a workspace may do, from least to most."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    def at_least(self, other: "Role") -> bool:
        """Whether this role may do all that `other` may."""
        return _RANKS[self] >= _RANKS[other]


_RANKS = {role: rank for rank, role in enumerate(Role)}


class Identity(msgspec.Struct, frozen=True):
    """A signed-in person, in one session."""

    user_id: str
    email: str
    role: Role
    workspace_id: str
    session_id: str


class Claims(msgspec.Struct, frozen=True):
    """What a valid access token says."""

    user_id: str
    session_id: str
    expires_at: int


class AccessTokens:
    """Issues and checks access tokens; remembers those it has checked, by hash, until they expire."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._key = OctKey.import_key(settings.jwt_secret.get_secret_value())
        self._issuer, self._audience = settings.jwt_issuer, settings.jwt_audience
        self._life_seconds = settings.access_token_seconds
        self._registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            sub={"essential": True},
            sid={"essential": True},
            exp={"essential": True},
        )
        self._verified: OrderedDict[bytes, Claims] = OrderedDict()

    def issue(self, identity: Identity) -> str:
        """A token for this session; it says the role for the reader, but the session's own role decides."""
        now = int(time.time())
        claims: dict[str, str | int] = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": identity.user_id,
            "sid": identity.session_id,
            "role": identity.role,
            "iat": now,
            "exp": now + self._life_seconds,
        }
        return jwt.encode({"alg": ALGORITHM}, claims, self._key, algorithms=[ALGORITHM])

    def verify(self, token: str) -> Claims:
        """What the token says.

        Raises:
            TokenExpired: it was good once.
            NotAuthenticated: it was never good here.
        """
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._decode(token)
            self._verified[digest] = claims
            if len(self._verified) > VERIFIED_TOKENS_MAX:
                self._verified.popitem(last=False)
        else:
            self._verified.move_to_end(digest)
        if claims.expires_at <= time.time():
            self._verified.pop(digest, None)
            raise _expired()
        return claims

    def _decode(self, token: str) -> Claims:
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
            self._registry.validate(claims)
        except ExpiredTokenError:
            raise _expired() from None
        except (JoseError, ValueError):
            raise NotAuthenticated("The access token is not valid here.", hint="Log in again.") from None
        return Claims(user_id=str(claims["sub"]), session_id=str(claims["sid"]), expires_at=int(claims["exp"]))


def _expired() -> TokenExpired:
    return TokenExpired("The access token has expired.", hint="POST /api/auth/refresh with your refresh_token.")
