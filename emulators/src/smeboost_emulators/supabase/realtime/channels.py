"""One client's place in one topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from smeboost_emulators.supabase.realtime.frames import Outgoing, Version
from smeboost_emulators.supabase.realtime.joins import JoinRequest
from smeboost_emulators.supabase.realtime.outbox import Outbox
from smeboost_emulators.supabase.realtime.tokens import Holder

# A token may be valid for years; timers are asked for in pieces.
TIMER_SECONDS_MAX = 3600.0
TOPIC_PREFIX = "realtime:"


@dataclass(frozen=True)
class Access:
    """What a channel may hear and say."""

    hear_broadcast: bool = True
    hear_presence: bool = True
    say_broadcast: bool = True
    say_presence: bool = True


@dataclass(eq=False)
class Channel:
    """A joined topic of one client; `name` is the topic without its prefix."""

    topic: str
    join_ref: str | None
    request: JoinRequest
    holder: Holder = field(repr=False)
    token: str = field(repr=False)
    outbox: Outbox = field(repr=False)
    version: Version
    access: Access = field(default_factory=Access)
    presence_enabled: bool = True
    _timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The topic as a person knows it."""
        return self.topic.removeprefix(TOPIC_PREFIX)

    @property
    def room(self) -> tuple[str, bool]:
        """Where it meets others: a private topic is not the public one of the same name."""
        return (self.name, self.request.private)

    def tell(self, message: Outgoing) -> None:
        """Send a message that may be the same for many channels."""
        frame = message.frame(self.version)
        if frame is not None:
            self.outbox.put(frame)

    def push(self, event: str, payload: Any) -> None:
        """Send something to this channel alone."""
        self.tell(Outgoing(self.topic, event, payload))

    def reply(self, ref: str | None, status: str, response: Any) -> None:
        """Answer a message of the client."""
        self.tell(Outgoing(self.topic, "phx_reply", {"status": status, "response": response}, ref, self.join_ref))

    def system(self, status: str, message: str, *, extension: str = "system") -> None:
        """Say something about the channel itself."""
        payload = {"status": status, "message": message, "extension": extension, "channel": self.name}
        self.push("system", payload)

    def closed(self) -> None:
        """Tell the client that the channel is no more."""
        self.tell(Outgoing(self.topic, "phx_close", {}, self.join_ref, self.join_ref))

    def watch_expiry(self, expired: Callable[[Channel], None]) -> None:
        """Call `expired` when the token is not valid any more."""
        self.stop_watching()
        remaining = self.holder.expires_at - time.time()
        if remaining <= 0:
            expired(self)
            return
        # Calls again, because what remains may be longer than a piece.
        self._timer = asyncio.get_running_loop().call_later(
            min(remaining, TIMER_SECONDS_MAX), self.watch_expiry, expired
        )

    def stop_watching(self) -> None:
        """Forget the token's end."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
