"""Working days: Monday to Friday without the holidays. Weeks are counted, not walked through."""

from bisect import bisect_left, bisect_right
from datetime import date, datetime, timedelta
from functools import lru_cache

from smeboost_shared.formula.evaluation import EvaluationError, first_use, spend
from smeboost_shared.formula.values import Value, text_of

HOLIDAYS_LENGTH_MAX = 24_000
"""Characters of the list of holidays: 2,000 of them."""
HOLIDAY_COST = 100
"""Units for each character of a list that is read."""
CACHE_SIZE = 64


def workday(start: datetime, count: int, holidays: Value) -> datetime:
    """The day `count` working days after `start` (before it when negative), at the same time of day."""
    if count == 0:
        return start
    first, free = start.toordinal(), holidays_of(holidays)
    if count > 0:
        target = _index(first) + count
        for day in free[bisect_right(free, first) :]:
            if _index(day) > target:
                break
            target += 1
    else:
        # The last working day before `start` is the one with the index of the day before it.
        target = _index(first - 1) + count + 1
        for day in reversed(free[: bisect_left(free, first)]):
            if _index(day) < target:
                break
            target -= 1
    try:
        return start + timedelta(days=_day(target) - first)
    except OverflowError:
        raise EvaluationError("the date is out of range") from None


def workday_difference(first: datetime, last: datetime, holidays: Value) -> int:
    """How many working days there are from `first` to `last`, both included; negative when `last` is earlier [I]."""
    start, end = sorted((first.toordinal(), last.toordinal()))
    free = holidays_of(holidays)
    count = _index(end) - _index(start - 1) - (bisect_right(free, end) - bisect_left(free, start))
    return count if first <= last else -count


def _index(day: int) -> int:
    """How many days from Monday to Friday there have been up to that day. Day 1 was a Monday."""
    weeks, rest = divmod(day, 7)
    return weeks * 5 + min(rest, 5)


def _day(index: int) -> int:
    """The day from Monday to Friday that has that index."""
    weeks, rest = divmod(index - 1, 5)
    return weeks * 7 + rest + 1


def holidays_of(value: Value) -> tuple[int, ...]:
    """The days that would be working days otherwise, in order."""
    if value is None or value == "":
        return ()
    text = text_of(value)
    if len(text) > HOLIDAYS_LENGTH_MAX:
        raise EvaluationError(f"the list of holidays is longer than {HOLIDAYS_LENGTH_MAX} characters")
    if first_use(("holidays", text)):
        spend(HOLIDAY_COST * len(text))
    days = _read(text)
    if days is None:
        raise EvaluationError("holidays are dates such as '2024-12-25, 2024-12-26'")
    spend(HOLIDAY_COST * len(days))
    return days


@lru_cache(CACHE_SIZE)
def _read(text: str) -> tuple[int, ...] | None:
    try:
        days = {date.toordinal(datetime.fromisoformat(part.strip())) for part in text.split(",") if part.strip()}
    except ValueError:
        return None
    return tuple(sorted(day for day in days if (day - 1) % 7 < 5))
