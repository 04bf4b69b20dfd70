"""Reads the records that a write is about: to learn whether it happened, or what it would change.

A look costs requests like any other, so it reads only the records in question, and a named number of them.
"""

from collections.abc import Sequence
from datetime import datetime

from smeboost_shared.errors import InvalidInput

from smeboost_airtable.checks import find_field
from smeboost_airtable.client import PAGE_RECORDS_MAX, AirtableClient
from smeboost_airtable.filters import equals
from smeboost_airtable.formulas import all_of, any_of, moment_literal, record_is
from smeboost_airtable.models import FieldValues, Record, Table
from smeboost_airtable.places import Nowhere
from smeboost_airtable.sameness import is_empty

PAGES_MAX = 20
"""Pages read of one look; what is behind them stays unseen."""
KEYS_MAX = 50
"""Records looked for with one formula."""


async def by_id(client: AirtableClient, base_id: str, table_id: str, record_ids: Sequence[str]) -> dict[str, Record]:
    """Those of the records that are in the table."""
    found: dict[str, Record] = {}
    for first in range(0, len(record_ids), KEYS_MAX):
        some = record_ids[first : first + KEYS_MAX]
        found |= {record.id: record for record in await _matching(client, base_id, table_id, record_is(some))}
    return found


async def by_values(
    client: AirtableClient, base_id: str, table: Table, records: Sequence[FieldValues], merge_on: Sequence[str]
) -> list[Record]:
    """The records that have the merge values of one of `records`."""
    keys = [key for record in records if (key := _key(record, merge_on, table))]
    found: dict[str, Record] = {}
    for first in range(0, len(keys), KEYS_MAX):
        formula = any_of(keys[first : first + KEYS_MAX])
        found |= {record.id: record for record in await _matching(client, base_id, table.id, formula)}
    return list(found.values())


async def created_since(client: AirtableClient, base_id: str, table_id: str, since: datetime) -> list[Record]:
    """The records made at `since` or later."""
    formula = f"NOT(IS_BEFORE(CREATED_TIME(), {moment_literal(since)}))"
    return await _matching(client, base_id, table_id, formula)


def _key(record: FieldValues, merge_on: Sequence[str], table: Table) -> str | None:
    """What keeps the records that an upsert would match; None when none can be found, as with a null."""
    if any(is_empty(record.get(name)) for name in merge_on):
        return None
    fields = [find_field(table, name) for name in merge_on]
    try:
        return all_of([equals(field, record[name]) for name, field in zip(merge_on, fields, strict=True) if field])
    except InvalidInput:
        # Only typecast could make a value of this field of it.
        return None


async def _matching(client: AirtableClient, base_id: str, table_id: str, formula: str) -> list[Record]:
    query: dict[str, object] = {"filterByFormula": formula, "pageSize": PAGE_RECORDS_MAX}
    found: list[Record] = []
    for _ in range(PAGES_MAX):
        page = await client.list_records(base_id, table_id, query, places=Nowhere())
        found += page.records
        if not page.offset:
            break
        query = query | {"offset": page.offset}
    return found
