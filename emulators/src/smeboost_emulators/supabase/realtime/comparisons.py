"""Rows as JSON, and which filters they meet: the database converts and compares, by the types of the columns."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from psycopg import AsyncRawCursor, sql

from smeboost_emulators.supabase.pools import Connection
from smeboost_emulators.supabase.realtime.catalogue import TEXT, TypeFact
from smeboost_emulators.supabase.realtime.filters import Condition
from smeboost_emulators.supabase.realtime.pgoutput import Row, WireRelation

# `value` is a column of a row, `wanted` what a filter compares it with; both are text that is cast to the type.
_FORMS: Mapping[str, sql.SQL] = MappingProxyType(
    {
        "eq": sql.SQL("{value} = cast({wanted} as {type})"),
        "neq": sql.SQL("{value} <> cast({wanted} as {type})"),
        "lt": sql.SQL("{value} < cast({wanted} as {type})"),
        "lte": sql.SQL("{value} <= cast({wanted} as {type})"),
        "gt": sql.SQL("{value} > cast({wanted} as {type})"),
        "gte": sql.SQL("{value} >= cast({wanted} as {type})"),
        "isdistinct": sql.SQL("{value} is distinct from cast({wanted} as {type})"),
        "in": sql.SQL("{value} = any(cast({wanted} as {type}[]))"),
        "like": sql.SQL("cast({value} as text) like {wanted}"),
        "ilike": sql.SQL("cast({value} as text) ilike {wanted}"),
        "match": sql.SQL("cast({value} as text) ~ {wanted}"),
        "imatch": sql.SQL("cast({value} as text) ~* {wanted}"),
        "is": sql.SQL(
            "case when {wanted} in ('null', 'unknown') then {value} is null else cast({value} as text) = {wanted} end"
        ),
    }
)


@dataclass(frozen=True)
class Compared:
    """A row: its values as JSON (None is SQL's NULL), and the conditions that it meets."""

    values: tuple[str | None, ...]
    met: frozenset[Condition]


async def compare(
    connection: Connection,
    relation: WireRelation,
    types: Mapping[int, TypeFact],
    rows: Sequence[Row],
    conditions: Sequence[Condition],
) -> list[Compared]:
    """Every row converted, with the conditions that it meets.

    Raises:
        psycopg.Error: a value cannot be read as its type any more.
    """
    groups: dict[tuple[str, str, bool], list[Condition]] = {}
    names = {column.name for column in relation.columns}
    for condition in conditions:
        if condition.column in names:
            groups.setdefault((condition.column, condition.operator, condition.negated), []).append(condition)
    statement = _statement(relation, types, list(groups))
    written = [[value if isinstance(value, str) else None for value in row] for row in rows]
    values = [json.dumps(written), *(json.dumps([one.value for one in group]) for group in groups.values())]
    cursor = AsyncRawCursor(connection)
    await cursor.execute(sql.Composed([statement]), values)
    found: list[Compared] = []
    ordered = list(groups.values())
    for shown, *places in await cursor.fetchall():
        hits = cast(list[list[int]], places)
        met = [group[place - 1] for group, found_in in zip(ordered, hits, strict=True) for place in found_in]
        found.append(Compared(tuple(shown), frozenset(met)))
    return found


async def require_comparable(connection: Connection, kind: TypeFact, condition: Condition) -> None:
    """Try a condition on nothing.

    Raises:
        psycopg.Error: its value is not one of the type, or the type cannot be compared so.
    """
    compared = _compared(sql.SQL("cast(null as {})").format(kind.cast), sql.SQL("$1::text"), kind, condition.operator)
    await AsyncRawCursor(connection).execute(sql.Composed([sql.SQL("select "), compared]), (condition.value,))


def _statement(
    relation: WireRelation, types: Mapping[int, TypeFact], groups: Sequence[tuple[str, str, bool]]
) -> sql.Composed:
    casts = {
        column.name: sql.SQL("cast(r.v ->> {} as {})").format(sql.Literal(place), _type(types, column.type_oid).cast)
        for place, column in enumerate(relation.columns)
    }
    kinds = {column.name: _type(types, column.type_oid) for column in relation.columns}
    shown = [sql.SQL("to_jsonb({})::text").format(value) for value in casts.values()]
    parts = [sql.SQL("array[{}]::text[]").format(sql.SQL(", ").join(shown))]
    for number, (column, operator, negated) in enumerate(groups, start=2):
        test = _compared(casts[column], sql.SQL("f.v"), kinds[column], operator)
        parts.append(
            sql.SQL(
                "array(select f.n::int from jsonb_array_elements_text(${}::jsonb) with ordinality as f(v, n)"
                " where {}({}))"
            ).format(sql.Literal(number), sql.SQL("not ") if negated else sql.SQL(""), test)
        )
    return sql.SQL("select {} from jsonb_array_elements($1::jsonb) with ordinality as r(v, n) order by r.n").format(
        sql.SQL(", ").join(parts)
    )


def _compared(value: sql.Composable, wanted: sql.Composable, kind: TypeFact, operator: str) -> sql.Composed:
    return _FORMS[operator].format(value=value, wanted=wanted, type=kind.cast)


def _type(types: Mapping[int, TypeFact], oid: int) -> TypeFact:
    return types.get(oid, TEXT)
