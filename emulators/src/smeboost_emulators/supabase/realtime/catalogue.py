"""What the database knows of a table whose changes are told.

Rules of this room: every identifier that gets into a statement comes from here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from smeboost_emulators.supabase.pools import Connection

PUBLICATION = "supabase_realtime"
# The type of a domain is the one it is made of; what may not be named is text.
_TYPES = """
select t.oid::int8, t.typname, n.nspname, b.typname,
  pg_catalog.has_schema_privilege(n.oid, 'usage') and pg_catalog.has_type_privilege(b.oid, 'usage')
from pg_catalog.pg_type t
join pg_catalog.pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
join pg_catalog.pg_namespace n on n.oid = b.typnamespace
where t.oid = any(%s::oid[])
"""
_FACTS = """
select n.nspname, c.relname, c.relrowsecurity,
  coalesce((select jsonb_agg(jsonb_build_array(a.attname, a.atttypid::int8) order by array_position(k.keys, a.attnum))
    from (select (i.indkey::int2[])[0:i.indnkeyatts - 1] as keys from pg_catalog.pg_index i
      where i.indrelid = c.oid and i.indisprimary) k
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = any(k.keys)), '[]'),
  coalesce((select jsonb_object_agg(r.rolname, jsonb_build_object(
      'bypasses', r.rolbypassrls or r.rolsuper,
      'columns', case when pg_catalog.has_schema_privilege(r.oid, n.oid, 'usage') then (select
        coalesce(jsonb_agg(a.attname), '[]') from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0
        and not a.attisdropped and pg_catalog.has_column_privilege(r.oid, c.oid, a.attnum, 'select'))
        else '[]' end))
    from pg_catalog.pg_roles r where r.rolname = any(%s)), '{}')
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = %s::oid
"""
_PUBLISHED = """
select p.schemaname, p.tablename, c.oid::int8, p.attnames::text[],
  array(select a.atttypid::int8 from unnest(p.attnames) with ordinality as w(name, place)
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = w.name order by w.place)
from pg_catalog.pg_publication_tables p
join pg_catalog.pg_namespace n on n.nspname = p.schemaname
join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
where p.pubname = %s and (%s::text is null or p.schemaname = %s) and (%s::text is null or p.tablename = %s)
limit 1
"""


@dataclass(frozen=True)
class TypeFact:
    """A type: what it is called, and how a statement names the one to cast to."""

    name: str
    cast: sql.Identifier


TEXT = TypeFact("text", sql.Identifier("pg_catalog", "text"))


@dataclass(frozen=True)
class RoleFact:
    """What a role may do with a table, apart from what policies say."""

    bypasses: bool
    columns: frozenset[str]


@dataclass(frozen=True)
class TableFact:
    """A table as it is now; `key` has the columns of the primary key with the oids of their types."""

    schema: str
    name: str
    row_security: bool
    key: tuple[tuple[str, int], ...]
    roles: Mapping[str, RoleFact]


@dataclass(frozen=True)
class PublishedTable:
    """A table of the publication, with its published columns and the oids of their types."""

    oid: int
    schema: str
    name: str
    columns: Mapping[str, int]


async def type_facts(connection: Connection, oids: Sequence[int]) -> dict[int, TypeFact]:
    """The types of these oids; one that is not there any more is text."""
    cursor = await connection.execute(_TYPES, (list(set(oids)),))
    found = dict.fromkeys(oids, TEXT)
    async for oid, name, schema, base, nameable in cursor:
        found[oid] = TypeFact(name, sql.Identifier(schema, base) if nameable else TEXT.cast)
    return found


async def table_fact(connection: Connection, oid: int, roles: Sequence[str]) -> TableFact | None:
    """The table, or None when there is none any more."""
    row: Any = await (await connection.execute(_FACTS, (list(roles), oid))).fetchone()
    if row is None:
        return None
    schema, name, row_security, key, found = row
    facts = {role: RoleFact(fact["bypasses"], frozenset(fact["columns"])) for role, fact in found.items()}
    return TableFact(schema, name, row_security, tuple((str(column), int(kind)) for column, kind in key), facts)


async def published_table(connection: Connection, schema: str | None, table: str | None) -> PublishedTable | None:
    """A table of the publication that goes by these names (None is any), or None when there is none."""
    values = (PUBLICATION, schema, schema, table, table)
    row = await (await connection.execute(_PUBLISHED, values)).fetchone()
    if row is None:
        return None
    return PublishedTable(row[2], row[0], row[1], dict(zip(row[3], row[4], strict=True)))
