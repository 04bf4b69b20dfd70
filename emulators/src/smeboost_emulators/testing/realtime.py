"""A plain client of Realtime for tests: it sends any frame and waits, within bounds, for what it wants to see."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect

WAIT_SECONDS = 5.0
FRAME_MAX_BYTES = 16_777_216
BROADCAST = 4


class RealtimeSocket:
    """A connection that speaks version 1.0.0 or 2.0.0; every message it has seen is in `seen`."""

    def __init__(self, connection: ClientConnection, version: str) -> None:
        self.connection = connection
        self.seen: list[dict[str, Any]] = []
        self._version = version
        self._ref = 0

    async def send(self, topic: str, event: str, payload: object, *, join_ref: str | None = None) -> str:
        """Send a message and give its ref."""
        self._ref += 1
        ref = str(self._ref)
        if self._version == "2.0.0":
            await self.connection.send(json.dumps([join_ref, ref, topic, event, payload]))
        else:
            message = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": join_ref}
            await self.connection.send(json.dumps(message))
        return ref

    async def ask(self, topic: str, event: str, payload: object, *, join_ref: str | None = None) -> dict[str, Any]:
        """Send a message and give the payload of its reply."""
        ref = await self.send(topic, event, payload, join_ref=join_ref)
        return (await self.wait("phx_reply", topic, lambda message: message["ref"] == ref))["payload"]

    async def join(self, name: str, *, token: str | None = None, **config: object) -> dict[str, Any]:
        """Join a topic and give the payload of the reply."""
        payload: dict[str, object] = {"config": config}
        if token:
            payload["access_token"] = token
        return await self.ask(f"realtime:{name}", "phx_join", payload, join_ref=str(self._ref + 1))

    async def wait(
        self,
        event: str,
        topic: str | None = None,
        wanted: Callable[[dict[str, Any]], bool] = lambda _: True,
        *,
        seconds: float = WAIT_SECONDS,
    ) -> dict[str, Any]:
        """The next message of this event that is wanted; what came before it is in `seen`."""
        async with asyncio.timeout(seconds):
            while True:
                message = await self.next()
                if message["event"] == event and topic in {None, message["topic"]} and wanted(message):
                    return message

    async def next(self) -> dict[str, Any]:
        """The next message, whatever it is."""
        message = self._decoded(await self.connection.recv())
        self.seen.append(message)
        return message

    def _decoded(self, frame: str | bytes) -> dict[str, Any]:
        if isinstance(frame, bytes):
            return _broadcast(frame)
        found = json.loads(frame)
        if self._version == "2.0.0":
            return dict(zip(("join_ref", "ref", "topic", "event", "payload"), found, strict=True))
        return found


@asynccontextmanager
async def realtime_socket(url: str, key: str, *, version: str = "1.0.0") -> AsyncGenerator[RealtimeSocket]:
    """A socket to the backend at `url`, with an API key."""
    address = url.replace("http", "ws", 1) + "/realtime/v1/websocket?" + urlencode({"apikey": key, "vsn": version})
    async with connect(address, max_size=FRAME_MAX_BYTES, compression=None, ping_interval=None) as connection:
        yield RealtimeSocket(connection, version)


def _broadcast(frame: bytes) -> dict[str, Any]:
    """A binary frame of kind 4, in the form of a text message."""
    if frame[0] != BROADCAST:
        raise AssertionError(f"a binary frame of kind {frame[0]}")
    topic, event, meta = frame[1:4]
    parts, offset = list[bytes](), 5
    for length in (topic, event, meta):
        parts.append(frame[offset : offset + length])
        offset += length
    body = frame[offset:]
    payload: dict[str, Any] = {
        "type": "broadcast",
        "event": parts[1].decode(),
        "payload": json.loads(body) if frame[4] else body,
    }
    if parts[2]:
        payload["meta"] = json.loads(parts[2])
    return {"topic": parts[0].decode(), "event": "broadcast", "payload": payload, "ref": None, "join_ref": None}
