"""Tools that read records."""

from typing import Annotated, Literal

from fastmcp import FastMCP
from pydantic import Field, JsonValue
from smeboost_shared.toolkit import READ

from smeboost_airtable.arguments import BaseId, RecordId, TableId
from smeboost_airtable.client import PAGE_RECORDS_MAX, AirtableClient, CellFormat
from smeboost_airtable.filters import FORMULA_CHARACTERS_MAX, OPERATORS, compile_filter
from smeboost_airtable.fitting import as_rows, fitting, shortened
from smeboost_airtable.formulas import all_of
from smeboost_airtable.models import Record, RecordPage, RecordsAnswer, Sort
from smeboost_airtable.paging import from_cursor, read_piece, to_cursor
from smeboost_airtable.places import InQuery
from smeboost_airtable.search import both, search_formula

SEARCH_CHARACTERS_MAX = 500
FIELDS_MAX = 500
"""As many as a table can have."""
SORTS_MAX = 20
SIZE_DEFAULT, SIZE_MAX = 100_000, 10_000_000
"""About 25,000 tokens, which is what hosts take of one answer; and what fits into memory with ease."""

FILTER = (
    '{"field":"Price","op":"greater","value":5}, {"all":[..]}, {"any":[..]} or {"not":{..}}. op: '
    f"{', '.join(OPERATORS)}; within: {{from,to}}, {{past_days}} or {{next_days}}. Choices and links by name"
)
Filter = Annotated[dict[str, JsonValue], Field(description=FILTER)]
Formula = Annotated[str, Field(max_length=FORMULA_CHARACTERS_MAX)]
Search = Annotated[str, Field(max_length=SEARCH_CHARACTERS_MAX, description="Text in any field")]
Format = Annotated[Literal["json", "string"], Field(description="string: as people see them")]
TimeZone = Annotated[str, Field(max_length=100)]
Locale = Annotated[str, Field(max_length=20)]
ById = Annotated[bool, Field(description="Key fields by id")]


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the tools of this family."""
    _offer_list(mcp, client)

    @mcp.tool(annotations=READ, title="Get a record")
    async def get_record(base_id: BaseId, table_id: TableId, record_id: RecordId) -> Record:
        """Get one record. Empty cells are absent."""
        return await client.get_record(base_id, table_id, record_id)


def _offer_list(mcp: FastMCP, client: AirtableClient) -> None:
    @mcp.tool(annotations=READ, title="List records")
    async def list_records(
        *,
        base_id: BaseId,
        table_id: TableId,
        filter: Filter | None = None,  # noqa: A002  # the word that callers look for
        formula: Formula | None = None,
        search: Search | None = None,
        sort: Annotated[list[Sort] | None, Field(max_length=SORTS_MAX)] = None,
        fields: Annotated[
            list[str] | None, Field(max_length=FIELDS_MAX, description="Only these (names or ids)")
        ] = None,
        view: Annotated[str | None, Field(description="Its records, in its order")] = None,
        page_size: Annotated[int, Field(ge=1, le=PAGE_RECORDS_MAX)] = PAGE_RECORDS_MAX,
        cursor: Annotated[str | None, Field(description="of the last answer, other arguments unchanged")] = None,
        compact: Annotated[bool, Field(description="Rows under columns")] = False,
        cell_characters_max: Annotated[int | None, Field(ge=1, description="Shorten longer texts")] = None,
        size_max: Annotated[int, Field(ge=1, le=SIZE_MAX, description="Bytes of records")] = SIZE_DEFAULT,
        comment_counts: bool = False,
        cell_format: Format = "json",
        time_zone: TimeZone = "utc",
        locale: Locale = "en",
        by_id: ById = False,
    ) -> RecordPage:
        """List a page of records that filter, formula, search and view keep. Empty cells are absent.

        Follow `cursor` until it is null before you count or sum.
        """
        sorts = [item.model_dump() for item in sort or []]
        parameters = [base_id, table_id, filter, formula, search, sorts, fields, view]
        position = from_cursor(cursor, page_size, parameters)
        form = CellFormat(as_text=cell_format == "string", time_zone=time_zone, locale=locale, by_id=by_id)
        asked: dict[str, object] = {"sort": sorts, "fields": fields, "view": view}
        asked["filterByFormula"] = await _formula(client, (base_id, table_id), filter, formula, search)
        asked["recordMetadata"] = comment_counts and ["commentCount"]
        query = {name: value for name, value in asked.items() if value}

        async def fetch(offset: str | None, size: int) -> RecordsAnswer:
            page = query | {"pageSize": size} | ({"offset": offset} if offset else {})
            return await client.list_records(
                base_id, table_id, page, cells=form, places=InQuery(fields or [], sort or [])
            )

        piece = await read_piece(fetch, position)
        records = [shortened(record, cell_characters_max) for record in piece.records]
        shown = records[: fitting(records, size_max)]
        rest = to_cursor(piece.after(len(shown)), parameters)
        if not compact:
            return RecordPage(records=shown, cursor=rest, restarted=piece.restarted)
        columns, rows = as_rows(shown)
        return RecordPage(columns=columns, rows=rows, cursor=rest, restarted=piece.restarted)


async def _formula(
    client: AirtableClient,
    place: tuple[str, str],
    given: dict[str, JsonValue] | None,
    formula: str | None,
    search: str | None,
) -> str | None:
    """What keeps the records that all of these keep."""
    if given is None and search is None:
        return formula
    table = await client.find_table(*place)
    compiled = [compile_filter(given, table)] if given is not None else []
    if search is not None:
        compiled.append(search_formula(search, table))
    return both(formula, all_of(compiled)) if formula and formula.strip() else all_of(compiled)
