"""Write formats: what a field of each type accepts, and the cell that comes of it.

Rules of this room:

- null, and what Airtable calls empty (`""`, `[]`, `false`), clears a cell of any type.
- A value of the wrong type is refused with `INVALID_VALUE_FOR_COLUMN`; there is no conversion here (`typecast.py`).
- What depends on other data (choices, people, records, attachments) is asked of a `Scope`.

Source: https://airtable.com/developers/web/api/field-model, column "cell format" of each type.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from smeboost_emulators.airtable.errors import not_record_ids, value_refused
from smeboost_emulators.airtable.shapes import list_of, object_of, objects_of, texts_of
from smeboost_emulators.airtable.state.cells import EXACT_NUMBER_MAX, TEXT_TYPES, Cell
from smeboost_emulators.airtable.state.schema import Field

TEXT_CHARACTERS_MAX = 100_000
RATING_MAX = 10

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)


class Scope(Protocol):
    """What a write may refer to."""

    def choice(self, field: Field, name: str) -> str | None:
        """The choice of that name, or None when the name is empty; raises when there is no such choice."""
        ...

    def person(self, field: Field, value: object) -> dict[str, Any]:
        """The collaborator that an id, `{"id"}` or `{"email"}` names; raises when nobody does."""
        ...

    def linked(self, field: Field, record_ids: list[str]) -> tuple[str, ...]:
        """The ids of existing records of the linked table, each once; raises when one does not exist."""
        ...

    def attachment(self, field: Field, value: dict[str, Any]) -> dict[str, Any]:
        """The attachment that `{"url", "filename"?}` makes or `{"id"}` names; raises when it does neither."""
        ...


def accept(field: Field, value: object, scope: Scope) -> Cell:
    """The cell for a value that a caller sent.

    Raises:
        ApiError: the vendor's error when the field cannot hold the value.
    """
    return None if value is None else FORMATS[field.type](field, value, scope)


def _text(field: Field, value: object, _scope: Scope) -> Cell:
    if not isinstance(value, str) or len(value) > TEXT_CHARACTERS_MAX:
        raise value_refused(field.name)
    return value or None


def _number(field: Field, value: object, _scope: Scope) -> Cell:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise value_refused(field.name)
    return normal_number(field, value)


def normal_number(field: Field, value: float) -> int | float:
    """The number as JSON has it: 12.0 is 12, and a whole number too large to be exact is a float."""
    if isinstance(value, int):
        if abs(value) <= EXACT_NUMBER_MAX:
            return value
        try:
            return float(value)
        except OverflowError:
            raise value_refused(field.name) from None
    return int(value) if value.is_integer() and abs(value) <= EXACT_NUMBER_MAX else value


def _rating(field: Field, value: object, scope: Scope) -> Cell:
    number = _number(field, value, scope)
    highest = (field.options or {}).get("max", RATING_MAX)
    if not isinstance(number, int) or not 0 <= number <= highest:
        raise value_refused(field.name)
    return number or None


def _checkbox(field: Field, value: object, _scope: Scope) -> Cell:
    if not isinstance(value, bool):
        raise value_refused(field.name)
    return value or None


def _date(field: Field, value: object, _scope: Scope) -> Cell:
    if value == "":
        return None
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise value_refused(field.name)
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise value_refused(field.name) from None


def _date_time(field: Field, value: object, _scope: Scope) -> Cell:
    if value == "":
        return None
    if not isinstance(value, str) or not _DATE_TIME.fullmatch(value):
        raise value_refused(field.name)
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=_time_zone(field))
        return timestamp(moment)
    except (ValueError, OverflowError):
        raise value_refused(field.name) from None


def _time_zone(field: Field) -> tzinfo:
    """A time without an offset is read in the field's own zone; "client" names none, so it is UTC."""
    name = (field.options or {}).get("timeZone", "utc")
    return UTC if name in ("utc", "client") else ZoneInfo(name)


def timestamp(moment: datetime) -> str:
    """UTC in ISO format with milliseconds and a Z, as every time in the API is."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _single_select(field: Field, value: object, scope: Scope) -> Cell:
    if not isinstance(value, str):
        raise value_refused(field.name)
    return scope.choice(field, value)


def _multiple_selects(field: Field, value: object, scope: Scope) -> Cell:
    names = [scope.choice(field, name) for name in _texts(field, value)]
    return tuple(dict.fromkeys(name for name in names if name is not None)) or None


def _texts(field: Field, value: object) -> list[str]:
    texts = texts_of(value)
    if texts is None:
        raise value_refused(field.name)
    return texts


def _has_texts(named: dict[str, Any], *keys: str) -> bool:
    """Whether these members are texts where they are given."""
    return all(isinstance(named.get(key), str | None) for key in keys)


def _single_collaborator(field: Field, value: object, scope: Scope) -> Cell:
    person = object_of(value)
    if person is None or not _has_texts(person, "id", "email", "name"):
        raise value_refused(field.name)
    return scope.person(field, value)


def _multiple_collaborators(field: Field, value: object, scope: Scope) -> Cell:
    items = list_of(value)
    if items is None or not all(_has_texts(object_of(item) or {}, "id", "email", "name") for item in items):
        raise value_refused(field.name)
    people = {person["id"]: person for person in (scope.person(field, item) for item in items)}
    return tuple(people.values()) or None


def _links(field: Field, value: object, scope: Scope) -> Cell:
    items = texts_of(value)
    if items is None:
        raise not_record_ids()
    return scope.linked(field, items) or None


def _attachments(field: Field, value: object, scope: Scope) -> Cell:
    items = objects_of(value)
    if items is None or not all(_has_texts(item, "id", "url", "filename") for item in items):
        raise value_refused(field.name)
    return tuple(scope.attachment(field, item) for item in items) or None


def _barcode(field: Field, value: object, _scope: Scope) -> Cell:
    parts = object_of(value)
    if parts is None or parts.keys() - {"text", "type"}:
        raise value_refused(field.name)
    kept = {key: part for key, part in parts.items() if part not in (None, "")}
    if not all(isinstance(part, str) for part in kept.values()):
        raise value_refused(field.name)
    return kept if "text" in kept else None


FORMATS: dict[str, Callable[[Field, object, Scope], Cell]] = {
    **dict.fromkeys(TEXT_TYPES, _text),
    **dict.fromkeys(("number", "percent", "currency", "duration"), _number),
    "rating": _rating,
    "checkbox": _checkbox,
    "date": _date,
    "dateTime": _date_time,
    "singleSelect": _single_select,
    "multipleSelects": _multiple_selects,
    "singleCollaborator": _single_collaborator,
    "multipleCollaborators": _multiple_collaborators,
    "multipleRecordLinks": _links,
    "multipleAttachments": _attachments,
    "barcode": _barcode,
}
