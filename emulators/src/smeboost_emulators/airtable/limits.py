"""The vendor's request limits: 5 requests/s a base, 50 requests/s a token, and a lock-out after breaking one.

https://airtable.com/developers/web/api/rate-limits: after a 429 a client has to wait 30 seconds. Requests during the
lock-out are refused and do not make it longer. The vendor documents no Retry-After; `retry_after` sends one all the
same, because a client that honours it (urllib3, so pyairtable) waits the lock-out out instead of giving up.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from smeboost_emulators.airtable.errors import ApiError, too_many_requests

WINDOW_SECONDS = 1.0
METERS_MAX = 10_000
"""Bases and tokens that are counted at a time; the one unseen for longest goes first."""


@dataclass(slots=True)
class Meter:
    """The requests of the last second, and until when there may be none."""

    times: deque[float] = field(default_factory=deque[float])
    locked_until: float = 0.0


class RateLimits:
    """Counts requests by base and by token; None for a limit means that it is off."""

    def __init__(
        self,
        *,
        per_base: int | None,
        per_token: int | None,
        penalty_seconds: float,
        retry_after: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_base = per_base
        self._per_token = per_token
        self._penalty_seconds = penalty_seconds
        self._retry_after = retry_after
        self._clock = clock
        self._meters: OrderedDict[str, Meter] = OrderedDict()

    def check(self, token: str, base_id: str | None) -> None:
        """Count one request.

        Raises:
            ApiError: 429, when it is one too many or falls into a lock-out.
        """
        if self._per_token is not None:
            self._count(f"token {token}", self._per_token)
        if self._per_base is not None and base_id is not None:
            self._count(f"base {base_id}", self._per_base)

    def _count(self, key: str, limit: int) -> None:
        now = self._clock()
        meter = self._meter(key)
        if now < meter.locked_until:
            raise self._refusal(meter.locked_until - now)
        while meter.times and meter.times[0] <= now - WINDOW_SECONDS:
            meter.times.popleft()
        if len(meter.times) >= limit:
            meter.locked_until = now + self._penalty_seconds
            raise self._refusal(self._penalty_seconds)
        meter.times.append(now)

    def _refusal(self, seconds: float) -> ApiError:
        return too_many_requests(retry_after_seconds=math.ceil(seconds) if self._retry_after else None)

    def _meter(self, key: str) -> Meter:
        meter = self._meters.setdefault(key, Meter())
        self._meters.move_to_end(key)
        if len(self._meters) > METERS_MAX:
            self._meters.popitem(last=False)
        return meter
