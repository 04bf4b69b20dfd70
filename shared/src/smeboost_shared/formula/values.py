"""What a formula works on, and Airtable's rules for turning one kind of value into another.

Blank is None. TRUE() and FALSE() are 1 and 0. A list is a cell with several values, or a lookup. A date is always an
aware datetime in UTC. Rules marked as inferred in the vendor's documentation stand here in one place each.
"""

import math
from datetime import UTC, datetime
from typing import TypeVar

Scalar = None | float | str | datetime
Value = Scalar | list[Scalar]
Ordered = TypeVar("Ordered", float, str, datetime)


class EvaluationError(Exception):
    """This record's value is #ERROR!; other records are not concerned."""


def text_of(value: Value) -> str:
    """The value as text: numbers in their shortest form, dates as ISO 8601, lists joined with a comma and a space."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(text_of(item) for item in value)
    if isinstance(value, datetime):
        return iso(value)
    return number_text(value)


def number_text(value: float) -> str:
    """The shortest decimal text of a number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def iso(moment: datetime) -> str:
    """`2024-05-01T09:30:00.000Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def number_of(value: Value) -> float:
    """The value as a number: blank is 0, text that is a number counts as one.

    Raises:
        EvaluationError: it is no number.
    """
    if value is None or value == "":
        return 0.0
    if isinstance(value, int | float):
        # Whole numbers of Python have no bound, and so would their powers and products.
        return _as_float(value)
    if isinstance(value, list):
        if len(value) <= 1:
            return number_of(value[0] if value else None)
        raise EvaluationError("a list is not a number")
    if isinstance(value, datetime):
        return value.timestamp() * 1000
    try:
        number = float(value.strip())
    except ValueError:
        raise EvaluationError(f"{value[:40]!r} is not a number") from None
    if not math.isfinite(number):
        raise EvaluationError(f"{value[:40]!r} is not a number")
    return number


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise EvaluationError("the number is out of range") from None


def moment_of(value: Value) -> datetime:
    """The value as a moment in UTC; text is read as ISO 8601.

    Raises:
        EvaluationError: it is no date.
    """
    if isinstance(value, datetime):
        return value
    if isinstance(value, list) and len(value) == 1:
        return moment_of(value[0])
    if isinstance(value, str) and value.strip():
        try:
            moment = datetime.fromisoformat(value.strip())
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise EvaluationError(f"{value[:40]!r} is not a date") from None
    raise EvaluationError("this is not a date")


def is_true(value: Value) -> bool:
    """The truth test of filters and of IF: 0, empty text, NaN, blank and the empty list are false."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value)


def is_blank(value: Value) -> bool:
    """Whether there is nothing: blank, empty text or an empty list."""
    return value is None or value in ("", [])


def compare(operator: str, left: Value, right: Value) -> bool:
    """One of `= != < <= > >=` as Airtable compares.

    Dates compare as moments when the other side is a date or reads as one; numbers as numbers, blank counting as 0;
    anything else as text. A number never equals a text.
    """
    if operator == "!=":
        return not compare("=", left, right)
    if isinstance(left, datetime) or isinstance(right, datetime):
        return _compare_moments(operator, left, right)
    if _is_number(left) or _is_number(right):
        return _compare_numbers(operator, left, right)
    return _ordered(operator, text_of(left), text_of(right))


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float)


def _compare_moments(operator: str, left: Value, right: Value) -> bool:
    if is_blank(left) or is_blank(right):
        return operator in ("=", "<=", ">=") and is_blank(left) and is_blank(right)
    return _ordered(operator, moment_of(left), moment_of(right))


def _compare_numbers(operator: str, left: Value, right: Value) -> bool:
    if operator == "=" and (_is_text(left) or _is_text(right)):
        return False
    return _ordered(operator, number_of(left), number_of(right))


def _is_text(value: Value) -> bool:
    return isinstance(value, str) and value != ""


def _ordered(operator: str, left: Ordered, right: Ordered) -> bool:
    match operator:
        case "=":
            return left == right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right
