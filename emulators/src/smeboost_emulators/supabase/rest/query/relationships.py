"""How relations lead to one another: by foreign keys, through junctions, and by functions that take a row.

Rules of this room (PostgREST, "Resource Embedding"):

- A foreign key is many-to-one from its own side and one-to-many from the other; it is one-to-one when its columns are
  unique.
- Two foreign keys of one relation make a many-to-many of the relations they lead to, if the columns of both are part
  of that relation's primary key. A unique constraint does not do.
- A view inherits the foreign keys of the columns it shows as they are.
- A function that takes a row and is called like the target comes before every foreign key.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Literal

Name = tuple[str, str]
Pairs = tuple[tuple[str, str], ...]
Cardinality = Literal["many-to-one", "one-to-many", "one-to-one", "many-to-many"]
# A junction of very many foreign keys would make their square in relationships.
JUNCTION_KEYS_MAX = 20


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key of `origin` (schema, name); `columns` pairs its columns with those of `target`.

    `junction` says that its columns are part of the primary key.
    """

    name: str
    origin: Name
    target: Name
    columns: Pairs
    unique: bool
    junction: bool
    inherited: bool = False


@dataclass(frozen=True)
class Junction:
    """The relation between two others; the pairs are (column of a side, column of the junction)."""

    relation: Name
    constraint: str
    far_constraint: str
    columns: Pairs
    far_columns: Pairs


@dataclass(frozen=True)
class Relationship:
    """A way from `origin` to `target`; `columns` pairs theirs unless there is a junction."""

    origin: Name
    target: Name
    cardinality: Cardinality
    constraint: str
    columns: Pairs = ()
    junction: Junction | None = None
    target_is_view: bool = False

    @property
    def to_one(self) -> bool:
        """Whether there is at most one row at the other end."""
        return self.cardinality in {"many-to-one", "one-to-one"}

    @property
    def hint(self) -> str:
        """What to write after `!` to mean this one."""
        return self.junction.relation[1] if self.junction else self.constraint

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns of `origin` that a join needs."""
        return tuple(mine for mine, _ in (self.junction.columns if self.junction else self.columns))


@dataclass(frozen=True)
class ComputedRelationship:
    """A function of `origin`'s row that gives rows of `target`."""

    function: Name
    origin: Name
    target: Name
    to_one: bool


@dataclass(frozen=True)
class Relationships:
    """All ways from every relation."""

    declared: Mapping[Name, Sequence[Relationship]] = field(default_factory=dict[Name, Sequence[Relationship]])
    computed: Mapping[Name, Mapping[str, ComputedRelationship]] = field(
        default_factory=dict[Name, Mapping[str, ComputedRelationship]]
    )


def declared_relationships(keys: Sequence[ForeignKey], views: frozenset[Name]) -> dict[Name, list[Relationship]]:
    """What foreign keys, those that views inherit included, make of the relations."""
    found: dict[Name, list[Relationship]] = defaultdict(list)
    by_origin: dict[Name, list[ForeignKey]] = defaultdict(list)
    for key in keys:
        by_origin[key.origin].append(key)
        for relationship in _both_ways(key, views):
            found[relationship.origin].append(relationship)
    for owned in by_origin.values():
        for relationship in _through(owned, views):
            found[relationship.origin].append(relationship)
    return dict(found)


def _both_ways(key: ForeignKey, views: frozenset[Name]) -> Iterator[Relationship]:
    there: Cardinality = "one-to-one" if key.unique else "many-to-one"
    back: Cardinality = "one-to-one" if key.unique else "one-to-many"
    backwards = tuple((theirs, mine) for mine, theirs in key.columns)
    yield Relationship(key.origin, key.target, there, key.name, key.columns, target_is_view=key.target in views)
    yield Relationship(key.target, key.origin, back, key.name, backwards, target_is_view=key.origin in views)


def _through(keys: Sequence[ForeignKey], views: frozenset[Name]) -> Iterator[Relationship]:
    """Each two keys of one relation, in both directions."""
    usable = [key for key in keys if key.junction and not key.unique][:JUNCTION_KEYS_MAX]
    for near, far in permutations(usable, 2):
        junction = Junction(
            near.origin,
            near.name,
            far.name,
            tuple((theirs, mine) for mine, theirs in near.columns),
            tuple((theirs, mine) for mine, theirs in far.columns),
        )
        yield Relationship(
            near.target,
            far.target,
            "many-to-many",
            near.name,
            junction=junction,
            target_is_view=far.target in views,
        )
