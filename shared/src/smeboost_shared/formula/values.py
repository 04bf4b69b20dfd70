"""What a formula works on, and Airtable's rules for turning one kind of value into another.

Blank is None. TRUE() and FALSE() are 1 and 0. A list is a cell with several values, or a lookup. A date is always an
aware datetime in UTC. Rules marked as inferred in the vendor's documentation stand here in one place each.
"""

import math
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from operator import eq, ge, gt, le, lt
from typing import Any

from smeboost_shared.formula.date_text import read_moment
from smeboost_shared.formula.evaluation import EvaluationError, UnreadableError, spend

Scalar = None | float | str | datetime
Value = Scalar | list[Scalar]
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
NUMBER_LENGTH_MAX = 400
"""Characters of a number: the largest there is has 309 digits."""
PART_COST = 100
"""Units for each value of a list that becomes text."""


def text_of(value: Value) -> str:
    """The value as text: numbers in their shortest form, dates as ISO 8601, lists joined with a comma and a space."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return joined(value, ", ")
    if isinstance(value, datetime):
        return iso(value)
    return number_text(value)


def joined(values: Iterable[Value], separator: str) -> str:
    """The values as one text."""
    parts = [text_of(value) for value in values]
    text = separator.join(parts)
    spend(len(text) + PART_COST * len(parts))
    return text


def number_text(value: float) -> str:
    """The shortest decimal text of a number, with an exponent from 1e21 on and below 1e-6, as in JavaScript."""
    number = as_float(value)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    shortest = repr(number)
    if "e" not in shortest:
        return shortest.removesuffix(".0")
    if 1e-6 <= abs(number) < 1e21:
        return format(Decimal(shortest), "f")
    return re.sub(r"e([+-])0?", r"e\1", shortest)


def iso(moment: datetime) -> str:
    """`2024-05-01T09:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def number_of(value: Value) -> float:
    """The value as a number: blank is 0, text that is a number counts as one.

    Raises:
        EvaluationError: it is no number.
    """
    if type(value) is float:  # the quick way for what is most frequent
        return value
    if value is None or value == "":
        return 0.0
    if isinstance(value, int | float):
        return as_float(value)
    if isinstance(value, list):
        if len(value) <= 1:
            return number_of(value[0] if value else None)
        raise UnreadableError("a list is not a number")
    if isinstance(value, datetime):
        return value.timestamp() * 1000
    if len(value) <= NUMBER_LENGTH_MAX and NUMBER.fullmatch(value):
        return float(value)
    raise UnreadableError(f"{value[:40]!r} is not a number")


def as_float(value: float) -> float:
    """The number as a float: whole numbers of Python have no bound, and so would their powers and products.

    Raises:
        EvaluationError: it is too large.
    """
    try:
        return float(value)
    except OverflowError:
        raise EvaluationError("the number is out of range") from None


def moment_of(value: Value) -> datetime:
    """The value as a moment in UTC; text is read as a date.

    Raises:
        EvaluationError: it is no date.
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, list) and len(value) == 1:
        return moment_of(value[0])
    if isinstance(value, str):
        return read_moment(value)
    raise UnreadableError("this is not a date")


def is_true(value: Value) -> bool:
    """The truth test of filters and of IF: 0, empty text, NaN, blank and the empty list are false."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value)


def is_blank(value: Value) -> bool:
    """Whether there is nothing: blank, empty text or an empty list."""
    return value is None or value in ("", [])


TESTS: dict[str, Callable[[Any, Any], bool]] = {"=": eq, "<": lt, "<=": le, ">": gt, ">=": ge}


def compare(operator: str, left: Value, right: Value) -> bool:
    """One of `= != < <= > >=` as Airtable compares.

    Dates compare as moments when the other side is a date or reads as one; numbers as numbers, blank counting as 0;
    anything else as text. A number never equals a text, nor a date what is no date.

    Raises:
        EvaluationError: one side has no order with the other.
    """
    if operator == "!=":
        return not compare("=", left, right)
    if isinstance(left, datetime) or isinstance(right, datetime):
        if is_blank(left) or is_blank(right):
            return operator in ("=", "<=", ">=") and is_blank(left) and is_blank(right)
        return _compare_as(moment_of, operator, left, right)
    if isinstance(left, int | float) or isinstance(right, int | float):
        if operator == "=" and (_is_text(left) or _is_text(right)):
            return False
        return _compare_as(number_of, operator, left, right)
    return TESTS[operator](text_of(left), text_of(right))


def _compare_as(kind: Callable[[Value], Any], operator: str, left: Value, right: Value) -> bool:
    try:
        return TESTS[operator](kind(left), kind(right))
    except UnreadableError:
        if operator == "=":
            return False
        raise


def _is_text(value: Value) -> bool:
    return isinstance(value, str) and value != ""


def whole(value: Value) -> int:
    """The value as a whole number, cut off toward 0.

    Raises:
        EvaluationError: it is no number, or not a finite one.
    """
    number = number_of(value)
    if not math.isfinite(number):
        raise EvaluationError("a finite number is needed here")
    return int(number)
