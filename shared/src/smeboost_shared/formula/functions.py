"""Logic, text, number and list functions (https://support.airtable.com/docs/formula-field-reference).

Each is a plain function of values; `signatures.py` says how many it takes.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from smeboost_shared.formula.values import EvaluationError, Scalar, Value, is_blank, is_true, number_of, text_of

TEXT_RESULT_MAX = 1_000_000
"""Characters that a function may make, and that the arguments of one call may hold together."""


Function = Callable[..., Value]


def one(run: Callable[[Value], Value]) -> Function:
    """A function of one argument."""
    return run


def two(run: Callable[[Value, Value], Value]) -> Function:
    """A function of two arguments."""
    return run


def several(run: Callable[[tuple[Value, ...]], Value]) -> Function:
    """A function of any number of arguments, from one that takes them as one."""
    return lambda *values: run(values)


def add(left: float, right: float) -> float:
    """`left + right`."""
    return left + right


def subtract(left: float, right: float) -> float:
    """`left - right`."""
    return left - right


def multiply(left: float, right: float) -> float:
    """`left * right`, infinite where it is too large."""
    return left * right


def divide(left: float, right: float) -> float:
    """`left / right`; by zero it is infinite, and 0 / 0 is not a number."""
    if right == 0:
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)
    return left / right


def flat(values: Iterable[Value]) -> list[Scalar]:
    """The values with lists taken apart."""
    found: list[Scalar] = []
    for value in values:
        if isinstance(value, list):
            found.extend(value)
        else:
            found.append(value)
    return found


def numbers(values: Iterable[Value]) -> list[float]:
    """The numbers among the values; text and blanks are left out."""
    return [value for value in flat(values) if isinstance(value, int | float)]


def _whole(value: Value) -> int:
    number = number_of(value)
    if not math.isfinite(number):
        raise EvaluationError("a finite number is needed here")
    return int(number)


def _bounded(text: str) -> str:
    _check_length(len(text))
    return text


def _check_length(characters: int) -> None:
    if characters > TEXT_RESULT_MAX:
        raise EvaluationError("the text is too long")


def gathered(values: Iterable[Value]) -> list[Value]:
    """The values one after the other, given up as soon as they are too large to be held together.

    Raises:
        EvaluationError: they are.
    """
    found: list[Value] = []
    size = 0
    for value in values:
        if isinstance(value, str | list):
            size += len(value)
            _check_length(size)
        found.append(value)
    return found


# Text ---------------------------------------------------------------------------------------------------------------


def _find(needle: Value, hay: Value, start: Value = None) -> Value:
    return text_of(hay).find(text_of(needle), max(_whole(start) - 1, 0)) + 1


def _search(needle: Value, hay: Value, start: Value = None) -> Value:
    found = text_of(hay).casefold().find(text_of(needle).casefold(), max(_whole(start) - 1, 0))
    return found + 1 if found >= 0 else None


def _left(text: Value, count: Value) -> Value:
    return text_of(text)[: max(_whole(count), 0)]


def _right(text: Value, count: Value) -> Value:
    wanted = max(_whole(count), 0)
    return text_of(text)[-wanted:] if wanted else ""


def _mid(text: Value, start: Value, count: Value) -> Value:
    first = max(_whole(start) - 1, 0)
    return text_of(text)[first : first + max(_whole(count), 0)]


def _replace(text: Value, start: Value, count: Value, replacement: Value) -> Value:
    whole, first = text_of(text), max(_whole(start) - 1, 0)
    return _bounded(whole[:first] + text_of(replacement) + whole[first + max(_whole(count), 0) :])


def _substitute(text: Value, old: Value, new: Value, index: Value = None) -> Value:
    whole, sought, replacement = text_of(text), text_of(old), text_of(new)
    if not sought:
        return whole
    if index is None:
        _check_length(whole.count(sought) * len(replacement))
        return _bounded(whole.replace(sought, replacement))
    parts = whole.split(sought)
    nth = _whole(index)
    if not 1 <= nth < len(parts):
        return whole
    return _bounded(sought.join(parts[:nth]) + replacement + sought.join(parts[nth:]))


def _repeat(text: Value, count: Value) -> Value:
    whole, times = text_of(text), max(_whole(count), 0)
    _check_length(len(whole) * times)
    return whole * times if whole else ""


def _value(text: Value) -> Value:
    return number_of(text_of(text).replace(",", "").lstrip("$€£") if isinstance(text, str) else text)


# Numbers ------------------------------------------------------------------------------------------------------------


def _scaled(value: Value, places: Value, rounding: Callable[[float], float]) -> float:
    number, digits = number_of(value), max(min(_whole(places), 15), -300)
    if not math.isfinite(number):
        return number
    # A product such as 1.005 * 100 is a hair off; rounding it to 12 digits first is what a person expects.
    scaled = float(f"{number * 10.0**digits:.12g}")
    # A number so large that it overflows has no digits after the point to round away.
    return rounding(scaled) / 10.0**digits if math.isfinite(scaled) else number


def _round(value: Value, places: Value = None) -> Value:
    return _scaled(value, places, lambda number: math.floor(number + 0.5))


def _round_up(value: Value, places: Value = None) -> Value:
    return _scaled(value, places, lambda number: math.copysign(math.ceil(abs(number)), number))


def _round_down(value: Value, places: Value = None) -> Value:
    return _scaled(value, places, math.trunc)


def _to_multiple(rounding: Callable[[float], float]) -> Callable[..., Value]:
    def run(value: Value, significance: Value = 1.0) -> Value:
        number, step = number_of(value), number_of(significance)
        if step == 0 or not math.isfinite(number):
            return 0 if step == 0 else number
        quotient = number / step
        if math.isfinite(quotient):
            return rounding(quotient) * step
        return math.nan if math.isnan(quotient) else number

    return run


def _modulo(value: Value, divisor: Value) -> Value:
    number, by = number_of(value), number_of(divisor)
    return math.nan if by == 0 or not math.isfinite(number) else number % by


def _parity(remainder: int) -> Callable[[Value], Value]:
    def run(value: Value) -> Value:
        number = _whole(_round_up(value))
        return float(number if abs(number) % 2 == remainder else number + (1 if number >= 0 else -1))

    return run


def _finite(compute: Callable[..., float]) -> Callable[..., Value]:
    def run(*values: Value) -> Value:
        try:
            return compute(*(number_of(value) for value in values))
        except (OverflowError, ZeroDivisionError):
            return math.inf
        except ValueError:
            return math.nan

    return run


def _power(base: float, exponent: float) -> float:
    result: Any = base**exponent
    return math.nan if isinstance(result, complex) else result


def _average(values: tuple[Value, ...]) -> Value:
    found = numbers(values)
    return sum(found) / len(found) if found else math.nan


# Lists and logic ----------------------------------------------------------------------------------------------------


def _slice(values: Value, start: Value, end: Value = None) -> Value:
    items = flat([values])
    first = _whole(start)
    last = len(items) if end is None else _whole(end)
    first = first - 1 if first > 0 else first
    return items[first:last]


def _error(*_values: Value) -> Value:
    raise EvaluationError("ERROR()")


def _each_once(values: tuple[Value, ...]) -> Value:
    return list(dict.fromkeys(flat(values)))


def _join(values: Value, separator: Value = ", ") -> Value:
    items, between = flat([values]), text_of(separator)
    _check_length(len(items) * len(between))
    return _bounded(between.join(map(text_of, items)))


def _logarithm(value: float, base: float = 10.0) -> float:
    return math.log(value, base)


def _absolute(value: float) -> float:
    return abs(value)


FUNCTIONS: dict[str, Function] = {
    "NOT": one(lambda value: 0 if is_true(value) else 1),
    "XOR": several(lambda values: sum(map(is_true, values)) % 2),
    "TRUE": lambda: 1,
    "FALSE": lambda: 0,
    "BLANK": lambda: None,
    "ERROR": _error,
    "CONCATENATE": several(lambda values: _bounded("".join(map(text_of, values)))),
    "LEFT": _left,
    "RIGHT": _right,
    "MID": _mid,
    "LEN": one(lambda text: len(text_of(text))),
    "FIND": _find,
    "SEARCH": _search,
    "SUBSTITUTE": _substitute,
    "REPLACE": _replace,
    "TRIM": one(lambda text: text_of(text).strip()),
    "UPPER": one(lambda text: text_of(text).upper()),
    "LOWER": one(lambda text: text_of(text).lower()),
    "REPT": _repeat,
    "T": one(lambda value: value if isinstance(value, str) else None),
    "VALUE": _value,
    "ENCODE_URL_COMPONENT": one(lambda text: _bounded(quote(text_of(text), safe="-_.~"))),
    "ABS": _finite(_absolute),
    "AVERAGE": several(_average),
    "CEILING": _to_multiple(math.ceil),
    "FLOOR": _to_multiple(math.floor),
    "INT": _to_multiple(math.floor),
    "ROUND": _round,
    "ROUNDUP": _round_up,
    "ROUNDDOWN": _round_down,
    "MOD": _modulo,
    "POWER": _finite(_power),
    "SQRT": _finite(math.sqrt),
    "EXP": _finite(math.exp),
    "LOG": _finite(_logarithm),
    "MAX": several(lambda values: max(numbers(values), default=0)),
    "MIN": several(lambda values: min(numbers(values), default=0)),
    "SUM": several(lambda values: sum(numbers(values))),
    "COUNT": several(lambda values: len(numbers(values))),
    "COUNTA": several(lambda values: sum(not is_blank(value) for value in flat(values))),
    "COUNTALL": several(lambda values: len(flat(values))),
    "EVEN": _parity(0),
    "ODD": _parity(1),
    "ARRAYJOIN": _join,
    "ARRAYUNIQUE": several(_each_once),
    "ARRAYCOMPACT": several(lambda values: [value for value in flat(values) if not is_blank(value)]),
    "ARRAYFLATTEN": several(flat),
    "ARRAYSLICE": _slice,
}
