"""Number functions. Numbers are floats as in JavaScript: what overflows is infinite, what has no value is NaN."""

import math
from collections.abc import Callable, Iterable
from functools import reduce
from operator import add

from smeboost_shared.formula.arguments import Function, several
from smeboost_shared.formula.arrays import flat
from smeboost_shared.formula.values import Value, as_float, number_of, whole

PLACES_MAX = 15
EXACT_MAX = 2.0**52
"""From here on a float has no digits after the point."""


def divide(left: float, right: float) -> float:
    """`left / right`; by zero it is infinite, and 0 / 0 is not a number."""
    if right == 0:
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)
    return left / right


def numbers(values: Iterable[Value]) -> list[float]:
    """The numbers among the values and in their lists; text and blanks are left out."""
    return [as_float(value) for value in flat(values) if isinstance(value, int | float)]


def _clean(number: float) -> float:
    """A product such as 1.005 * 100 is a hair off; at 15 digits it is what a person expects."""
    return float(f"{number:.15g}") if abs(number) < EXACT_MAX else number


def _places(rounding: Callable[[float], float]) -> Function:
    def run(value: Value, places: Value = None) -> float:
        number, digits = number_of(value), whole(places)
        if not math.isfinite(number) or digits < -308:
            return number if digits >= -308 else 0.0
        scale = 10.0 ** min(abs(digits), 308 if digits < 0 else PLACES_MAX)
        scaled = _clean(number * scale if digits >= 0 else number / scale)
        # A number so large that it overflows has no digits after the point to round away.
        if not math.isfinite(scaled):
            return number
        rounded = float(rounding(scaled))
        return rounded / scale if digits >= 0 else rounded * scale

    return run


def _half_up(number: float) -> float:
    return math.floor(number + 0.5) if abs(number) < EXACT_MAX else number


def _away_from_zero(number: float) -> float:
    return math.copysign(math.ceil(abs(number)), number)


def _to_multiple(rounding: Callable[[float], float]) -> Function:
    def run(value: Value, significance: Value = 1.0) -> float:
        number, step = number_of(value), number_of(significance)
        if step == 0 or not math.isfinite(number):
            return 0.0 if step == 0 else number
        quotient = _clean(number / step)
        if math.isfinite(quotient):
            return _clean(rounding(quotient) * step)
        return math.nan if math.isnan(quotient) else number

    return run


def _modulo(value: Value, divisor: Value) -> float:
    number, by = number_of(value), number_of(divisor)
    return math.nan if by == 0 or not math.isfinite(number) else number % by


def _even(value: Value) -> float:
    number = number_of(value)
    return math.ceil(number / 2) * 2.0 if math.isfinite(number) else number


def _odd(value: Value) -> float:
    number = number_of(value)
    if not math.isfinite(number):
        return number
    return math.copysign(math.ceil((max(abs(number), 1) - 1) / 2) * 2.0 + 1, number)


def _of_numbers(compute: Callable[..., float]) -> Function:
    def run(*values: Value) -> float:
        try:
            return compute(*map(number_of, values))
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return run


def _power(base: float, exponent: float) -> float:
    if base == 0 and exponent < 0:
        return math.inf
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf


def _logarithm(number: float, base: float = 10.0) -> float:
    if base == 10 and number > 0:
        return math.log10(number)
    return divide(_natural(number), _natural(base))


def _natural(number: float) -> float:
    return -math.inf if number == 0 else math.log(number)


def total(found: Iterable[float]) -> float:
    """The sum from left to right, as JavaScript and PostgreSQL add; `sum` of Python 3.12 makes up for rounding."""
    return reduce(add, found, 0.0)


def _average(*values: Value) -> float:
    found = numbers(values)
    return total(found) / len(found) if found else math.nan


def _extreme(choose: Callable[[list[float]], float]) -> Function:
    def run(*values: Value) -> float:
        found = numbers(values)
        return math.nan if any(map(math.isnan, found)) else choose(found) if found else 0.0

    return run


NUMBER_FUNCTIONS: dict[str, Function] = {
    "ABS": _of_numbers(math.fabs),
    "AVERAGE": _average,
    "CEILING": _to_multiple(math.ceil),
    "FLOOR": _to_multiple(math.floor),
    "INT": _to_multiple(math.floor),
    "ROUND": _places(_half_up),
    "ROUNDUP": _places(_away_from_zero),
    "ROUNDDOWN": _places(math.trunc),
    "MOD": _modulo,
    "POWER": _of_numbers(_power),
    "SQRT": _of_numbers(math.sqrt),
    "EXP": _of_numbers(math.exp),
    "LOG": _of_numbers(_logarithm),
    "MAX": _extreme(max),
    "MIN": _extreme(min),
    "SUM": several(lambda values: total(numbers(values))),
    "COUNT": several(lambda values: len(numbers(values))),
    "EVEN": _even,
    "ODD": _odd,
}
