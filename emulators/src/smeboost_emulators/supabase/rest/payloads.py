"""The body of a write: JSON, CSV or a form, as rows that PostgreSQL reads.

JSON goes on as it came, so that PostgreSQL reads numbers as they were written.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, cast
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import Headers

from smeboost_emulators.supabase.rest.errors import RestFailure, invalid_body

BODY_ROWS_MAX = 100_000
FORM_FIELDS_MAX = 1000
JSON_KINDS = frozenset({"application/json", "application/vnd.pgrst.object+json", "application/vnd.pgrst.array+json"})
FORM_KIND = "application/x-www-form-urlencoded"
NULL = "NULL"


@dataclass(frozen=True)
class Payload:
    """The rows of a body: as a JSON array's text, and the columns that they set."""

    text: str
    columns: tuple[str, ...]
    rows: int


def content_kind(headers: Headers) -> str:
    """The media type of the body, without its parameters."""
    return headers.get("content-type", "application/json").partition(";")[0].strip().lower()


def parse_payload(body: bytes, headers: Headers, columns: tuple[str, ...] | None) -> Payload:
    """The rows of a body: objects with the same keys unless `columns` names them, lines of CSV, or one form.

    Raises:
        RestFailure: PGRST102.
    """
    rows, text = _rows(body, content_kind(headers))
    if len(rows) > BODY_ROWS_MAX:
        raise RestFailure(413, "PGRST102", f"More than {BODY_ROWS_MAX} rows in one request")
    if columns is not None:
        return Payload(text, columns, len(rows))
    keys = rows[0].keys() if rows else set[str]()
    if any(row.keys() != keys for row in rows):
        raise invalid_body("All object keys must match")
    return Payload(text, tuple(keys), len(rows))


def form_fields(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form.

    Raises:
        RestFailure: PGRST102.
    """
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict", encoding="utf-8"
        )
    except ValueError:
        raise invalid_body("Empty or invalid form") from None


def json_value(body: bytes) -> object:
    """The JSON value of a body.

    Raises:
        RestFailure: PGRST102.
    """
    try:
        body.decode()
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid_body("Empty or invalid json") from None


def _rows(body: bytes, kind: str) -> tuple[Sequence[Mapping[str, Any]], str]:
    if kind == "text/csv":
        lines = _csv_rows(body)
        return lines, json.dumps(lines)
    if kind == FORM_KIND:
        form = [dict(form_fields(body))]
        return form, json.dumps(form)
    if kind not in JSON_KINDS:
        raise invalid_body(f"Content-Type not acceptable: {kind[:100]}")
    value = json_value(body)
    if isinstance(value, dict):
        return [cast(dict[str, Any], value)], f"[{body.decode()}]"
    if isinstance(value, list):
        rows = cast(list[object], value)
        if all(isinstance(row, dict) for row in rows):
            return cast(list[dict[str, Any]], rows), body.decode()
    raise invalid_body("Empty or invalid json")


def _csv_rows(body: bytes) -> list[dict[str, str | None]]:
    """The lines under the header; `NULL` is null, and an empty field is an empty text."""
    # The module's own limit is 128 KiB a field, for the whole process; a body is limited before it comes here.
    csv.field_size_limit(max(csv.field_size_limit(), len(body)))
    try:
        lines = [line for line in csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True) if line]
    except (csv.Error, UnicodeDecodeError) as exc:
        raise invalid_body(f"Invalid csv: {exc}" if isinstance(exc, csv.Error) else "Invalid csv") from None
    if not lines:
        raise invalid_body("Empty or invalid csv")
    header, *rows = lines
    if len(set(header)) != len(header):
        raise invalid_body("A column is named twice in the header of the csv")
    if any(len(row) != len(header) for row in rows):
        raise invalid_body("All lines must have same number of fields")
    return [{name: None if cell == NULL else cell for name, cell in zip(header, row, strict=True)} for row in rows]
