"""The emulator's time, which a test may move: everything that expires here asks this clock and no other.

Two faces: `now()` is the date that is written into records, `seconds()` is a stopwatch for lifetimes and lock-outs.
Moving forward moves both. Setting an earlier date moves the date only: a stopwatch never runs backwards.
"""

import time
from datetime import UTC, datetime, timedelta

MOVE_SECONDS_MAX = 100 * 366 * 86_400
"""How far one move may go: a century, so that dates stay within what a calendar can hold."""


class Clock:
    """Real time, moved by what was asked for, or standing still."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._stopwatch_ahead = 0.0
        self._stopped_at: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """The date and time in UTC."""
        return (self._real()[0] if self._stopped_at is None else self._stopped_at[0]) + self._ahead

    def seconds(self) -> float:
        """A stopwatch without a meaningful zero."""
        return (self._real()[1] if self._stopped_at is None else self._stopped_at[1]) + self._stopwatch_ahead

    @property
    def is_stopped(self) -> bool:
        return self._stopped_at is not None

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self._ahead += timedelta(seconds=seconds)
        self._stopwatch_ahead += seconds

    def set(self, moment: datetime) -> None:
        """Go to a date; going forward also moves the stopwatch."""
        difference = moment - self.now()
        self._ahead += difference
        self._stopwatch_ahead += max(difference.total_seconds(), 0.0)

    def stop(self) -> None:
        """Stand still; only `advance` and `set` move the time now."""
        if self._stopped_at is None:
            self._stopped_at = self._real()

    def start(self) -> None:
        """Go on from where it stands; the time that has passed in between is not made up for."""
        if self._stopped_at is None:
            return
        date, stopwatch = self._real()
        self._ahead += self._stopped_at[0] - date
        self._stopwatch_ahead += self._stopped_at[1] - stopwatch
        self._stopped_at = None

    def reset(self) -> None:
        """Back to real time; the stopwatch keeps what it has."""
        self.start()
        self._ahead = timedelta()

    @staticmethod
    def _real() -> tuple[datetime, float]:
        return datetime.now(UTC), time.monotonic()
