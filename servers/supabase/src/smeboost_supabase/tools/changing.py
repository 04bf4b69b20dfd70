"""SQL that changes the database; offered only when SUPABASE_SQL_WRITES says so."""

from typing import Annotated

from fastmcp import Context, FastMCP
from mcp.types import InputRequiredResult, ToolAnnotations
from pydantic import Field

from smeboost_supabase import migrations
from smeboost_supabase.approvals import Deed
from smeboost_supabase.changing import execute, statements_of
from smeboost_supabase.client import SupabaseClient
from smeboost_supabase.consent import Pending, ask_consent
from smeboost_supabase.models import MigrationOutcome, Sendable, Sql, SqlOutcome
from smeboost_supabase.sessions import authenticated_caller
from smeboost_supabase.sql_risk import needs_approval

SQL = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False)
"""May do anything, and twice does it twice."""
Approval = Annotated[str | None, Field(max_length=200, description="From a call with the same text")]

NEXT_STEP = "Nothing was run. Show the person exactly this text; once they agree, repeat the call with this approval."


def register(mcp: FastMCP, client: SupabaseClient) -> None:
    """Add the tools to `mcp`, when the settings allow SQL that writes."""
    if client.settings.sql_writes:
        _offer_execute(mcp, client)
        _offer_migration(mcp, client)


def _offer_execute(mcp: FastMCP, client: SupabaseClient) -> None:
    @mcp.tool(annotations=SQL, title="Execute SQL")
    async def execute_sql(sql: Sql, ctx: Context, approval: Approval = None) -> SqlOutcome | InputRequiredResult:
        """Run SQL that changes data, in one transaction. What does more than add needs the person's approval."""
        statements_of(sql)
        if needs_approval(sql):
            deed = Deed("execute_sql", sql, caller=authenticated_caller())
            try:
                asked = await ask_consent(ctx, client.approvals, deed, f"Run this SQL?\n\n{sql}", approval)
            except Pending as pending:
                return SqlOutcome(done=False, approval=pending.approval, next_step=NEXT_STEP)
            if asked:
                return asked
        return await execute(client.database, sql, rows_max=client.settings.query_rows_max)


def _offer_migration(mcp: FastMCP, client: SupabaseClient) -> None:
    @mcp.tool(annotations=SQL, title="Apply a migration")
    async def apply_migration(
        name: Annotated[Sendable, Field(max_length=100, description="snake_case")],
        sql: Sql,
        ctx: Context,
        version: Annotated[str | None, Field(description="Digits; by default the time, e.g. 20261123090000")] = None,
        approval: Approval = None,
    ) -> MigrationOutcome | InputRequiredResult:
        """Change the schema, and record it in the Supabase CLI's history. Approval as for execute_sql."""
        chosen = migrations.checked_names(name, version)
        statements_of(sql)
        if needs_approval(sql):
            deed = Deed("apply_migration", sql, details=f"{version or ''} {name}", caller=authenticated_caller())
            try:
                asked = await ask_consent(ctx, client.approvals, deed, f"Apply migration {name}?\n\n{sql}", approval)
            except Pending as pending:
                file = f"{chosen}_{name}.sql"
                return MigrationOutcome(
                    done=False, approval=pending.approval, next_step=NEXT_STEP, version=chosen, file=file
                )
            if asked:
                return asked
        return await migrations.apply_migration(client.database, chosen, name, sql)
