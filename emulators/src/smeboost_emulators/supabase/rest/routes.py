"""The routes of /rest/v1."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from smeboost_emulators.supabase.rest.description.describing import ROOT_METHODS
from smeboost_emulators.supabase.rest.errors import RestFailure
from smeboost_emulators.supabase.rest.service import RestService, refuse_path

METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]


def rest_routes(service: RestService) -> list[Route]:
    """The routes, relative to /rest/v1."""

    async def relation(request: Request) -> Response:
        if request.method == "OPTIONS":
            return await service.relation_options(request)
        return await service.answer(request)

    async def function(request: Request) -> Response:
        if request.method == "OPTIONS":
            return await service.function_options(request)
        return await service.call(request)

    async def root(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(headers={"Allow": ROOT_METHODS})
        return await service.root(request)

    return [
        Route("/", root, methods=METHODS),
        Route("/rpc", refuse_path, methods=METHODS),
        Route("/rpc/{function}", function, methods=METHODS),
        Route("/{relation}", relation, methods=METHODS),
        Route("/{path:path}", refuse_path, methods=METHODS),
    ]


def method_not_allowed(method: str) -> Response:
    """PostgREST's words for a method that it does not know."""
    return RestFailure(405, "PGRST117", f"Unsupported HTTP method: {method[:20]}").response()
