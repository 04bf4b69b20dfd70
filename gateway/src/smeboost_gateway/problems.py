"""Errors as problem details (RFC 9457): the one table from what was raised to what is answered."""

import math

import msgspec
from pydantic import BaseModel, Field
from smeboost_shared.errors import (
    HTTP_STATUS,
    FieldProblem,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    SmeBoostError,
)
from smeboost_shared.logs import get_logger
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

MEDIA_TYPE = "application/problem+json"
CHALLENGE = 'Bearer realm="smeboost"'

log = get_logger("gateway")


class Problem(BaseModel):
    """What every error looks like."""

    type: str = Field(description="names the kind of problem; the same for every problem with this `code`")
    title: str = Field(description="the kind of problem, for people")
    status: int = Field(description="the HTTP status")
    detail: str = Field(description="what happened this time, and what to do about it")
    code: str = Field(description="stable name of the kind of problem, for programs")
    request_id: str = Field(description="finds this request in the log")
    retryable: bool = Field(description="whether the same request may succeed later")
    errors: list[FieldProblem] | None = Field(default=None, description="what is wrong, by field")


def problem_response(error: SmeBoostError, request_id: str) -> Response:
    """The answer to a request that failed with `error`."""
    status = HTTP_STATUS.get(error.code, 500)
    problem = Problem(
        type=f"urn:smeboost:problem:{error.code}",
        title=error.code.replace("_", " ").capitalize(),
        status=status,
        detail=f"{error.message} {error.hint}" if error.hint else error.message,
        code=error.code,
        request_id=request_id,
        retryable=error.retryable,
        errors=error.errors or None,
    )
    body = msgspec.json.encode(problem.model_dump(mode="json", exclude_none=True))
    return Response(body, status, _headers(error, status), MEDIA_TYPE)


def _headers(error: SmeBoostError, status: int) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    elif error.retryable and status == 503:
        headers["Retry-After"] = "1"
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = CHALLENGE
    return headers


async def _ours(request: Request, exc: Exception) -> Response:
    error = exc if isinstance(exc, SmeBoostError) else SmeBoostError()
    if error.code == SmeBoostError.code:
        log.error("request_failed", detail=error.message, path=request.url.path)
    return problem_response(error, request_id_of(request))


async def _routing(request: Request, exc: Exception) -> Response:
    if not isinstance(exc, HTTPException) or exc.status_code not in (404, 405):
        return problem_response(SmeBoostError(), request_id_of(request))
    if exc.status_code == 404:
        missing = NotFound(f"There is nothing at {request.url.path!r}.", hint="See /docs.")
        return problem_response(missing, request_id_of(request))
    allowed = ", ".join(sorted((exc.headers or {}).get("Allow", "").split(", ")))
    refused = MethodNotAllowed(f"{request.method} does not exist here.", hint=f"There is {allowed}.")
    response = problem_response(refused, request_id_of(request))
    response.headers["Allow"] = allowed
    return response


def request_id_of(request: Request) -> str:
    """The id that the outermost layer gave this request."""
    return str(request.scope.get("request_id", "none"))


EXCEPTION_HANDLERS: dict[int | type[Exception], ExceptionHandler] = {SmeBoostError: _ours, HTTPException: _routing}
"""What a route may raise. Anything else is a bug: `edge.py` logs it once and answers `internal_error`."""
