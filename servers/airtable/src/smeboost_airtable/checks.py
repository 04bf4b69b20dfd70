"""What the schema says about values before Airtable does. Pure: no request is made.

Airtable stays the judge: a schema may be older than the base, so nothing is refused for what is found here. It serves
a dry run, and finds the bad record when Airtable refuses ten of them and names a field only. Sources: Airtable's "Field
types and cell values" page; what is only known from clients is not checked.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import JsonValue

from smeboost_airtable.field_types import COMPUTED, PLAIN_TEXTS
from smeboost_airtable.models import FieldValues, Table, TableField
from smeboost_airtable.schema import did_you_mean

_TEXT = (*PLAIN_TEXTS, "singleSelect", "date", "dateTime")
_LISTS = ("multipleSelects", "multipleRecordLinks", "multipleAttachments", "multipleCollaborators")
_TAKES: dict[str, tuple[str, tuple[type, ...]]] = {
    **dict.fromkeys(("number", "percent", "currency", "duration", "rating"), ("a number", (int, float))),
    "checkbox": ("true or false", (bool,)),
    **dict.fromkeys(_TEXT, ("text", (str,))),
    **dict.fromkeys(_LISTS, ("a list", (list,))),
    **dict.fromkeys(("singleCollaborator", "barcode"), ("an object", (dict,))),
}
_RECORD_ID = re.compile(r"rec[A-Za-z0-9]{14}")


def problems(table: Table, fields: FieldValues, *, typecast: bool) -> dict[str, str]:
    """What is surely wrong with the values of one record, by the key that the caller used."""
    found: dict[str, str] = {}
    seen: dict[str, str] = {}
    for key, value in fields.items():
        field = find_field(table, key)
        if field is None:
            found[key] = unknown_field(key, table)
        elif (earlier := seen.setdefault(field.id, key)) != key:
            found[key] = f"is the same field as {earlier!r}"
        elif message := problem(field, value, typecast=typecast):
            found[key] = message
    return found


def problem(field: TableField, value: JsonValue, *, typecast: bool) -> str | None:
    """What is surely wrong with a value for a field."""
    if field.type in COMPUTED:
        return f"is computed ({field.type}); Airtable takes no value for it"
    if typecast or value is None:
        return None
    if takes := misfit(field.type, value):
        return f"{field.name!r} ({field.type}) takes {takes}"
    return _wrong_choice(field, value) or _wrong_form(field, value)


def misfit(field_type: str, value: JsonValue) -> str | None:
    """What a field of this type takes, when `value` is surely no such thing; null always fits."""
    words, types = _TAKES.get(field_type, ("", ()))
    if value is None or not types:
        return None
    fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    return None if fits else words


def find_field(table: Table, key: str) -> TableField | None:
    """The field with this id or name, written exactly so."""
    return next((field for field in table.fields if key in (field.id, field.name)), None)


def unknown_field(key: str, table: Table) -> str:
    """What to say of a name that no field has."""
    names = [field.name for field in table.fields]
    return f"is no field of {table.name!r}. {did_you_mean(key, names) or 'list_tables shows them.'}"


def choices(field: TableField) -> list[str]:
    """The names of a select's choices."""
    found = (field.options or {}).get("choices")
    listed = found if isinstance(found, list) else []
    return [str(choice["name"]) for choice in listed if isinstance(choice, dict) and "name" in choice]


def no_choice(name: str, known: Sequence[str]) -> str:
    """What to say of a name that no choice has."""
    hint = did_you_mean(name, known) or f"There is {', '.join(map(repr, known[:10]))}."
    return f"has no choice {name[:80]!r}. {hint}"


def read_moment(text: str) -> datetime | None:
    """A date, or a date and a time (ISO 8601); in UTC when it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _wrong_choice(field: TableField, value: JsonValue) -> str | None:
    if field.type not in ("singleSelect", "multipleSelects"):
        return None
    known = choices(field)
    for name in _texts(value if isinstance(value, list) else [value]):
        if name and name not in known:
            return f"{no_choice(name, known)} Set typecast to true to add it."
    return None


def _wrong_form(field: TableField, value: JsonValue) -> str | None:
    if field.type == "multipleRecordLinks" and isinstance(value, list):
        wrong = [each for each in _texts(value) if not _RECORD_ID.fullmatch(each)]
        return f"takes record ids (rec and 14 letters or digits), not {wrong[0][:80]!r}" if wrong else None
    if field.type == "rating" and isinstance(value, int):
        most = (field.options or {}).get("max")
        return f"goes from 1 to {most}" if isinstance(most, int) and not 0 <= value <= most else None
    if field.type in ("date", "dateTime") and isinstance(value, str) and value and read_moment(value) is None:
        return "takes a date such as 2026-12-31" + (" or 2026-12-31T09:30:00Z" if field.type == "dateTime" else "")
    return None


def _texts(values: Iterable[JsonValue]) -> list[str]:
    return [value for value in values if isinstance(value, str)]
