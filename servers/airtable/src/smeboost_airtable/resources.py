"""Resources: the schema of a table, for hosts that attach context instead of calling a tool."""

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError
from smeboost_shared.errors import SmeBoostError

from smeboost_airtable.client import AirtableClient


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the resource template."""

    @mcp.resource("airtable://{base_id}/{table_id}/schema", title="Table schema", mime_type="application/json")
    async def table_schema(base_id: str, table_id: str) -> str:
        """The fields and views of a table, as list_tables gives them."""
        try:
            return (await client.find_table(base_id, table_id)).model_dump_json()
        except SmeBoostError as exc:
            raise ResourceError(f"[{exc.code}] {exc.message} {exc.hint or ''}".strip()) from exc
