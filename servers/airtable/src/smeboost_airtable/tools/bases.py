"""Tools that show which bases there are and how their tables are built."""

from fastmcp import FastMCP
from smeboost_shared.toolkit import READ

from smeboost_airtable.arguments import BaseId
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.models import BaseList, TableList


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the tools of this family."""

    @mcp.tool(annotations=READ, title="List bases")
    async def list_bases() -> BaseList:
        """List the bases that the token may use."""
        return BaseList(bases=await client.list_bases())

    @mcp.tool(annotations=READ, title="List tables")
    async def list_tables(base_id: BaseId) -> TableList:
        """List the tables of a base with their fields (name, type, options) and views."""
        return TableList(tables=await client.list_tables(base_id))
