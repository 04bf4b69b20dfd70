"""The words for dates in a language: English as moment.js has it, all others from the Unicode CLDR (Babel).

The two sources agree on the names of months and days, not always on abbreviations and on the order of a short date.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_time

from smeboost_shared.formula.evaluation import EvaluationError, first_use, spend

NAME_LENGTH_MAX = 20
LOAD_COST = 3_000_000
"""Units for reading a language's words from the disk; charged for each language of an evaluation, read or not."""
FORMAT_COST = 20_000
CACHE_SIZE = 128
ENGLISH_FORMATS = {
    "LT": "h:mm A",
    "LTS": "h:mm:ss A",
    "L": "MM/DD/YYYY",
    "l": "M/D/YYYY",
    "LL": "MMMM D, YYYY",
    "ll": "MMM D, YYYY",
    "LLL": "MMMM D, YYYY h:mm A",
    "lll": "MMM D, YYYY h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A",
    "llll": "ddd, MMM D, YYYY h:mm A",
}
DOTTED = frozenset({"cs", "da", "de", "et", "fi", "hr", "hu", "is", "nb", "nn", "no", "pl", "sk", "sl", "sr"})
"""Languages that write an ordinal number with a dot."""
_SINGLE = re.compile(r"(?<![dM])([dM])(?![dM])")
CIRCLED = frozenset({"es", "gl", "it", "pt"})


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A language's words; weekdays begin with Monday, `first_weekday` counts from there."""

    language: str
    locale: Locale
    months: tuple[str, ...]
    months_alone: tuple[str, ...]
    months_short: tuple[str, ...]
    weekdays: tuple[str, ...]
    weekdays_short: tuple[str, ...]
    weekdays_shortest: tuple[str, ...]
    halves: tuple[str, str]
    first_weekday: int
    week_days_min: int

    def ordinal(self, number: int) -> str:
        """`1st`; other languages with their mark, or without one."""
        if self.language == "en":
            teens = 11 <= number % 100 <= 13
            return f"{number}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
        return f"{number}{'.' if self.language in DOTTED else 'º' if self.language in CIRCLED else ''}"

    def formatted(self, moment: datetime, sign: str) -> str:
        """One of the tokens that stand for a whole date or time, such as `LL`; not for plain English."""
        spend(FORMAT_COST)
        # The CLDR has narrow spaces where a person types a plain one.
        return self._formatted(moment, sign).replace("\u202f", " ")

    def _formatted(self, moment: datetime, sign: str) -> str:
        if sign in ("LT", "LTS"):
            return format_time(moment, "short" if sign == "LT" else "medium", locale=self.locale)
        if len(sign) == 1:
            pattern = self.locale.datetime_skeletons["yMd"].pattern
            form = _SINGLE.sub(r"\1\1", pattern) if sign == "L" else pattern
            return format_date(moment, form, locale=self.locale)
        width = "full" if len(sign) == 4 else "long" if sign.isupper() else "medium"
        day = format_date(moment, width, locale=self.locale)
        return day if len(sign) == 2 else f"{day} {format_time(moment, 'short', locale=self.locale)}"


def words_of(name: str) -> Words:
    """The words of a language by its name, such as `de` or `pt-br`.

    Raises:
        EvaluationError: it is not known.
    """
    key = name[: NAME_LENGTH_MAX + 1].strip().lower().replace("_", "-") or "en"
    # English is at hand, all others are on the disk.
    if key != "en" and first_use(("locale", key)):
        spend(LOAD_COST)
    words = _words(key)
    if words is None:
        raise EvaluationError(f"there is no language {key!r}")
    return words


@lru_cache(CACHE_SIZE)
def _words(key: str) -> Words | None:
    if not re.fullmatch(r"[a-z]{2,8}(-[a-z0-9]{2,8}){0,2}", key):
        return None
    try:
        locale = Locale.parse(key, sep="-")
    except (ValueError, UnknownLocaleError):
        return None
    plain = key == "en"
    months, days = locale.months, locale.days
    halves = locale.day_periods["format"]["wide"]
    # Where a week begins is a matter of the country: the one where the language is most at home.
    country = Locale.parse(get_global("likely_subtags").get(str(locale), str(locale)))
    return Words(
        language=locale.language,
        locale=locale,
        months=_ordered(months["format"]["wide"]),
        months_alone=_ordered(months["stand-alone"]["wide"]),
        months_short=_ordered(months["format"]["abbreviated"]),
        weekdays=_ordered(days["format"]["wide"]),
        weekdays_short=_ordered(days["format"]["abbreviated"]),
        weekdays_shortest=_ordered(days["format"]["short"]),
        halves=(halves.get("am", "AM"), halves.get("pm", "PM")),
        first_weekday=6 if plain else country.first_week_day,
        week_days_min=1 if plain else country.min_week_days,
    )


def _ordered(names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(names[number] for number in sorted(names))
