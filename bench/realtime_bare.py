"""The baseline of the Realtime benchmark: a WebSocket route that repeats to everybody what is posted, and no more."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

sockets: set[WebSocket] = set()


async def listen(websocket: WebSocket) -> None:
    await websocket.accept()
    sockets.add(websocket)
    try:
        while True:
            await websocket.receive_text()
            await websocket.send_text('{"event":"joined"}')
    except WebSocketDisconnect:
        sockets.discard(websocket)


async def say(request: Request) -> Response:
    text = (await request.body()).decode()
    for websocket in tuple(sockets):
        await websocket.send_text(text)
    return Response(status_code=202)


async def healthz(_request: Request) -> Response:
    return Response()


app = Starlette(
    routes=[
        Route("/healthz", healthz),
        Route("/say", say, methods=["POST"]),
        WebSocketRoute("/realtime/v1/websocket", listen),
    ]
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(sys.argv[1]),
        log_level="error",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
    )
