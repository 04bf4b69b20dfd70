"""Of what kind a formula's result is, as far as it can be told without a record."""

from collections.abc import Callable

from smeboost_shared.formula.kinds import Kind, united
from smeboost_shared.formula.signatures import CONSTANTS, SIGNATURES
from smeboost_shared.formula.tree import Call, Chain, Comparison, FieldReference, Negation, Node, Number, Text


def result_kind(node: Node, kind_of: Callable[[str], Kind | None]) -> Kind:
    """The kind of the formula's value; `kind_of` gives that of a field by name or id, None when there is no such field.

    The kind is that of a value; each may still be blank or #ERROR! in a record.
    """
    match node:
        case Number() | Negation():
            return Kind.NUMBER
        case Text():
            return Kind.TEXT
        case Chain():
            return Kind.TEXT if node.rank == "&" else Kind.NUMBER
        case Comparison():
            return Kind.BOOLEAN
        case FieldReference():
            return _of_reference(node, kind_of)
        case Call():
            results = [result_kind(argument, kind_of) for argument in _results(node)]
            return united(results) if results else SIGNATURES[node.name].result


def _of_reference(node: FieldReference, kind_of: Callable[[str], Kind | None]) -> Kind:
    kind = kind_of(node.name)
    if kind is None and node.bare and node.name.upper() in CONSTANTS:
        return SIGNATURES[node.name.upper()].result
    return kind or Kind.ANY


def _results(node: Call) -> tuple[Node, ...]:
    """The arguments of which one is the result; none when the function has a kind of its own."""
    if node.name == "IF":
        return node.arguments[1:]
    if node.name == "SWITCH":
        rest = node.arguments[1:]
        return (*rest[1::2], *(rest[-1:] if len(rest) % 2 else ()))
    return ()
