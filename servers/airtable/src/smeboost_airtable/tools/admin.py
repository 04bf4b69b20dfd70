"""Tools for administrators: what the token may do, CSV sync, and every other documented operation."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field, JsonValue
from smeboost_shared.toolkit import READ, UPDATE

from smeboost_airtable.arguments import BaseId, TableId
from smeboost_airtable.calls import access, admin, csv_sync
from smeboost_airtable.calls.operations import CHANGING, READING
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.models import Access, AdminAnswer, SyncedRows

Reading = Annotated[str, Field(json_schema_extra={"enum": [*READING]})]
RESUME = "resume_calls"
"""The one operation that is not Airtable's but our budget's."""
Changing = Annotated[str, Field(json_schema_extra={"enum": [*CHANGING, RESUME]})]
Ids = Annotated[dict[str, str], Field(description="What the operation is about, e.g. {base_id, view_id}")]
Query = Annotated[dict[str, str | list[str]] | None, Field(description="e.g. {include: [collaborators]}")]


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the tools of this family."""

    @mcp.tool(annotations=READ, title="Check access")
    async def check_access(base_id: BaseId | None = None) -> Access:
        """Say whose token this is, how many calls it made this month and, for one base, which scopes work."""
        who = await access.who_am_i(client)
        bases = await client.list_bases()
        probes = await access.probe_base(client, base_id) if base_id else {}
        role = access.role_of(bases, base_id) if base_id else None
        usage = (await client.usage()).model_dump(mode="json", exclude_none=True)
        return Access(user=who, usage=usage, bases=len(bases), role=role, scopes=probes)

    @mcp.tool(annotations=UPDATE, title="Sync a CSV")
    async def sync_csv(
        base_id: BaseId,
        table_id: TableId,
        sync_id: Annotated[str, Field(pattern="^[A-Za-z0-9]{1,64}$", description="The table's API endpoint sync id")],
        csv: Annotated[str, Field(description="Header and rows; at most 10,000 rows, 500 columns, 2 MB")],
    ) -> SyncedRows:
        """Push rows into a table that is synced with an API endpoint; they replace its rows by the primary field."""
        return SyncedRows(rows=await csv_sync.sync_csv(client, base_id, table_id, sync_id, csv))

    @mcp.tool(annotations=READ, title="Read as an administrator")
    async def read_admin(operation: Reading, ids: Ids | None = None, query: Query = None) -> AdminAnswer:
        """Read collaborators, views, shares, workspaces and enterprise data. A missing id is named by the error."""
        answer = await admin.run(client, READING, operation, ids=ids or {}, query=query or {}, body=None, writes=False)
        return AdminAnswer(answer=answer)

    @mcp.tool(annotations=UPDATE, title="Change as an administrator")
    async def change_admin(
        operation: Changing,
        ids: Ids | None = None,
        body: Annotated[dict[str, JsonValue] | None, Field(description="As Airtable documents it")] = None,
        query: Query = None,
    ) -> AdminAnswer:
        """Change collaborators, invites, shares, workspaces, users and other things of administrators.

        resume_calls of a base_id lets it be asked again after its month was spent and then extended.
        """
        if operation == RESUME:
            await client.resume_calls((ids or {}).get("base_id", ""))
            return AdminAnswer(answer=None)
        answer = await admin.run(client, CHANGING, operation, ids=ids or {}, query=query or {}, body=body, writes=True)
        return AdminAnswer(answer=answer)
