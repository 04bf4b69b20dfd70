"""Broadcasts that come by HTTP, in both of their forms.

Rules of this room (Supabase Realtime's BroadcastController):

- What is accepted is answered 202 without a body, whether somebody listens or not.
- A private message needs the right to say something on its topic. In a batch those without it are left out silently,
  a message that came alone is refused. When the database cannot say, all is refused (503) and nothing is sent.
"""

from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.intake import BodyRefused, read_body
from smeboost_emulators.supabase.realtime.connections import JoinRefused
from smeboost_emulators.supabase.realtime.frames import Broadcast, FrameRefused, require_json
from smeboost_emulators.supabase.realtime.service import RealtimeService
from smeboost_emulators.supabase.realtime.tokens import Holder, TokenRefused

OCTETS, JSON = "application/octet-stream", "application/json"


class _Message(msgspec.Struct):
    topic: str
    event: str
    payload: msgspec.Raw
    private: bool = False


class _Batch(msgspec.Struct):
    messages: list[_Message]


async def send_batch(request: Request, service: RealtimeService) -> Response:
    """`POST /api/broadcast`: many messages."""
    try:
        holder = _holder(request, service)
        body = await read_body(request, limit_bytes=service.settings.realtime_payload_max_bytes)
        batch = msgspec.json.decode(body, type=_Batch)
    except TokenRefused as exc:
        return _refusal(401, exc.message)
    except BodyRefused as exc:
        return _refusal(exc.status, str(exc))
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as exc:
        return JSONResponse({"errors": {"messages": [str(exc)]}}, 422)
    if len(batch.messages) > service.settings.realtime_batch_max:
        return _refusal(413, f"A batch has at most {service.settings.realtime_batch_max} messages")
    for message in batch.messages:
        if not message.topic or not message.event:
            return JSONResponse({"errors": {"messages": ["topic and event can't be blank"]}}, 422)
    private = {message.topic for message in batch.messages if message.private}
    try:
        allowed = {topic for topic in private if await service.may_say(topic, holder)}
    except JoinRefused as exc:
        return _unavailable(exc)
    for message in batch.messages:
        if not message.private or message.topic in allowed:
            said = Broadcast(message.event, bytes(message.payload))
            service.hub.broadcast((message.topic, message.private), said)
    return Response(status_code=202)


async def send_one(request: Request, service: RealtimeService) -> Response:
    """`POST /api/broadcast/{topic}/events/{event}`: one message, JSON or bytes."""
    topic, event = _topic_and_event(request)
    private = request.query_params.get("private") == "true"
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {OCTETS, JSON}:
        return _refusal(415, f"Content-Type must be {JSON} or {OCTETS}")
    try:
        holder = _holder(request, service)
        body = await read_body(request, limit_bytes=service.settings.realtime_payload_max_bytes)
        if kind == JSON:
            require_json(body)
    except TokenRefused as exc:
        return _refusal(401, exc.message)
    except BodyRefused as exc:
        return _refusal(exc.status, str(exc))
    except FrameRefused as exc:
        return _refusal(422, f"The body is not JSON: {exc}")
    try:
        allowed = not private or await service.may_say(topic, holder)
    except JoinRefused as exc:
        return _unavailable(exc)
    if not allowed:
        return _refusal(403, f"You do not have permissions to write to this Channel topic: {topic}")
    service.hub.broadcast((topic, private), Broadcast(event, body, binary=kind == OCTETS))
    return Response(status_code=202)


def _topic_and_event(request: Request) -> tuple[str, str]:
    """Both may have slashes, which are only told from the path's own before they are decoded."""
    parts = request.scope["raw_path"].decode("latin-1").split("/")
    return unquote(parts[-3]), unquote(parts[-1])


def _holder(request: Request, service: RealtimeService) -> Holder:
    return service.holder(request.headers.get("authorization", "").partition(" ")[2].strip())


def _unavailable(exc: JoinRefused) -> JSONResponse:
    """Nobody knows what the policies say; nothing was sent, so it can be asked again."""
    return JSONResponse({"message": str(exc)}, 503, {"Retry-After": "1"})


def _refusal(status: int, message: str) -> JSONResponse:
    content: dict[str, Any] = {"message": message}
    return JSONResponse(content, status)
