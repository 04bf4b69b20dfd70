"""The gateway's part of a request: which API key came, and which Authorization goes on.

Rules of this room (Supabase's self-hosted gateway):

- The key is the header `apikey` or the query parameter `apikey`, and must be one of the project's.
- An Authorization that is not an opaque key (`Bearer sb_...`) is a person's token and goes on untouched.
- Otherwise an opaque key is exchanged for the JWT of its role, and a JWT key becomes the bearer token itself.
"""

import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# A browser follows these links, and verifiers fetch the public keys, without a key.
OPEN_PATHS = frozenset(
    {
        "/auth/v1/verify",
        "/auth/v1/callback",
        "/auth/v1/authorize",
        "/auth/v1/.well-known/jwks.json",
        "/auth/v1/.well-known/openid-configuration",
        "/healthz",
    }
)
# Ours, not the vendor's; it has a guard of its own.
INBOX_PATHS = "/_emulator/inbox"
# Storage authorises these itself: a public bucket needs no key, a signed link is one. A key that comes is exchanged.
OPEN_PREFIXES = (
    "/storage/v1/object/public/",
    "/storage/v1/object/info/public/",
    "/storage/v1/object/sign/",
    "/storage/v1/object/upload/sign/",
)
OPAQUE_BEARER = re.compile(r"bearer\s+sb_", re.IGNORECASE)


@dataclass(frozen=True)
class ApiKeys:
    """The project's keys: a JWT for each role, and opaque keys that stand for them."""

    anon_jwt: str = field(repr=False)
    service_role_jwt: str = field(repr=False)
    publishable: tuple[str, ...] = field(default=(), repr=False)
    secret: tuple[str, ...] = field(default=(), repr=False)

    def bearer(self, key: str) -> str | None:
        """The JWT that a key stands for, or None when it is not a key of the project."""
        if _one_of(key, (self.service_role_jwt, *self.secret)):
            return self.service_role_jwt
        if _one_of(key, (self.anon_jwt, *self.publishable)):
            return self.anon_jwt
        return None


class RequireApiKey:
    """Lets a request pass only with a key of the project, and gives it the bearer token that belongs to it."""

    def __init__(self, app: ASGIApp, keys: ApiKeys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A WebSocket is refused as a request is, before it is upgraded; a browser has only the query for the key.
        path: str = scope.get("path", "")
        if scope["type"] not in {"http", "websocket"} or path in OPEN_PATHS or path.startswith(INBOX_PATHS):
            await self._app(scope, receive, send)
            return
        headers = MutableHeaders(scope=scope)
        key, scope["query_string"] = _take_key(headers, scope["query_string"])
        bearer = self._keys.bearer(key) if key else None
        if bearer is None and scope["path"].startswith(OPEN_PREFIXES):
            await self._app(scope, receive, send)
            return
        if bearer is None:
            await _refusal(key)(scope, receive, send)
            return
        authorization = headers.get("authorization")
        if authorization is None or OPAQUE_BEARER.match(authorization):
            headers["authorization"] = f"Bearer {bearer}"
        await self._app(scope, receive, send)


def _take_key(headers: Headers, query: bytes) -> tuple[str, bytes]:
    """The key, and the query without it: PostgREST would take the parameter for a filter."""
    if not query:
        return headers.get("apikey", ""), query
    # The other parameters stay as they were written, byte for byte.
    parts = [(part, *part.partition(b"=")[::2]) for part in query.split(b"&")]
    inside = [value for _, name, value in parts if _decoded(name).lower() == "apikey"]
    rest = b"&".join(part for part, name, _ in parts if _decoded(name).lower() != "apikey")
    return headers.get("apikey", "") or (_decoded(inside[0]) if inside else ""), rest


def _decoded(text: bytes) -> str:
    return unquote_plus(text.decode("latin-1"))


def _one_of(key: str, known: tuple[str, ...]) -> bool:
    # Compared in constant time, every one of them, so that time tells nothing.
    matches = [hmac.compare_digest(key.encode(errors="replace"), candidate.encode()) for candidate in known]
    return any(matches)


def _refusal(key: str) -> JSONResponse:
    if key:
        message, hint = "Invalid API key", "Double check your Supabase `anon` or `service_role` API key."
    else:
        message, hint = "No API key found in request", "No `apikey` request header or url param was found."
    return JSONResponse({"message": message, "hint": hint}, 401)
