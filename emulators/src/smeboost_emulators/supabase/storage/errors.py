"""What Supabase Storage answers when it refuses: `{"statusCode","code","error","message"}`.

The HTTP status is 400 for nearly every fault of the caller's; the true one stands in `statusCode`, as text.
"""

import psycopg
from starlette.responses import JSONResponse

from smeboost_emulators.supabase.pools import lost

_TRUE_STATUS = frozenset({429, 500, 501, 503, 544})


class StorageFailure(Exception):
    """A refusal; `status` is the one in the body."""

    def __init__(self, status: int, code: str, message: str, *, error: str | None = None) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.error = error or code
        super().__init__(message)

    def response(self) -> JSONResponse:
        """The refusal as the original sends it."""
        body = {"statusCode": str(self.status), "code": self.code, "error": self.error, "message": self.message}
        return JSONResponse(body, self.status if self.status in _TRUE_STATUS else 400)


def no_such_bucket() -> StorageFailure:
    """No bucket of that name, or none that the caller may know of."""
    return StorageFailure(404, "NoSuchBucket", "Bucket not found", error="Bucket not found")


def no_such_key() -> StorageFailure:
    """No object of that name, or none that the caller may know of: the two cannot be told apart."""
    return StorageFailure(404, "NoSuchKey", "Object not found", error="not_found")


def access_denied(message: str = "new row violates row-level security policy") -> StorageFailure:
    """Row level security, a missing grant or a bad token."""
    return StorageFailure(403, "AccessDenied", message, error="Unauthorized")


def already_exists(code: str = "KeyAlreadyExists") -> StorageFailure:
    """The name is taken."""
    return StorageFailure(409, code, "The resource already exists", error="Duplicate")


def too_large(what: str = "object") -> StorageFailure:
    """More bytes than the server or the bucket takes."""
    return StorageFailure(
        413, "EntityTooLarge", f"The {what} exceeded the maximum allowed size", error="Payload too large"
    )


def invalid_mime_type(mime_type: str) -> StorageFailure:
    """The bucket does not take this type."""
    return StorageFailure(415, "InvalidMimeType", f"mime type {mime_type} is not supported", error="invalid_mime_type")


def invalid_key(key: str) -> StorageFailure:
    """The name has a character or a segment that names may not have."""
    return StorageFailure(400, "InvalidKey", f"Invalid key: {key}")


def invalid_request(message: str) -> StorageFailure:
    """The request is not what the endpoint reads."""
    return StorageFailure(400, "InvalidRequest", message)


def not_supported(what: str) -> StorageFailure:
    """The original can do this; this backend cannot."""
    return StorageFailure(501, "NotSupported", f"{what} not supported by this backend", error="not_supported")


def slow_down() -> StorageFailure:
    """Too much is going on."""
    return StorageFailure(429, "SlowDown", "Too many transfers are under way, try again later", error="SlowDown")


def pool_busy() -> StorageFailure:
    """All connections are in use."""
    return StorageFailure(
        429, "DatabaseConnectionLimit", "Too many connections issued to the database", error="too_many_connections"
    )


def database_down() -> StorageFailure:
    """Nobody answers."""
    return StorageFailure(503, "DatabaseError", "The database cannot be reached, try again later")


def from_database(exc: psycopg.Error) -> StorageFailure:
    """A refusal of PostgreSQL, in the original's words."""
    state = exc.sqlstate
    if state is None:
        return database_down() if lost(exc) else invalid_request("A value in the request cannot be stored")
    if state == "42501":
        return access_denied()
    if state == "23505":
        return already_exists()
    if state == "23503":
        return StorageFailure(404, "InvalidRequest", "The related resource does not exist")
    if state in {"57014", "55P03", "25P03"}:
        return StorageFailure(544, "DatabaseTimeout", "The connection to the database timed out")
    if lost(exc):
        return database_down()
    if state.startswith("22") or state == "23514":
        message = exc.diag.message_primary or "A value in the request cannot be stored"
        return access_denied(message) if message.startswith("role ") else invalid_request(message)
    message = exc.diag.message_primary if state == "P0001" else None
    return StorageFailure(500, "DatabaseError", message or "The database could not do this")
