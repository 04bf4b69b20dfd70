"""How often something may happen."""

import time

SECOND = 1.0


class Rate:
    """At most so many events in each second."""

    def __init__(self, events_max: int) -> None:
        self._events_max = events_max
        self._since = 0.0
        self._events = 0

    def allows(self) -> bool:
        """Count an event; whether it is one of those that may be."""
        now = time.monotonic()
        if now - self._since >= SECOND:
            self._since, self._events = now, 0
        self._events += 1
        return self._events <= self._events_max
