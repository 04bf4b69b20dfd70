"""Pings: a short POST that tells a receiver that a webhook has payloads.

https://airtable.com/developers/web/api/webhooks-overview: the body is `{"base", "webhook", "timestamp"}`, signed with
the webhook's secret; 200 or 204 within 25 seconds is a success; otherwise up to 13 more attempts follow, each after
twice the time of the one before, beginning with 10 seconds; then notifications are off until they are turned on [D].

Pings run beside the requests and never hold one up. Payloads that come while a ping is on its way, or while a failed
one waits, are covered by the next attempt. Waiting goes by the emulator's clock, which a test may move.
"""

import asyncio
import base64
import hmac
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import httpx2
import msgspec
from smeboost_shared.logs import get_logger

from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.state.changes import Change
from smeboost_emulators.airtable.state.schema import Base, State
from smeboost_emulators.airtable.webhooks.ledger import Hook, HookPinged

log = get_logger("airtable-emulator")
ANSWER_SECONDS = 25.0
RETRIES_MAX = 13
FIRST_RETRY_SECONDS = 10.0
PINGS_AT_ONCE_MAX = 10
CLOCK_LOOK_SECONDS = 0.1
"""How often a waiting ping looks at the clock, which may be moved."""
MAC_HEADER = "X-Airtable-Content-MAC"


class Host(Protocol):
    """What pings need of the emulator."""

    @property
    def state(self) -> State: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def knobs(self) -> Knobs: ...
    def record(self, changes: Sequence[Change]) -> None:
        """Store and apply events."""
        ...


@dataclass(slots=True, eq=False)
class Pinger:
    """Delivers the pings of one emulator while `running` is open."""

    host: Host
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _under_way: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])
    _client: httpx2.AsyncClient | None = None

    def wake(self) -> None:
        """There may be something to deliver."""
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Deliver until the context is left; what is under way then is dropped and comes again after the next start."""
        watching = asyncio.create_task(self._watch(), name="webhook pings")
        try:
            yield
        finally:
            tasks = [watching, *self._under_way.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._client is not None:
                await self._client.aclose()
                self._client = None

    async def _watch(self) -> None:
        while True:
            self._woken.clear()
            due, waits = self._due()
            if due:
                # In a thread: it reads the certificates of the machine, which takes a while.
                self._client = self._client or await asyncio.to_thread(_new_client)
                for base, hook in due:
                    task = asyncio.create_task(self._ping(self._client, base.id, hook), name=f"ping of {hook.id}")
                    self._under_way[hook.id] = task
                    task.add_done_callback(partial(self._finish, hook))
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOCK_LOOK_SECONDS if waits else None):
                    await self._woken.wait()

    def _due(self) -> tuple[list[tuple[Base, Hook]], bool]:
        """The webhooks whose ping has its time now, and whether others have to wait."""
        now, places = self.host.clock.now().timestamp(), PINGS_AT_ONCE_MAX - len(self._under_way)
        idle = [(base, hook) for base, hook in self._unpinged() if hook.id not in self._under_way]
        due = [(base, hook) for base, hook in idle if hook.retry_at <= now and self.host.knobs.webhook_pings]
        return due[:places], len(idle) > len(due[:places])

    def _unpinged(self) -> Iterator[tuple[Base, Hook]]:
        now = self.host.clock.now()
        for base in self.host.state.bases.values():
            for hook in base.hooks.values():
                is_alive = now.timestamp() < hook.expires
                if hook.url is not None and hook.notifies and is_alive and hook.next_number - 1 > hook.pinged:
                    yield base, hook

    def _finish(self, hook: Hook, done: asyncio.Task[None]) -> None:
        self._under_way.pop(hook.id, None)
        if not done.cancelled() and (exc := done.exception()) is not None:
            # Its outcome could not be stored, or it is a bug: it must not be repeated at once and for ever.
            hook.retry_at = self.host.clock.now().timestamp() + FIRST_RETRY_SECONDS
            log.error("webhook_ping_failed", hook=hook.id, error=repr(exc))
        self.wake()

    async def _ping(self, client: httpx2.AsyncClient, base_id: str, hook: Hook) -> None:
        through, begun = hook.next_number - 1, time.monotonic()
        failure = await self._send(client, base_id, hook)
        now = self.host.clock.now()
        result: dict[str, Any] = {
            "success": failure is None,
            "completionTimestamp": timestamp(now),
            "durationMs": round((time.monotonic() - begun) * 1000, 3),
            "retryNumber": hook.attempts,
        }
        retry_at = None
        if failure is not None:
            result |= {"error": {"message": failure}, "willBeRetried": hook.attempts < RETRIES_MAX}
            if hook.attempts < RETRIES_MAX:
                retry_at = now.timestamp() + FIRST_RETRY_SECONDS * 2**hook.attempts
        self.host.record([HookPinged(base_id, hook.id, through, result, retry_at)])

    async def _send(self, client: httpx2.AsyncClient, base_id: str, hook: Hook) -> str | None:
        """Why it failed, in the vendor's style of words [D for the first, I for the others]; None when it did not."""
        knobs = self.host.knobs
        if knobs.webhook_ping_failures:
            knobs.webhook_ping_failures -= 1
            return _refused(503)
        body = ping_body(base_id, hook.id, timestamp(self.host.clock.now()))
        headers = {"Content-Type": "application/json", MAC_HEADER: content_mac(hook.secret, body)}
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                # Only the status is read: a receiver's body may be of any size.
                async with client.stream("POST", hook.url or "", content=body, headers=headers) as response:
                    return None if response.status_code in (200, 204) else _refused(response.status_code)
        except (TimeoutError, httpx2.TimeoutException):
            return f"The HTTP request was not answered within {ANSWER_SECONDS:g} seconds"
        except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
            return f"The HTTP request could not be sent: {exc or type(exc).__name__}"


def _new_client() -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=PINGS_AT_ONCE_MAX, max_keepalive_connections=0)
    return httpx2.AsyncClient(limits=limits, timeout=ANSWER_SECONDS, trust_env=False)


def _refused(status: int) -> str:
    return f"The HTTP request returned a {status} status code instead of 200 or 204"


def ping_body(base_id: str, hook_id: str, moment: str) -> bytes:
    """The body of a ping: ASCII, so that every way of signing it gives the same."""
    return msgspec.json.encode({"base": {"id": base_id}, "webhook": {"id": hook_id}, "timestamp": moment})


def content_mac(secret: str, body: bytes) -> str:
    """The signature of a body: hex, with the decoded secret as the key [C]."""
    return "hmac-sha256=" + hmac.new(base64.b64decode(secret), body, "sha256").hexdigest()
