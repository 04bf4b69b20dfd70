"""Resources: the bases and the schema of a table, for hosts that attach context instead of calling a tool."""

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError
from smeboost_shared.errors import SmeBoostError

from smeboost_airtable.client import AirtableClient
from smeboost_airtable.models import BaseList


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the resource and the template."""

    @mcp.resource("airtable://bases", title="Bases", mime_type="application/json")
    async def bases() -> str:
        """The bases that the token may use, as list_bases gives them."""
        try:
            return BaseList(bases=await client.list_bases()).model_dump_json()
        except SmeBoostError as exc:
            raise _resource_error(exc) from exc

    @mcp.resource("airtable://{base_id}/{table_id}/schema", title="Table schema", mime_type="application/json")
    async def table_schema(base_id: str, table_id: str) -> str:
        """The fields and views of a table, as list_tables gives them."""
        try:
            return (await client.find_table(base_id, table_id)).model_dump_json()
        except SmeBoostError as exc:
            raise _resource_error(exc) from exc


def _resource_error(error: SmeBoostError) -> ResourceError:
    return ResourceError(f"[{error.code}] {error.message} {error.hint or ''}".strip())
