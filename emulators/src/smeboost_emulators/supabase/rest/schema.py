"""What the exposed schemas hold, read from `pg_catalog` and read again when it changes.

Rules of this room:

- Every identifier of a statement comes from here, never from a request.
- A reload is asked for by `NOTIFY pgrst` (event triggers send it on DDL) or by a name that is unknown here but known to
  the database. Many who ask at once share one reload.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
from psycopg import AsyncConnection, sql
from smeboost_shared.logs import get_logger

from smeboost_emulators.supabase.pools import Connection, DatabaseDown, Pool, PoolBusy
from smeboost_emulators.supabase.rest.configuration import RestConfiguration
from smeboost_emulators.supabase.rest.query.compositions import Compositions
from smeboost_emulators.supabase.rest.query.links import read_links
from smeboost_emulators.supabase.rest.query.relationships import Relationships

RECONNECT_SECONDS = 1.0
KEEPALIVES = "keepalives_idle=30 keepalives_interval=10 keepalives_count=3"

_RELATIONS = """
select n.nspname, c.relname, coalesce(json_agg(json_build_object(
    'name', a.attname, 'type_schema', tn.nspname, 'type', t.typname,
    'category', t.typcategory, 'default', pg_get_expr(d.adbin, d.adrelid),
    'generated', a.attgenerated <> '' or a.attidentity = 'a'
  ) order by a.attnum) filter (where a.attname is not null), '[]'),
  coalesce((select json_agg(k.attname order by array_position(i.indkey::int2[], k.attnum))
    from pg_index i join pg_attribute k on k.attrelid = c.oid and k.attnum = any(i.indkey)
    where i.indrelid = c.oid and i.indisprimary), '[]')
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_type t on t.oid = a.atttypid
left join pg_namespace tn on tn.oid = t.typnamespace
left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
where n.nspname = any(%s) and c.relkind in ('r', 'v', 'm', 'f', 'p')
group by c.oid, n.nspname, c.relname
"""
_TYPES = """
select n.nspname, t.typname, format_type(t.oid, null)
from pg_type t join pg_namespace n on n.oid = t.typnamespace
where (n.nspname = 'pg_catalog' or n.nspname = any(%s)) and t.typtype in ('b', 'd', 'e', 'r', 'm')
  and t.typname !~ '^pg_'
"""
_FIELDS = """
select an.nspname, ac.relname, n.nspname, p.proname, tn.nspname, t.typname, t.typcategory
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
join pg_type a on a.oid = p.proargtypes[0]
join pg_class ac on ac.oid = a.typrelid
join pg_namespace an on an.oid = ac.relnamespace
join pg_type t on t.oid = p.prorettype
join pg_namespace tn on tn.oid = t.typnamespace
where p.pronargs = 1 and p.prokind = 'f' and p.provariadic = 0 and not p.proretset and n.nspname = any(%(searched)s)
  and an.nspname = any(%(exposed)s) and t.typtype in ('b', 'd', 'e', 'r', 'm')
"""
# Changes with whatever could make a new name or a new way from one relation to another.
_FINGERPRINT = """
select concat_ws(' ', (select count(*) || '-' || max(oid) from pg_class), (select count(*) || '-' || max(oid)
  from pg_constraint), (select count(*) || '-' || max(oid) from pg_proc), (select max(oid) from pg_rewrite))
"""
_EXISTS = """
select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = %(schema)s and c.relname = %(relation)s and c.relkind in ('r', 'v', 'm', 'f', 'p')
    and (%(column)s::text is null or exists (select from pg_attribute a
      where a.attrelid = c.oid and a.attname = %(column)s and a.attnum > 0 and not a.attisdropped)))
"""

log = get_logger("supabase-rest")


@dataclass(frozen=True)
class TypeName:
    """A type, by schema and name."""

    schema: str
    name: str

    @property
    def identifier(self) -> sql.Identifier:
        """The type in a statement."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class Column:
    """A column; `default` is the expression that PostgreSQL shows for it."""

    name: str
    type: TypeName
    category: str
    default: str | None
    generated: bool


@dataclass(frozen=True)
class ComputedField:
    """A function of a relation's row that gives one value."""

    schema: str
    name: str
    type: TypeName
    category: str

    @property
    def identifier(self) -> sql.Identifier:
        """The function in a statement."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class Relation:
    """A table or a view, or the rows of a function; `fields` are computed and no part of `*`."""

    schema: str
    name: str
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    fields: Mapping[str, ComputedField] = field(default_factory=dict[str, ComputedField])

    @property
    def identifier(self) -> sql.Identifier:
        """The relation in a statement."""
        return sql.Identifier(self.schema, self.name)


@dataclass(frozen=True)
class Schema:
    """All relations of the exposed schemas, the ways between them, all types by every name, and statements of these."""

    relations: Mapping[tuple[str, str], Relation] = field(default_factory=dict[tuple[str, str], Relation])
    types: Mapping[str, TypeName] = field(default_factory=dict[str, TypeName])
    relationships: Relationships = field(default_factory=Relationships)
    fingerprint: str = ""
    compositions: Compositions = field(default_factory=Compositions, compare=False, repr=False)


# SQL's other words for types; PostgreSQL's grammar knows them, its catalog does not.
_SPELLINGS = {
    word: TypeName("pg_catalog", name)
    for word, name in {"int": "int4", "float": "float8", "decimal": "numeric", "dec": "numeric"}.items()
}


async def read_schema(connection: Connection, exposed: tuple[str, ...], searched: tuple[str, ...] = ()) -> Schema:
    """The present state of the database; expressions are shown with every name qualified.

    Functions of a row are also found in the `searched` schemas.
    """
    await connection.execute("select set_config('search_path', '', true)")
    fingerprint = await _fingerprint(connection)
    links = await read_links(connection, exposed)
    fields = await _fields(connection, exposed, searched)
    relations: dict[tuple[str, str], Relation] = {}
    cursor = await connection.execute(_RELATIONS, (list(exposed),))
    async for schema, name, columns, primary_key in cursor:
        found = [_column(entry) for entry in columns]
        relations[schema, name] = Relation(
            schema,
            name,
            {column.name: column for column in found},
            tuple(str(key) for key in primary_key) or links.view_keys.get((schema, name), ()),
            fields.get((schema, name), {}),
        )
    return Schema(relations, await _types(connection, exposed), links.relationships, fingerprint)


async def _types(connection: Connection, exposed: tuple[str, ...]) -> dict[str, TypeName]:
    types: dict[str, TypeName] = dict(_SPELLINGS)
    cursor = await connection.execute(_TYPES, (list(exposed),))
    async for schema, name, shown in cursor:
        types[name] = types[shown] = TypeName(schema, name)
        if name.startswith("_"):
            types[f"{name[1:]}[]"] = TypeName(schema, name)
    return types


async def _fields(
    connection: Connection, exposed: tuple[str, ...], searched: tuple[str, ...]
) -> dict[tuple[str, str], dict[str, ComputedField]]:
    found: dict[tuple[str, str], dict[str, ComputedField]] = {}
    values = {"exposed": list(exposed), "searched": [*exposed, *searched]}
    cursor = await connection.execute(_FIELDS, values)
    async for owner_schema, owner, schema, name, type_schema, type_name, category in cursor:
        one = ComputedField(schema, name, TypeName(type_schema, type_name), category)
        found.setdefault((owner_schema, owner), {}).setdefault(name, one)
    return found


async def _fingerprint(connection: Connection) -> str:
    row = await (await connection.execute(_FINGERPRINT)).fetchone()
    return str(row[0]) if row else ""


def _column(entry: Mapping[str, object]) -> Column:
    default = entry["default"]
    return Column(
        name=str(entry["name"]),
        type=TypeName(str(entry["type_schema"]), str(entry["type"])),
        category=str(entry["category"]),
        default=None if default is None else str(default),
        generated=bool(entry["generated"]),
    )


class SchemaCache:
    """The present `Schema`, kept in step with the database while it is running."""

    def __init__(self, pool: Pool, configuration: RestConfiguration) -> None:
        self._pool = pool
        self._configuration = configuration
        self._lock = asyncio.Lock()
        self._listener: asyncio.Task[None] | None = None
        self.schema = Schema()
        self.reloads = 0

    async def start(self) -> None:
        """Read the settings and the schema, and listen for changes."""
        await self._configuration.reload()
        await self.reload()
        self._listener = asyncio.create_task(self._listen(), name="schema-listener")

    async def stop(self) -> None:
        """Stop listening."""
        if self._listener:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener

    async def reload(self) -> None:
        """Read the schema again; who comes while another waits for the same is served by that one's reading.

        Raises:
            DatabaseDown, PoolBusy, psycopg.Error: it could not be read; the old one stays.
        """
        seen = self.reloads
        async with self._lock:
            # One reading that began after we asked is enough for everybody who asked before it.
            if self.reloads > seen + 1:
                return
            current = self._configuration.current
            async with self._pool.connection() as connection:
                self.schema = await read_schema(connection, current.schemas, current.extra_search_path)
            self.reloads += 1

    async def knows_database(self, schema: str, relation: str, column: str | None) -> bool:
        """Whether the database has a name that this cache has not."""
        values = {"schema": schema, "relation": relation, "column": column}
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_EXISTS, values)).fetchone()
        return bool(row and row[0])

    async def is_old(self) -> bool:
        """Whether the database has changed since it was read; what only replaces something does not show."""
        async with self._pool.connection() as connection:
            return await _fingerprint(connection) != self.schema.fingerprint

    async def _listen(self) -> None:
        while True:
            try:
                await self._follow()
            except (psycopg.Error, DatabaseDown, PoolBusy) as exc:
                log.warning("schema_listener_lost", error=" ".join(str(exc).split()))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow(self) -> None:
        connection = await AsyncConnection.connect(f"{self._pool.url} {KEEPALIVES}", autocommit=True)
        async with connection:
            await connection.execute("listen pgrst")
            # Something may have changed while nobody listened.
            await self._configuration.reload()
            await self.reload()
            async for notice in connection.notifies():
                if notice.payload != "reload schema":
                    await self._configuration.reload()
                await self.reload()
