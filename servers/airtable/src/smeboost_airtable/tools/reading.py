"""Tools that read records."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.toolkit import READ

from smeboost_airtable.arguments import BaseId, RecordId, TableId
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.cursors import read_cursor, write_cursor
from smeboost_airtable.models import Record, RecordPage, Sort
from smeboost_airtable.places import InQuery
from smeboost_airtable.search import both, search_formula

PAGE_RECORDS_MAX = 100
"""Airtable's limit."""
FORMULA_CHARACTERS_MAX = 50_000
SEARCH_CHARACTERS_MAX = 500
FIELDS_MAX = 500
"""As many as a table can have."""
SORTS_MAX = 20

Formula = Annotated[
    str, Field(max_length=FORMULA_CHARACTERS_MAX, description="Airtable formula, e.g. AND({Status}='Open',{Total}>10)")
]
Search = Annotated[
    str, Field(max_length=SEARCH_CHARACTERS_MAX, description="Text to find in any text field, in any case")
]


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the tools of this family."""

    @mcp.tool(annotations=READ, title="List records")
    async def list_records(
        *,
        base_id: BaseId,
        table_id: TableId,
        formula: Formula | None = None,
        search: Search | None = None,
        sort: Annotated[list[Sort] | None, Field(max_length=SORTS_MAX)] = None,
        fields: Annotated[
            list[str] | None, Field(max_length=FIELDS_MAX, description="Only these fields (names or ids); default all")
        ] = None,
        view: Annotated[str | None, Field(description="Only this view's records, in its order")] = None,
        page_size: Annotated[int, Field(ge=1, le=PAGE_RECORDS_MAX)] = PAGE_RECORDS_MAX,
        cursor: Annotated[
            str | None, Field(description="Next page: the cursor of the last answer, other arguments unchanged")
        ] = None,
    ) -> RecordPage:
        """List a page of records; formula, search and view all have to match. Empty cells are absent.

        Follow `cursor` until it is null before you count or sum.
        """
        sorts = [item.model_dump() for item in sort or []]
        parameters = [base_id, table_id, formula, search, sorts, fields, view]
        query: dict[str, object] = {"pageSize": page_size}
        if cursor is not None:
            query["offset"] = read_cursor(cursor, parameters)
        if filtered := await _filter(client, base_id, table_id, formula, search):
            query["filterByFormula"] = filtered
        query |= {name: value for name, value in (("sort", sorts), ("fields", fields), ("view", view)) if value}

        page = await client.list_records(base_id, table_id, query, places=InQuery(fields or [], sort or []))
        return RecordPage(records=page.records, cursor=page.offset and write_cursor(page.offset, parameters))

    @mcp.tool(annotations=READ, title="Get a record")
    async def get_record(base_id: BaseId, table_id: TableId, record_id: RecordId) -> Record:
        """Get one record. Empty cells are absent."""
        return await client.get_record(base_id, table_id, record_id)


async def _filter(
    client: AirtableClient, base_id: str, table_id: str, formula: str | None, search: str | None
) -> str | None:
    if search is None:
        return formula
    searching = search_formula(search, await client.find_table(base_id, table_id))
    return both(formula, searching) if formula and formula.strip() else searching
