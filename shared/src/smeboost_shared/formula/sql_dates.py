"""Date functions in SQL. All is computed on the timestamp in UTC, so that no session's time zone plays a part."""

from collections.abc import Sequence
from dataclasses import replace

from smeboost_shared.formula.dates import MONTHS, SECONDS, UNIT_NAMES, UNITS
from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.sql_conversions import (
    as_moment,
    as_number,
    as_whole,
    condition,
    moment,
    moment_text,
    number,
    text,
    whole_number,
)
from smeboost_shared.formula.sql_date_formats import formatted
from smeboost_shared.formula.sql_terms import Scope, Term, Translate, either
from smeboost_shared.formula.values import text_of
from smeboost_shared.formula.workdays import holidays_of

FIRST, AFTER_LAST = "timestamp '0001-01-01'", "timestamp '10000-01-01'"
"""The calendar of Python, which is the evaluator's."""
FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799
SECONDS_MAX = 4e11
"""More than from one end of the calendar to the other."""
UNIT_LENGTH_MAX = 20


def utc(sql: str) -> str:
    """The timestamp in UTC of a moment."""
    return f"({sql} AT TIME ZONE 'UTC')"


def _in_calendar(scope: Scope, timestamp: str, error: str | None) -> Term:
    """A timestamp in UTC as a moment; beyond the calendar, or NULL, it is an error."""
    outside = scope.fill(f"({{a}} >= {FIRST} AND {{a}} < {AFTER_LAST}) IS NOT TRUE", a=timestamp)
    return moment(f"({timestamp} AT TIME ZONE 'UTC')", error=either(error, outside))


def _unit(scope: Scope, term: Term) -> str | None:
    """The unit that a literal names; None: there is no such unit, which is an error of every record."""
    if not term.is_blank and not isinstance(term.literal, str | float):
        raise scope.refuse("its unit has to be a literal")
    spelling = text_of(term.literal if isinstance(term.literal, str | float) else None).strip()
    return UNIT_NAMES.get(spelling) or UNIT_NAMES.get(spelling.lower()) if len(spelling) <= UNIT_LENGTH_MAX else None


# Arithmetic ---------------------------------------------------------------------------------------------------------


def _add(scope: Scope, terms: Sequence[Term]) -> Term:
    start, amount, unit = as_moment(scope, terms[0]), as_number(scope, terms[1]), _unit(scope, terms[2])
    error = either(start.error, amount.error)
    if unit is None:
        return replace(moment("NULL::timestamptz"), error="true")
    step = _after_seconds if unit in SECONDS else _after_months
    size = float(SECONDS[unit] if unit in SECONDS else MONTHS[unit])
    return _in_calendar(scope, step(scope, utc(start.sql), amount.sql, size), error)


def _after_seconds(scope: Scope, start: str, amount: str, size: float) -> str:
    """NULL where the result is far away from the calendar."""

    def moved(begin: str, seconds: str) -> str:
        # Whole days, seconds and microseconds one by one: together they are more than a float can count.
        return (
            f"CASE WHEN extract(epoch FROM {begin})::float8 + {seconds}"
            f" BETWEEN {FIRST_SECOND - 10} AND {LAST_SECOND + 10}"
            f" THEN {begin} + make_interval(days => trunc({seconds} / 86400)::int)"
            f" + ((trunc({seconds}) - trunc({seconds} / 86400) * 86400) * interval '1 second')"
            f" + (round(({seconds} - trunc({seconds})) * 1e6) * interval '1 microsecond') END"
        )

    within = f"CASE WHEN abs({{a}}) < 1e16 THEN {{a}} * {size!r} ELSE 1e16 END" if size != 1 else "{a}"
    bounded = f"least(greatest({within}, {-SECONDS_MAX!r}), {SECONDS_MAX!r})"
    seconds = scope.fill(f"CASE WHEN abs({{a}}) < 1e-300 THEN 0.0 ELSE {bounded} END", a=amount)
    return scope.let(start, lambda begin: scope.let(seconds, lambda seconds: moved(begin, seconds)))


def _after_months(scope: Scope, start: str, amount: str, size: float) -> str:
    years = "(extract(year FROM {b}) + {m} / 12)"
    return scope.fill(
        f"CASE WHEN abs({{m}}) < 200000 AND {years} BETWEEN -1 AND 10002"
        f" THEN {{b}} + make_interval(months => {{m}}::int) END",
        b=start,
        m=f"(trunc(CASE WHEN abs({amount}) < 1e6 THEN {amount} ELSE 1e6 END) * {size!r})",
    )


def _difference(scope: Scope, terms: Sequence[Term]) -> Term:
    late, early = as_moment(scope, terms[0]), as_moment(scope, terms[1])
    unit = _unit(scope, terms[2]) if len(terms) > 2 else "seconds"
    error = either(late.error, early.error)
    if unit is None:
        return number("0.0::float8", error="true")
    if unit in SECONDS:
        seconds = f"extract(epoch FROM ({utc(late.sql)} - {utc(early.sql)}))::float8"
        return number(f"trunc({seconds} / {float(SECONDS[unit])!r}::float8)", may_be_nan=False, error=error)
    months = scope.let(
        utc(late.sql), lambda late: scope.let(utc(early.sql), lambda early: _months_between(scope, late, early))
    )
    return number(f"trunc({months} / {float(MONTHS[unit])!r}::float8)", may_be_nan=False, error=error)


def _months_between(scope: Scope, late: str, early: str) -> str:
    """Whole months; negative when the second one is later."""

    def counted(later: str, earlier: str) -> str:
        months = (
            f"((extract(year FROM {later}) - extract(year FROM {earlier})) * 12"
            f" + extract(month FROM {later}) - extract(month FROM {earlier}))::int"
        )
        passed = scope.let(
            months,
            lambda count: (
                f"({count} - CASE WHEN {earlier} + make_interval(months => {count}) <= {later} THEN 0 ELSE 1 END)"
            ),
        )
        return f"{passed}::float8"

    return f"CASE WHEN {late} < {early} THEN - {counted(early, late)} ELSE {counted(late, early)} END"


# Comparison ---------------------------------------------------------------------------------------------------------


def _ordered(operator: str) -> Translate:
    def translate(scope: Scope, terms: Sequence[Term]) -> Term:
        left, right = as_moment(scope, terms[0]), as_moment(scope, terms[1])
        return condition(f"{left.sql} {operator} {right.sql}", error=either(left.error, right.error))

    return translate


def _is_same(scope: Scope, terms: Sequence[Term]) -> Term:
    left, right = as_moment(scope, terms[0]), as_moment(scope, terms[1])
    error = either(left.error, right.error)
    unit = "milliseconds" if len(terms) < 3 or terms[2].kind is Kind.BLANK else _unit(scope, terms[2])
    if unit is None:
        return condition("false", error="true")
    if unit == "milliseconds":
        return condition(f"{left.sql} = {right.sql}", error=error)
    return condition(f"{_beginning(unit, left.sql)} = {_beginning(unit, right.sql)}", error=error)


def _beginning(unit: str, sql: str) -> str:
    """The beginning of a unit; weeks begin on Sunday, and are told apart by the Monday in them."""
    moved = f"{utc(sql)} + interval '1 day'" if unit == "weeks" else utc(sql)
    return f"date_trunc('{UNITS[unit][1]}', {moved})"


# Parts --------------------------------------------------------------------------------------------------------------


def _part(form: str) -> Translate:
    """A number from a timestamp `{a}`."""

    def translate(scope: Scope, terms: Sequence[Term]) -> Term:
        given = as_moment(scope, terms[0])
        return whole_number(scope.fill(form, a=utc(given.sql)), error=given.error)

    return translate


def _first_weekday(scope: Scope, terms: Sequence[Term]) -> bool | None:
    """Whether a week begins on Monday; None: the literal names no day it may begin on."""
    if len(terms) < 2 or terms[1].is_blank:
        return False
    if not isinstance(terms[1].literal, str | float):
        raise scope.refuse("the day on which a week begins has to be a literal")
    name = text_of(terms[1].literal)[: UNIT_LENGTH_MAX + 1].strip().lower()
    return {"": False, "sunday": False, "monday": True}.get(name)


def _weekday(scope: Scope, terms: Sequence[Term]) -> Term:
    given, monday = as_moment(scope, terms[0]), _first_weekday(scope, terms)
    if monday is None:
        return number("0.0::float8", error="true")
    day = f"extract(isodow FROM {utc(given.sql)}) - 1" if monday else f"extract(dow FROM {utc(given.sql)})"
    return whole_number(day, error=given.error)


def _week_number(scope: Scope, terms: Sequence[Term]) -> Term:
    """Week 1 holds 1 January, also where it begins in the year before."""
    given, monday = as_moment(scope, terms[0]), _first_weekday(scope, terms)
    if monday is None:
        return number("0.0::float8", error="true")
    into_week = "(extract(isodow FROM {day}) - 1)" if monday else "extract(dow FROM {day})"
    last = f"({{a}} + (6 - {into_week.format(day='{a}')}) * interval '1 day')"
    new_year = into_week.format(day="date_trunc('year', {a})")
    sql = scope.fill(
        f"CASE WHEN extract(year FROM {last}) > extract(year FROM {{a}}) THEN 1"
        f" ELSE div(extract(doy FROM {{a}}) - 1 + {new_year}, 7) + 1 END",
        a=utc(given.sql),
    )
    return whole_number(sql, error=given.error)


def _date_text(scope: Scope, terms: Sequence[Term]) -> Term:
    given = as_moment(scope, terms[0])
    return text(f"to_char({utc(given.sql)}, 'YYYY-MM-DD')", 10, error=given.error)


def _time_text(scope: Scope, terms: Sequence[Term]) -> Term:
    given = as_moment(scope, terms[0])
    return text(f"to_char({utc(given.sql)}, 'HH24:MI:SS')", 8, error=given.error)


def _format(scope: Scope, terms: Sequence[Term]) -> Term:
    given = as_moment(scope, terms[0])
    if len(terms) < 2 or terms[1].kind is Kind.BLANK:
        return text(moment_text(given.sql), 24, error=given.error)
    if not isinstance(terms[1].literal, str | float):
        raise scope.refuse("its format has to be a literal")
    try:
        sql, size = formatted(scope, utc(given.sql), text_of(terms[1].literal))
    except EvaluationError:
        # The format is too long, which is an error of every record.
        return text("''", 0, error="true")
    return text(sql, size, error=given.error)


def _parse(scope: Scope, terms: Sequence[Term]) -> Term:
    """Of a date it is that date; a text is only read when it is a literal, which happens before."""
    if terms[0].kind is Kind.MOMENT or len(terms) == 1:
        return as_moment(scope, terms[0])
    raise scope.refuse("a text of the record would have to be read as a date")


# Working days -------------------------------------------------------------------------------------------------------


def _holidays(scope: Scope, terms: Sequence[Term]) -> tuple[int, ...] | None:
    """The holidays that a literal lists; None: it is no such list, which is an error of every record."""
    if len(terms) < 3 or terms[2].is_blank:
        return ()
    if not isinstance(terms[2].literal, str | float):
        raise scope.refuse("its holidays have to be a literal")
    try:
        return holidays_of(terms[2].literal)
    except EvaluationError:
        return None


ORDINAL = "({a}::date - date '0001-01-01' + 1)"
"""The number of a day, from 1 on for 1 January of the year 1, which was a Monday."""
INDEX = "({d} / 7 * 5 + least(mod({d}, 7), 5))"
"""How many days from Monday to Friday there have been up to a day."""


def _workday(scope: Scope, terms: Sequence[Term]) -> Term:
    given, count = as_moment(scope, terms[0]), as_whole(scope, terms[1])
    holidays = _holidays(scope, terms)
    error = either(given.error, count.error)
    if holidays is None:
        raise scope.refuse("its holidays are no list of dates")
    if holidays:
        raise scope.refuse("it is translated without holidays only")

    def moved(begin: str) -> str:
        day = ORDINAL.format(a=begin)
        start = f"CASE WHEN {count.sql} > 0 THEN {INDEX.format(d=day)} ELSE {INDEX.format(d=f'({day} - 1)')} + 1 END"

        def to_target(target: str) -> str:
            # Days from Monday on of week 0, five to a week.
            at = f"((({target} - 1) / 5) * 7 + mod({target} - 1, 5) + 1)"
            return f"CASE WHEN {target} BETWEEN 1 AND 2700000 THEN {begin} + make_interval(days => {at} - {day}) END"

        found = scope.let(f"(({start}) + greatest(least({count.sql}, 3000000), -3000000)::int)", to_target)
        return f"CASE WHEN {count.sql} = 0 THEN {begin} ELSE {found} END"

    return _in_calendar(scope, scope.let(utc(given.sql), moved), error)


def _workday_difference(scope: Scope, terms: Sequence[Term]) -> Term:
    first, last = as_moment(scope, terms[0]), as_moment(scope, terms[1])
    holidays, error = _holidays(scope, terms), either(first.error, last.error)
    if holidays is None:
        return number("0.0::float8", error="true")
    free = scope.parameter(list(holidays), "int[]") if holidays else ""

    def counted(start: str, end: str) -> str:
        index = f"{INDEX.format(d=end)} - {INDEX.format(d=f'({start} - 1)')}"
        day = f"{scope.prefix}h.d"
        inside = f"(SELECT count(*) FROM unnest({free}) AS {scope.prefix}h(d) WHERE {day} BETWEEN {start} AND {end})"
        return f"({index} - {inside})" if free else f"({index})"

    def days(early: str, late: str) -> str:
        sign = f"CASE WHEN {first.sql} <= {last.sql} THEN 1 ELSE -1 END"
        low, high = f"least({early}, {late})", f"greatest({early}, {late})"
        return f"{sign} * " + scope.let(low, lambda start: scope.let(high, lambda end: counted(start, end)))

    sql = scope.let(
        ORDINAL.format(a=utc(first.sql)),
        lambda early: scope.let(ORDINAL.format(a=utc(last.sql)), lambda late: f"({days(early, late)})"),
    )
    return whole_number(sql, error=error)


DATE_TRANSLATIONS: dict[str, Translate] = {
    "DATEADD": _add,
    "DATETIME_DIFF": _difference,
    "DATETIME_FORMAT": _format,
    "DATETIME_PARSE": _parse,
    "DATESTR": _date_text,
    "TIMESTR": _time_text,
    "YEAR": _part("extract(year FROM {a})"),
    "MONTH": _part("extract(month FROM {a})"),
    "DAY": _part("extract(day FROM {a})"),
    "HOUR": _part("extract(hour FROM {a})"),
    "MINUTE": _part("extract(minute FROM {a})"),
    "SECOND": _part("trunc(extract(second FROM {a}))"),
    "WEEKDAY": _weekday,
    "WEEKNUM": _week_number,
    "WORKDAY": _workday,
    "WORKDAY_DIFF": _workday_difference,
    "IS_BEFORE": _ordered("<"),
    "IS_AFTER": _ordered(">"),
    "IS_SAME": _is_same,
}
