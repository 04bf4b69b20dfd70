"""What PostgREST answers when it refuses: `{"code","message","details","hint"}` and a `Proxy-Status` header.

The header repeats the code, because a HEAD answer has no body. The table from SQLSTATE to HTTP status is PostgREST's
(its documentation, "Errors").
"""

import psycopg
from starlette.responses import JSONResponse

from smeboost_emulators.supabase.pools import lost

# The longest prefix that matches decides; everything else is the caller's: 400.
_STATUS_BY_PREFIX = {
    "08": 503,
    "53": 503,
    "53400": 500,
    "57P01": 503,
    "0L": 403,
    "0P": 403,
    "28": 403,
    "21000": 500,
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "09": 500,
    "25": 500,
    "2D": 500,
    "38": 500,
    "39": 500,
    "3B": 500,
    "40": 500,
    "54": 500,
    "55": 500,
    "57": 500,
    "58": 500,
    "F0": 500,
    "HV": 500,
    "P0": 500,
    "P0001": 400,
    "XX": 500,
}


class RestFailure(Exception):
    """A refusal, with its HTTP status and its PostgREST code or SQLSTATE; `details` is text, or JSON for PGRST201."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: object = None,
        hint: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.hint = hint
        self.headers = headers or {}
        super().__init__(message)

    def response(self) -> JSONResponse:
        """The refusal as PostgREST sends it."""
        body = {"code": self.code, "message": self.message, "details": self.details, "hint": self.hint}
        headers = {"Proxy-Status": f"PostgREST; error={self.code}", **self.headers}
        return JSONResponse(body, self.status, headers=headers)


class UnknownName(RestFailure):
    """A relation or a column that the schema cache has not; it may only be too old."""

    def __init__(self, failure: RestFailure, *, schema: str, relation: str, column: str | None = None) -> None:
        super().__init__(failure.status, failure.code, failure.message, details=failure.details, hint=failure.hint)
        self.schema = schema
        self.relation = relation
        self.column = column


class UnknownLink(RestFailure):
    """A way from one relation to another that the schema cache has not; it may only be too old.

    `known` are the relations that there is a way to; which of them may be named is for whoever knows the caller.
    """

    def __init__(self, failure: RestFailure, *, schema: str, target: str, known: frozenset[str]) -> None:
        super().__init__(failure.status, failure.code, failure.message, details=failure.details)
        self.schema = schema
        self.target = target
        self.known = known


def unparsable(what: str, text: str, position: int, expected: str) -> RestFailure:
    """A query parameter that does not follow the grammar."""
    found = repr(text[position]) if position < len(text) else "end of input"
    message = f'"failed to parse {what} ({text[:200]})" (line 1, column {position + 1})'
    return RestFailure(400, "PGRST100", message, details=f"unexpected {found} expecting {expected}")


def not_built(what: str) -> RestFailure:
    """PostgREST can do this; this backend cannot yet."""
    return RestFailure(400, "PGRST127", "Feature not implemented", details=f"{what} not supported by this backend yet")


def invalid_body(message: str) -> RestFailure:
    """The body is not what we read."""
    return RestFailure(400, "PGRST102", message)


def database_down() -> RestFailure:
    """Nobody answers."""
    return RestFailure(
        503, "PGRST001", "Database connection error. Retrying the connection.", headers={"Retry-After": "1"}
    )


def pool_busy() -> RestFailure:
    """All connections are in use."""
    return RestFailure(504, "PGRST003", "Timed out acquiring connection from connection pool.")


def from_database(exc: psycopg.Error, *, anonymous: bool) -> RestFailure:
    """A refusal of PostgreSQL, in PostgREST's words."""
    if exc.sqlstate is None:
        if lost(exc):
            return database_down()
        return RestFailure(400, "22000", "A value in the request cannot be sent to the database")
    diagnosis = exc.diag
    message = diagnosis.message_primary or "Database error"
    status = _status(exc.sqlstate, message, anonymous=anonymous)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if status == 503:
        headers["Retry-After"] = "1"
    return RestFailure(
        status, exc.sqlstate, message, details=diagnosis.message_detail, hint=diagnosis.message_hint, headers=headers
    )


def _status(sqlstate: str, message: str, *, anonymous: bool) -> int:
    if sqlstate == "42501":
        return 401 if anonymous else 403
    if sqlstate == "22023":
        return 401 if message.startswith("role ") and message.endswith("does not exist") else 400
    if sqlstate.startswith("PT"):
        return _raised_status(sqlstate[2:])
    prefixes = [prefix for prefix in _STATUS_BY_PREFIX if sqlstate.startswith(prefix)]
    return _STATUS_BY_PREFIX[max(prefixes, key=len)] if prefixes else 400


def _raised_status(digits: str) -> int:
    """A function raised SQLSTATE PTxyz to choose the status itself."""
    return int(digits) if digits.isascii() and digits.isdecimal() and 200 <= int(digits) <= 599 else 500
