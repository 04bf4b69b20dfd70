"""The evaluation that is going on in this thread: what time it is in it, and how much work it may still do.

A formula of 6,000 words over texts of a million characters could work for minutes. So whatever is not done in
a moment says what it costs, in units of about 2 ns on a machine of 2024, and an evaluation that has spent `WORK_MAX`
is #ERROR!. The count does not depend on what is in a cache: the same formula over the same record has the same value.
It belongs to the thread, not to the functions' arguments, for the functions are plain functions of values.
"""

import threading
from collections.abc import Callable, Hashable
from datetime import UTC, datetime

WORK_MAX = 15_000_000
"""Units of work in one evaluation: 30 ms."""
FREE_LENGTH = 256
"""Characters of a text that no function charges for."""
Clock = Callable[[], datetime]


class EvaluationError(Exception):
    """This record's value is #ERROR!; other records are not concerned."""


class TooMuchWork(EvaluationError):
    """The evaluation has spent its work: it ends as #ERROR!, and no ISERROR saves it."""


class UnreadableError(EvaluationError):
    """A value is not of the kind that is needed: no number, or no date."""


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


class _Running(threading.local):
    left: int = WORK_MAX
    clock: Clock = staticmethod(utc_now)
    seen: set[Hashable] | None = None


_running = _Running()


def begin(clock: Clock) -> None:
    """A new evaluation begins, with all its work before it."""
    _running.left = WORK_MAX
    _running.clock = clock
    _running.seen = None


def now() -> datetime:
    """The time by the clock of this evaluation."""
    return _running.clock()


def spend(units: int) -> None:
    """Do so much work.

    Raises:
        TooMuchWork: it is more than is left.
    """
    _running.left -= units
    if _running.left < 0:
        raise TooMuchWork("the formula is too much work for one record")


def first_use(key: Hashable) -> bool:
    """Whether this evaluation uses `key` for the first time; what is prepared for it is charged once."""
    if _running.seen is None:
        _running.seen = set()
    elif key in _running.seen:
        return False
    _running.seen.add(key)
    return True
