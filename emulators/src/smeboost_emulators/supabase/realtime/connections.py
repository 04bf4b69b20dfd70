"""One client's WebSocket: what it says is done in order, what it hears waits in its outbox.

Rules of this room (Phoenix sockets, and the channel of Supabase Realtime):

- A frame that is not of the protocol ends the connection; a message for a topic that was not joined is answered.
- A topic that is joined again replaces the channel it had, without a word about the old one.
- A channel that breaks a limit hears why in a `system` message and is closed; the connection stays.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from smeboost_emulators.supabase.realtime.channels import TOPIC_PREFIX, Access, Channel
from smeboost_emulators.supabase.realtime.frames import (
    FrameRefused,
    Incoming,
    Outgoing,
    Version,
    decode_binary,
    decode_text,
    read_broadcast,
    read_object,
    read_presence,
)
from smeboost_emulators.supabase.realtime.hub import Hub
from smeboost_emulators.supabase.realtime.joins import JoinRequest, binding_id, read_join
from smeboost_emulators.supabase.realtime.outbox import Outbox
from smeboost_emulators.supabase.realtime.rates import Rate
from smeboost_emulators.supabase.realtime.settings import RealtimeSettings
from smeboost_emulators.supabase.realtime.tokens import Holder, TokenRefused, expiry_message

UNSUPPORTED_DATA, TOO_SLOW, SILENT, GOING = 1003, 1008, 1000, 1012
PHOENIX = "phoenix"


class JoinRefused(Exception):
    """The topic may not be joined; the message is the reason that the client gets."""


class _SendAway(Exception):
    """The client is disconnected, after it has been told why."""


class Surroundings(Protocol):
    """What a connection needs of the service."""

    hub: Hub

    @property
    def settings(self) -> RealtimeSettings:
        """The limits."""
        ...

    def holder(self, token: str) -> Holder:
        """The holder of a token; raises TokenRefused."""
        ...

    async def access(self, name: str, request: JoinRequest, holder: Holder) -> Access:
        """What a channel may do; raises JoinRefused."""
        ...

    def follow(self, channel: Channel) -> None:
        """Tell the channel of the changes it asked for."""
        ...

    def unfollow(self, channel: Channel) -> None:
        """Tell it of no more changes."""
        ...


class Connection:
    """A client that is connected, with the channels it has joined."""

    def __init__(self, websocket: WebSocket, version: Version, token: str, around: Surroundings) -> None:
        limits = around.settings
        self._websocket = websocket
        self._version = version
        self._token = token
        self._around = around
        self._channels: dict[str, Channel] = {}
        self._outbox = Outbox(count_max=limits.realtime_queue_max, bytes_max=limits.realtime_queue_max_bytes)
        self._events = Rate(limits.realtime_events_per_second_max)
        self._joins = Rate(limits.realtime_joins_per_second_max)
        self._handlers: Mapping[str, Callable[[Channel, Incoming], Awaitable[None]]] = {
            "phx_leave": self._leave,
            "access_token": self._renew,
            "broadcast": self._broadcast,
            "presence": self._present,
        }

    async def run(self) -> None:
        """Serve the client until it goes, is silent, or has to be sent away."""
        tasks: set[asyncio.Task[Any]] = {
            asyncio.create_task(self._read(), name="realtime-read"),
            asyncio.create_task(self._outbox.write_all(self._write), name="realtime-write"),
            asyncio.create_task(self._outbox.overflowed(), name="realtime-overflow"),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            codes = [task.result() for task in done if task.exception() is None]
        finally:
            for channel in list(self._channels.values()):
                self._drop(channel)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in done:
            problem = task.exception()
            if problem and not isinstance(problem, WebSocketDisconnect | ConnectionError | OSError):
                raise problem
        code = next((code for code in codes if isinstance(code, int)), TOO_SLOW)
        await self._close(code)

    async def _close(self, code: int) -> None:
        # Who does not read does not read this either; the connection is dropped when we return.
        with suppress(WebSocketDisconnect, RuntimeError, OSError, TimeoutError):
            async with asyncio.timeout(0.1):
                await self._websocket.close(code)

    async def _write(self, frame: str | bytes) -> None:
        if isinstance(frame, str):
            await self._websocket.send({"type": "websocket.send", "text": frame})
        else:
            await self._websocket.send({"type": "websocket.send", "bytes": frame})

    async def _read(self) -> int:
        """Do what the client says; gives the code to close with."""
        while True:
            try:
                async with asyncio.timeout(self._around.settings.realtime_idle_seconds):
                    received = await self._websocket.receive()
            except TimeoutError:
                return SILENT
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code", GOING))
            try:
                await self._handle(self._decoded(received))
            except (FrameRefused, RecursionError):
                return UNSUPPORTED_DATA
            except _SendAway:
                self._outbox.close()
                return TOO_SLOW

    def _decoded(self, received: Mapping[str, Any]) -> Incoming:
        text = received.get("text")
        if text is not None:
            return decode_text(self._version, text)
        if self._version is Version.OBJECTS:
            raise FrameRefused("binary frames belong to version 2.0.0")
        return decode_binary(received["bytes"])

    async def _handle(self, message: Incoming) -> None:
        if message.topic == PHOENIX:
            self._answer(message, "ok" if message.event == "heartbeat" else "error", {})
        elif message.event == "phx_join":
            await self._join(message)
        elif (channel := self._channels.get(message.topic)) is None:
            self._answer(message, "error", {"reason": "unmatched topic"})
        elif message.join_ref in {None, channel.join_ref} or message.event == "phx_leave":
            handler = self._handlers.get(message.event)
            if handler:
                await handler(channel, message)

    def _answer(self, message: Incoming, status: str, response: Mapping[str, Any]) -> None:
        payload = {"status": status, "response": response}
        frame = Outgoing(message.topic, "phx_reply", payload, message.ref, message.join_ref).frame(self._version)
        if frame is not None:
            self._outbox.put(frame)

    async def _join(self, message: Incoming) -> None:
        join_ref = message.join_ref or message.ref
        try:
            channel = await self._admitted(message, join_ref)
        except JoinRefused as exc:
            self._answer(message, "error", {"reason": str(exc)})
            return
        except TokenRefused as exc:
            self._answer(message, "error", {"reason": f"{exc.code}: {exc.message}"})
            return
        self._channels[message.topic] = channel
        self._around.hub.enter(channel)
        bindings = [{**binding, "id": binding_id(binding)} for binding in channel.request.bindings]
        channel.reply(message.ref, "ok", {"postgres_changes": bindings})
        channel.watch_expiry(self._expired)
        if channel.presence_enabled:
            self._sync(channel)
        if bindings:
            self._around.follow(channel)

    async def _admitted(self, message: Incoming, join_ref: str | None) -> Channel:
        limits = self._around.settings
        name = message.topic.removeprefix(TOPIC_PREFIX)
        if not message.topic.startswith(TOPIC_PREFIX):
            raise JoinRefused("unmatched topic")
        if not name:
            raise JoinRefused("TopicNameRequired: You must provide a topic name")
        if not self._joins.allows():
            self._answer(message, "error", {"reason": "ClientJoinRateLimitReached: Too many joins per second"})
            raise _SendAway
        request = read_join(read_object(message.payload))
        known = self._channels.get(message.topic)
        if known:
            self._drop(known)
        if len(self._channels) >= limits.realtime_channels_per_client_max:
            raise JoinRefused("ChannelRateLimitReached: Too many channels")
        if len(request.bindings) > limits.realtime_bindings_per_channel_max:
            raise JoinRefused(f"Too many postgres_changes: {limits.realtime_bindings_per_channel_max} at most")
        token = request.access_token or self._token
        holder = self._around.holder(token)
        access = await self._around.access(name, request, holder)
        return Channel(
            message.topic,
            join_ref,
            request,
            holder,
            token,
            self._outbox,
            self._version,
            access,
            request.presence_enabled,
        )

    async def _leave(self, channel: Channel, message: Incoming) -> None:
        self._drop(channel)
        channel.reply(message.ref, "ok", {})
        channel.closed()

    async def _renew(self, channel: Channel, message: Incoming) -> None:
        token = read_object(message.payload).get("access_token")
        if not isinstance(token, str) or token.startswith("sb_") or token == channel.token:
            return
        if not self._within_rate(channel):
            return
        try:
            holder = self._around.holder(token)
            access = await self._around.access(channel.name, channel.request, holder)
        except TokenRefused as exc:
            self._end(channel, exc.message)
            return
        except JoinRefused as exc:
            self._end(channel, str(exc).removeprefix("Unauthorized: "))
            return
        lost = (channel.access.hear_broadcast and not access.hear_broadcast) or (
            channel.access.hear_presence and not access.hear_presence
        )
        if lost:
            self._end(channel, f"You no longer have permission to read from this Channel topic: {channel.name}")
            return
        channel.token, channel.holder, channel.access = token, holder, access
        channel.watch_expiry(self._expired)
        if channel.request.bindings:
            self._around.follow(channel)

    async def _broadcast(self, channel: Channel, message: Incoming) -> None:
        if not self._within_rate(channel):
            return
        said = message.broadcast or read_broadcast(message.payload)
        if channel.access.say_broadcast:
            self._around.hub.broadcast(channel.room, said, sender=channel)
        if channel.request.acknowledge:
            channel.reply(message.ref, "ok", {})

    async def _present(self, channel: Channel, message: Incoming) -> None:
        if not self._within_rate(channel):
            return
        event, shown = read_presence(message.payload)
        if event == "untrack":
            self._around.hub.untrack(channel)
        elif event != "track":
            channel.reply(message.ref, "error", {"reason": f"unknown presence event {event[:100]!r}"})
            return
        elif shown is None:
            channel.reply(message.ref, "error", {"reason": "Presence track payload must be a map"})
            return
        elif channel.access.say_presence:
            # Who shows itself wants to see the others, too.
            if not channel.presence_enabled:
                channel.presence_enabled = True
                self._sync(channel)
            self._around.hub.track(channel, shown)
        channel.reply(message.ref, "ok", {})

    def _sync(self, channel: Channel) -> None:
        if channel.access.hear_presence:
            channel.push("presence_state", self._around.hub.state(channel))

    def _within_rate(self, channel: Channel) -> bool:
        if self._events.allows():
            return True
        self._end(channel, "Too many messages per second")
        return False

    def _expired(self, channel: Channel) -> None:
        self._end(channel, expiry_message(channel.holder))

    def _end(self, channel: Channel, reason: str) -> None:
        """Close a channel for a reason that is not the client's wish."""
        channel.system("error", reason)
        self._drop(channel)
        channel.closed()

    def _drop(self, channel: Channel) -> None:
        channel.stop_watching()
        if self._channels.get(channel.topic) is channel:
            del self._channels[channel.topic]
        self._around.unfollow(channel)
        self._around.hub.leave(channel)
