"""What GoTrue answers when it refuses.

Rules of this room:

- A client that names API version 2024-01-01 or later gets `{"code","message"}`, an older one `{"code","error_code",
  "msg"}` with the HTTP status as `code`, the token endpoint's own protocol errors are OAuth's (RFC 6749 section 5.2).
- Codes are GoTrue's (internal/api/apierrors/errorcode.go); `not_supported` is ours, for what is not built here.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

VERSION_HEADER = "X-Supabase-Api-Version"
FIRST_VERSION = "2024-01-01"


class AuthFailure(Exception):
    """A refusal, with its HTTP status and its code."""

    def __init__(self, status: int, code: str, message: str, **extra: object) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.extra = extra
        super().__init__(message)


class OAuthFailure(Exception):
    """A request that breaks the token endpoint's protocol."""

    def __init__(self, error: str, description: str) -> None:
        self.error = error
        self.description = description
        super().__init__(description)


def bad_json(reason: str) -> AuthFailure:
    """The body is not JSON, or not of the shape we read."""
    return AuthFailure(400, "bad_json", f"Could not parse request body as JSON: {reason}")


def invalid(message: str, status: int = 400) -> AuthFailure:
    """A value is not acceptable."""
    return AuthFailure(status, "validation_failed", message)


def bad_token(reason: str) -> AuthFailure:
    """The bearer token is not one of ours, or no longer."""
    return AuthFailure(403, "bad_jwt", f"invalid JWT: unable to parse or verify signature, {reason}")


def not_supported(what: str) -> AuthFailure:
    """The original can do this; this backend cannot."""
    return AuthFailure(501, "not_supported", f"{what} is not supported by this backend")


def failure_response(request: Request, failure: AuthFailure) -> JSONResponse:
    """The refusal in the form that the client's API version asks for."""
    version = request.headers.get(VERSION_HEADER, "")
    if version >= FIRST_VERSION and version[:4].isdecimal():
        body: dict[str, Any] = {"code": failure.code, "message": failure.message, **failure.extra}
        return JSONResponse(body, failure.status, headers={VERSION_HEADER: FIRST_VERSION})
    body = {"code": failure.status, "error_code": failure.code, "msg": failure.message, **failure.extra}
    return JSONResponse(body, failure.status, headers={"x-sb-error-code": failure.code})


def oauth_response(failure: OAuthFailure) -> JSONResponse:
    """The refusal as RFC 6749 has it."""
    return JSONResponse({"error": failure.error, "error_description": failure.description}, 400)
