"""Who sees which rows: the database decides as each person, with their role and their claims."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from smeboost_emulators.supabase.pools import Connection
from smeboost_emulators.supabase.realtime.catalogue import TEXT, TableFact, TypeFact

PEOPLE_AT_ONCE = 100
_VISIBLE = "select * from realtime.rows_visible(%s, %s::jsonb, %s::jsonb)"


@dataclass(frozen=True)
class Person:
    """A role with claims (as JSON): all who have the same see the same."""

    role: str
    claims: str = field(repr=False)


async def visible_rows(
    connection: Connection,
    table: TableFact,
    types: Mapping[int, TypeFact],
    keys: Sequence[Sequence[str | None]],
    people: Sequence[Person],
) -> dict[Person, frozenset[int]]:
    """For each person the places of the keys whose rows they see; at most `PEOPLE_AT_ONCE` people.

    Raises:
        psycopg.Error: the statement was ended (57014), or the connection was lost.
    """
    probe = _probe(table, types).as_string(connection)
    written = json.dumps([{"role": person.role, "claims": person.claims} for person in people])
    cursor = await connection.execute(_VISIBLE, (probe, json.dumps(keys), written))
    rows = await cursor.fetchall()
    return {person: frozenset(place - 1 for place in found) for person, (found,) in zip(people, rows, strict=True)}


def took_too_long(exc: psycopg.Error) -> bool:
    """Whether a policy was still at work when its time was over."""
    return isinstance(exc, psycopg.errors.QueryCanceled)


def _probe(table: TableFact, types: Mapping[int, TypeFact]) -> sql.Composed:
    same = [
        sql.SQL("t.{} = cast(k.v ->> {} as {})").format(
            sql.Identifier(column), sql.Literal(place), types.get(kind, TEXT).cast
        )
        for place, (column, kind) in enumerate(table.key)
    ]
    return sql.SQL(
        "select array_agg(k.n::int) from jsonb_array_elements($1) with ordinality as k(v, n) join {} t on {}"
    ).format(sql.Identifier(table.schema, table.name), sql.SQL(" and ").join(same))
