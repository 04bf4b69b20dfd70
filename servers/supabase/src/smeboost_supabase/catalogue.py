"""A schema's tables as the Postgres catalogue tells them, over `SUPABASE_DB_URL`."""

from typing import Any

from smeboost_shared.errors import FieldProblem, InvalidInput

from smeboost_supabase.database import Database
from smeboost_supabase.models import TABLES_MAX, Advisory, Table, TableList

_SCHEMA_EXISTS = "select exists (select from pg_catalog.pg_namespace where nspname = %s) as found"
_TABLES = """
select
  c.relname as name,
  case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end
    as kind,
  (
    select coalesce(json_agg(json_build_object(
      'name', a.attname,
      'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'nullable', not a.attnotnull,
      'has_default', a.atthasdef or a.attidentity <> ''
    ) order by a.attnum), '[]')
    from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  ) as columns,
  (
    select coalesce(json_agg(a.attname order by k.position), '[]')
    from pg_catalog.pg_constraint p
    cross join unnest(p.conkey) with ordinality as k (number, position)
    join pg_catalog.pg_attribute a on a.attrelid = p.conrelid and a.attnum = k.number
    where p.conrelid = c.oid and p.contype = 'p'
  ) as primary_key,
  (
    select coalesce(json_agg(json_build_object(
      'columns', (
        select json_agg(a.attname order by k.position)
        from unnest(f.conkey) with ordinality as k (number, position)
        join pg_catalog.pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.number
      ),
      'referenced_table', case
        when t.relnamespace = c.relnamespace then t.relname::text
        else (select nspname from pg_catalog.pg_namespace where oid = t.relnamespace) || '.' || t.relname
      end,
      'referenced_columns', (
        select json_agg(a.attname order by k.position)
        from unnest(f.confkey) with ordinality as k (number, position)
        join pg_catalog.pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.number
      )
    ) order by f.conname), '[]')
    from pg_catalog.pg_constraint f
    join pg_catalog.pg_class t on t.oid = f.confrelid
    where f.conrelid = c.oid and f.contype = 'f'
  ) as foreign_keys,
  -- Minus one is Postgres's way to say that it never counted.
  case when c.relkind in ('r', 'p', 'm') and c.reltuples >= 0 then c.reltuples::bigint end as row_estimate,
  case when c.relkind in ('r', 'p') then c.relrowsecurity end as row_level_security,
  format('alter table %%I.%%I enable row level security;', n.nspname, c.relname) as fix
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %s and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
order by c.relname
limit %s
"""


async def read_tables(database: Database, schema: str) -> TableList:
    """The tables and views of `schema`, at most `TABLES_MAX`.

    Raises:
        InvalidInput: no such schema.
        Misconfigured, VendorTimeout, VendorUnavailable: as `Database.ask` does.
    """
    await check_schema(database, schema)
    return _listed(await database.ask(_TABLES, [schema, TABLES_MAX + 1]))


async def check_schema(database: Database, schema: str) -> None:
    """Refuse a schema that is not there.

    Raises:
        InvalidInput: no such schema.
    """
    if not (await database.ask(_SCHEMA_EXISTS, [schema]))[0]["found"]:
        problem = FieldProblem(field="schema", message="does not exist")
        raise InvalidInput("There is no such schema.", errors=[problem])


def _listed(rows: list[dict[str, Any]]) -> TableList:
    shown = rows[:TABLES_MAX]
    return TableList(
        source="database",
        tables=[Table.model_validate(row) for row in shown],
        advisories=[_advisory(row) for row in shown if row["row_level_security"] is False],
        truncated=len(rows) > TABLES_MAX,
    )


def _advisory(row: dict[str, Any]) -> Advisory:
    return Advisory(
        code="row_level_security_off",
        table=row["name"],
        message="Row level security is off: any key whose role has a grant on this table reaches all its rows.",
        fix=f"{row['fix']} -- then add policies; without one only service_role reaches the rows",
    )
