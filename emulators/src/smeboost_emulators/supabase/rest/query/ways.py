"""Choose the relationship that one embed of `select` means.

Rules of this room (PostgREST, "Foreign Key Joins"): the target is a relation, or of a table that is no view also the
name of the foreign key or its one column; a hint narrows to a foreign key, its one column on either side, or a
junction. More than one way left is the caller's to decide (300), never ours.
"""

from collections.abc import Sequence

from smeboost_emulators.supabase.rest.errors import RestFailure, UnknownLink
from smeboost_emulators.supabase.rest.query.grammar import Embedded
from smeboost_emulators.supabase.rest.query.relationships import (
    ComputedRelationship,
    Name,
    Pairs,
    Relationship,
    Relationships,
)

_SHOWN_MAX = 100


def chosen_way(ways: Relationships, origin: Name, embed: Embedded) -> Relationship | ComputedRelationship:
    """The one relationship from `origin` that the embed names.

    Raises:
        UnknownLink: PGRST200, there is none.
        RestFailure: PGRST201, there are several.
    """
    computed = ways.computed.get(origin, {}).get(embed.name)
    if computed and computed.target[0] == origin[0]:
        return computed
    known = [way for way in ways.declared.get(origin, ()) if way.target[0] == origin[0]]
    found = [way for way in known if _matches(way, embed.name, embed.hint)]
    if not found:
        raise _no_way(known, origin, embed)
    if len(found) > 1:
        raise _several_ways(found, origin, embed)
    return found[0]


def _matches(way: Relationship, target: str, hint: str | None) -> bool:
    if way.origin == way.target:
        return _matches_itself(way, target, hint)
    named = target == way.target[1]
    if hint is not None:
        if way.junction:
            return named and hint == way.junction.relation[1]
        return named and (hint == way.constraint or hint in _single(way.columns))
    if named or way.junction or way.target_is_view:
        return named
    return target == way.constraint or target in _single(way.columns)[:1]


def _matches_itself(way: Relationship, target: str, hint: str | None) -> bool:
    """Within one relation its name means the rows that refer to this one, and a column the row it refers to."""
    if hint is not None:
        return target == way.target[1] and way.cardinality == "one-to-many" and hint in _single(way.columns)[1:]
    if way.cardinality == "one-to-many":
        return target == way.target[1]
    return way.cardinality == "many-to-one" and target in _single(way.columns)[:1]


def _single(columns: Pairs) -> tuple[str, ...]:
    """Both columns of a key of one column."""
    return columns[0] if len(columns) == 1 else ()


def _no_way(known: Sequence[Relationship], origin: Name, embed: Embedded) -> UnknownLink:
    target = embed.name[:_SHOWN_MAX]
    using = f" using the hint '{embed.hint[:_SHOWN_MAX]}'" if embed.hint else ""
    failure = RestFailure(
        400,
        "PGRST200",
        f"Could not find a relationship between '{origin[1]}' and '{target}' in the schema cache",
        details=f"Searched for a foreign key relationship between '{origin[1]}' and '{target}'{using}"
        f" in the schema '{origin[0]}', but no matches were found.",
    )
    names = frozenset(way.target[1] for way in known)
    return UnknownLink(failure, schema=origin[0], target=embed.name, known=names)


def _several_ways(found: Sequence[Relationship], origin: Name, embed: Embedded) -> RestFailure:
    choices = ", ".join(f"'{way.target[1]}!{way.hint}'" for way in found)
    return RestFailure(
        300,
        "PGRST201",
        f"Could not embed because more than one relationship was found for '{origin[1]}' and '{embed.name}'",
        details=[_described(way) for way in found],
        hint=f"Try changing '{embed.name}' to one of the following: {choices}."
        " Find the desired relationship in the 'details' key.",
    )


def _described(way: Relationship) -> dict[str, str]:
    mine, theirs = (", ".join(side) for side in zip(*way.columns, strict=True)) if way.columns else ("", "")
    shown = f"{way.constraint} using {way.origin[1]}({mine}) and {way.target[1]}({theirs})"
    if way.junction:
        near, far = (
            ", ".join(column for _, column in pairs) for pairs in (way.junction.columns, way.junction.far_columns)
        )
        shown = (
            f"{way.junction.relation[1]} using {way.junction.constraint}({near})"
            f" and {way.junction.far_constraint}({far})"
        )
    return {
        "cardinality": way.cardinality,
        "embedding": f"{way.origin[1]} with {way.target[1]}",
        "relationship": shown,
    }
