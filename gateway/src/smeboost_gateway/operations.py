"""What a route is: one method at one path, with the models that check its request and describe it in `/openapi.json`.

An operation is for signed-in people unless it says `public`. Paths are matched as they were sent, so that `%2F` in a
table's name does not split it; `Ask.path` holds the decoded parts.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import unquote

import msgspec
from pydantic import BaseModel, ConfigDict
from smeboost_shared.errors import MalformedRequest, NotAuthenticated
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from smeboost_gateway.gate import Gate
from smeboost_gateway.identity import Identity
from smeboost_gateway.parsing import header, read_body, read_query
from smeboost_gateway.settings import GatewaySettings

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Nothing(BaseModel):
    """No parameters, or no body."""

    model_config = ConfigDict(frozen=True, extra="forbid")


NOTHING = Nothing()

Query = TypeVar("Query", bound=BaseModel)
Body = TypeVar("Body", bound=BaseModel)


class Ask(msgspec.Struct, Generic[Query, Body], frozen=True):
    """A checked request."""

    request: Request
    path: Mapping[str, str]
    query: Query
    body: Body
    caller: Identity | None

    @property
    def identity(self) -> Identity:
        """Who asks; every operation that is not public has one."""
        if self.caller is None:
            raise NotAuthenticated
        return self.caller


@dataclass(frozen=True)
class Operation(Generic[Query, Body]):
    """One method at one path."""

    method: Method
    path: str
    summary: str
    handler: Callable[[Ask[Query, Body]], Awaitable[Response]]
    query: type[Query]
    body: type[Body]
    answers: Mapping[int, type[BaseModel] | None]
    """The good answers by status: the model of the body, or None for one that is not JSON."""
    public: bool = False
    description: str = ""


AnyOperation = Operation[Any, Any]


class Resource:
    """Everything at one path: an ASGI app that Starlette's router calls."""

    def __init__(
        self, template: str, operations: Sequence[AnyOperation], gate: Gate, settings: GatewaySettings
    ) -> None:
        self.template = template
        self._operations = {operation.method: operation for operation in operations}
        self._gate, self._settings = gate, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit, check, handle."""
        operation = self._operations["GET" if scope["method"] == "HEAD" else scope["method"]]
        request = Request(scope, receive)
        admitted = None if operation.public else await self._gate.admit(header(scope, b"authorization"))
        response = await operation.handler(await self._ask(operation, request, admitted and admitted.identity))
        if admitted is not None:
            response.raw_headers.extend(admitted.headers())
        await response(scope, receive, send)

    async def _ask(self, operation: AnyOperation, request: Request, caller: Identity | None) -> Ask[Any, Any]:
        return Ask(
            request=request,
            path=_decoded(request.path_params),
            query=read_query(request, operation.query),
            body=NOTHING if operation.body is Nothing else await read_body(request, operation.body, self._settings),
            caller=caller,
        )


def _decoded(parameters: Mapping[str, str]) -> dict[str, str]:
    try:
        return {name: unquote(value, errors="strict") for name, value in parameters.items()}
    except UnicodeDecodeError:
        raise MalformedRequest("The path is not UTF-8.", hint="Percent-encode names as UTF-8.") from None


def routes(operations: Sequence[AnyOperation], gate: Gate, settings: GatewaySettings) -> list[Route]:
    """One route a path, in the order in which the paths first appear."""
    by_path: dict[str, list[AnyOperation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, []).append(operation)
    return [
        Route(path, endpoint=Resource(path, found, gate, settings), methods=[one.method for one in found])
        for path, found in by_path.items()
    ]


class PathAsSent:
    """Lets the router see the path before it was decoded."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            scope["path"] = scope["raw_path"].decode("latin-1")
        await self._app(scope, receive, send)
