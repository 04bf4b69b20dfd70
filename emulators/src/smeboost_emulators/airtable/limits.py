"""The vendor's request limits: 5 requests/s a base, 50 requests/s by all tokens of a user, and a lock-out after that.

https://airtable.com/developers/web/api/rate-limits: after a 429 a client has to wait 30 seconds. Requests during the
lock-out are refused and do not make it longer. The vendor documents no Retry-After; `retry_after` sends one all the
same, because a client that honours it (urllib3, so pyairtable) waits the lock-out out instead of giving up.

The other limit is the plan's number of calls a month. When it is spent, the Meta API goes on answering and everything
else is refused until the month ends (seen by users, not documented); waiting for seconds does not help.
"""

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.errors import ApiError, calls_of_month_spent, too_many_requests
from smeboost_emulators.airtable.knobs import Knobs

WINDOW_SECONDS = 1.0
SYNC_WINDOW_SECONDS, SYNCS_MAX = 300.0, 20
"""https://airtable.com/developers/web/api/post-sync-api-endpoint: 20 requests in 5 minutes to one base."""
METERS_MAX = 10_000
"""Bases and users that are counted at a time; the one unseen for longest goes first."""


@dataclass(slots=True)
class Meter:
    """The requests of the last second, and until when there may be none."""

    times: deque[float] = field(default_factory=deque[float])
    locked_until: float = 0.0


class RateLimits:
    """Counts requests by base and by user, and what is left of the month."""

    def __init__(self, knobs: Knobs, clock: Clock) -> None:
        self._knobs = knobs
        self._clock = clock
        self._meters: OrderedDict[str, Meter] = OrderedDict()

    def check(self, user_id: str, base_id: str | None, *, billed: bool) -> None:
        """Count one request; only a billed one is counted for the month.

        Raises:
            ApiError: 429, when it is one too many or falls into a lock-out.
        """
        if self._knobs.token_rate_limit is not None:
            self._count(f"user {user_id}", self._knobs.token_rate_limit)
        if self._knobs.rate_limit is not None and base_id is not None:
            self._count(f"base {base_id}", self._knobs.rate_limit)
        if billed and self._knobs.billing_calls_left is not None:
            if self._knobs.billing_calls_left == 0:
                raise calls_of_month_spent()
            self._knobs.billing_calls_left -= 1

    def check_sync(self, base_id: str) -> None:
        """Count one push of CSV to a base, which has no lock-out; turned off together with the limit of a base.

        Raises:
            ApiError: 429, when it is one too many.
        """
        if self._knobs.rate_limit is None:
            return
        now = self._clock.seconds()
        times = self._meter(f"sync {base_id}").times
        while times and times[0] <= now - SYNC_WINDOW_SECONDS:
            times.popleft()
        if len(times) >= SYNCS_MAX:
            raise self._refusal(times[0] + SYNC_WINDOW_SECONDS - now)
        times.append(now)

    def forget(self) -> None:
        """End every lock-out and count from zero."""
        self._meters.clear()

    def _count(self, key: str, limit: int) -> None:
        now = self._clock.seconds()
        meter = self._meter(key)
        if now < meter.locked_until:
            raise self._refusal(meter.locked_until - now)
        while meter.times and meter.times[0] <= now - WINDOW_SECONDS:
            meter.times.popleft()
        if len(meter.times) >= limit:
            meter.locked_until = now + self._knobs.penalty_seconds
            raise self._refusal(self._knobs.penalty_seconds)
        meter.times.append(now)

    def _refusal(self, seconds: float) -> ApiError:
        return too_many_requests(retry_after_seconds=math.ceil(seconds) if self._knobs.retry_after else None)

    def _meter(self, key: str) -> Meter:
        meter = self._meters.setdefault(key, Meter())
        self._meters.move_to_end(key)
        if len(self._meters) > METERS_MAX:
            self._meters.popitem(last=False)
        return meter
