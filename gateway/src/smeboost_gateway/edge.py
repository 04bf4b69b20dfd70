"""The outermost layers, as plain ASGI: what holds for every request, whatever it asks for.

- `Edge` gives each request an id, puts the security headers on each answer, counts it, and turns what nobody caught
  into one log entry and an `internal_error` without details.
- `SizeLimits` refuses long addresses and large headers, and stops reading a body at its limit: the length that a
  client declares is believed only when it is too large.
"""

import asyncio
import itertools
import re
import secrets
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from smeboost_shared.errors import AddressTooLong, HeadersTooLarge, RequestTimeout, SmeBoostError, TooLarge
from smeboost_shared.logs import get_logger
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smeboost_gateway.metrics import Metrics
from smeboost_gateway.problems import problem_response
from smeboost_gateway.settings import GatewaySettings

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,128}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
]

CLIENT_GONE = 499
"""Counted for a client that left before its request was read; nobody gets to see it (nginx's number)."""

PROCESS = secrets.token_hex(6).encode()
NUMBERS = itertools.count()
"""A request id is a random name of the process and a number: unique, and no secret."""

log = get_logger("gateway")


class Edge:
    """Outermost: every answer passes it, also that to a bug."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and see its answer off."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope["request_id"] = request_id.decode()
        status = 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *SECURITY_HEADERS, (b"x-request-id", request_id)]
            await send(message)

        # The server runs each request in a context of its own, so there is nothing to unbind.
        structlog.contextvars.bind_contextvars(request_id=scope["request_id"])
        try:
            await self._app(scope, receive, send_marked)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception:  # the outermost handler: a bug is logged once and masked here
            log.exception("bug", path=scope["path"])
            if status:
                raise ConnectionAbortedError from None  # half an answer must not look whole
            await problem_response(SmeBoostError(), scope["request_id"])(scope, receive, send_marked)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.request(method, _route(scope), status, time.perf_counter() - started)


def _request_id(scope: Scope) -> bytes:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), None)
    if given is not None and REQUEST_ID.fullmatch(given):
        return given
    return b"%s%08x" % (PROCESS, next(NUMBERS))


def _route(scope: MutableMapping[str, Any]) -> str:
    """The template of the route that answered; never the path, of which there is no end."""
    return str(getattr(scope.get("endpoint"), "template", "unmatched"))


class SizeLimits:
    """Refuses what is too large before anybody holds it in memory."""

    def __init__(self, app: ASGIApp, settings: GatewaySettings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer that it is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal, has_body = self._look(scope)
        if refusal is not None:
            await problem_response(refusal, scope["request_id"])(scope, receive, send)
        elif has_body:
            await self._counting(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _counting(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _BoundedBody(receive, send, self._settings)
        try:
            await self._app(scope, body.receive, body.send)
        except Exception:
            # It may arrive wrapped, in a group of the tasks that were reading.
            if body.refusal is None or body.answering:
                raise
        if body.refusal is not None and not body.answering:
            await problem_response(body.refusal, scope["request_id"])(scope, receive, send)

    def _look(self, scope: Scope) -> tuple[SmeBoostError | None, bool]:
        """What is wrong with the head, and whether a body follows it (RFC 9112, section 6)."""
        settings = self._settings
        if len(scope["raw_path"]) + len(scope["query_string"]) > settings.url_bytes_max:
            return AddressTooLong(f"Path and query may have {settings.url_bytes_max} bytes."), False
        size, has_body = 0, False
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"content-length":
                has_body = True
                if value.isdigit() and int(value[:20]) > settings.body_bytes_max:
                    return _too_large(settings), True
            elif name == b"transfer-encoding":
                has_body = True
        if size > settings.header_bytes_max:
            return HeadersTooLarge(f"All headers together may have {settings.header_bytes_max} bytes."), has_body
        return None, has_body


def _too_large(settings: GatewaySettings) -> TooLarge:
    return TooLarge(f"A request body may have {settings.body_bytes_max} bytes.", hint="Send it in parts.")


class _BoundedBody:
    """Counts what is read and how long it takes; beyond a limit nothing more is read, and only our answer is sent."""

    def __init__(self, receive: Receive, send: Send, settings: GatewaySettings) -> None:
        self._receive, self._send, self._settings = receive, send, settings
        self._bytes_left = settings.body_bytes_max
        self._deadline = asyncio.get_running_loop().time() + settings.body_timeout_seconds
        self._whole = False
        self.refusal: SmeBoostError | None = None
        self.answering = False

    async def receive(self) -> Message:
        if self._whole:
            # What comes now is the end of the connection, and that may take as long as the answer.
            return await self._receive()
        message = await self._part()
        if message["type"] == "http.request":
            self._whole = not message.get("more_body", False)
            self._bytes_left -= len(message.get("body", b""))
            if self._bytes_left < 0:
                self.refusal = _too_large(self._settings)
                raise self.refusal
        return message

    async def _part(self) -> Message:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            limit = self._settings.body_timeout_seconds
            self.refusal = RequestTimeout(f"The request body was not complete after {limit:g} s.")
            raise self.refusal from None

    async def send(self, message: Message) -> None:
        if self.refusal is not None and not self.answering:
            return
        self.answering = True
        await self._send(message)
