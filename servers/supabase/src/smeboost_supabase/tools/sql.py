"""SQL that only reads: one statement under a log-in that cannot write."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.toolkit import READ

from smeboost_supabase.actors import find_actor
from smeboost_supabase.client import SupabaseClient
from smeboost_supabase.database import Actor
from smeboost_supabase.models import ROWS_PER_PAGE_DEFAULT, Plan, QueryResult, RunAs, Sql
from smeboost_supabase.plans import lean, remarks

Statement = Annotated[Sql, Field(description="One SQL statement.")]
Who = Annotated[
    RunAs | None,
    Field(description="anon, authenticated, service_role or a user's id or email: row level security then decides."),
]


def register(mcp: FastMCP, client: SupabaseClient) -> None:
    """Add the tools to `mcp`."""
    limit = client.settings.query_rows_max

    async def actor_of(run_as: str | None) -> Actor | None:
        return await find_actor(client.database, run_as) if run_as else None

    @mcp.tool(annotations=READ, title="Run a query")
    async def run_query(
        sql: Statement,
        run_as: Who = None,
        rows_max: Annotated[int, Field(ge=1, le=limit)] = min(ROWS_PER_PAGE_DEFAULT, limit),
    ) -> QueryResult:
        """Run one SELECT, WITH or VALUES, read-only; without run_as it sees every row."""
        found = await client.database.read(sql, actor=await actor_of(run_as), rows_max=rows_max)
        return QueryResult(rows=found.rows, truncated=found.truncated)

    @mcp.tool(annotations=READ, title="Explain a query")
    async def explain_query(
        sql: Statement,
        run_as: Who = None,
        analyze: Annotated[bool, Field(description="Run it and measure; it still cannot write.")] = False,
    ) -> Plan:
        """Get Postgres's plan of a statement, with what stands out."""
        plan = await client.database.explain(sql, actor=await actor_of(run_as), analyze=analyze)
        return Plan(plan=lean(plan[0]), remarks=remarks(plan[0]["Plan"]))
