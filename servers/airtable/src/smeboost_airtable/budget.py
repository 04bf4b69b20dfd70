"""How often we may ask Airtable: 5 requests a second for a base, and 30 s of silence after a 429.

Rules of this room (Airtable's "Rate limits" page):

- Turns of a base are given in the order of asking, never more than the rate in any second.
- Nobody waits longer than a named limit: who would have to is told at once how long it takes.
- A pause stops the whole base, also those already waiting.

`RequestBudget` is narrow on purpose: processes that share a base can share a budget behind it.
"""

import asyncio
import math
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Protocol

from smeboost_shared.errors import RateLimited

JITTER_SECONDS = 0.1
"""Added to each window: requests of an early burst may arrive late and those of the next one early."""
BASES_REMEMBERED_MAX = 1_000


class RequestBudget(Protocol):
    """Gives turns to ask, base by base."""

    async def wait_turn(self, base_id: str) -> None:
        """Return when one request to the base may be sent.

        Raises:
            RateLimited: the turn would come later than the longest wait; says when to try again.
        """
        ...

    async def pause(self, base_id: str, seconds: float) -> None:
        """Give no turn of this base for so long."""
        ...


class Clock(Protocol):
    """Where the time comes from; tests bring their own."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class MonotonicClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class _Lane:
    """The turns of one base."""

    given: deque[float]
    paused_until: float = -math.inf
    waiting: int = 0
    # asyncio's lock wakes its waiters in the order they came: this is the queue.
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)


class InProcessBudget:
    """A budget for the callers in this process. Belongs to one event loop."""

    def __init__(self, *, requests_per_second: float, wait_seconds_max: float, clock: Clock | None = None) -> None:
        self._turns_per_window = max(1, math.floor(requests_per_second))
        self._window_seconds = self._turns_per_window / requests_per_second + JITTER_SECONDS
        self._wait_seconds_max = wait_seconds_max
        self._clock = clock or MonotonicClock()
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()

    async def wait_turn(self, base_id: str) -> None:
        """See `RequestBudget.wait_turn`."""
        lane = self._lane(base_id)
        deadline = self._clock.now() + self._wait_seconds_max
        self._check(lane, deadline, ahead=lane.waiting)
        lane.waiting += 1
        try:
            async with lane.queue:
                while (wait := self._turn_at(lane) - self._clock.now()) > 0:
                    self._check(lane, deadline, ahead=0)
                    await self._clock.sleep(wait)
                lane.given.append(self._clock.now())
        finally:
            lane.waiting -= 1

    async def pause(self, base_id: str, seconds: float) -> None:
        """See `RequestBudget.pause`."""
        lane = self._lane(base_id)
        lane.paused_until = max(lane.paused_until, self._clock.now() + seconds)

    def _check(self, lane: _Lane, deadline: float, *, ahead: int) -> None:
        windows_ahead, place = divmod(ahead, self._turns_per_window)
        turn_at = self._turn_at(lane, place) + windows_ahead * self._window_seconds
        if turn_at > deadline:
            seconds = math.ceil((turn_at - self._clock.now()) * 10) / 10
            raise RateLimited(
                "Too many requests to this Airtable base.",
                hint="Ask for fewer, larger pages and batches, or wait.",
                retry_after_seconds=seconds,
            )

    def _turn_at(self, lane: _Lane, place: int = 0) -> float:
        """When the turn after `place` others may be given, as far as the turns given so far tell."""
        earliest = max(self._clock.now(), lane.paused_until)
        freed = len(lane.given) - self._turns_per_window + place
        return max(earliest, lane.given[freed] + self._window_seconds) if freed >= 0 else earliest

    def _lane(self, base_id: str) -> _Lane:
        lane = self._lanes.setdefault(base_id, _Lane(deque(maxlen=self._turns_per_window)))
        self._lanes.move_to_end(base_id)
        if len(self._lanes) > BASES_REMEMBERED_MAX:
            self._forget_the_idle()
        return lane

    def _forget_the_idle(self) -> None:
        idle = [
            name for name, lane in self._lanes.items() if not lane.waiting and self._turn_at(lane) <= self._clock.now()
        ]
        for name in idle[: len(self._lanes) - BASES_REMEMBERED_MAX]:
            del self._lanes[name]
