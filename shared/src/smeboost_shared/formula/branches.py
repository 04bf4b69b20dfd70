"""What does not evaluate all its parts: IF, SWITCH, AND, OR, ISERROR, and comparisons with a constant.

Everything here is a closure over compiled parts and is called once for each record, so the frequent cases come first.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from smeboost_shared.formula.evaluation import EvaluationError, TooMuchWork
from smeboost_shared.formula.tree import Call, Comparison, Text
from smeboost_shared.formula.values import TESTS, Value, compare, is_true, text_of

Compiled = Callable[[Any], Value]


class Constant:
    """A compiled part whose value is known."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def __call__(self, _row: object) -> Value:
        """The value, whatever the record."""
        return self.value


BLANK = Constant(None)


def _if(arguments: list[Compiled]) -> Compiled:
    condition, then = arguments[0], arguments[1]
    otherwise = arguments[2] if len(arguments) > 2 else BLANK
    return lambda row: then(row) if is_true(condition(row)) else otherwise(row)


def _switch(arguments: list[Compiled]) -> Compiled:
    subject, rest = arguments[0], arguments[1:]
    default = rest.pop() if len(rest) % 2 else BLANK
    pairs = list(zip(rest[::2], rest[1::2], strict=True))

    def run(row: Any) -> Value:
        value = subject(row)
        for pattern, result in pairs:
            if compare("=", value, pattern(row)):
                return result(row)
        return default(row)

    return run


def _and(arguments: list[Compiled]) -> Compiled:
    def run(row: Any) -> Value:
        for argument in arguments:
            if not is_true(argument(row)):
                return 0
        return 1

    return run


def _or(arguments: list[Compiled]) -> Compiled:
    def run(row: Any) -> Value:
        for argument in arguments:
            if is_true(argument(row)):
                return 1
        return 0

    return run


def _is_error(arguments: list[Compiled]) -> Compiled:
    argument = arguments[0]

    def run(row: Any) -> Value:
        try:
            argument(row)
        except TooMuchWork:
            raise
        except EvaluationError:
            return 1
        return 0

    return run


BRANCHES: dict[str, Callable[[list[Compiled]], Compiled]] = {
    "IF": _if,
    "SWITCH": _switch,
    "AND": _and,
    "OR": _or,
    "ISERROR": _is_error,
}


def comparison(operator: str, left: Compiled, right: Compiled) -> Compiled:
    """A comparison, with a short way for a number, a text or a moment beside a constant of its kind."""
    if operator != "!=" and isinstance(right, Constant):
        if right.value.__class__ is float:
            return _with_number(operator, left, right.value)
        if right.value.__class__ is str or right.value.__class__ is datetime:
            return _with_same_kind(operator, left, right.value)
    return lambda row: 1 if compare(operator, left(row), right(row)) else 0


def _with_number(operator: str, left: Compiled, number: Any) -> Compiled:
    test = TESTS[operator]

    def run(row: Any) -> Value:
        value = left(row)
        if value.__class__ is float or value.__class__ is int:
            return 1 if test(value, number) else 0
        return 1 if compare(operator, value, number) else 0

    return run


def _with_same_kind(operator: str, left: Compiled, constant: Any) -> Compiled:
    test, kind = TESTS[operator], constant.__class__

    def run(row: Any) -> Value:
        value = left(row)
        if value.__class__ is kind:
            return 1 if test(value, constant) else 0
        return 1 if compare(operator, value, constant) else 0

    return run


def compared_texts(node: Call) -> tuple[str, ...]:
    """The texts of `OR(x='a', x='b', ...)`, or nothing when the call is of another form.

    Clients ask for hundreds of records in this form; one look into a set is as good as hundreds of comparisons.
    """
    texts: list[str] = []
    first = node.arguments[0] if node.arguments else None
    for term in node.arguments:
        match term:
            case Comparison(operator="=", left=left, right=Text(value=text)) if text:
                if not isinstance(first, Comparison) or left != first.left:
                    return ()
                texts.append(text)
            case _:
                return ()
    return tuple(dict.fromkeys(texts))


def one_of(read: Compiled, texts: tuple[str, ...]) -> Compiled:
    """Whether the value equals one of `texts`."""
    known = frozenset(texts)

    def run(row: Any) -> Value:
        value = read(row)
        if isinstance(value, int | float | datetime):
            return 1 if any(compare("=", value, text) for text in texts) else 0
        return 1 if text_of(value) in known else 0

    return run
