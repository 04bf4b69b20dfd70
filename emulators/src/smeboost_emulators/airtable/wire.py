"""Requests in and answers out: path, token, body, and the vendor's error bodies."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from smeboost_emulators.airtable.emulator import Emulator
from smeboost_emulators.airtable.errors import (
    ApiError,
    authentication_required,
    body_too_large,
    invalid_request,
    model_not_found,
    not_found,
    not_permitted,
    server_error,
    unreadable_body,
    url_too_long,
)
from smeboost_emulators.airtable.ids import is_id
from smeboost_emulators.airtable.needs import Need
from smeboost_emulators.airtable.rights import Identity
from smeboost_emulators.airtable.shapes import object_of
from smeboost_emulators.airtable.state.access import Level
from smeboost_emulators.airtable.state.changes import Change
from smeboost_emulators.airtable.state.commits import Actor
from smeboost_emulators.airtable.state.schema import Base, Table
from smeboost_emulators.intake import BodyRefused, read_body

URL_CHARACTERS_MAX = 16_000
"""https://support.airtable.com: enforcement of the URL length limit; counted here as path and query."""
MEDIA_TYPE = "application/json; charset=utf-8"
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", re.ASCII)


@dataclass(slots=True)
class Call:
    """A request with a valid token, within the limits, to a base that exists (when its path names one)."""

    request: Request
    emulator: Emulator
    identity: Identity
    base: Base | None
    level: Level = "none"
    """What the owner of the token may do in the base."""

    @property
    def query(self) -> str:
        return self.request.scope["query_string"].decode("latin-1")

    def segment(self, name: str) -> str:
        """A part of the path, decoded."""
        return unquote(self.request.path_params[name])

    @property
    def user_id(self) -> str:
        """Who asks."""
        return str(self.identity.user["id"])

    def commit(self, changes: list[Change], source: str = "publicApi") -> None:
        """Make the changes of this request to its base, in the name of who asks."""
        self.check_still_there()
        self.emulator.commit(self.own_base().id, changes, Actor(self.identity.user, source))

    def record(self, changes: Sequence[Change]) -> None:
        """Make changes that are no transaction of the base: to who may reach it."""
        self.check_still_there()
        self.emulator.record(changes)

    def check_still_there(self) -> None:
        """While the body was read the base may have been deleted, or the emulator reset.

        Raises:
            ApiError: it is so.
        """
        base = self.own_base()
        if self.emulator.state.bases.get(base.id) is not base:
            raise model_not_found()

    def own_base(self) -> Base:
        if self.base is None:
            raise not_found()
        return self.base

    def table(self) -> Table:
        """The table that the path names by id or name."""
        table = self.own_base().find_table(self.segment("table"))
        if table is None:
            raise model_not_found()
        return table

    def writable(self, table: Table) -> Table:
        """The table, unless only its sync writes it; the error is our guess [I]."""
        if table.sync_id is not None:
            raise not_permitted()
        return table

    async def body(self, limit_bytes: int | None = None) -> dict[str, Any]:
        """The JSON object in the body, which may be as large as that of any request, or as `limit_bytes`."""
        return await read_object(self.request, limit_bytes or self.emulator.options.body_bytes_max)


Handler = Callable[[Call], Awaitable[object]]


def endpoint(emulator: Emulator, handler: Handler, need: Need) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint for a handler that takes a `Call` and returns a `Response`, or what its JSON holds."""

    async def answer_request(request: Request) -> Response:
        content = await handler(_open(emulator, request, need))
        if isinstance(content, Response):
            return content
        shown = emulator.keeper.addresses.shown(msgspec.json.encode(content), _origin(request))
        return Response(shown, media_type=MEDIA_TYPE)

    return answer_request


def _origin(request: Request) -> str:
    """Where this emulator is reached: by the name that the client used, unless it is the vendor's own.

    A client that cannot be told of another upload host is sent here as through a proxy and names the vendor.
    """
    host, port = request.scope["server"] or ("127.0.0.1", None)
    named = request.headers.get("host", "")
    if _HOST.fullmatch(named) and not named.partition(":")[0].lower().endswith("airtable.com"):
        return f"{request.url.scheme}://{named}"
    return f"{request.url.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def answer(status: int, content: object, headers: dict[str, str] | None = None) -> Response:
    """JSON as the vendor sends it."""
    return Response(msgspec.json.encode(content), status, headers, media_type=MEDIA_TYPE)


def _open(emulator: Emulator, request: Request, need: Need) -> Call:
    """Ids of a wrong shape are a missing route, which is found before the token is looked at."""
    base_id = unquote(request.path_params.get("base", "")) or None
    if base_id is not None and not is_id("app", base_id):
        raise not_found()
    if "record" in request.path_params and not is_id("rec", unquote(request.path_params["record"])):
        raise not_found()
    token, rights = _token(request), emulator.rights
    identity = rights.identify(token, emulator.state)
    base = None if base_id is None else emulator.state.bases.get(base_id)
    billed = not request.scope["path"].startswith("/v0/meta/")
    emulator.limits.check(identity.user["id"], base.id if base else None, billed=billed)
    rights.check_token(identity, need)
    if base_id is None:
        return Call(request, emulator, identity, None)
    return Call(request, emulator, identity, base, rights.check_base(identity, base, emulator.state, need))


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise authentication_required()
    return token


async def read_object(request: Request, limit_bytes: int) -> dict[str, Any]:
    """The JSON object in a body of at most `limit_bytes`; a larger one is refused without being kept.

    Raises:
        ApiError: 413 for its size, 422 when it is not declared as JSON, is not JSON, or is not an object.
    """
    text = await read_limited(request, limit_bytes)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise unreadable_body()
    try:
        content: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise unreadable_body() from None
    found = object_of(content)
    if found is None:
        raise invalid_request("The body must be a JSON object.")
    return found


async def read_limited(request: Request, limit_bytes: int) -> bytes:
    """The body, of at most `limit_bytes`.

    Raises:
        ApiError: 413 for its size, 422 when it was cut off.
    """
    try:
        return await read_body(request, limit_bytes=limit_bytes)
    except BodyRefused as exc:
        raise (body_too_large(limit_bytes) if exc.status == 413 else unreadable_body()) from None


async def answer_api_error(_request: Request, exc: Exception) -> Response:
    """An `ApiError` carries its own answer."""
    if not isinstance(exc, ApiError):
        raise exc
    return answer(exc.status, exc.body, exc.headers)


async def answer_missing_route(_request: Request, exc: Exception) -> Response:
    """Airtable has no 405: a method that a path does not have is a route that does not exist."""
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    error = not_found() if status in (404, 405) else server_error()
    return answer(error.status if status in (404, 405) else status, error.body)


async def answer_bug(_request: Request, _exc: Exception) -> Response:
    """Our own fault: the trace goes to the log, never into the answer."""
    error = server_error()
    return answer(error.status, error.body)


class EncodedPath:
    """Routes by the path as it was sent, so that a table may be named `A/B` (`A%2FB`); refuses URLs too long.

    A slash at the end does not count: airtable.js writes one before the question mark.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on with an undecoded path."""
        if scope["type"] == "http":
            raw_path: bytes = scope["raw_path"]
            if len(raw_path) + len(scope["query_string"]) >= URL_CHARACTERS_MAX:
                error = url_too_long(URL_CHARACTERS_MAX)
                await answer(error.status, error.body)(scope, receive, send)
                return
            scope = {**scope, "path": raw_path.decode("latin-1").removesuffix("/")}
        await self._app(scope, receive, send)
