"""One kind of value as another, in SQL: the rules of `values.py`."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.kinds import Kind, united
from smeboost_shared.formula.moment_format import ShownMoment
from smeboost_shared.formula.sql_numbers import NAN, number_text, read_number, text_is_number
from smeboost_shared.formula.sql_terms import BLANK, CELL_LENGTH_MAX, Scope, Term, either, negated
from smeboost_shared.formula.values import Value, moment_of, number_of

NUMBER_SIZE, MOMENT_SIZE = 30, 24
COMMA = "', '"
ISO_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'


def literal(scope: Scope, value: Value) -> Term:
    """A value that is known when the formula is translated.

    Raises:
        NotExpressible: PostgreSQL cannot hold it.
    """
    if value is None:
        return BLANK
    if isinstance(value, str):
        sql = scope.parameter(value, "text")
        return Term(Kind.TEXT, sql, nullable=False, size=len(value), literal=value)
    if isinstance(value, datetime):
        return _moment_literal(scope, value)
    if isinstance(value, list):
        raise scope.refuse("it makes a list of literals")
    sql, number = scope.parameter(float(value), "float8"), float(value)
    return Term(Kind.NUMBER, sql, nullable=False, may_be_nan=math.isnan(number), size=NUMBER_SIZE, literal=number)


def _moment_literal(scope: Scope, value: datetime) -> Term:
    if isinstance(value, ShownMoment) and (value.zone, value.language) != ("UTC", "en"):
        raise scope.refuse("a date that is shown in a zone or a language of its own")
    moment = datetime.combine(value.date(), value.time(), UTC)
    sql = scope.parameter(moment, "timestamptz")
    return Term(Kind.MOMENT, sql, nullable=False, size=MOMENT_SIZE, literal=moment)


def number(sql: str, *, nullable: bool = False, may_be_nan: bool = True, error: str | None = None) -> Term:
    """A term that is a number."""
    return Term(Kind.NUMBER, sql, error, nullable, may_be_nan, NUMBER_SIZE)


def whole_number(sql: str, *, error: str | None = None) -> Term:
    """A term from SQL that gives a whole number of any type."""
    return number(f"({sql})::float8", may_be_nan=False, error=error)


def condition(sql: str, *, error: str | None = None) -> Term:
    """A term that is 1 where the condition holds, else 0."""
    return Term(Kind.BOOLEAN, sql, error, nullable=False, may_be_nan=False, size=1)


def text(sql: str, size: int, *, nullable: bool = False, error: str | None = None) -> Term:
    """A term that is a text of at most `size` characters."""
    return Term(Kind.TEXT, sql, error, nullable, size=size)


def moment(sql: str, *, nullable: bool = False, error: str | None = None) -> Term:
    """A term that is a moment."""
    return Term(Kind.MOMENT, sql, error, nullable, size=MOMENT_SIZE)


def truth(term: Term) -> str:
    """A condition: the truth test of filters and of IF."""
    match term.kind:
        case Kind.BOOLEAN:
            return term.sql
        case Kind.NUMBER:
            return f"{term.sql} <> 0" + (f" AND {term.sql} <> {NAN}" if term.may_be_nan else "")
        case Kind.TEXT:
            return f"{term.sql} <> ''"
        case Kind.MOMENT:
            return f"{term.sql} IS NOT NULL" if term.nullable else "true"
        case Kind.LIST:
            return f"cardinality({term.sql}) > 0"
        case Kind.BLANK:
            return "false"
        case Kind.ANY:
            return by_choice(term, truth)


def by_choice(term: Term, form: Callable[[Term], str | None]) -> str:
    """SQL of a term that is of one kind here and of another there."""
    *cases, (_, otherwise) = term.choices
    whens = " ".join(f"WHEN {when} THEN {form(choice) or 'false'}" for when, choice in cases)
    return f"CASE {whens} ELSE {form(otherwise) or 'false'} END"


def chosen(scope: Scope, choices: list[tuple[str, Term]]) -> Term:
    """The value of the first choice whose condition holds; the last one's holds always."""
    error = None
    if any(choice.error for _, choice in choices):
        error = by_choice(Term(Kind.ANY, "", choices=tuple(choices)), lambda choice: choice.error)
    kinds = [Kind.BLANK if choice.is_blank else choice.kind for _, choice in choices]
    kind = united(kinds)
    if kind is Kind.BOOLEAN and Kind.BLANK in kinds:
        # In a condition NULL is 0, which is no blank.
        kind = Kind.NUMBER
    items = {choice.item for _, choice in choices if choice.kind is Kind.LIST}
    if kind is Kind.LIST and len(items) > 1:
        raise scope.refuse("its results are lists of different kinds")
    if kind is Kind.BLANK:
        return BLANK.with_error(error)
    whole = Term(
        kind,
        "",
        error,
        any(choice.nullable or choice.is_blank for _, choice in choices),
        any(choice.may_be_nan for _, choice in choices),
        max(choice.size for _, choice in choices),
        items.pop() if items else Kind.TEXT,
        choices=tuple(choices),
    )
    if kind is Kind.ANY:
        return whole
    if kind is Kind.BOOLEAN:
        return replace(whole, sql=by_choice(whole, truth), nullable=False, choices=())
    return replace(whole, sql=by_choice(whole, lambda choice: _as_kind(choice, kind, whole.sql_type)), choices=())


def _as_kind(choice: Term, kind: Kind, sql_type: str) -> str:
    if choice.is_blank:
        return f"NULL::{sql_type}"
    return number_sql(choice) if kind is Kind.NUMBER else choice.sql


def number_sql(term: Term) -> str:
    """A NUMBER or BOOLEAN as a float; a blank stays NULL."""
    return f"CASE WHEN {term.sql} THEN 1.0::float8 ELSE 0.0::float8 END" if term.kind is Kind.BOOLEAN else term.sql


def _distributed(scope: Scope, term: Term, convert: Callable[[Term], Term]) -> Term:
    converted = [(when, convert(choice)) for when, choice in term.choices]
    return chosen(scope, converted).with_error(term.error)


def as_text(scope: Scope, term: Term) -> Term:
    """The value as text, which is never NULL."""
    match term.kind:
        case Kind.TEXT:
            sql = f"coalesce({term.sql}, '')" if term.nullable else term.sql
        case Kind.BLANK:
            sql = "''::text"
        case Kind.BOOLEAN:
            sql = f"CASE WHEN {term.sql} THEN '1' ELSE '0' END"
        case Kind.NUMBER:
            sql = _blank_empty(number_text(scope, term.sql), term)
        case Kind.MOMENT:
            sql = _blank_empty(moment_text(term.sql), term)
        case Kind.LIST:
            sql = f"coalesce({list_text(scope, term, COMMA)}, '')"
        case Kind.ANY:
            return _distributed(scope, term, lambda choice: as_text(scope, choice))
    return text(sql, term.size, error=term.error)


def _blank_empty(sql: str, term: Term) -> str:
    return f"coalesce({sql}, '')" if term.nullable else sql


def moment_text(sql: str) -> str:
    """ISO 8601 with milliseconds; NULL for NULL."""
    return f"to_char({sql} AT TIME ZONE 'UTC', '{ISO_FORMAT}')"


def list_text(scope: Scope, term: Term, separator: str) -> str:
    """The values of a list as one text; NULL for NULL."""
    if term.item is Kind.TEXT:
        return f"array_to_string({term.sql}, {separator}, '')"
    value = f"{scope.prefix}v"
    item = number_text(scope, f"{value}.v") if term.item is Kind.NUMBER else moment_text(f"{value}.v")
    return (
        f"(SELECT string_agg(coalesce({item}, ''), {separator} ORDER BY {value}.n)"
        f" FROM unnest({term.sql}) WITH ORDINALITY AS {value}(v, n))"
    )


def as_number(scope: Scope, term: Term) -> Term:
    """The value as a number, which is never NULL: blank is 0, text that is a number counts as one."""
    if isinstance(term.literal, str):
        return _read_literal(scope, term)
    match term.kind:
        case Kind.NUMBER | Kind.BOOLEAN:
            sql = number_sql(term)
            if term.nullable:
                return replace(term, sql=f"coalesce({sql}, 0.0::float8)", nullable=False, raw=None)
            return replace(term, kind=Kind.NUMBER, sql=sql, raw=None, conjuncts=())
        case Kind.BLANK:
            return number("0.0::float8", may_be_nan=False, error=term.error)
        case Kind.MOMENT:
            seconds = f"(extract(epoch FROM {term.sql})::float8 * 1000)"
            sql = f"coalesce({seconds}, 0.0::float8)" if term.nullable else seconds
            return number(sql, may_be_nan=False, error=term.error)
        case Kind.TEXT:
            given = as_text(scope, term)
            unreadable = negated(text_is_number(scope, given.sql))
            return number(read_number(scope, given.sql), may_be_nan=False, error=either(term.error, unreadable))
        case Kind.LIST:
            only = as_number(scope, only_value(term))
            return only.with_error(f"cardinality({term.sql}) > 1")
        case Kind.ANY:
            return _distributed(scope, term, lambda choice: as_number(scope, choice))


def _read_literal(scope: Scope, term: Term) -> Term:
    try:
        return literal(scope, number_of(term.literal if isinstance(term.literal, str) else None))
    except EvaluationError:
        return number("0.0::float8", may_be_nan=False, error="true")


def only_value(term: Term) -> Term:
    """The first value of a list, or blank when it is empty."""
    return Term(term.item, f"({term.sql})[1]", term.error, size=term.size)


def as_moment(scope: Scope, term: Term) -> Term:
    """The value as a moment; blank is an error.

    Raises:
        NotExpressible: it is a text that is not known before the row is.
    """
    match term.kind:
        case Kind.MOMENT:
            if not term.nullable:
                return term
            return replace(term, nullable=False, error=either(term.error, f"{term.sql} IS NULL"))
        case Kind.TEXT:
            if not isinstance(term.literal, str):
                raise scope.refuse(
                    "a text of the record would have to be read as a date; use DATETIME_PARSE on a literal"
                )
            try:
                return literal(scope, moment_of(term.literal))
            except EvaluationError:
                return _no_moment(term)
        case Kind.LIST:
            only = as_moment(scope, only_value(term))
            return only.with_error(f"(cardinality({term.sql}) = 1) IS NOT TRUE")
        case Kind.ANY:
            return _distributed(scope, term, lambda choice: as_moment(scope, choice))
        case Kind.NUMBER | Kind.BOOLEAN | Kind.BLANK:
            return _no_moment(term)


def _no_moment(term: Term) -> Term:
    return moment("NULL::timestamptz", nullable=True, error=either(term.error, "true"))


def as_whole(scope: Scope, term: Term) -> Term:
    """The value as a finite number cut off toward 0; what is not finite is an error."""
    found = as_number(scope, term)
    if isinstance(found.literal, float) and abs(found.literal) < float("inf"):
        return literal(scope, float(int(found.literal)))
    infinite = scope.fill("(abs({a}) < 'Infinity'::float8) IS NOT TRUE", a=found.sql)
    return number(f"trunc({found.sql})", may_be_nan=False, error=either(found.error, infinite))


def as_count(scope: Scope, term: Term) -> Term:
    """The value as an int of PostgreSQL from 0 on: so many characters. More than any text has is as good as all."""
    found = as_whole(scope, term)
    clamped = f"least(greatest({found.sql}, 0), {10 * CELL_LENGTH_MAX * 100})::int"
    return replace(found, sql=clamped, literal=found.literal)
