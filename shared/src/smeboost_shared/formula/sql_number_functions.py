"""Number functions in SQL: those of `numeric.py`, on the operations of `sql_numbers.py`."""

from collections.abc import Callable, Sequence

from smeboost_shared.formula.numeric import EXACT_MAX, PLACES_MAX
from smeboost_shared.formula.sql_conversions import as_number, as_whole, literal, number
from smeboost_shared.formula.sql_numbers import NAN, clean, divide, is_finite, multiply
from smeboost_shared.formula.sql_powers import exponential, logarithm, modulo, power, square_root
from smeboost_shared.formula.sql_terms import Scope, Term, Translate, either

SCALES = [10.0**places for places in range(309)]
"""As Python's `**` has them."""
Sql = Callable[[Scope, str], str]
Sql2 = Callable[[Scope, str, str], str]


def _of_one(compute: Sql) -> Translate:
    """A function of one number."""

    def translate(scope: Scope, terms: Sequence[Term]) -> Term:
        given = as_number(scope, terms[0])
        sql = scope.let(given.sql, lambda sql: compute(scope, sql))
        return number(sql, error=given.error)

    return translate


def _of_two(compute: Sql2, default: float | None = None) -> Translate:
    """A function of two numbers, of which the second one may have a default."""

    def translate(scope: Scope, terms: Sequence[Term]) -> Term:
        first = as_number(scope, terms[0])
        second = as_number(scope, terms[1] if len(terms) > 1 else literal(scope, default))
        sql = scope.let(first.sql, lambda a: scope.let(second.sql, lambda b: compute(scope, a, b)))
        return number(sql, error=either(first.error, second.error))

    return translate


# Rounding -----------------------------------------------------------------------------------------------------------


def _to_places(rounding: str) -> Translate:
    """A rounding to places; `rounding` is SQL of the scaled number `{a}`."""

    def translate(scope: Scope, terms: Sequence[Term]) -> Term:
        given = as_number(scope, terms[0])
        places = as_whole(scope, terms[1] if len(terms) > 1 else literal(scope, 0.0))
        sql = scope.let(given.sql, lambda sql: _placed(scope, sql, rounding, places))
        return number(sql, error=either(given.error, places.error))

    return translate


def _placed(scope: Scope, given: str, rounding: str, places: Term) -> str:
    if isinstance(places.literal, float):
        if places.literal < -308:
            return "0.0::float8"
        count = int(min(places.literal, PLACES_MAX))
        scale = scope.parameter(SCALES[abs(count)], "float8") if count else None
        return _rounded(scope, given, rounding, scale, up=count >= 0)
    scales = scope.parameter(SCALES, "float8[]")

    def by_row(count: str) -> str:
        up = _rounded(scope, given, rounding, f"({scales})[least({count}, {PLACES_MAX})::int + 1]", up=True)
        down = _rounded(scope, given, rounding, f"({scales})[1 - {count}::int]", up=False)
        return f"CASE WHEN {count} < -308 THEN 0.0::float8 WHEN {count} >= 0 THEN {up} ELSE {down} END"

    return scope.let(places.sql, by_row)


def _rounded(scope: Scope, given: str, rounding: str, scale: str | None, *, up: bool) -> str:
    there, back = (multiply, divide) if up else (divide, multiply)

    def of_scaled(scaled: str) -> str:
        found = rounding.format(a=scaled)
        result = back(scope, found, scale) if scale else found
        # A number so large that it overflows has no digits after the point to round away.
        return f"CASE WHEN {is_finite(scaled)} THEN {result} ELSE {given} END"

    return scope.let(clean(scope, there(scope, given, scale) if scale else given), of_scaled)


HALF_UP = f"CASE WHEN abs({{a}}) < {EXACT_MAX!r} THEN floor({{a}} + 0.5) ELSE {{a}} END"
AWAY_FROM_ZERO = "CASE WHEN {a} < 0 THEN - ceil(- {a}) ELSE ceil({a}) END"
TOWARD_ZERO = "(trunc({a}) + 0.0)"
# The last one adds 0 since a Python int has no negative zero.


def _to_multiple(rounding: str) -> Sql2:
    def compute(scope: Scope, given: str, step: str) -> str:
        def of_quotient(quotient: str) -> str:
            multiple = clean(scope, multiply(scope, f"({rounding}({quotient}) + 0.0)", step))
            return (
                f"CASE WHEN {is_finite(quotient)} THEN {multiple} WHEN {quotient} = {NAN} THEN {NAN} ELSE {given} END"
            )

        found = scope.let(clean(scope, divide(scope, given, step)), of_quotient)
        return f"CASE WHEN {step} = 0 THEN 0.0::float8 WHEN {is_finite(given)} THEN {found} ELSE {given} END"

    return compute


def _even(_scope: Scope, given: str) -> str:
    # Half of the smallest number there is would be 0, which PostgreSQL does not compute.
    return (
        f"CASE WHEN {is_finite(given)} THEN CASE WHEN abs({given}) >= 1 THEN ceil({given} / 2) * 2 + 0.0"
        f" WHEN {given} > 5e-324 THEN 2.0::float8 ELSE 0.0::float8 END ELSE {given} END"
    )


def _odd(_scope: Scope, given: str) -> str:
    size = f"(ceil((greatest(abs({given}), 1) - 1) / 2) * 2 + 1)"
    negative = f"{given} < 0 OR {given}::text = '-0'"
    return f"CASE WHEN {is_finite(given)} THEN CASE WHEN {negative} THEN - {size} ELSE {size} END ELSE {given} END"


NUMBER_TRANSLATIONS: dict[str, Translate] = {
    "ABS": _of_one(lambda _scope, given: f"abs({given})"),
    "CEILING": _of_two(_to_multiple("ceil"), 1.0),
    "FLOOR": _of_two(_to_multiple("floor"), 1.0),
    "INT": _of_two(_to_multiple("floor"), 1.0),
    "ROUND": _to_places(HALF_UP),
    "ROUNDUP": _to_places(AWAY_FROM_ZERO),
    "ROUNDDOWN": _to_places(TOWARD_ZERO),
    "EVEN": _of_one(_even),
    "ODD": _of_one(_odd),
    "MOD": _of_two(modulo),
    "POWER": _of_two(power),
    "SQRT": _of_one(square_root),
    "EXP": _of_one(exponential),
    "LOG": _of_two(logarithm, 10.0),
}
