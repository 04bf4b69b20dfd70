"""Read a request's body, never more of it than its limit."""

from starlette.requests import Request


class BodyTooLarge(Exception):
    """The body is larger than the limit, in bytes, that it carries."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        super().__init__(f"Request body is larger than {limit_bytes} bytes")


async def read_body(request: Request, *, limit_bytes: int) -> bytes:
    """The whole body.

    Raises:
        BodyTooLarge: as soon as it is known, which is before reading when the length is declared.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
    return bytes(body)
