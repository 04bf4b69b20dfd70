"""Subscriptions that outlive a call: their events wait in a bounded buffer until they are asked for.

Rules of this room:

- A caller gets a random handle; one that an authenticated caller made works for that caller only (as in `sessions`).
- The number of subscriptions and of waiting events is bounded. The oldest event makes room and is counted as dropped;
  the subscription unused for longest makes room and is closed.
- A subscription whose connection ended says so once its events are taken: later changes were not seen.
"""

import asyncio
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pydantic import JsonValue
from smeboost_shared.errors import NotFound

from smeboost_supabase.sessions import authenticated_caller

HANDLE_BYTES = 18
Event = dict[str, JsonValue]


@dataclass
class Subscription:
    """One channel: events that arrived, and how it ends."""

    events_max: int
    close: Callable[[], Awaitable[None]]
    renew: Callable[[str], Awaitable[None]]
    """Gives the channel a newer access token of the same person."""
    events: deque[Event] = field(default_factory=deque[Event])
    dropped: int = 0
    ended: str | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    principal: str | None = None
    used_at: float = 0

    def put(self, event: Event) -> None:
        """Keep an event, in place of the oldest when there is no room."""
        if len(self.events) >= self.events_max:
            self.events.popleft()
            self.dropped += 1
        self.events.append(event)
        self.changed.set()

    def end(self, reason: str) -> None:
        """No more events will come."""
        self.ended = self.ended or reason
        self.changed.set()

    async def wait(self, seconds: float) -> None:
        """Return when there is an event or the end, and after `seconds` at the latest."""
        try:
            async with asyncio.timeout(seconds):
                while not (self.events or self.ended):
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return

    def take(self, limit: int) -> tuple[list[Event], int]:
        """At most `limit` events, which then are gone, and how many were dropped since the last time."""
        taken = [self.events.popleft() for _ in range(min(limit, len(self.events)))]
        dropped, self.dropped = self.dropped, 0
        return taken, dropped


class Subscriptions:
    """A bounded book of handles."""

    def __init__(self, *, subscriptions_max: int, idle_seconds: float) -> None:
        self._subscriptions_max = subscriptions_max
        self._idle_seconds = idle_seconds
        self._entries: OrderedDict[str, Subscription] = OrderedDict()

    async def keep(self, subscription: Subscription) -> str:
        """Keep a subscription and return its handle."""
        now = time.monotonic()
        while self._entries and (
            len(self._entries) >= self._subscriptions_max or now - self._oldest().used_at > self._idle_seconds
        ):
            _, oldest = self._entries.popitem(last=False)
            await oldest.close()
        handle = secrets.token_urlsafe(HANDLE_BYTES)
        subscription.principal, subscription.used_at = authenticated_caller(), now
        self._entries[handle] = subscription
        return handle

    def get(self, handle: str) -> Subscription:
        """The subscription behind a handle.

        Raises:
            NotFound: there is none, or it is another caller's.
        """
        found = self._entries.get(handle)
        if found is None or (found.principal is not None and found.principal != authenticated_caller()):
            raise NotFound("There is no such subscription.", hint="Call watch_changes without one to make a new one.")
        found.used_at = time.monotonic()
        self._entries.move_to_end(handle)
        return found

    async def drop(self, handle: str) -> None:
        """Close a subscription and forget its handle."""
        if found := self._entries.pop(handle, None):
            await found.close()

    async def clear(self) -> None:
        """Close all of them."""
        for handle in list(self._entries):
            await self.drop(handle)

    def _oldest(self) -> Subscription:
        return next(iter(self._entries.values()))
