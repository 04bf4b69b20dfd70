"""Date functions. All arithmetic is in UTC; months and years keep the day, or take the month's last day."""

import calendar
import math
from collections.abc import Callable
from datetime import datetime, timedelta

from smeboost_shared.formula.arguments import Function, one, two
from smeboost_shared.formula.evaluation import EvaluationError, now
from smeboost_shared.formula.moment_format import format_moment, set_locale, set_timezone
from smeboost_shared.formula.moment_parse import parse_moment
from smeboost_shared.formula.values import Value, moment_of, number_of, text_of, whole
from smeboost_shared.formula.weeks import week_of_year
from smeboost_shared.formula.workdays import workday, workday_difference

UNITS = {
    "milliseconds": ("milliseconds", "millisecond", "ms"),
    "seconds": ("seconds", "second", "s"),
    "minutes": ("minutes", "minute", "m"),
    "hours": ("hours", "hour", "h"),
    "days": ("days", "day", "d"),
    "weeks": ("weeks", "week", "w"),
    "months": ("months", "month", "M"),
    "quarters": ("quarters", "quarter", "Q"),
    "years": ("years", "year", "y"),
}
UNIT_NAMES = {spelling: unit for unit, spellings in UNITS.items() for spelling in spellings}
UNIT_LENGTH_MAX = 20
SECONDS = {"milliseconds": 0.001, "seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400, "weeks": 604_800}
MONTHS = {"months": 1, "quarters": 3, "years": 12}
DAYS_PER_MONTH = 146_097 / 4_800
"""The mean of the 400 years after which the calendar repeats itself."""


def _unit(value: Value) -> str:
    spelling = text_of(value)[: UNIT_LENGTH_MAX + 1].strip()
    unit = UNIT_NAMES.get(spelling) or UNIT_NAMES.get(spelling.lower())
    if unit is None:
        raise EvaluationError(f"there is no unit {spelling!r}")
    return unit


def _add(moment: Value, count: Value, unit: Value) -> Value:
    start, amount, name = moment_of(moment), number_of(count), _unit(unit)
    if not math.isfinite(amount):
        raise EvaluationError("a finite number is needed here")
    try:
        if name in SECONDS:
            return start + timedelta(seconds=amount * SECONDS[name])
        return _add_months(start, int(amount) * MONTHS[name])
    except (OverflowError, ValueError):
        raise EvaluationError("the date is out of range") from None


def _add_months(start: datetime, months: int) -> datetime:
    index = start.year * 12 + start.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))


def _difference(left: Value, right: Value, unit: Value = "seconds") -> Value:
    late, early, name = moment_of(left), moment_of(right), _unit(unit)
    if name in SECONDS:
        return math.trunc((late - early).total_seconds() / SECONDS[name])
    return math.trunc(_months_between(late, early) / MONTHS[name])


def _months_between(late: datetime, early: datetime) -> int:
    if late < early:
        return -_months_between(early, late)
    months = (late.year - early.year) * 12 + late.month - early.month
    return months if _add_months(early, months) <= late else months - 1


def _is_same(left: Value, right: Value, unit: Value = None) -> Value:
    first, second = moment_of(left), moment_of(right)
    if unit is None:
        return int(first == second)
    name = _unit(unit)
    return int(_start_of(first, name) == _start_of(second, name))


def _start_of(moment: datetime, unit: str) -> tuple[int, ...]:
    if unit == "weeks":
        # As a number of days: the week of the first day there is begins before it.
        return (moment.toordinal() - moment.isoweekday() % 7,)
    if unit == "quarters":
        return (moment.year, (moment.month - 1) // 3)
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond)
    return parts[: ["years", "months", "days", "hours", "minutes", "seconds", "milliseconds"].index(unit) + 1]


def _part(name: str) -> Callable[[Value], Value]:
    return lambda value: getattr(moment_of(value), name)


def _first_weekday(start: Value) -> int:
    """As Python counts: 0 is Monday, 6 is Sunday."""
    name = text_of(start)[: UNIT_LENGTH_MAX + 1].strip().lower()
    if name not in ("", "monday", "sunday"):
        raise EvaluationError(f"a week begins on 'Sunday' or 'Monday', not on {name!r}")
    return 0 if name == "monday" else 6


def _weekday(moment: Value, start: Value = "Sunday") -> Value:
    return (moment_of(moment).weekday() - _first_weekday(start)) % 7


def _week_number(moment: Value, start: Value = "Sunday") -> Value:
    return week_of_year(moment_of(moment), first_weekday=_first_weekday(start), days_min=1)[1]


def _workday(start: Value, count: Value, holidays: Value = None) -> Value:
    return workday(moment_of(start), whole(count), holidays)


def _workday_difference(first: Value, last: Value, holidays: Value = None) -> Value:
    return workday_difference(moment_of(first), moment_of(last), holidays)


def _distance(moment: Value) -> str:
    """How far it is from now, in the words and with the thresholds of moment.js."""
    seconds = abs((moment_of(moment) - now()).total_seconds())
    minutes, hours, days = (_rounded(seconds / unit) for unit in (60, 3600, 86_400))
    months = _rounded(seconds / 86_400 / DAYS_PER_MONTH)
    years = _rounded(seconds / 86_400 / DAYS_PER_MONTH / 12)
    if _rounded(seconds) < 45:
        return "a few seconds"
    for count, limit, single, unit in (
        (minutes, 45, "a minute", "minutes"),
        (hours, 22, "an hour", "hours"),
        (days, 26, "a day", "days"),
        (months, 11, "a month", "months"),
    ):
        if count < limit:
            return single if count <= 1 else f"{count} {unit}"
    return "a year" if years <= 1 else f"{years} years"


def _rounded(number: float) -> int:
    return math.floor(number + 0.5)


DATE_FUNCTIONS: dict[str, Function] = {
    "NOW": now,
    "TODAY": lambda: now().replace(hour=0, minute=0, second=0, microsecond=0),
    "DATEADD": _add,
    "DATETIME_DIFF": _difference,
    "DATETIME_PARSE": parse_moment,
    "DATETIME_FORMAT": format_moment,
    "DATESTR": one(lambda moment: moment_of(moment).isoformat()[:10]),
    "TIMESTR": one(lambda moment: moment_of(moment).isoformat()[11:19]),
    "YEAR": _part("year"),
    "MONTH": _part("month"),
    "DAY": _part("day"),
    "HOUR": _part("hour"),
    "MINUTE": _part("minute"),
    "SECOND": _part("second"),
    "WEEKDAY": _weekday,
    "WEEKNUM": _week_number,
    "WORKDAY": _workday,
    "WORKDAY_DIFF": _workday_difference,
    "IS_BEFORE": two(lambda left, right: int(moment_of(left) < moment_of(right))),
    "IS_AFTER": two(lambda left, right: int(moment_of(left) > moment_of(right))),
    "IS_SAME": _is_same,
    "SET_TIMEZONE": set_timezone,
    "SET_LOCALE": set_locale,
    "FROMNOW": _distance,
    "TONOW": _distance,
}
