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
