"""The month's calls: how they are named in the ledger, and where they lead. Pure.

Airtable counts by workspace; which workspace a base is in is not told to every token, so we count by token and base.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from smeboost_airtable.settings import AirtableSettings

ALL_CALLS = "calls"
BASE, DAY = "base ", "day "
DIGEST_CHARACTERS = 16


class Usage(BaseModel):
    """The calls of one month, made with one token."""

    model_config = ConfigDict(frozen=True)

    month: str
    is_shared: bool
    """Whether all processes are counted, or only this one since it started."""
    calls: int
    calls_by_base: dict[str, int]
    calls_by_day: dict[date, int]
    monthly_calls: int | None = None
    used_up_on: date | None = None
    """When, at the pace so far, the month's calls are used up; None when they last until the next month."""
    renewed_on: date
    spent_bases: list[str] = Field(default_factory=list[str])
    """Bases that Airtable refuses until the next month."""


class Names:
    """What things are called in a ledger that others share; a token is never part of a name."""

    def __init__(self, settings: AirtableSettings) -> None:
        self._place = f"airtable:{_digest(settings.endpoint_url)}"
        self.token = f"{self._place}:token:{_digest(settings.api_key.get_secret_value())}"

    def base(self, base_id: str) -> str:
        """Where the base's seconds are kept: all tokens share them."""
        return f"{self._place}:base:{base_id}"

    def month(self, base_id: str) -> str:
        """What is paused when the base's month is spent."""
        return f"{self._place}:month:{base_id}"

    def is_month(self, name: str | None) -> bool:
        """Whether it is such a name."""
        return bool(name) and str(name).startswith(f"{self._place}:month:")

    def book(self, now: datetime) -> str:
        """Where the calls of this month are counted."""
        return f"{self.token}:{now:%Y-%m}"


def lines_of(now: datetime, base_id: str) -> tuple[str, ...]:
    """The lines of a month's book that one call belongs to."""
    base = (f"{BASE}{base_id}",) if base_id else ()
    return (ALL_CALLS, f"{DAY}{now:%Y-%m-%d}", *base)


def usage_of(lines: dict[str, int], *, now: datetime, monthly_calls: int | None, is_shared: bool) -> Usage:
    """What a month's book says."""
    days = {date.fromisoformat(line.removeprefix(DAY)): n for line, n in lines.items() if line.startswith(DAY)}
    calls = lines.get(ALL_CALLS, 0)
    return Usage(
        month=f"{now:%Y-%m}",
        is_shared=is_shared,
        calls=calls,
        calls_by_base={line.removeprefix(BASE): n for line, n in lines.items() if line.startswith(BASE)},
        calls_by_day=dict(sorted(days.items())),
        monthly_calls=monthly_calls,
        used_up_on=used_up_on(calls, since=min(days, default=now.date()), now=now, monthly_calls=monthly_calls),
        renewed_on=month_ends(now).date(),
    )


def used_up_on(calls: int, *, since: date, now: datetime, monthly_calls: int | None) -> date | None:
    """The day on which the month's calls are used up if it goes on as since the first day that was counted."""
    if monthly_calls is None or calls == 0:
        return None
    if calls >= monthly_calls:
        return now.date()
    elapsed = now - datetime(since.year, since.month, since.day, tzinfo=UTC)
    seconds = elapsed.total_seconds() * (monthly_calls - calls) / calls
    # Compared as seconds: at a slow pace the day lies beyond what a date can hold.
    if seconds >= (month_ends(now) - now).total_seconds():
        return None
    return (now + timedelta(seconds=seconds)).date()


def month_ends(now: datetime) -> datetime:
    """When the next month begins, in UTC."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]
