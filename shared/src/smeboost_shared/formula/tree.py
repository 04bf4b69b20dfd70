"""The formula tree: what a formula says, free of how it is evaluated.

A tree that `parse` returns is sound: every function exists and has as many arguments as it takes. Positions count
characters of the text from 0 and play no part in equality.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal."""

    value: float
    position: int = field(default=0, compare=False)
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """A text literal, its escapes resolved."""

    value: str
    position: int = field(default=0, compare=False)
    depth: int = 1


@dataclass(frozen=True, slots=True)
class FieldReference:
    """A field by name or id, at `text[position:end]`; `bare` when it stood without braces."""

    name: str
    position: int = field(compare=False)
    end: int = field(compare=False)
    bare: bool = False
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Call:
    """A function call; the name is upper-case."""

    name: str
    arguments: tuple["Node", ...]
    position: int = field(compare=False)
    depth: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators of one rank, applied from left to right: `a + b - c` is `a`, then `+ b`, then `- c`.

    A chain is one node however long it is, so that a long formula is not a deep one. `rank` is `&`, `+-` or `*/`;
    `position` is that of its first operator.
    """

    rank: str
    first: "Node"
    rest: list[tuple[str, "Node"]]
    position: int = field(compare=False)
    depth: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`; comparisons do not chain. `position` is the operator's."""

    operator: str
    left: "Node"
    right: "Node"
    position: int = field(compare=False)
    depth: int


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    operand: "Node"
    position: int = field(compare=False)
    depth: int


Node = Number | Text | FieldReference | Call | Chain | Comparison | Negation


def children(node: Node) -> Iterator[Node]:
    """The nodes right below, in the order of the text."""
    match node:
        case Number() | Text() | FieldReference():
            return
        case Call():
            yield from node.arguments
        case Chain():
            yield node.first
            yield from (operand for _, operand in node.rest)
        case Comparison():
            yield node.left
            yield node.right
        case Negation():
            yield node.operand


def references(node: Node) -> Iterator[FieldReference]:
    """Every place that names a field (or, bare, perhaps a constant such as NOW), in the order of the text."""
    if isinstance(node, FieldReference):
        yield node
    for child in children(node):
        yield from references(child)
