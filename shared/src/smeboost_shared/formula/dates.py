"""Date functions. All arithmetic is in UTC; months and years keep the day, or take the month's last day."""

import calendar
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from smeboost_shared.formula.functions import Function, one, two
from smeboost_shared.formula.values import EvaluationError, Value, iso, moment_of, number_of, text_of

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
SECONDS = {"milliseconds": 0.001, "seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400, "weeks": 604_800}
MONTHS = {"months": 1, "quarters": 3, "years": 12}


def _unit(value: Value) -> str:
    spelling = text_of(value).strip()
    unit = UNIT_NAMES.get(spelling) or UNIT_NAMES.get(spelling.lower())
    if unit is None:
        raise EvaluationError(f"there is no unit {spelling[:40]!r}")
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
    return int(_start_of(first, _unit(unit)) == _start_of(second, _unit(unit)))


def _start_of(moment: datetime, unit: str) -> tuple[int, ...]:
    if unit == "weeks":
        # As a number of days: the week of the first day there is begins before it.
        return (moment.toordinal() - moment.isoweekday() % 7,)
    if unit == "quarters":
        return (moment.year, (moment.month - 1) // 3)
    parts = (moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, moment.microsecond)
    return parts[: ["years", "months", "days", "hours", "minutes", "seconds", "milliseconds"].index(unit) + 1]


def _part(read: Callable[[datetime], int]) -> Callable[[Value], Value]:
    return lambda value: read(moment_of(value))


def _weekday(moment: Value, start: Value = "Sunday") -> Value:
    first_is_monday = text_of(start).strip().lower() == "monday"
    return moment_of(moment).weekday() if first_is_monday else moment_of(moment).isoweekday() % 7


def _parse(text: Value, form: Value = None, locale: Value = None) -> Value:
    if form is not None or locale is not None:
        raise EvaluationError("dates are read as ISO 8601 only")
    return moment_of(text)


def _format(moment: Value, form: Value = None) -> Value:
    if form is not None:
        raise EvaluationError("dates are written as ISO 8601 only")
    return iso(moment_of(moment))


def _now() -> datetime:
    return datetime.now(UTC)


DATE_FUNCTIONS: dict[str, Function] = {
    "NOW": _now,
    "TODAY": lambda: _now().replace(hour=0, minute=0, second=0, microsecond=0),
    "DATEADD": _add,
    "DATETIME_DIFF": _difference,
    "DATETIME_PARSE": _parse,
    "DATETIME_FORMAT": _format,
    "DATESTR": one(lambda moment: moment_of(moment).strftime("%Y-%m-%d")),
    "TIMESTR": one(lambda moment: moment_of(moment).strftime("%H:%M:%S")),
    "YEAR": _part(lambda moment: moment.year),
    "MONTH": _part(lambda moment: moment.month),
    "DAY": _part(lambda moment: moment.day),
    "HOUR": _part(lambda moment: moment.hour),
    "MINUTE": _part(lambda moment: moment.minute),
    "SECOND": _part(lambda moment: moment.second),
    "WEEKDAY": _weekday,
    "IS_BEFORE": two(lambda left, right: int(moment_of(left) < moment_of(right))),
    "IS_AFTER": two(lambda left, right: int(moment_of(left) > moment_of(right))),
    "IS_SAME": _is_same,
}
