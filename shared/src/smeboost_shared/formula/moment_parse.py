"""DATETIME_PARSE: a text as a moment, by the tokens of moment.js.

As there, each token takes the first piece of the remaining text that fits it, and what stands between is passed over.
What is not named is the beginning (of the year, the month, the day), or today where only smaller parts are named.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from smeboost_shared.formula.evaluation import EvaluationError, now, spend
from smeboost_shared.formula.locales import Words, words_of
from smeboost_shared.formula.moment_format import EPOCH
from smeboost_shared.formula.moment_tokens import in_english, tokens_of
from smeboost_shared.formula.values import Value, moment_of, text_of

TEXT_LENGTH_MAX = 300
CHARACTER_COST = 100
CACHE_SIZE = 4096
_NUMBERS = {
    **dict.fromkeys(("Y",), r"[+-]?\d{1,6}"),
    **dict.fromkeys(("YYYY", "GGGG", "gggg"), r"\d{1,4}"),
    **dict.fromkeys(("YYYYY", "YYYYYY"), r"[+-]?\d{1,6}"),
    "DDD": r"\d{1,3}",
    "DDDD": r"\d{3}",
    **dict.fromkeys(("E", "e", "d", "Q"), r"\d"),
    "DDDo": r"\d{1,3}",
    "X": r"[+-]?\d{1,12}(?:\.\d{1,3})?",
    "x": r"[+-]?\d{1,15}",
}
_TWO_DIGITS = r"\d\d?"
_OFFSET = r"[Zz]|[+-]\d\d:?\d\d"
_FRACTION = r"\d{1,9}"


def parse_moment(text: Value, form: Value = None, locale: Value = None) -> Value:
    """DATETIME_PARSE; without a format as `date_text` reads it."""
    if isinstance(text, datetime) or form is None or form == "":
        return moment_of(text)
    given, words = text_of(text), words_of(text_of(locale))
    if len(given) > TEXT_LENGTH_MAX:
        raise EvaluationError("the text is too long for a date")
    tokens = tokens_of(in_english(text_of(form)))
    spend(CHARACTER_COST * len(given) * len(tokens))
    try:
        return _assembled(_found(given, tokens, words), words)
    except (ValueError, OverflowError):
        raise EvaluationError(f"{given[:40]!r} is not a date of the form {text_of(form)[:40]!r}") from None


@lru_cache(CACHE_SIZE)
def _found(text: str, tokens: tuple[str, ...], words: Words) -> Mapping[str, str]:
    """The piece of the text that each token takes; nothing for tokens that find none."""
    found: dict[str, str] = {}
    place = 0
    for token in tokens:
        if token[0] == "[":
            literal = text.find(token[1:], place)
            place = place if literal < 0 else literal + len(token) - 1
        elif (match := _pattern(token, words).search(text, place)) is not None:
            place = match.end()
            found[token] = match[0]
    return found


@lru_cache(CACHE_SIZE)
def _pattern(token: str, words: Words) -> re.Pattern[str]:
    if token[0] == "S":
        return re.compile(_FRACTION, re.ASCII)
    names = _names(token, words)
    if names:
        # Longer names first, since one may begin another.
        return re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))), re.IGNORECASE)
    if token in ("z", "zz", "Z", "ZZ"):
        return re.compile(_OFFSET, re.ASCII)
    return re.compile(_NUMBERS.get(token, _TWO_DIGITS), re.ASCII)


def _names(token: str, words: Words) -> tuple[str, ...]:
    match token:
        case "MMM" | "MMMM":
            return (*words.months, *words.months_alone, *words.months_short)
        case "dd" | "ddd" | "dddd":
            return (*words.weekdays, *words.weekdays_short, *words.weekdays_shortest)
        case "a" | "A":
            return (*words.halves, "am", "pm", "a", "p")
        case _:
            return ()


class _Parts:
    """What was found, by what it means."""

    def __init__(self, found: Mapping[str, str], words: Words) -> None:
        if not found:
            raise ValueError("nothing of the format is in the text")
        self.found = found
        self.words = words

    def number(self, *tokens: str) -> int | None:
        piece = next((self.found[token] for token in tokens if token in self.found), None)
        return None if piece is None else int(piece)

    def year(self) -> int | None:
        piece = next(
            (self.found[token] for token in ("YYYY", "YY", "YYYYY", "YYYYYY", "Y") if token in self.found), None
        )
        if piece is None:
            return None
        return int(piece) + (1900 if int(piece) > 68 else 2000) if len(piece) == 2 else int(piece)

    def month(self) -> int | None:
        name = self.found.get("MMMM") or self.found.get("MMM")
        if name is not None:
            return _names("MMMM", self.words).index(_same(name, _names("MMMM", self.words))) % 12 + 1
        quarter = self.number("Q", "Qo")
        return self.number("M", "MM", "Mo") if quarter is None else quarter * 3 - 2

    def hour(self) -> int | None:
        hour, half = self.number("h", "hh"), (self.found.get("A") or self.found.get("a") or "").lower()
        if hour is None:
            hour = self.number("H", "HH")
        if hour is None:
            hour = self.number("k", "kk")
            return 0 if hour == 24 else hour
        if not half:
            return hour
        late = half in (self.words.halves[1].lower(), "pm", "p")
        return hour + 12 if late and hour < 12 else 0 if hour == 12 and not late else hour

    def microsecond(self) -> int:
        piece = next((piece for token, piece in self.found.items() if token[0] == "S"), "0")
        return int(f"{piece:0<6}"[:6])


def _same(name: str, names: tuple[str, ...]) -> str:
    return next(known for known in names if known.lower() == name.lower())


def _assembled(found: Mapping[str, str], words: Words) -> datetime:
    parts = _Parts(found, words)
    if (piece := found.get("X") or found.get("x")) is not None:
        return EPOCH + timedelta(milliseconds=round(float(piece) * (1000 if "X" in found else 1)))
    hour = parts.hour()
    day = _day(parts)
    # 24:00 is the end of the day.
    moment = datetime(day.year, day.month, day.day, (hour or 0) % 24, tzinfo=UTC) + timedelta(days=(hour or 0) // 24)
    moment = moment.replace(
        minute=parts.number("m", "mm") or 0, second=parts.number("s", "ss") or 0, microsecond=parts.microsecond()
    )
    if (hour or 0) > 24 or (hour == 24 and moment.time() != datetime.min.time()):
        raise ValueError("the day has 24 hours")
    return moment - _offset(found)


def _day(parts: _Parts) -> date:
    week_year, week = parts.number("GGGG", "GG"), parts.number("W", "WW", "Wo")
    if week is not None:
        weekday = parts.number("E")
        return date.fromisocalendar(week_year or parts.year() or now().year, week, 1 if weekday is None else weekday)
    year, month = parts.year(), parts.month()
    day_of_year = parts.number("DDD", "DDDD", "DDDo")
    if day_of_year is not None:
        return _day_of_year(year or now().year, day_of_year)
    day = parts.number("D", "DD", "Do")
    today = now()
    if year is None and month is None:
        return today.date() if day is None else date(today.year, today.month, day)
    return date(today.year if year is None else year, 1 if month is None else month, 1 if day is None else day)


def _day_of_year(year: int, number: int) -> date:
    day = date(year, 1, 1) + timedelta(days=number - 1)
    if day.year != year or number < 1:
        raise ValueError("the year has fewer days")
    return day


def _offset(found: Mapping[str, str]) -> timedelta:
    piece = next((found[token] for token in ("Z", "ZZ", "z", "zz") if token in found), "Z")
    if piece in "Zz":
        return timedelta()
    sign = -1 if piece[0] == "-" else 1
    return sign * timedelta(hours=int(piece[1:3]), minutes=int(piece[-2:]))
