"""The one error tree.

Rules of this room:

- Every error has a stable `code`, says whether trying again can help (`retryable`) and whose fault it is (`fault`).
- The docstring of a class is its default message.
- `HTTP_STATUS` is the one table that maps a code to an HTTP status; a tool result carries the same `ErrorBody`,
  so a caller sees one error whether a tool ran in its process or behind a network.
- `client.py` of each server is the only place where a vendor's error becomes one of these (`raise ... from exc`).
"""

import logging
from enum import StrEnum
from typing import ClassVar

from fastmcp.exceptions import ToolError
from pydantic import BaseModel, ConfigDict, Field


class Fault(StrEnum):
    """Who has to act."""

    CALLER = "caller"
    VENDOR = "vendor"
    OURS = "ours"


class FieldProblem(BaseModel):
    """One thing wrong with one field of a request."""

    model_config = ConfigDict(frozen=True)

    field: str
    message: str


class ErrorBody(BaseModel):
    """What a caller gets to see of an error, over any transport."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    retryable: bool = False
    fault: Fault = Fault.OURS
    hint: str | None = None
    retry_after_seconds: float | None = None
    errors: list[FieldProblem] = Field(default_factory=list[FieldProblem])


class SmeBoostError(ToolError):
    """Something went wrong on our side."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False
    fault: ClassVar[Fault] = Fault.OURS

    def __init__(
        self,
        message: str | None = None,
        *,
        hint: str | None = None,
        errors: list[FieldProblem] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        """`message` says what happened, `hint` says what the caller can do about it."""
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint
        self.errors = errors or []
        self.retry_after_seconds = retry_after_seconds
        # FastMCP logs an error that a tool raises; a caller's mistake is not an event for an operator.
        super().__init__(self.message, log_level=logging.DEBUG)

    def body(self) -> ErrorBody:
        """The public part of this error."""
        return ErrorBody(
            code=self.code,
            message=self.message,
            retryable=self.retryable,
            fault=self.fault,
            hint=self.hint,
            retry_after_seconds=self.retry_after_seconds,
            errors=self.errors,
        )

    @staticmethod
    def from_body(body: ErrorBody) -> "SmeBoostError":
        """The error that `body` was made from; an unknown code becomes a plain `SmeBoostError`."""
        kind = _BY_CODE.get(body.code, SmeBoostError)
        return kind(body.message, hint=body.hint, errors=body.errors, retry_after_seconds=body.retry_after_seconds)


class InvalidInput(SmeBoostError):
    """The request is not valid."""

    code = "invalid_input"
    fault = Fault.CALLER


class MalformedRequest(InvalidInput):
    """The request could not be read."""

    code = "malformed_request"


class TooLarge(InvalidInput):
    """The request is larger than the limit."""

    code = "too_large"


class AddressTooLong(TooLarge):
    """The address is longer than the limit."""

    code = "address_too_long"


class HeadersTooLarge(TooLarge):
    """The request headers are larger than the limit."""

    code = "headers_too_large"


class UnsupportedMediaType(InvalidInput):
    """The request body is of a type that is not read here."""

    code = "unsupported_media_type"


class CursorExpired(InvalidInput):
    """The cursor has expired; start again from the first page and drop the pages read so far."""

    code = "cursor_expired"
    retryable = True


class RequestTimeout(SmeBoostError):
    """The request did not arrive in time."""

    code = "request_timeout"
    retryable = True
    fault = Fault.CALLER


class NotAuthenticated(SmeBoostError):
    """Sign in first."""

    code = "not_authenticated"
    fault = Fault.CALLER


class TokenExpired(NotAuthenticated):
    """The token has expired."""

    code = "token_expired"


class NotPermitted(SmeBoostError):
    """You are not permitted to do this."""

    code = "not_permitted"
    fault = Fault.CALLER


class NotFound(SmeBoostError):
    """There is no such thing."""

    code = "not_found"
    fault = Fault.CALLER


class MethodNotAllowed(SmeBoostError):
    """This method does not exist here."""

    code = "method_not_allowed"
    fault = Fault.CALLER


class Conflict(SmeBoostError):
    """The request conflicts with the present state."""

    code = "conflict"
    fault = Fault.CALLER


class NotSupported(SmeBoostError):
    """This is not supported here."""

    code = "not_supported"
    fault = Fault.CALLER


class RateLimited(SmeBoostError):
    """Too many requests."""

    code = "rate_limited"
    retryable = True
    fault = Fault.CALLER


class QuotaExhausted(SmeBoostError):
    """The quota is used up; trying again will not help before it is renewed."""

    code = "quota_exhausted"
    fault = Fault.CALLER


class VendorRejected(SmeBoostError):
    """The service refused the request."""

    code = "vendor_rejected"
    fault = Fault.CALLER


class VendorCredentials(SmeBoostError):
    """The service refused our credentials."""

    code = "vendor_credentials"
    fault = Fault.OURS


class VendorUnavailable(SmeBoostError):
    """The service cannot be reached."""

    code = "vendor_unavailable"
    retryable = True
    fault = Fault.VENDOR


class VendorTimeout(SmeBoostError):
    """The service did not answer in time."""

    code = "vendor_timeout"
    retryable = True
    fault = Fault.VENDOR


class VendorBadAnswer(SmeBoostError):
    """The service gave an answer that we do not understand."""

    code = "vendor_bad_answer"
    fault = Fault.VENDOR


class OutcomeUnknown(SmeBoostError):
    """The write may or may not have happened; look before you repeat it."""

    code = "outcome_unknown"
    fault = Fault.VENDOR


class StoreUnavailable(SmeBoostError):
    """A store of ours cannot be reached."""

    code = "store_unavailable"
    retryable = True
    fault = Fault.OURS


class Misconfigured(SmeBoostError):
    """A setting is missing or wrong."""

    code = "misconfigured"
    fault = Fault.OURS


HTTP_STATUS: dict[str, int] = {
    "internal_error": 500,
    "invalid_input": 422,
    "malformed_request": 400,
    "request_timeout": 408,
    "too_large": 413,
    "cursor_expired": 410,
    "address_too_long": 414,
    "headers_too_large": 431,
    "unsupported_media_type": 415,
    "not_authenticated": 401,
    "token_expired": 401,
    "not_permitted": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "not_supported": 501,
    "rate_limited": 429,
    "quota_exhausted": 429,
    "vendor_rejected": 422,
    "vendor_credentials": 502,
    "vendor_unavailable": 503,
    "vendor_timeout": 504,
    "vendor_bad_answer": 502,
    "outcome_unknown": 504,
    "store_unavailable": 503,
    "misconfigured": 500,
}


def _tree(kind: type[SmeBoostError]) -> list[type[SmeBoostError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _tree(child))]


_BY_CODE = {kind.code: kind for kind in _tree(SmeBoostError)}
