"""Tables: what the project holds."""

from fastmcp import FastMCP
from smeboost_shared.toolkit import READ

from smeboost_supabase.client import SupabaseClient
from smeboost_supabase.models import SchemaName, TableList


def register(mcp: FastMCP, client: SupabaseClient) -> None:
    """Add the table tools to `mcp`."""

    @mcp.tool(annotations=READ, title="List tables")
    async def list_tables(
        schema: SchemaName = "public",
    ) -> TableList:
        """List the tables and views of a schema: columns, keys, row estimate and whether row level security is on."""
        return await client.tables.list_tables(schema)
