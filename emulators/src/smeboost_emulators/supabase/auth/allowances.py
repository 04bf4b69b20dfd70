"""How often one address may do something: counted in memory, for a bounded number of addresses."""

import time
from collections import OrderedDict
from collections.abc import Callable

ADDRESSES_MAX = 10_000


class Allowance:
    """At most `limit` times in any window of `window_seconds` that begins with an address's first time."""

    def __init__(self, limit: int, window_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._window_seconds = window_seconds
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def is_spent(self, address: str) -> bool:
        """Whether `address` may no more for now; nothing is counted."""
        return self._state(address)[1] >= self._limit

    def take(self, address: str) -> bool:
        """Whether `address` may once more; if so it is counted."""
        since, used = self._state(address)
        if used >= self._limit:
            return False
        self._used[address] = since, used + 1
        self._used.move_to_end(address)
        if len(self._used) > ADDRESSES_MAX:
            self._used.popitem(last=False)
        return True

    def _state(self, address: str) -> tuple[float, int]:
        """Since when it was counted for `address`, and how often."""
        now = self._clock()
        since, used = self._used.get(address, (now, 0))
        return (now, 0) if now - since >= self._window_seconds else (since, used)
