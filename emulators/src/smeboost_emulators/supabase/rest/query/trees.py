"""The tree of `select`, with every embed's relationship chosen and every parameter put where it belongs.

Rules of this room:

- A parameter's path names an embed by its alias or, failing that, by its name (PGRST108 when neither is in `select`).
- Aliases in the statement are ours and numbered, so that no relation's name can hide another's.
- No embed gives more rows for one parent than a whole answer may have.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from psycopg import sql

from smeboost_emulators.supabase.rest.errors import RestFailure
from smeboost_emulators.supabase.rest.query.grammar import (
    Embedded,
    Field,
    Filter,
    Item,
    Logic,
    OrderTerm,
    Scoped,
    Selected,
)
from smeboost_emulators.supabase.rest.query.relationships import ComputedRelationship, Relationship
from smeboost_emulators.supabase.rest.query.targets import Target
from smeboost_emulators.supabase.rest.query.ways import chosen_way


@dataclass(frozen=True)
class Limits:
    """What a reader may ask for: rows, and whether to aggregate them."""

    rows_max: int
    aggregates: bool


@dataclass(frozen=True)
class Tree:
    """A target, what is asked of it, and its embeds; `limit` None means no limit."""

    target: Target
    columns: tuple[Selected, ...] = ()
    embeds: "tuple[Embed, ...]" = ()
    filters: tuple[Filter | Logic, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    limit: int | None = None
    offset: int = 0

    def embed(self, name: str) -> "Embed | None":
        """The embed that goes by this alias, or by this name."""
        return _called(self.embeds, name)

    @property
    def shows_nothing(self) -> bool:
        """Whether it is only there to filter by."""
        return not self.columns and all(embed.tree.shows_nothing for embed in self.embeds)


@dataclass(frozen=True)
class Embed:
    """A tree inside another, and the way that leads there."""

    asked: Embedded
    way: Relationship | ComputedRelationship
    tree: Tree
    junction_alias: str

    @property
    def name(self) -> str:
        """The name of the member that it makes."""
        return self.asked.alias or self.asked.name


def tree_of(
    target: Target,
    items: Sequence[Item],
    scoped: Sequence[Scoped],
    limits: Limits,
    *,
    filters: tuple[Filter | Logic, ...] = (),
    order: tuple[OrderTerm, ...] = (),
    limit: int | None = None,
    offset: int = 0,
) -> Tree:
    """The tree of a request about `target`.

    Raises:
        RestFailure: PGRST108, PGRST123, PGRST127 for aggregates of a spread to-many, PGRST200, PGRST201.
    """
    root = Scoped((), filters, order, limit, offset)
    prefix = "embed" if target.name.startswith("pgrst") else "pgrst"
    aliases = (f"{prefix}_{number}" for number in count(1))
    return _tree(target, items, [root, *scoped], limits, aliases)


def _tree(
    target: Target, items: Sequence[Item], scoped: Sequence[Scoped], limits: Limits, aliases: Iterator[str]
) -> Tree:
    columns = tuple(item for item in items if isinstance(item, Selected))
    if not limits.aggregates and any(column.aggregate for column in columns):
        raise RestFailure(400, "PGRST123", "Use of aggregate functions is not allowed")
    columns = _counted(target, columns)
    asked = [item for item in items if isinstance(item, Embedded)]
    below: dict[int, list[Scoped]] = {id(item): [] for item in asked}
    for one in scoped:
        if one.path:
            below[id(_named(asked, one.path[0]))].append(replace(one, path=one.path[1:]))
    here = [one for one in scoped if not one.path]
    return Tree(
        target,
        columns,
        tuple(_embed(target, item, below[id(item)], limits, aliases) for item in asked),
        tuple(term for one in here for term in one.filters),
        next((one.order for one in reversed(here) if one.order), ()),
        next((one.limit for one in reversed(here) if one.limit is not None), None),
        next((one.offset for one in reversed(here) if one.offset), 0),
    )


def _counted(target: Target, columns: tuple[Selected, ...]) -> tuple[Selected, ...]:
    """`roles(count)`, which Supabase documents: PostgreSQL reads the column that is missing as `count(roles)`.

    That is no aggregate of PostgREST's grammar, so it is not switched off with these.
    """
    if [column.field for column in columns] != [Field("count")] or "count" in target.relation.columns:
        return columns
    (column,) = columns
    if column.aggregate:
        return columns
    return (Selected(Field("*"), column.alias, aggregate="count", result_cast=column.cast),)


def _named(asked: Sequence[Embedded], name: str) -> Embedded:
    found = next((item for item in asked if item.alias == name), None)
    found = found or next((item for item in asked if item.name == name), None)
    if found is None:
        raise not_embedded(name)
    return found


def not_embedded(name: str) -> RestFailure:
    """A parameter is about something that `select` has not."""
    return RestFailure(
        400,
        "PGRST108",
        f"'{name[:100]}' is not an embedded resource in this request",
        hint=f"Verify that '{name[:100]}' is included in the 'select' query parameter.",
    )


def _embed(parent: Target, asked: Embedded, scoped: Sequence[Scoped], limits: Limits, aliases: Iterator[str]) -> Embed:
    origin = (parent.relation.schema, parent.relation.name)
    way = chosen_way(parent.schema.relationships, origin, asked)
    alias = next(aliases)
    source = None
    if isinstance(way, ComputedRelationship):
        source = sql.SQL("{}({})").format(sql.Identifier(*way.function), parent.row)
    target = Target(parent.schema.relations[way.target], parent.schema, source, alias)
    tree = _tree(target, asked.items, scoped, limits, aliases)
    rows_max = 1 if way.to_one else limits.rows_max
    tree = replace(tree, limit=rows_max if tree.limit is None else min(tree.limit, rows_max))
    if asked.spread and not way.to_one and _aggregates(tree):
        details = "Aggregates are not implemented for one-to-many or many-to-many spreads."
        raise RestFailure(400, "PGRST127", "Feature not implemented", details=details)
    return Embed(asked, way, tree, f"{alias}_junction")


def _aggregates(tree: Tree) -> bool:
    """Whether anything would be aggregated in this tree or, through to-one spreads, on its behalf."""
    return any(column.aggregate for column in tree.columns) or any(
        _aggregates(embed.tree) for embed in tree.embeds if embed.asked.spread
    )


def _called(embeds: Sequence[Embed], name: str) -> Embed | None:
    by_alias = next((embed for embed in embeds if embed.asked.alias == name), None)
    return by_alias or next((embed for embed in embeds if embed.asked.name == name), None)
