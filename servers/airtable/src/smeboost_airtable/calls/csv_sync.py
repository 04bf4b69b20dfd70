"""Pushing a CSV file into a synced table: https://airtable.com/developers/web/api/post-sync-api-endpoint."""

import csv
import io

from smeboost_shared.errors import FieldProblem, InvalidInput

from smeboost_airtable.client import WRITE_RECORDS, AirtableClient
from smeboost_airtable.explanations import Operation
from smeboost_airtable.models import Nothing
from smeboost_airtable.places import Named
from smeboost_airtable.transport import Request

BYTES_MAX = 2 * 1024 * 1024
ROWS_MAX = 10_000
COLUMNS_MAX = 500
"""Airtable's limits for one push."""


async def sync_csv(client: AirtableClient, base_id: str, table_id: str, sync_id: str, text: str) -> int:
    """Push the rows of a CSV text with a header; the number of rows is returned.

    Raises:
        InvalidInput: it is no CSV, or larger than Airtable takes.
    """
    rows = check_csv(text)
    path = (*await client.table_path(base_id, table_id), "sync", sync_id)
    request = Request(method="POST", path=path, csv=text.encode(), writes=True)
    places = Named({}, "csv")
    scope = f"{WRITE_RECORDS} and schema.bases:write"
    operation = Operation(request=request, scope=scope, base_id=base_id, table_id=table_id, places=places)
    await client.ask(operation, Nothing)
    return rows


def check_csv(text: str) -> int:
    """The number of rows below the header.

    Raises:
        InvalidInput: see `sync_csv`.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as exc:
        raise _invalid(f"has half a character (a lone surrogate) at {exc.start}") from exc
    if size > BYTES_MAX:
        raise _invalid(f"has {size} bytes; Airtable takes {BYTES_MAX}. Push it in parts, each with the header.")
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as exc:
        raise _invalid(f"cannot be read: {exc}") from exc
    header = rows[0] if rows else []
    if not header or len(set(header)) != len(header) or not all(name.strip() for name in header):
        raise _invalid("needs a first line with a different name for each column")
    if len(header) > COLUMNS_MAX or len(rows) - 1 > ROWS_MAX:
        raise _invalid(f"may have {ROWS_MAX} rows and {COLUMNS_MAX} columns; it has {len(rows) - 1} and {len(header)}")
    uneven = next((number for number, row in enumerate(rows, start=1) if row and len(row) != len(header)), None)
    if uneven is not None:
        raise _invalid(f"row {uneven} has {len(rows[uneven - 1])} values for {len(header)} columns")
    return sum(1 for row in rows[1:] if row)


def _invalid(message: str) -> InvalidInput:
    return InvalidInput("The CSV is not valid.", errors=[FieldProblem(field="csv", message=message)])
