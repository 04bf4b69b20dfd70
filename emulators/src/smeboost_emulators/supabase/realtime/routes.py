"""The addresses of Realtime."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from smeboost_emulators.supabase.realtime.broadcasts import send_batch, send_one
from smeboost_emulators.supabase.realtime.service import RealtimeService


def realtime_routes(service: RealtimeService) -> list[BaseRoute]:
    """Everything below `/realtime/v1`."""

    async def batch(request: Request) -> Response:
        return await send_batch(request, service)

    async def one(request: Request) -> Response:
        return await send_one(request, service)

    return [
        WebSocketRoute("/websocket", service.connect),
        Route("/api/broadcast", batch, methods=["POST"]),
        Route("/api/broadcast/{topic:path}/events/{event:path}", one, methods=["POST"]),
        Route("/api/ping", _ping),
        Route("/{path:path}", _elsewhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]


async def _ping(_request: Request) -> Response:
    return JSONResponse({"message": "Success"})


async def _elsewhere(request: Request) -> Response:
    path = request.path_params["path"]
    if path.startswith("api/tenants"):
        return JSONResponse({"code": "not_supported", "message": "tenants are not supported by this backend"}, 501)
    if path == "websocket":
        return JSONResponse({"message": "a WebSocket upgrade is wanted here"}, 426, {"Upgrade": "websocket"})
    return JSONResponse({"message": "no Route matched with those values"}, 404)
