"""`=`, `!=`, `<`, `<=`, `>` and `>=` in SQL: the rules of `values.compare`, kind by kind.

A comparison of a column with a literal leaves the column as it is, so that an index on it counts.
"""

import math
from dataclasses import replace
from datetime import datetime, time
from decimal import Decimal

from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.sql_conversions import as_number, as_text, condition, literal
from smeboost_shared.formula.sql_numbers import NAN
from smeboost_shared.formula.sql_terms import BLANK, RawColumn, Scope, Term, either, joined, negated
from smeboost_shared.formula.values import TESTS, moment_of, number_of

MIRRORED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
NUMERIC = (Kind.NUMBER, Kind.BOOLEAN)


def compare(scope: Scope, operator: str, left: Term, right: Term) -> Term:
    """`left operator right` as a condition.

    Raises:
        NotExpressible: a text of the record would have to be read as a date.
    """
    error = either(left.error, right.error)
    if operator == "!=":
        equal = compare(scope, "=", replace(left, error=None), replace(right, error=None))
        return condition(negated(equal.sql), error=either(error, equal.error))
    found = _by_kind(scope, operator, replace(left, error=None), replace(right, error=None))
    return condition(found.sql, error=either(error, found.error))


def _by_kind(scope: Scope, operator: str, left: Term, right: Term) -> Term:
    if left.kind is Kind.ANY or right.kind is Kind.ANY:
        return _by_choice(scope, operator, left, right)
    left, right = (BLANK if side.is_blank else side for side in (left, right))
    if _rank(left) < _rank(right):
        left, right, operator = right, left, MIRRORED[operator]
    if left.kind is Kind.MOMENT:
        return _moments(scope, operator, left, right)
    if left.kind in NUMERIC:
        return _numbers(scope, operator, left, right)
    return _texts(scope, operator, left, right)


def _rank(term: Term) -> int:
    """Which side says how to compare; of two of a kind, the one that is no literal comes first."""
    kinds = (Kind.MOMENT,), NUMERIC, (Kind.TEXT, Kind.LIST), (Kind.BLANK,)
    place = next(place for place, alike in enumerate(kinds) if term.kind in alike)
    return -2 * place - _is_literal(term)


def _is_literal(term: Term) -> bool:
    return isinstance(term.literal, str | float | datetime)


def _by_choice(scope: Scope, operator: str, left: Term, right: Term) -> Term:
    """Compare each choice of the side that has several kinds."""
    if left.kind is not Kind.ANY:
        left, right, operator = right, left, MIRRORED[operator]
    scope.check_length(left.length + len(left.choices) * right.length)
    found = [(when, compare(scope, operator, choice, right)) for when, choice in left.choices]
    whens = " ".join(f"WHEN {when} THEN {one.sql}" for when, one in found[:-1])
    error = None
    if any(one.error for _, one in found):
        cases = " ".join(f"WHEN {when} THEN {one.error or 'false'}" for when, one in found[:-1])
        error = f"CASE {cases} ELSE {found[-1][1].error or 'false'} END"
    return condition(scope.checked(f"CASE {whens} ELSE {found[-1][1].sql} END"), error=error)


# Texts --------------------------------------------------------------------------------------------------------------


def _texts(scope: Scope, operator: str, left: Term, right: Term) -> Term:
    if right.is_blank:
        return condition(_with_empty(scope, operator, left))
    if operator == "=" and isinstance(right.literal, str):
        # NULL, which is blank, equals no text that has characters: it may stay.
        given = left.raw.sql if left.raw else left.sql if left.kind is Kind.TEXT else as_text(scope, left).sql
        return condition(f"{given} = {scope.parameter(right.literal) if left.raw else right.sql}")
    collation = "" if operator == "=" else ' COLLATE "C"'
    return condition(f"{as_text(scope, left).sql} {operator} {as_text(scope, right).sql}{collation}")


def _with_empty(scope: Scope, operator: str, left: Term) -> str:
    """Compare a text with one that is empty: nothing comes before that."""
    given = left.sql if left.kind in (Kind.TEXT, Kind.BLANK) else as_text(scope, left).sql
    if left.kind is Kind.BLANK:
        return "true" if operator in ("=", "<=", ">=") else "false"
    match operator:
        case "=" | "<=":
            return f"{given} = ''" + (f" OR {given} IS NULL" if left.nullable and left.kind is Kind.TEXT else "")
        case ">":
            return f"{given} <> ''"
        case ">=":
            return "true"
        case _:
            return "false"


# Numbers ------------------------------------------------------------------------------------------------------------


def _numbers(scope: Scope, operator: str, left: Term, right: Term) -> Term:
    if right.is_blank:
        return condition(_number_and_literal(scope, operator, left, 0.0))
    if isinstance(right.literal, float):
        return condition(_number_and_literal(scope, operator, left, right.literal))
    if right.kind in NUMERIC:
        return condition(_two_numbers(operator, as_number(scope, left), as_number(scope, right)))
    return _number_and_text(scope, operator, left, right)


def _number_and_literal(scope: Scope, operator: str, left: Term, value: float) -> str:
    test = TESTS[operator]
    if left.kind is Kind.BOOLEAN:
        one, zero = test(1.0, value), test(0.0, value)
        return ("true" if zero else left.sql) if one else (negated(left.sql) if zero else "false")
    if math.isnan(value):
        return "false"
    compared = _raw_number(scope, operator, left.raw, value) if left.raw else None
    if compared is None:
        compared = f"{left.sql} {operator} {scope.parameter(value, 'float8')}"
        if operator in (">", ">=") and left.may_be_nan:
            compared += f" AND {left.sql} <> {NAN}"
    given = left.raw.sql if left.raw else left.sql
    return f"{compared} OR {given} IS NULL" if left.nullable and test(0.0, value) else compared


def _raw_number(scope: Scope, operator: str, raw: RawColumn, value: float) -> str | None:
    """A column of exact numbers beside an exact number; None when the literal is none of the column's type."""
    if not math.isfinite(value):
        return None
    if raw.type == "bigint":
        fits = value.is_integer() and abs(value) < 2**53
        return f"{raw.sql} {operator} {scope.parameter(int(value))}" if fits else None
    guard = f" AND {raw.sql} <> 'NaN'::numeric" if operator in (">", ">=") else ""
    return f"{raw.sql} {operator} {scope.parameter(Decimal(repr(value)))}{guard}"


def _two_numbers(operator: str, left: Term, right: Term) -> str:
    # NaN is neither equal to anything nor before or behind it; PostgreSQL puts it last.
    last = {"=": (left, right), "<": (right,), "<=": (right,), ">": (left,), ">=": (left,)}[operator]
    both = f"{left.sql} {operator} {right.sql}"
    unsure = [side for side in last if side.may_be_nan]
    return joined("AND", [both, *(f"{side.sql} <> {NAN}" for side in unsure[:1])])


def _number_and_text(scope: Scope, operator: str, left: Term, right: Term) -> Term:
    """A number beside a text or a list; where the number is blank, both are texts."""
    if operator == "=" and right.kind is Kind.TEXT:
        if _is_literal(right):
            return condition("false")
        zero = _number_and_literal(scope, "=", left, 0.0)
        return condition(joined("AND", [f"coalesce({right.sql}, '') = ''", zero]))
    read = as_number(scope, right)
    compared = _two_numbers(operator, as_number(scope, left), read)
    if operator == "=" and read.error:
        compared = joined("AND", [compared, negated(read.error)])
    error = None if operator == "=" else read.error
    if left.kind is Kind.BOOLEAN or not left.nullable:
        return condition(compared, error=error)
    blank = f"{left.sql} IS NULL"
    as_texts = _texts(scope, operator, BLANK, right) if right.is_blank else _empty_and(scope, operator, right)
    sql = f"CASE WHEN {blank} THEN {as_texts.sql} ELSE {compared} END"
    return condition(sql, error=joined("AND", [negated(blank), error]) if error else None)


def _empty_and(scope: Scope, operator: str, right: Term) -> Term:
    """Empty text beside a text or a list."""
    return condition(_with_empty(scope, MIRRORED[operator], right))


# Moments ------------------------------------------------------------------------------------------------------------


def _moments(scope: Scope, operator: str, left: Term, right: Term) -> Term:
    if right.is_blank:
        is_null = f"{left.sql} IS NULL" if left.nullable else "false"
        return condition(is_null if operator in ("=", "<=", ">=") else "false")
    if isinstance(right.literal, str):
        return _moment_and_text(scope, operator, left, right.literal)
    if right.kind is Kind.MOMENT:
        return condition(_two_moments(scope, operator, left, right))
    if right.kind in NUMERIC:
        return _moment_and_number(scope, operator, left, right)
    raise scope.refuse("a text of the record would have to be read as a date")


def _two_moments(scope: Scope, operator: str, left: Term, right: Term) -> str:
    if isinstance(right.literal, datetime):
        return _moment_and_literal(scope, operator, left, right.literal)
    compared = f"{left.sql} {operator} {right.sql}"
    if left.nullable and right.nullable and operator in ("=", "<=", ">="):
        return f"{compared} OR ({left.sql} IS NULL AND {right.sql} IS NULL)"
    return compared


def _moment_and_literal(scope: Scope, operator: str, left: Term, value: datetime) -> str:
    if left.raw is None:
        return f"{left.sql} {operator} {scope.parameter(value, 'timestamptz')}"
    if left.raw.type == "timestamptz":
        return f"{left.raw.sql} {operator} {scope.parameter(value)}"
    if value.time() != time(0):
        # No day begins at that moment: those up to its own day are before it.
        if operator == "=":
            return "false"
        operator = "<=" if operator in ("<", "<=") else ">"
    return f"{left.raw.sql} {operator} {scope.parameter(value.date().isoformat(), 'date')}"


def _moment_and_text(scope: Scope, operator: str, left: Term, value: str) -> Term:
    """A moment beside a text, which is read as a date; where the moment is blank, both are texts."""
    blank = f"{left.sql} IS NULL"
    blank_passes = left.nullable and TESTS[operator]("", value)
    try:
        compared = _moment_and_literal(scope, operator, left, moment_of(value))
    except EvaluationError:
        error = None if operator == "=" else negated(blank) if left.nullable else "true"
        return condition(blank if blank_passes else "false", error=error)
    return condition(f"{compared} OR {blank}" if blank_passes else compared)


def _moment_and_number(scope: Scope, operator: str, left: Term, right: Term) -> Term:
    """They have no order; where the moment is blank, it counts as 0."""
    if not left.nullable:
        error = None if operator == "=" else f"{right.sql} IS NOT NULL" if right.kind is Kind.NUMBER else "true"
        return condition("false", error=error)
    zero = literal(scope, 0.0)
    compared = _numbers(scope, MIRRORED[operator], right, zero) if not _is_literal(right) else _known(operator, right)
    blank = f"{left.sql} IS NULL"
    known = f"{right.sql} IS NOT NULL" if right.kind is Kind.NUMBER and right.nullable else "true"
    error = None if operator == "=" else joined("AND", [negated(blank), known])
    return condition(joined("AND", [blank, compared.sql]), error=error)


def _known(operator: str, right: Term) -> Term:
    value = number_of(right.literal if isinstance(right.literal, float) else None)
    return condition("true" if TESTS[operator](0.0, value) else "false")
