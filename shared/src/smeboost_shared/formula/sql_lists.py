"""Lists in SQL, and the functions that take lists apart: SUM, MAX, COUNTA and their kin."""

from collections.abc import Sequence
from dataclasses import replace

from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.sql_conversions import as_whole, by_choice, number, number_sql, whole_number
from smeboost_shared.formula.sql_numbers import NAN, add, divide
from smeboost_shared.formula.sql_terms import Scope, Term, Translate, chained, either

NUMERIC = (Kind.NUMBER, Kind.BOOLEAN)
ARGUMENTS_MAX = 100
"""Of one call in PostgreSQL."""
NO_NUMBER = "NULL::float8"


def _errors(terms: Sequence[Term]) -> str | None:
    return either(*(term.error for term in terms))


# Numbers ------------------------------------------------------------------------------------------------------------


def _numeric_part(term: Term) -> str:
    """The number that a term is; NULL for anything else."""
    if term.kind in NUMERIC:
        return number_sql(term)
    return by_choice(term, _numeric_part) if term.kind is Kind.ANY else NO_NUMBER


def _numbers(scope: Scope, terms: Sequence[Term]) -> list[str] | str:
    """The numbers among the terms: one piece of SQL for each, or for an array of all when there are lists."""
    _check_choices(scope, terms)
    if not any(term.kind is Kind.LIST for term in terms):
        return [sql for term in terms if (sql := _numeric_part(term)) != NO_NUMBER]
    arrays = [
        f"coalesce({term.sql}, ARRAY[]::float8[])" if term.kind is Kind.LIST else f"ARRAY[{_numeric_part(term)}]"
        for term in terms
        if term.kind is not Kind.LIST or term.item is Kind.NUMBER
    ]
    return f"array_remove({' || '.join(arrays)}, NULL)" if arrays else []


def _check_choices(scope: Scope, terms: Sequence[Term]) -> None:
    for term in terms:
        if term.kind is Kind.ANY:
            if any(choice.kind is Kind.LIST for _, choice in term.choices):
                raise scope.refuse("an argument is a list in one record and none in another")
            _check_choices(scope, [choice for _, choice in term.choices])


def total(scope: Scope, numbers: list[str] | str) -> str:
    """The sum, from left to right."""
    if isinstance(numbers, str):
        return scope.let(numbers, lambda array: _array_total(scope, array))
    sql = "0.0::float8"
    for one in numbers:
        sql = add(scope, sql, f"coalesce({one}, 0.0::float8)")
    return sql


def _array_total(scope: Scope, array: str) -> str:
    steps = f"{scope.prefix}t"
    following = add(scope, f"{steps}.total", f"({array})[{steps}.n + 1]")
    return (
        f"(WITH RECURSIVE {steps}(n, total) AS (SELECT 0, 0.0::float8 UNION ALL"
        f" SELECT {steps}.n + 1, {following} FROM {steps} WHERE {steps}.n < cardinality({array}))"
        f" SELECT total FROM {steps} ORDER BY n DESC LIMIT 1)"
    )


def _sum(scope: Scope, terms: Sequence[Term]) -> Term:
    return number(total(scope, _numbers(scope, terms)), error=_errors(terms))


def _count_of(scope: Scope, numbers: list[str] | str) -> str:
    if isinstance(numbers, str):
        return f"cardinality({numbers})::float8"
    counts = [", ".join(numbers[at : at + ARGUMENTS_MAX]) for at in range(0, len(numbers), ARGUMENTS_MAX)]
    return f"{chained('+', [f'num_nonnulls({some})' for some in counts])}::float8" if counts else "0.0::float8"


def _count(scope: Scope, terms: Sequence[Term]) -> Term:
    return number(_count_of(scope, _numbers(scope, terms)), may_be_nan=False, error=_errors(terms))


def _average(scope: Scope, terms: Sequence[Term]) -> Term:
    numbers = _numbers(scope, terms)

    def mean(count: str) -> str:
        return f"CASE WHEN {count} = 0 THEN {NAN} ELSE {divide(scope, total(scope, numbers), count)} END"

    return number(scope.let(_count_of(scope, numbers), mean), error=_errors(terms))


def _extreme(function: str, aggregate: str) -> Translate:
    def translate(scope: Scope, terms: Sequence[Term]) -> Term:
        numbers = _numbers(scope, terms)
        value = f"{scope.prefix}n"
        if isinstance(numbers, str):
            sql = (
                f"(SELECT CASE WHEN max({value}.n) = {NAN} THEN {NAN} ELSE {aggregate}({value}.n) END"
                f" FROM unnest({numbers}) AS {value}(n))"
            )
        elif numbers:
            listed = ", ".join(numbers)
            # NaN, wherever it is, is the result; for PostgreSQL it is the largest number only.
            sql = f"CASE WHEN greatest({listed}) = {NAN} THEN {NAN} ELSE {function}({listed}) END"
        else:
            sql = "0.0::float8"
        return number(f"coalesce({sql}, 0.0::float8)", error=_errors(terms))

    return translate


# Values of any kind -------------------------------------------------------------------------------------------------


def _count_filled(scope: Scope, terms: Sequence[Term]) -> Term:
    """COUNTA: values that are not blank, those in lists too."""
    _check_choices(scope, terms)
    return whole_number(chained("+", [_filled(scope, term) for term in terms]), error=_errors(terms))


def _filled(scope: Scope, term: Term) -> str:
    match term.kind:
        case Kind.BLANK:
            return "0"
        case Kind.BOOLEAN:
            return "1"
        case Kind.LIST:
            value = f"{scope.prefix}v"
            there = f"{value}.v <> ''" if term.item is Kind.TEXT else f"{value}.v IS NOT NULL"
            return f"(SELECT count(*) FILTER (WHERE {there}) FROM unnest({term.sql}) AS {value}(v))"
        case Kind.ANY:
            return by_choice(term, lambda choice: _filled(scope, choice))
        case Kind.TEXT:
            return f"CASE WHEN {term.sql} <> '' THEN 1 ELSE 0 END"
        case Kind.NUMBER | Kind.MOMENT:
            return f"num_nonnulls({term.sql})"


def _count_all(scope: Scope, terms: Sequence[Term]) -> Term:
    _check_choices(scope, terms)
    counts = [f"coalesce(cardinality({term.sql}), 1)" if term.kind is Kind.LIST else "1" for term in terms]
    return whole_number(chained("+", counts), error=_errors(terms))


# Lists of lists -----------------------------------------------------------------------------------------------------


def _only_list(scope: Scope, terms: Sequence[Term]) -> Term:
    if len(terms) != 1 or terms[0].kind is not Kind.LIST:
        raise scope.refuse("it is translated for one field with several values only")
    return terms[0]


def _flat(scope: Scope, terms: Sequence[Term]) -> Term:
    given = _only_list(scope, terms)
    # A blank cell is one value here: the list of a blank.
    return replace(given, sql=f"coalesce({given.sql}, ARRAY[NULL]::{given.sql_type})", nullable=False, raw=None)


def _compact(scope: Scope, terms: Sequence[Term]) -> Term:
    given = _only_list(scope, terms)
    removed = f"array_remove({given.sql}, NULL)"
    sql = f"array_remove({removed}, '')" if given.item is Kind.TEXT else removed
    return replace(given, sql=f"coalesce({sql}, ARRAY[]::{given.sql_type})", nullable=False, raw=None)


def _unique(scope: Scope, terms: Sequence[Term]) -> Term:
    given = _flat(scope, terms)
    if given.item is Kind.NUMBER:
        raise scope.refuse("it is translated for texts and dates only")
    value = f"{scope.prefix}v"
    sql = (
        f"(SELECT array_agg({value}.v ORDER BY {value}.n) FROM (SELECT v, min(n) AS n"
        f" FROM unnest({given.sql}) WITH ORDINALITY AS {value}(v, n) GROUP BY v) AS {value})"
    )
    return replace(given, sql=f"coalesce({sql}, ARRAY[]::{given.sql_type})")


def _slice(scope: Scope, terms: Sequence[Term]) -> Term:
    given = _flat(scope, terms[:1])
    start = as_whole(scope, terms[1])
    end = as_whole(scope, terms[2]) if len(terms) > 2 else None
    if not isinstance(start.literal, float) or (end is not None and not isinstance(end.literal, float)):
        raise scope.refuse("start and end have to be literals")
    length = f"cardinality({given.sql})"
    first = _place(scope, start.literal, length)
    last = length
    if end is not None and isinstance(end.literal, float):
        last = _end(scope, end.literal, length)
    sql = f"({given.sql})[{first}:{last}]"
    return replace(given, sql=sql)


def _place(scope: Scope, start: float, length: str) -> str:
    """Where a slice begins, from 1: a place before the first one is the first."""
    place = scope.parameter(int(max(min(start, INT_MAX), -INT_MAX)), "int")
    if start > 0:
        return place
    return "1" if start == 0 else f"greatest({length} + {place} + 1, 1)"


def _end(scope: Scope, end: float, length: str) -> str:
    place = scope.parameter(int(max(min(end, INT_MAX), -INT_MAX)), "int")
    return place if end >= 0 else f"greatest({length} + {place} + 1, 0)"


INT_MAX = 1_000_000_000
LIST_TRANSLATIONS: dict[str, Translate] = {
    "SUM": _sum,
    "AVERAGE": _average,
    "MAX": _extreme("greatest", "max"),
    "MIN": _extreme("least", "min"),
    "COUNT": _count,
    "COUNTA": _count_filled,
    "COUNTALL": _count_all,
    "ARRAYFLATTEN": _flat,
    "ARRAYCOMPACT": _compact,
    "ARRAYUNIQUE": _unique,
    "ARRAYSLICE": _slice,
}
