"""Dates in a text of no given format: ISO 8601, or whatever python-dateutil reads, month before day.

A text must name a month and a year; a missing day is the first, a missing time midnight, a missing zone UTC.
"""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from dateutil import parser

from smeboost_shared.formula.evaluation import UnreadableError, first_use, spend

TEXT_LENGTH_MAX = 100
"""Characters of a date."""
COST = 50_000
CACHE_SIZE = 4096


def read_moment(text: str) -> datetime:
    """The moment in UTC.

    Raises:
        UnreadableError: the text is no date.
    """
    if len(text) > TEXT_LENGTH_MAX:
        raise UnreadableError("the text is too long for a date")
    moment = _iso(text)
    if moment is None:
        if first_use(("date", text)):
            spend(COST)
        moment = _free(text)
    if moment is None:
        raise UnreadableError(f"{text[:40]!r} is not a date")
    return moment


@lru_cache(CACHE_SIZE)
def _iso(text: str) -> datetime | None:
    try:
        return in_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return None


@lru_cache(CACHE_SIZE)
def _free(text: str) -> datetime | None:
    try:
        # What the text leaves out is taken from the default: month and year must be the same under both.
        first = parser.parse(text, default=datetime(2000, 1, 1, tzinfo=UTC), tzinfos=_zone)
        second = parser.parse(text, default=datetime(2004, 2, 1, tzinfo=UTC), tzinfos=_zone)
        return in_utc(first) if first == second else None
    except (ValueError, OverflowError):
        return None


def _zone(_name: str | None, offset: int | None) -> tzinfo | None:
    """An offset counts; a mere name such as EST says too little and is passed over."""
    return None if offset is None else timezone(timedelta(seconds=offset))


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC, which is also where one without a zone is."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
