"""HTTP to the project, with bounds.

Rules of this room:

- One pool for everything the server does; a sign-in or a session never opens another.
- A request takes no longer than its time in all, and an answer is no larger than its limit, counted when unpacked.
- A redirect is not followed: it would carry the key to a place that nobody configured.
- An answer with an error status that is not in the words of PostgREST or Auth (a proxy's page, a gateway's rate limit)
  becomes `Refused`. The SDK would make a guess of it and drop its status and headers.
"""

import asyncio
import json
from typing import Any, cast

import httpx
from smeboost_shared.outbound import retry_after_seconds
from typing_extensions import override

RETRY_AFTER_MAX_SECONDS = 3600.0
# Shorter than the five seconds after which common servers close an idle connection, so that we do not write into one.
KEEPALIVE_SECONDS = 4.0
_FILES = "/storage/v1/object/"


class Refused(Exception):
    """An answer with an error status that is not in the service's own words."""

    def __init__(self, status: int, retry_after_seconds: float | None) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.retry_after_seconds = retry_after_seconds


class AnswerTooLarge(Exception):
    """The answer is larger than the limit; `succeeded` tells whether its status said that the request was done."""

    def __init__(self, limit_bytes: int, *, succeeded: bool) -> None:
        super().__init__(f"an answer of more than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes
        self.succeeded = succeeded


class BoundedHttp(httpx.AsyncClient):
    """An httpx client whose requests end in time and whose answers fit in memory."""

    def __init__(
        self, *, timeout_seconds: float, connect_timeout_seconds: float, connections_max: int, answer_max_bytes: int
    ) -> None:
        super().__init__(
            timeout=httpx.Timeout(timeout_seconds, connect=connect_timeout_seconds, pool=connect_timeout_seconds),
            limits=httpx.Limits(max_connections=connections_max, keepalive_expiry=KEEPALIVE_SECONDS),
            follow_redirects=False,
        )
        self._timeout_seconds = timeout_seconds
        self._answer_max_bytes = answer_max_bytes

    @override
    async def send(self, request: httpx.Request, *, stream: bool = False, **options: Any) -> httpx.Response:
        """Send the request and read the whole answer, within the bounds.

        Raises:
            AnswerTooLarge: the answer is larger than the limit.
            Refused: an error status without the service's own error body.
            httpx.HTTPError: as httpx does; a request that takes too long in all raises `httpx.ReadTimeout`.
        """
        if stream:
            return await super().send(request, stream=True, **options)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await super().send(request, stream=True, **options)
                try:
                    content = await self._read(answer)
                finally:
                    await answer.aclose()
        except TimeoutError as exc:
            raise httpx.ReadTimeout("the request took too long in all", request=request) from exc
        # The services answer every successful read with JSON, and the SDK would take an empty answer for no rows; but a
        # file may be empty.
        empty = request.method == "GET" and not content and _FILES not in request.url.path
        if empty or not (answer.is_success or _in_own_words(content)):
            raise Refused(answer.status_code, asked_to_wait(answer))
        # The content is decoded by now, so the headers that describe the coded one must go.
        coded = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name, value) for name, value in answer.headers.multi_items() if name not in coded]
        return httpx.Response(answer.status_code, headers=headers, content=content, request=request)

    async def _read(self, answer: httpx.Response) -> bytes:
        content = bytearray()
        async for part in answer.aiter_bytes():
            content += part
            if len(content) > self._answer_max_bytes:
                raise AnswerTooLarge(self._answer_max_bytes, succeeded=answer.is_success)
        return bytes(content)


def asked_to_wait(answer: httpx.Response) -> float | None:
    """Seconds that the answer asks to wait."""
    return retry_after_seconds(answer.headers.get("retry-after"), seconds_max=RETRY_AFTER_MAX_SECONDS)


def _in_own_words(content: bytes) -> bool:
    try:
        body = json.loads(content)
    except ValueError:
        return False
    if not isinstance(body, dict):
        return False
    told = cast(dict[str, object], body)
    # PostgREST and Auth name a code, Storage a status; Auth's OAuth errors have a description (RFC 6749, section 5.2).
    return any(isinstance(told.get(name), str) for name in ("code", "error_code", "error_description", "statusCode"))
