"""What every emulator reads of a request with care: its body, and numbers written as text."""

from starlette.requests import ClientDisconnect, Request

DIGITS_MAX = 19
"""Digits of the largest number that anybody may mean; Python refuses to read one of more than 4,300."""


class BodyRefused(Exception):
    """The body was not read to its end: `status` is 413 when it is too large, 400 when the caller went away."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


async def read_body(request: Request, *, limit_bytes: int) -> bytes:
    """The whole body.

    Raises:
        BodyRefused: too large, as soon as it is known, which is before reading when the length is declared; or cut off.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[: DIGITS_MAX + 1]) > limit_bytes:
        raise _too_large(limit_bytes)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit_bytes:
                raise _too_large(limit_bytes)
    except ClientDisconnect:
        # Nobody reads the answer to this one, but it is no fault of ours either.
        raise BodyRefused(400, "The request body was cut off") from None
    return bytes(body)


def _too_large(limit_bytes: int) -> BodyRefused:
    return BodyRefused(413, f"Request body is larger than {limit_bytes} bytes")


def whole_number(text: str) -> int | None:
    """The number that `text` spells in at most `DIGITS_MAX` ASCII digits, or None when it does not."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX else None
