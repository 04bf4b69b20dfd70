"""Where the time comes from; tests bring their own."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A time that only goes forward, and sleeping until a part of it has passed."""

    def now(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class MonotonicClock:
    """The clock of this machine."""

    def now(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Skew:
    """How far another machine's clock is ahead of ours: bounds, from questions that it answered with its time.

    Its time was taken after we asked and before we had the answer. So of all questions the quickest says most; after
    `REMEMBERED` old ones are forgotten, since clocks drift. All in microseconds.
    """

    REMEMBERED = 10_000_000

    def __init__(self) -> None:
        """Nothing is known."""
        self._least = self._most = 0
        self._since: int | None = None
        self._older: tuple[int, int] | None = None

    def learn(self, theirs: int, asked: int, answered: int) -> None:
        """Its clock showed `theirs` at some moment between these two of ours."""
        least, most = theirs - answered, theirs - asked
        known = self._bounds()
        if self._since is None or known is None or least > known[1] or most < known[0]:
            # The first answer, or one that contradicts: somebody set a clock.
            self._least, self._most, self._since, self._older = least, most, answered, None
        elif answered - self._since > self.REMEMBERED:
            self._older = self._least, self._most
            self._least, self._most, self._since = least, most, answered
        else:
            self._least, self._most = max(self._least, least), min(self._most, most)

    def until(self, theirs: int, ours: int) -> tuple[float, float]:
        """Seconds from our time until its clock surely shows that, and those for which it may have shown it already."""
        least, most = self._bounds() or (0, 0)
        return max(theirs - (ours + least), 0) / 1e6, (ours + most - theirs) / 1e6

    def _bounds(self) -> tuple[int, int] | None:
        if self._since is None:
            return None
        least, most = self._older or (self._least, self._most)
        return max(self._least, least), min(self._most, most)
