"""A schema's tables as the Postgres catalogue tells them, over `SUPABASE_DB_URL`.

One connection a call, in a read-only transaction with a statement time-out: listing tables is rare, and an idle
connection through a pooler costs its owner a slot.
"""

import asyncio
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from pydantic import SecretStr
from smeboost_shared.errors import FieldProblem, InvalidInput, Misconfigured, VendorTimeout, VendorUnavailable

from smeboost_supabase.models import TABLES_MAX, Advisory, Table, TableList

CONNECTIONS_MAX = 4
_FIX_URL = "Set SUPABASE_DB_URL to the connection string that the project's dashboard shows."

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


class Catalogue:
    """Reads the catalogue of the database that `url` names."""

    def __init__(self, url: SecretStr, *, connect_timeout_seconds: float, statement_timeout_seconds: float) -> None:
        self._url = url
        self._connect_timeout_seconds = connect_timeout_seconds
        self._statement_timeout_seconds = statement_timeout_seconds
        self._places = asyncio.Semaphore(CONNECTIONS_MAX)

    async def tables(self, schema: str) -> TableList:
        """The tables and views of `schema`, at most `TABLES_MAX`.

        Raises:
            InvalidInput: no such schema.
            Misconfigured: SUPABASE_DB_URL is not a connection string or its log-in is refused.
            VendorTimeout, VendorUnavailable: the database is too slow or cannot be reached.
        """
        longest = self._connect_timeout_seconds + 2 * self._statement_timeout_seconds
        try:
            async with asyncio.timeout(longest), self._places:
                rows = await self._read(schema)
        except (TimeoutError, psycopg.errors.QueryCanceled) as exc:
            raise VendorTimeout("The database took too long to list its tables.") from exc
        except psycopg.errors.ConnectionTimeout as exc:
            raise VendorUnavailable("The database cannot be reached.") from exc
        # The driver's message can repeat parts of the connection string, so nothing of it is shown or chained.
        except psycopg.ProgrammingError:
            raise Misconfigured("SUPABASE_DB_URL is not a connection string.", hint=_FIX_URL) from None
        except psycopg.OperationalError as exc:
            raise _unreachable(exc) from None
        return _listed(rows)

    async def _read(self, schema: str) -> list[DictRow]:
        connection = await psycopg.AsyncConnection[DictRow].connect(
            self._url.get_secret_value(),
            connect_timeout=max(2, round(self._connect_timeout_seconds)),
            # A pooler in transaction mode keeps no prepared statements.
            prepare_threshold=None,
            row_factory=dict_row,
        )
        async with connection:
            await connection.set_read_only(True)
            milliseconds = str(round(self._statement_timeout_seconds * 1000))
            await connection.execute("select set_config('statement_timeout', %s, true)", [milliseconds])
            found = await (await connection.execute(_SCHEMA_EXISTS, [schema])).fetchone()
            if not (found and found["found"]):
                raise InvalidInput(
                    "There is no such schema.", errors=[FieldProblem(field="schema", message="does not exist")]
                )
            return await (await connection.execute(_TABLES, [schema, TABLES_MAX + 1])).fetchall()


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


def _unreachable(exc: psycopg.OperationalError) -> Misconfigured | VendorUnavailable:
    # A failed log-in comes without an SQLSTATE attribute; libpq puts the server's own words into the text.
    refused = exc.sqlstate in ("28P01", "28000", "3D000") or any(
        words in str(exc) for words in ("authentication failed", "does not exist")
    )
    if refused:
        return Misconfigured("The database refuses SUPABASE_DB_URL: a wrong user, password or name.", hint=_FIX_URL)
    return VendorUnavailable("The database that SUPABASE_DB_URL names cannot be reached.")
