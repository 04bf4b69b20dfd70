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


class Evaluation:
    """One evaluation: its clock, the work it has left, and what it has prepared."""

    __slots__ = ("clock", "left", "seen")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.left = WORK_MAX
        self.seen: set[Hashable] | None = None


class _Running(threading.local):
    evaluation = Evaluation(utc_now)


_running = _Running()


def begin(clock: Clock) -> Evaluation:
    """A new evaluation begins, with all its work before it; the one that it interrupts is to be given to `end`.

    A cell that a formula reads may be computed by a formula itself: each has its own work, so that the value of a
    field does not depend on who asked for it.
    """
    interrupted = _running.evaluation
    _running.evaluation = Evaluation(clock)
    return interrupted


def end(interrupted: Evaluation) -> None:
    """The evaluation is over, and the one before it goes on."""
    _running.evaluation = interrupted


def now() -> datetime:
    """The time by the clock of this evaluation."""
    return _running.evaluation.clock()


def spend(units: int) -> None:
    """Do so much work.

    Raises:
        TooMuchWork: it is more than is left.
    """
    evaluation = _running.evaluation
    evaluation.left -= units
    if evaluation.left < 0:
        raise TooMuchWork("the formula is too much work for one record")


def first_use(key: Hashable) -> bool:
    """Whether this evaluation uses `key` for the first time; what is prepared for it is charged once."""
    evaluation = _running.evaluation
    if evaluation.seen is None:
        evaluation.seen = set()
    elif key in evaluation.seen:
        return False
    evaluation.seen.add(key)
    return True
