"""Records that fit where they go: rows instead of objects, long texts shortened, no more than fits. Pure."""

from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue
from pydantic_core import to_json

from smeboost_airtable.models import ListedRecord

ID, COMMENTS = "id", "comment_count"
"""Columns of rows that are no fields. A field called so comes under its own name as well."""


def fitting(records: Sequence[ListedRecord], size_max: int) -> int:
    """How many of the records come to no more than so many bytes of JSON; at least one, however large."""
    size = 0
    for count, record in enumerate(records):
        size += len(to_json(record.fields)) + len(record.id) + len(record.created_time)
        if size > size_max and count:
            return count
    return len(records)


def shortened(record: ListedRecord, characters_max: int | None) -> ListedRecord:
    """The record with each text of more than so many characters cut; what is left says how much is missing."""
    if characters_max is None:
        return record
    fields = {name: _shortened(value, characters_max) for name, value in record.fields.items()}
    return record.model_copy(update={"fields": fields})


def as_rows(records: Sequence[ListedRecord]) -> tuple[list[str], list[list[JsonValue]]]:
    """The records as rows under common columns: first the id, then each field that any of them has.

    An empty cell is null, and absent at the end of a row.
    """
    names = list(dict.fromkeys(name for record in records for name in record.fields))
    counts = any(record.comment_count is not None for record in records)
    columns = [ID, *([COMMENTS] if counts else []), *names]
    return columns, [_row(record, names, counts=counts) for record in records]


def _row(record: ListedRecord, names: Sequence[str], *, counts: bool) -> list[JsonValue]:
    row: list[JsonValue] = [record.id, *([record.comment_count] if counts else [])]
    row += [record.fields.get(name) for name in names]
    while row[-1] is None:
        row.pop()
    return row


def _shortened(value: JsonValue, most: int) -> JsonValue:
    if isinstance(value, str):
        return value if len(value) <= most else f"{value[:most]}… (+{len(value) - most} characters)"
    if isinstance(value, list):
        return [_shortened(part, most) for part in cast(list[JsonValue], value)]
    if isinstance(value, dict):
        return {key: _shortened(part, most) for key, part in cast(dict[str, JsonValue], value).items()}
    return value
