"""Parameters of statements, and statements remembered by their shape.

Rules of this room:

- A shape is all of a request that decides a statement's text. The values of its filters do not: they are parameters, so
  a request that differs from an earlier one in them alone is composed no more, and brings its own values.
- Statements are remembered with the schema that gave them their names, and forgotten with it.
- What is remembered is bounded in number and length, because shapes are a stranger's.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import LiteralString, cast

from psycopg import sql

from smeboost_emulators.supabase.rest.query.grammar import Filter, Logic, Scoped
from smeboost_emulators.supabase.rest.query.reader import REMEMBERED_MAX

# Longer statements are rare, and composing is the smaller part of what they cost.
STATEMENT_BYTES_MAX = 16_384


@dataclass
class Binder:
    """The parameters of a statement, in order; `filters` says which of them are the values of filters."""

    values: list[str | None] = field(default_factory=list[str | None])
    filters: dict[int, Filter] = field(default_factory=dict[int, Filter])

    def bind(self, value: str) -> sql.SQL:
        """The placeholder of one more parameter."""
        self.values.append(value)
        return sql.SQL(cast(LiteralString, f"${len(self.values)}"))

    def bind_filter(self, node: Filter) -> sql.SQL:
        """The placeholder of a filter's value."""
        self.filters[len(self.values)] = node
        return self.bind(bound(node))


def bound(node: Filter) -> str:
    """A filter's value as its parameter."""
    if node.operator == "in":
        return array_literal(node.values)
    return node.value.replace("*", "%") if node.operator in {"like", "ilike"} else node.value


def array_literal(values: Sequence[str]) -> str:
    """PostgreSQL's text form of an array, every member quoted."""
    quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    return "{" + ",".join(quoted) + "}"


@dataclass(frozen=True)
class Composition:
    """A statement, its parameters, and which of them are the value of which filter of the request."""

    statement: bytes
    values: tuple[str | None, ...]
    places: tuple[tuple[int, int], ...]

    def parameters(self, filters: Sequence[Filter]) -> list[str | None]:
        """The parameters for another request of the same shape, whose filters these are."""
        values = list(self.values)
        for place, number in self.places:
            values[place] = bound(filters[number])
        return values


class Compositions:
    """Statements by their shape; the one that was not used longest is forgotten first."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Composition] = {}

    def get(self, shape: Hashable) -> Composition | None:
        """The statement of a shape, if it is remembered."""
        found = self._known.pop(shape, None)
        if found:
            self._known[shape] = found
        return found

    def remember(self, shape: Hashable, statement: bytes, binder: Binder, filters: Sequence[Filter]) -> None:
        """Remember a statement that was composed of a request with these filters."""
        numbers = {id(node): number for number, node in enumerate(filters)}
        told_apart = len(numbers) == len(filters) and all(id(node) in numbers for node in binder.filters.values())
        if len(statement) > STATEMENT_BYTES_MAX or not told_apart:
            # One filter that is there twice does not tell which of two others would take its place.
            return
        places = tuple((place, numbers[id(node)]) for place, node in binder.filters.items())
        self._known[shape] = Composition(statement, tuple(binder.values), places)
        if len(self._known) > REMEMBERED_MAX:
            del self._known[next(iter(self._known))]


def filters_of(nodes: Iterable[Filter | Logic], scoped: Iterable[Scoped]) -> list[Filter]:
    """All filters of a request, in an order that is the same for all requests of one shape."""
    return [*_leaves(nodes), *(leaf for one in scoped for leaf in _leaves(one.filters))]


def _leaves(nodes: Iterable[Filter | Logic]) -> Iterator[Filter]:
    for node in nodes:
        if isinstance(node, Logic):
            yield from _leaves(node.terms)
        else:
            yield node


def shape_of(nodes: Iterable[Filter | Logic], scoped: Iterable[Scoped]) -> Hashable:
    """What the conditions of a request are, without the values that become parameters."""
    within = tuple((one.path, one.order, one.limit, one.offset, _shapes(one.filters)) for one in scoped)
    return _shapes(nodes), within


def _shapes(nodes: Iterable[Filter | Logic]) -> tuple[Hashable, ...]:
    return tuple(_shape(node) for node in nodes)


def _shape(node: Filter | Logic) -> Hashable:
    if isinstance(node, Logic):
        return node.joint, node.negated, _shapes(node.terms)
    # `is` is followed by a keyword, which is part of the text.
    keyword = node.value if node.operator == "is" else ""
    return node.field, node.operator, keyword, node.negated, node.quantifier, node.language
