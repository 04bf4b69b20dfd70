"""What the owner of a database should look at; the checks are the parts of `advisors.sql`."""

from importlib.resources import files

from psycopg import sql

from smeboost_supabase.database import Database
from smeboost_supabase.models import Advice, AdviceKind, AdvicePage

_ADVICE = (files("smeboost_supabase") / "advisors.sql").read_bytes()
_STATEMENTS = """
select left(regexp_replace(s.query, '\\s+', ' ', 'g'), 300) as query,
  s.calls, s.mean_exec_time as mean, s.total_exec_time as total
from {schema}.pg_stat_statements s
where s.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
  and s.mean_exec_time >= 100
order by s.total_exec_time desc limit 20
"""
_EXTENSION = """
select n.nspname as schema from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
where e.extname = 'pg_stat_statements'
  -- Made but not loaded it has a view that cannot be read.
  and exists (select from pg_catalog.pg_settings where name = 'pg_stat_statements.max')
"""


async def read_advice(
    database: Database, kind: AdviceKind, schema: str | None, *, limit: int, offset: int
) -> AdvicePage:
    """One page of advice, the most serious first; slow statements, where they are counted, end the last page.

    Raises:
        Misconfigured, NotPermitted, VendorTimeout, VendorUnavailable: as `Database.ask` does.
    """
    asked = {"kind": kind, "schema": schema, "limit": limit + 1, "offset": offset}
    rows = await database.ask(_ADVICE, asked)
    more = len(rows) > limit
    advice = [Advice.model_validate(row) for row in rows[:limit]]
    if not more and kind != "security" and schema is None:
        advice += await _slow_statements(database)
    return AdvicePage(advice=advice, next_offset=offset + limit if more else None)


async def _slow_statements(database: Database) -> list[Advice]:
    found = await database.ask(_EXTENSION)
    if not found:
        return []
    rows = await database.ask(sql.SQL(_STATEMENTS).format(schema=sql.Identifier(found[0]["schema"])))
    return [
        Advice(
            code="slow_statement",
            level="warning",
            object=row["query"],
            message=f"{row['calls']} calls took {row['mean']:.0f} ms each, {row['total'] / 1000:.1f} s in all.",
            fix="Look at it with explain_query.",
        )
        for row in rows
    ]
