"""What a role may use, asked only when an error would otherwise name something to a stranger."""

from smeboost_emulators.supabase.pools import Pool

_RELATIONS = """
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles r on r.rolname = %(role)s
where n.nspname = %(schema)s and c.relkind in ('r', 'v', 'm', 'f', 'p') and has_schema_privilege(r.oid, n.oid, 'usage')
  and (has_table_privilege(r.oid, c.oid, 'select, insert, update, delete')
    or has_any_column_privilege(r.oid, c.oid, 'select, insert, update'))
"""
_FUNCTIONS = """
select p.oid::int8 from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_roles r on r.rolname = %(role)s
where n.nspname = %(schema)s and has_schema_privilege(r.oid, n.oid, 'usage')
  and has_function_privilege(r.oid, p.oid, 'execute')
"""


async def usable_relations(pool: Pool, role: str, schema: str) -> list[str]:
    """The relations of a schema of which the role may read or write anything; none for a role that is not there."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_RELATIONS, {"role": role, "schema": schema})
        return [name for (name,) in await cursor.fetchall()]


async def usable_functions(pool: Pool, role: str, schema: str) -> frozenset[int]:
    """The oids of a schema's functions that the role may call; none for a role that is not there."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_FUNCTIONS, {"role": role, "schema": schema})
        return frozenset(oid for (oid,) in await cursor.fetchall())
