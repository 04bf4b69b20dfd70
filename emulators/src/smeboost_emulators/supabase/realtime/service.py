"""Realtime as a whole: who is connected, and what is told to whom."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from smeboost_emulators.supabase.bootstrap import login_url
from smeboost_emulators.supabase.pools import Pool
from smeboost_emulators.supabase.realtime.authorization import Authorizer
from smeboost_emulators.supabase.realtime.changes import ChangeTeller
from smeboost_emulators.supabase.realtime.channels import Access, Channel
from smeboost_emulators.supabase.realtime.connections import Connection, JoinRefused
from smeboost_emulators.supabase.realtime.feed import ChangeFeed
from smeboost_emulators.supabase.realtime.frames import Version
from smeboost_emulators.supabase.realtime.hub import Hub
from smeboost_emulators.supabase.realtime.joins import JoinRequest
from smeboost_emulators.supabase.realtime.messages import MessageFeed
from smeboost_emulators.supabase.realtime.tokens import Holder, TokenRefused, holder_of
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.tokens import Keyring

LOGIN = "supabase_realtime_admin"


class RealtimeService:
    """The clients of one backend."""

    def __init__(
        self, settings: SupabaseBackendSettings, keyring: Keyring, hub: Hub, authorizer: Authorizer, feed: ChangeFeed
    ) -> None:
        self._settings = settings
        self._feed = feed
        self._authorizer = authorizer
        self.hub = hub
        self._keyring = keyring
        self._clients = 0

    @property
    def settings(self) -> SupabaseBackendSettings:
        """The limits, among others."""
        return self._settings

    async def connect(self, websocket: WebSocket) -> None:
        """Serve a client that wants to be connected; it is refused before the upgrade when its token is no good."""
        token = websocket.headers.get("authorization", "").partition(" ")[2].strip()
        try:
            self.holder(token)
        except TokenRefused as exc:
            await websocket.send_denial_response(JSONResponse({"message": f"{exc.code}: {exc.message}"}, 403))
            return
        if self._clients >= self.settings.realtime_clients_max:
            message = "ConnectionRateLimitReached: Too many connected users"
            await websocket.send_denial_response(JSONResponse({"message": message}, 429))
            return
        named = websocket.query_params.get("vsn", Version.OBJECTS)
        if named not in set(Version):
            message = f"vsn must be one of {', '.join(Version)}"
            await websocket.send_denial_response(JSONResponse({"message": message}, 400))
            return
        self._clients += 1
        try:
            await websocket.accept()
            await Connection(websocket, Version(named), token, self).run()
        finally:
            self._clients -= 1

    def holder(self, token: str) -> Holder:
        """The holder of a token.

        Raises:
            TokenRefused: it lets nobody in.
        """
        return holder_of(token, self._keyring)

    async def access(self, name: str, request: JoinRequest, holder: Holder) -> Access:
        """What a channel may do.

        Raises:
            JoinRefused: not even listen.
        """
        if request.replay is not None:
            raise JoinRefused("UnableToReplayMessages: replay is not supported by this backend")
        return await self._authorizer.join(name, holder) if request.private else Access()

    async def may_say(self, name: str, holder: Holder) -> bool:
        """Whether the holder of a token may say something on a private topic.

        Raises:
            JoinRefused: the database cannot be asked.
        """
        return (await self._authorizer.access(name, holder)).say_broadcast

    def follow(self, channel: Channel) -> None:
        """Tell a channel of the changes of tables it asked for."""
        self._feed.follow(channel)

    def unfollow(self, channel: Channel) -> None:
        """Tell it of no more changes."""
        self._feed.unfollow(channel)


@asynccontextmanager
async def open_realtime(
    settings: SupabaseBackendSettings, database_url: str, keyring: Keyring
) -> AsyncGenerator[RealtimeService]:
    """Everything that Realtime needs open; all is closed on the way out."""
    hub = Hub()
    pool = Pool(settings, database_url, LOGIN)
    messages = MessageFeed(pool.url, hub, keep_hours=settings.realtime_messages_keep_hours)
    path = settings.extra_search_path
    teller = ChangeTeller(pool, search_path=path, record_max_bytes=settings.realtime_record_max_bytes)
    feed = ChangeFeed(login_url(database_url, LOGIN), pool, teller, poll_seconds=settings.realtime_poll_seconds)
    await pool.open()
    listening = asyncio.create_task(messages.run(), name="realtime-messages")
    try:
        yield RealtimeService(settings, keyring, hub, Authorizer(pool, path), feed)
    finally:
        listening.cancel()
        await asyncio.wait([listening])
        await feed.close()
        await pool.close()
