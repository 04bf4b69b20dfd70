"""A clock for tests of whatever waits for turns."""

import asyncio
import heapq
import itertools

SETTLE_STEPS = 20


class SteppedClock:
    """Time that stands still until it is moved; sleepers wake in the order of their time."""

    def __init__(self) -> None:
        """It is 0 o'clock."""
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now(self) -> float:
        """The time to which it was moved."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Wait until it was moved so far."""
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._count), woken))
        await woken

    async def move_to(self, moment: float) -> None:
        """Wake all who sleep until then, each at its time."""
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= moment:
            self._now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await self.settle()
        self._now = max(self._now, moment)

    async def settle(self) -> None:
        """Let everybody run until they sleep."""
        for _ in range(SETTLE_STEPS):
            await asyncio.sleep(0)
