"""The formula tree: what a formula says, free of how it is evaluated."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal."""

    value: float
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """A text literal, its escapes resolved."""

    value: str
    depth: int = 1


@dataclass(frozen=True, slots=True)
class FieldReference:
    """A field by name or id; `bare` when it stood without braces."""

    name: str
    position: int = field(compare=False)
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

    A chain is one node however long it is, so that a long formula is not a deep one.
    """

    rank: str
    first: "Node"
    rest: list[tuple[str, "Node"]]
    depth: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`; comparisons do not chain."""

    operator: str
    left: "Node"
    right: "Node"
    depth: int


@dataclass(frozen=True, slots=True)
class Negation:
    """Unary minus."""

    operand: "Node"
    depth: int


Node = Number | Text | FieldReference | Call | Chain | Comparison | Negation
