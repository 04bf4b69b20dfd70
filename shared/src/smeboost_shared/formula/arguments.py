"""The forms of functions, so that a table of lambdas is typed like one of named functions."""

from collections.abc import Callable

from smeboost_shared.formula.values import Value

Function = Callable[..., Value]


def one(run: Callable[[Value], Value]) -> Function:
    """A function of one argument."""
    return run


def two(run: Callable[[Value, Value], Value]) -> Function:
    """A function of two arguments."""
    return run


def several(run: Callable[[tuple[Value, ...]], Value]) -> Function:
    """A function of any number of arguments, from one that takes them together."""
    return lambda *values: run(values)
