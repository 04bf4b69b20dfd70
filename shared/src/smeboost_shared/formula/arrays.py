"""Functions of lists, and those of logic that evaluate all their arguments."""

from collections.abc import Iterable

from smeboost_shared.formula.arguments import Function, one, several
from smeboost_shared.formula.evaluation import EvaluationError, spend
from smeboost_shared.formula.values import Scalar, Value, is_blank, is_true, whole

ITEMS_MAX = 1_000_000
"""Values of a list that a formula makes."""
ITEM_COST = 60
"""Units for each value of a list."""


def flat(values: Iterable[Value]) -> list[Scalar]:
    """The values with lists taken apart."""
    found: list[Scalar] = []
    for value in values:
        if isinstance(value, list):
            spend(ITEM_COST * len(value))
            found.extend(value)
        else:
            found.append(value)
    if len(found) > ITEMS_MAX:
        raise EvaluationError("the list is too long")
    return found


def _slice(values: Value, start: Value, end: Value = None) -> Value:
    items, first = flat([values]), whole(start)
    last = len(items) if end is None else whole(end)
    # An end from the back is that item's own place, which a slice of Python leaves out.
    last = len(items) + last + 1 if last < 0 else last
    return items[first - 1 if first > 0 else first : max(last, 0)]


def _unique(*values: Value) -> Value:
    return list(dict.fromkeys(flat(values)))


def _compact(*values: Value) -> Value:
    return [value for value in flat(values) if not is_blank(value)]


def _error(message: Value = None) -> Value:
    raise EvaluationError("ERROR()" if message is None else "ERROR with a message")


ARRAY_FUNCTIONS: dict[str, Function] = {
    "ARRAYUNIQUE": _unique,
    "ARRAYCOMPACT": _compact,
    "ARRAYFLATTEN": several(flat),
    "ARRAYSLICE": _slice,
    "COUNTA": several(lambda values: sum(not is_blank(value) for value in flat(values))),
    "COUNTALL": several(lambda values: len(flat(values))),
    "NOT": one(lambda value: 0 if is_true(value) else 1),
    "XOR": several(lambda values: sum(map(is_true, values)) % 2),
    "TRUE": lambda: 1,
    "FALSE": lambda: 0,
    "BLANK": lambda: None,
    "ERROR": _error,
}
