"""The sign-ins that this server holds.

Rules of this room:

- A caller gets a random handle; the tokens behind it never leave the server and are never shown in a repr.
- A handle that an authenticated caller made works for that caller only. Without an authenticated caller (stdio, or the
  gateway's own login) whoever has the handle may use it.
- An access token is renewed shortly before it ends, once however many calls wait for it, because a refresh token works
  once (Supabase, "User sessions": refresh token rotation).
- The number of sign-ins is bounded: the one unused for longest makes room.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from fastmcp.server.dependencies import get_access_token
from pydantic import SecretStr
from smeboost_shared.errors import NotAuthenticated, TokenExpired

from smeboost_supabase.models import User

REFRESH_AHEAD_SECONDS = 60.0
HANDLE_BYTES = 32


@dataclass(frozen=True)
class Grant:
    """What Auth gave for one sign-in; the access token lives for `lifetime_seconds` from now on."""

    access: SecretStr
    refresh: SecretStr
    lifetime_seconds: float
    expires_at: datetime
    user: User


Refresh = Callable[[Grant], Awaitable[Grant]]


def authenticated_caller() -> str | None:
    """Who makes the present MCP call, when the transport or the gateway has authenticated somebody."""
    token = get_access_token()
    return (token.subject or token.client_id) if token else None


@dataclass
class _Entry:
    grant: Grant
    principal: str | None
    used_at: float
    refresh_at: float
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)


class Sessions:
    """A bounded book of handles; `refresh` gets new tokens and raises `TokenExpired` when the project will not."""

    def __init__(
        self,
        refresh: Refresh,
        *,
        sessions_max: int,
        idle_seconds: float,
        principal: Callable[[], str | None] = authenticated_caller,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._refresh = refresh
        self._principal = principal
        self._sessions_max = sessions_max
        self._idle_seconds = idle_seconds
        self._clock = clock
        # The first is the one unused for longest, so the ones to drop stand together at the front.
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def open(self, grant: Grant) -> str:
        """Keep `grant` and return the handle that stands for it."""
        now = self._clock()
        while self._entries and (len(self._entries) >= self._sessions_max or self._is_idle(self._oldest(), now)):
            self._entries.popitem(last=False)
        handle = secrets.token_urlsafe(HANDLE_BYTES)
        self._entries[handle] = _Entry(grant, self._principal(), used_at=now, refresh_at=_refresh_at(grant, now))
        return handle

    async def grant(self, handle: str) -> Grant:
        """The sign-in behind the handle, renewed if its access token is about to end.

        Raises:
            NotAuthenticated: no such handle, or it is another caller's.
            TokenExpired: the sign-in was idle for too long or the project ended it.
        """
        entry = self._entry(handle)
        if self._clock() < entry.refresh_at:
            return entry.grant
        return await self._renew(handle, entry, entry.grant)

    async def renew(self, handle: str, stale: Grant | None = None) -> Grant:
        """A new grant, unless somebody has renewed `stale` in the meantime; raises as `grant` does."""
        entry = self._entry(handle)
        return await self._renew(handle, entry, stale or entry.grant)

    def close(self, handle: str) -> Grant:
        """Forget the handle and return its last grant, so that the project can be told; raises as `grant` does."""
        entry = self._entry(handle)
        del self._entries[handle]
        return entry.grant

    def clear(self) -> None:
        """Forget every sign-in."""
        self._entries.clear()

    def _entry(self, handle: str) -> _Entry:
        entry = self._entries.get(handle)
        if entry is None or (entry.principal is not None and entry.principal != self._principal()):
            raise NotAuthenticated("There is no such session.", hint="Call sign_in and pass the session it returns.")
        now = self._clock()
        if self._is_idle(entry, now):
            del self._entries[handle]
            raise _ended()
        entry.used_at = now
        self._entries.move_to_end(handle)
        return entry

    async def _renew(self, handle: str, entry: _Entry, stale: Grant) -> Grant:
        async with entry.refreshing:
            if entry.grant is not stale:
                return entry.grant
            if self._entries.get(handle) is not entry:
                raise _ended()
            try:
                entry.grant = await self._refresh(stale)
            except TokenExpired:
                self._entries.pop(handle, None)
                raise _ended() from None
            entry.refresh_at = _refresh_at(entry.grant, self._clock())
            return entry.grant

    def _oldest(self) -> _Entry:
        return next(iter(self._entries.values()))

    def _is_idle(self, entry: _Entry, now: float) -> bool:
        return now - entry.used_at > self._idle_seconds


def _refresh_at(grant: Grant, now: float) -> float:
    # A token that lives only briefly would otherwise be renewed before every call.
    ahead = min(REFRESH_AHEAD_SECONDS, grant.lifetime_seconds / 10)
    return now + grant.lifetime_seconds - ahead


def _ended() -> TokenExpired:
    return TokenExpired("The session has ended.", hint="Call sign_in again.")
