"""Whether a cell holds what was written to it. Pure.

Airtable gives values back in a form of its own: empty ones are absent, a moment is in UTC with milliseconds, a
collaborator is an object. Two values are the same here only when that is sure; what cannot be compared (an attachment
given as a URL, a choice that typecast may have changed) is not.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import cast

from pydantic import JsonValue

from smeboost_airtable.checks import find_field, read_moment
from smeboost_airtable.field_types import COMPUTED
from smeboost_airtable.models import FieldValues, Record, Table, TableField

_EMPTY: tuple[JsonValue, ...] = (None, "", [], {}, False)


def holds(record: Record, fields: FieldValues, table: Table, *, replace: bool = False) -> bool:
    """Whether `record` has all values of `fields`; with `replace` also no others than these and computed ones."""
    given = {field.name: value for key, value in fields.items() if (field := find_field(table, key))}
    if len(given) != len(fields):
        return False
    if replace:
        given = {field.name: None for field in table.fields if field.type not in COMPUTED} | given
    by_name = {field.name: field for field in table.fields}
    return all(same(by_name[name], value, record.fields.get(name)) for name, value in given.items())


def same(field: TableField, given: JsonValue, found: JsonValue) -> bool:
    """Whether a cell that holds `found` surely has the value `given`."""
    if is_empty(given) or is_empty(found):
        return is_empty(given) and is_empty(found)
    if isinstance(given, int | float) and isinstance(found, int | float):
        return isinstance(given, bool) is isinstance(found, bool) and math.isclose(given, found, rel_tol=1e-12)
    if isinstance(given, str) and isinstance(found, str):
        return _same_text(field.type, given, found)
    if isinstance(given, list) and isinstance(found, list):
        return len(given) == len(found) and all(_same_part(*pair) for pair in zip(given, found, strict=True))
    return _same_part(given, found)


def is_empty(value: JsonValue) -> bool:
    """Airtable leaves such a cell out; 0 is not empty."""
    return any(value is empty or (type(value) is type(empty) and value == empty) for empty in _EMPTY)


def _same_text(field_type: str, given: str, found: str) -> bool:
    if field_type == "richText":
        return given.rstrip() == found.rstrip()
    if field_type in ("date", "dateTime"):
        moments = (_moment(given), _moment(found))
        return given == found or (None not in moments and moments[0] == moments[1])
    return given == found


def _same_part(given: JsonValue, found: JsonValue) -> bool:
    """A part of a list, or an object: what was given of it has to be there, e.g. the id of a collaborator."""
    if isinstance(found, dict):
        wanted = given if isinstance(given, dict) else {"id": given}
        return bool(wanted) and all(
            found.get(key) == value for key, value in cast(Mapping[str, JsonValue], wanted).items()
        )
    return given == found and type(given) is type(found)


def _moment(text: str) -> datetime | None:
    """To the millisecond, as Airtable keeps it."""
    found = read_moment(text)
    return found and found.replace(microsecond=found.microsecond // 1000 * 1000)
