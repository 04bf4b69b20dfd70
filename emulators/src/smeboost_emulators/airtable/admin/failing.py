"""The middleware that makes faults happen."""

import asyncio
from collections.abc import Callable
from typing import cast

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smeboost_emulators.airtable.errors import ApiError, server_error, too_many_requests, typed
from smeboost_emulators.airtable.faults import Fault, Faults
from smeboost_emulators.airtable.wire import answer
from smeboost_emulators.listening import CUT_EXTENSION


class FaultyRequests:
    """Requests fail as they were asked to; the admin path and `/healthz` are spared."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request as its fault says, or as ever."""
        path: str = scope.get("path", "")
        spared = scope["type"] != "http" or path.startswith("/_emulator") or path == "/healthz"
        fault = None if spared else self._faults.take(scope["method"], path)
        if fault is None:
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(fault.delay_seconds)
        if fault.status is not None:
            await Request(scope, receive).body()
            await _answer(fault, fault.status)(scope, receive, send)
        elif fault.cut is None:
            await self._app(scope, receive, send)
        else:
            if fault.cut == "after":
                await self._app(scope, receive, _nowhere)
            await _cut(scope, receive)


async def _nowhere(_message: Message) -> None:
    """Where an answer goes that nobody shall see."""


async def _cut(scope: Scope, receive: Receive) -> None:
    """Close the connection, and wait until the server knows, so that it does not answer."""
    abort = cast(Callable[[], None], scope["extensions"][CUT_EXTENSION]["abort"])
    abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _answer(fault: Fault, status: int) -> ASGIApp:
    error = _vendors_error(status)
    body = error.body if fault.body is None else fault.body
    return answer(status, body, error.headers | fault.headers)


def _vendors_error(status: int) -> ApiError:
    """The body that the vendor sends with a status; where it is not known one that says where it comes from."""
    if status == 500:
        return server_error()
    if status == 503:
        return typed(503, "RETRIABLE_ERROR", "The service is temporarily unavailable. Please retry.")
    if status == 429:
        return too_many_requests(retry_after_seconds=None)
    return typed(status, "EMULATED_FAULT", "This emulator was asked to fail.")
