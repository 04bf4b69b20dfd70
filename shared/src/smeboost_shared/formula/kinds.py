"""The kinds of value that a formula can have, as far as its text and the kinds of its fields tell."""

from collections.abc import Iterable
from enum import StrEnum


class Kind(StrEnum):
    """What a value is. TRUE() and comparisons are BOOLEAN: the numbers 1 and 0, known to be nothing else."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    LIST = "list"
    BLANK = "blank"
    ANY = "any"
    """Of a kind that only the record decides."""


def united(kinds: Iterable[Kind]) -> Kind:
    """The kind of a value that is of one of `kinds`. Blank fits everywhere, since every kind may be blank."""
    found = set(kinds) - {Kind.BLANK}
    if len(found) > 1 and found <= {Kind.NUMBER, Kind.BOOLEAN}:
        return Kind.NUMBER
    if len(found) > 1:
        return Kind.ANY
    return found.pop() if found else Kind.BLANK
