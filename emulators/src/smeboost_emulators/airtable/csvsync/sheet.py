"""A CSV text as a header and rows, within the limits that the vendor documents.

https://airtable.com/developers/web/api/post-sync-api-endpoint: 10,000 rows, 500 columns, 2 MB [D]. What a bad CSV is
answered with is not documented: here it is 422, and the message names the line.
"""

import csv
import io
from dataclasses import dataclass

from smeboost_emulators.airtable.errors import invalid_request

ROWS_MAX = 10_000
COLUMNS_MAX = 500
BYTES_MAX = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """The texts of a row, one for each column, and the line that it ends at."""

    line: int
    texts: list[str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A header of different names, and rows that have a text for each of them."""

    header: list[str]
    rows: list[Row]


def read_sheet(content: bytes) -> Sheet:
    """The sheet in a CSV text in UTF-8; empty rows do not count, and short rows are filled up.

    Raises:
        ApiError: 422, when it is none or exceeds a limit.
    """
    try:
        # A byte order mark is what spreadsheets begin a file with.
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = _checked_header(next(reader, list[str]()))
        rows: list[Row] = []
        for texts in reader:
            if any(texts):
                rows.append(Row(reader.line_num, _filled(texts, len(header), reader.line_num)))
            if len(rows) > ROWS_MAX:
                raise invalid_request(f"The CSV has more than {ROWS_MAX} rows.")
    except UnicodeDecodeError as exc:
        raise invalid_request(f"The CSV must be text in UTF-8; byte {exc.start} is not.") from None
    except csv.Error as exc:
        raise invalid_request(f"The CSV cannot be read: {exc}.") from None
    return Sheet(header, rows)


def _checked_header(names: list[str]) -> list[str]:
    if not names:
        raise invalid_request("The CSV has no header; its first line must name the columns.")
    if len(names) > COLUMNS_MAX:
        raise invalid_request(f"The CSV has {len(names)} columns; there may be {COLUMNS_MAX}.")
    header = [name.strip() for name in names]
    folded = [name.casefold() for name in header]
    for place, name in enumerate(folded):
        if not name:
            raise invalid_request(f"Column {place + 1} of the CSV has no name.")
        if folded.index(name) < place:
            raise invalid_request(f"Two columns of the CSV are called {header[place]!r:.100}; case does not count.")
    return header


def _filled(texts: list[str], width: int, line: int) -> list[str]:
    if len(texts) > width:
        raise invalid_request(f"Line {line} of the CSV has {len(texts)} values for {width} columns.")
    return texts + [""] * (width - len(texts))
