"""DATETIME_FORMAT: a moment as text, in the tokens of moment.js, in the zone and the language that were set for it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo

from smeboost_shared.formula.evaluation import EvaluationError, first_use, spend
from smeboost_shared.formula.locales import Words, words_of
from smeboost_shared.formula.moment_tokens import WHOLE, in_english, tokens_of
from smeboost_shared.formula.values import Value, iso, moment_of, text_of
from smeboost_shared.formula.weeks import week_of_year

ZONE_LENGTH_MAX = 64
ZONE_COST = 200_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_BEFORE_MONTH = re.compile(r"D[oD]?(\[[^\[\]]*\]|\s)+MMMM?")


class ShownMoment(datetime):
    """A moment in UTC like any other, which remembers how DATETIME_FORMAT shall show it."""

    zone: str = "UTC"
    language: str = "en"

    @classmethod
    def of(cls, moment: datetime, *, zone: str | None = None, language: str | None = None) -> Self:
        """`moment` with a zone or a language; it keeps the one that is not given."""
        shown = cls.combine(moment.date(), moment.time(), UTC)
        shown.zone = zone or getattr(moment, "zone", cls.zone)
        shown.language = language or getattr(moment, "language", cls.language)
        return shown


def set_timezone(moment: Value, zone: Value) -> Value:
    """SET_TIMEZONE."""
    name = text_of(zone)[: ZONE_LENGTH_MAX + 1].strip()
    if first_use(("zone", name)):
        spend(ZONE_COST)
    if _zone(name) is None:
        raise EvaluationError(f"there is no time zone {name!r}")
    return ShownMoment.of(moment_of(moment), zone=name)


@lru_cache(1024)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if len(name) <= ZONE_LENGTH_MAX else None
    except (ValueError, KeyError, OSError):
        return None


def set_locale(moment: Value, locale: Value) -> Value:
    """SET_LOCALE."""
    name = text_of(locale)
    words_of(name)
    return ShownMoment.of(moment_of(moment), language=name)


def format_moment(moment: Value, form: Value = None) -> str:
    """DATETIME_FORMAT; without a format in ISO 8601 [I]."""
    given = moment_of(moment)
    if form is None:
        return iso(given)
    zone, language = "UTC", "en"
    if isinstance(given, ShownMoment):
        zone, language = given.zone, given.language
    words, text = words_of(language), text_of(form)
    if words.language == "en" and words.locale.territory is None:
        text = in_english(text)
    shown = _Shown(_local(given, zone), words, _DAY_BEFORE_MONTH.search(text) is not None)
    return "".join(_written(shown, token) for token in tokens_of(text))


def _local(moment: datetime, zone: str) -> datetime:
    try:
        return moment.astimezone(_zone(zone) if zone != "UTC" else UTC)
    except OverflowError:
        raise EvaluationError("the date is out of range") from None


@dataclass(frozen=True, slots=True)
class _Shown:
    """A moment in its zone; `dated`: the month stands next to its day, where some languages bend its name."""

    at: datetime
    words: Words
    dated: bool

    @property
    def hour(self) -> int:
        """1 to 12."""
        return (self.at.hour + 11) % 12 + 1

    @property
    def day_of_year(self) -> int:
        return self.at.timetuple().tm_yday

    @property
    def week(self) -> tuple[int, int]:
        """Year and week as the language counts them."""
        return week_of_year(self.at.date(), first_weekday=self.words.first_weekday, days_min=self.words.week_days_min)

    @property
    def since_epoch(self) -> timedelta:
        return self.at - EPOCH

    def month(self) -> str:
        return (self.words.months if self.dated else self.words.months_alone)[self.at.month - 1]

    def half(self) -> str:
        return self.words.halves[self.at.hour >= 12]

    def offset(self, separator: str) -> str:
        minutes = int((self.at.utcoffset() or timedelta()).total_seconds() / 60)
        return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{separator}{abs(minutes) % 60:02}"


def _written(shown: _Shown, token: str) -> str:
    if token[0] == "[":
        return token[1:]
    if token in WHOLE:
        return shown.words.formatted(shown.at, token)
    if token[0] == "S":
        return f"{shown.at.microsecond:06}000"[: len(token)]
    if token[-1] == "o":
        return shown.words.ordinal(int(WRITERS[token[:-1]](shown)))
    return WRITERS[token](shown)


WRITERS: dict[str, Callable[[_Shown], str]] = {
    "M": lambda shown: str(shown.at.month),
    "MM": lambda shown: f"{shown.at.month:02}",
    "MMM": lambda shown: shown.words.months_short[shown.at.month - 1],
    "MMMM": _Shown.month,
    "D": lambda shown: str(shown.at.day),
    "DD": lambda shown: f"{shown.at.day:02}",
    "DDD": lambda shown: str(shown.day_of_year),
    "DDDD": lambda shown: f"{shown.day_of_year:03}",
    "d": lambda shown: str(shown.at.isoweekday() % 7),
    "dd": lambda shown: shown.words.weekdays_shortest[shown.at.weekday()],
    "ddd": lambda shown: shown.words.weekdays_short[shown.at.weekday()],
    "dddd": lambda shown: shown.words.weekdays[shown.at.weekday()],
    "e": lambda shown: str((shown.at.weekday() - shown.words.first_weekday) % 7),
    "E": lambda shown: str(shown.at.isoweekday()),
    "w": lambda shown: str(shown.week[1]),
    "ww": lambda shown: f"{shown.week[1]:02}",
    "W": lambda shown: str(shown.at.isocalendar().week),
    "WW": lambda shown: f"{shown.at.isocalendar().week:02}",
    "Q": lambda shown: str((shown.at.month + 2) // 3),
    "Y": lambda shown: str(shown.at.year),
    "YY": lambda shown: f"{shown.at.year % 100:02}",
    "YYYY": lambda shown: f"{shown.at.year:04}",
    "YYYYY": lambda shown: f"{shown.at.year:05}",
    "YYYYYY": lambda shown: f"+{shown.at.year:06}",
    "gg": lambda shown: f"{shown.week[0] % 100:02}",
    "gggg": lambda shown: f"{shown.week[0]:04}",
    "GG": lambda shown: f"{shown.at.isocalendar().year % 100:02}",
    "GGGG": lambda shown: f"{shown.at.isocalendar().year:04}",
    "a": lambda shown: shown.half().lower(),
    "A": _Shown.half,
    "h": lambda shown: str(shown.hour),
    "hh": lambda shown: f"{shown.hour:02}",
    "H": lambda shown: str(shown.at.hour),
    "HH": lambda shown: f"{shown.at.hour:02}",
    "k": lambda shown: str(shown.at.hour or 24),
    "kk": lambda shown: f"{shown.at.hour or 24:02}",
    "m": lambda shown: str(shown.at.minute),
    "mm": lambda shown: f"{shown.at.minute:02}",
    "s": lambda shown: str(shown.at.second),
    "ss": lambda shown: f"{shown.at.second:02}",
    "x": lambda shown: str(shown.since_epoch // timedelta(milliseconds=1)),
    "X": lambda shown: str(shown.since_epoch // timedelta(seconds=1)),
    "z": lambda shown: shown.at.tzname() or "",
    "zz": lambda shown: shown.at.tzname() or "",
    "Z": lambda shown: shown.offset(":"),
    "ZZ": lambda shown: shown.offset(""),
}
