"""The webhooks of a base and what has happened to them; kept with the base, in its snapshot and in the journal.

Rules of this room:

- A webhook changes only by an event, which is stored before anybody is answered, so that a killed process loses no
  payload and no number. Numbers count from 1 for each webhook and are never given twice [D].
- A webhook lives for 7 days after it was made, refreshed or asked for payloads; 7 days later it is gone [D].
- Payloads are kept for 7 days, read or not [D], and at most `PAYLOADS_MAX` of them.

This module knows nothing of tables, so that the state can hold webhooks without knowing what they are about.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import msgspec

LIFE = timedelta(days=7)
AFTERLIFE = timedelta(days=7)
RETENTION = timedelta(days=7)
PAYLOADS_MAX = 100_000
"""Payloads of one webhook that are kept; the vendor names no such limit."""


class Kept(msgspec.Struct, array_like=True, gc=False):
    """A payload as JSON, and when it was made (seconds since 1970)."""

    moment: float
    content: bytes


class Hook(msgspec.Struct, kw_only=True):
    """A webhook; `specification` is the vendor's JSON, `secret` is base64, moments are seconds since 1970.

    `integration` is whose it is when an OAuth integration made it.
    `first` is the number of the oldest payload that is kept. `pinged` is the number up to which its receiver knows
    that there is something, `attempts` counts failures in a row, and `retry_at` is when the next attempt may be.
    """

    id: str
    secret: str
    specification: dict[str, Any]
    url: str | None
    expires: float
    integration: str | None = None
    notifies: bool = True
    is_lost: bool = False
    first: int = 1
    payloads: list[Kept] = []
    pinged: int = 0
    attempts: int = 0
    retry_at: float = 0.0
    last_result: dict[str, Any] | None = None
    last_success: str | None = None

    @property
    def next_number(self) -> int:
        return self.first + len(self.payloads)

    def is_active(self, now: datetime) -> bool:
        """Whether it still gets payloads."""
        return not self.is_lost and now.timestamp() < self.expires

    def is_gone(self, now: datetime) -> bool:
        """Whether nothing of it can be read any more."""
        return now.timestamp() >= self.expires + AFTERLIFE.total_seconds()

    def forget_old(self, now: datetime) -> None:
        """Drop payloads whose time is over; the numbers go on."""
        oldest = now.timestamp() - RETENTION.total_seconds()
        over = max(len(self.payloads) - PAYLOADS_MAX, 0)
        while over < len(self.payloads) and self.payloads[over].moment <= oldest:
            over += 1
        del self.payloads[:over]
        self.first += over

    def page(self, cursor: int, limit: int) -> list[bytes]:
        """Payloads from a number on; older ones than are kept are passed over."""
        start = max(cursor - self.first, 0)
        return [kept.content for kept in self.payloads[start : start + limit]]


class _Event(msgspec.Struct, frozen=True, array_like=True):
    base_id: str
    hook_id: str


class HookMade(_Event, frozen=True, tag="hook made"):
    hook: Hook


class HookDeleted(_Event, frozen=True, tag="hook deleted"):
    """It was deleted, or its time is over."""


class HookExtended(_Event, frozen=True, tag="hook extended"):
    expires: float


class HookToggled(_Event, frozen=True, tag="hook toggled"):
    notifies: bool


class HookPinged(_Event, frozen=True, tag="hook pinged"):
    """An attempt to tell the receiver of the payloads up to a number; `retry_at` when there will be another one."""

    through: int
    result: dict[str, Any]
    retry_at: float | None = None


class PayloadsMade(_Event, frozen=True, tag="hook payloads"):
    """New payloads as JSON; after the last of a webhook that `is_lost` there are no more."""

    moment: float
    contents: list[bytes]
    is_lost: bool = False


HookEvent: TypeAlias = HookMade | HookDeleted | HookExtended | HookToggled | HookPinged | PayloadsMade


def apply_hook_event(hooks: dict[str, Hook], event: HookEvent) -> None:
    """Bring the webhooks of a base up to date; an event of one that is gone does nothing."""
    if isinstance(event, HookMade):
        hooks[event.hook_id] = event.hook
        return
    hook = hooks.get(event.hook_id)
    if hook is None:
        return
    match event:
        case HookDeleted():
            del hooks[event.hook_id]
        case HookExtended():
            hook.expires = event.expires
        case HookToggled():
            hook.notifies = event.notifies
            hook.attempts, hook.retry_at = 0, 0.0
        case HookPinged():
            _ping(hook, event)
        case PayloadsMade():
            hook.payloads.extend(Kept(event.moment, content) for content in event.contents)
            hook.is_lost = event.is_lost
            hook.forget_old(datetime.fromtimestamp(event.moment, UTC))


def _ping(hook: Hook, event: HookPinged) -> None:
    hook.last_result = event.result
    if event.result["success"]:
        hook.pinged, hook.attempts, hook.retry_at = max(hook.pinged, event.through), 0, 0.0
        hook.last_success = event.result["completionTimestamp"]
    elif event.retry_at is not None:
        hook.attempts, hook.retry_at = hook.attempts + 1, event.retry_at
    else:
        hook.notifies = False


def hooks_to_bytes(hooks: dict[str, Hook]) -> bytes:
    """For a snapshot."""
    return msgspec.msgpack.encode(list(hooks.values()))


def hooks_from_bytes(content: bytes) -> dict[str, Hook]:
    """From a snapshot."""
    hooks: Sequence[Hook] = msgspec.msgpack.decode(content, type=list[Hook])
    return {hook.id: hook for hook in hooks}
