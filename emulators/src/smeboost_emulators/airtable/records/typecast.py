"""`typecast`: the best-effort conversion of text to what a field holds, before the field checks it.

What cannot be converted is left as it is, and refused by the field's own rules. Choices, people and linked records
that are named by text are looked up (or made) by the plan, see `plan.py`.
"""

import math
from collections.abc import Callable
from typing import Any

from smeboost_emulators.airtable.shapes import list_of
from smeboost_emulators.airtable.state.cells import TEXT_TYPES
from smeboost_emulators.airtable.state.schema import Field

_Cast = Callable[[Any], Any]
_TRUE = ("true", "checked", "yes", "1")
_FALSE = ("false", "unchecked", "no", "0", "")


def cast_value(field: Field, value: object) -> object:
    """The value as the field would like it, or the value as it is."""
    cast = CASTS.get(field.type)
    return value if cast is None or value is None else cast(value)


def _to_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else ""
    return str(value) if isinstance(value, int | float) else value


def _to_number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip().replace(",", "")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return value
    # "nan" and "infinity" are words here, not numbers.
    return number if math.isfinite(number) else value


def _to_percent(value: Any) -> Any:
    if isinstance(value, str) and value.strip().endswith("%"):
        number = _to_number(value.strip()[:-1])
        return number / 100 if isinstance(number, float) else value
    return _to_number(value)


def _to_currency(value: Any) -> Any:
    return _to_number(value.strip().lstrip("$€£¥") if isinstance(value, str) else value)


def _to_checkbox(value: Any) -> Any:
    text = str(value).strip().casefold()
    return True if text in _TRUE else False if text in _FALSE else value


def _to_date(value: Any) -> Any:
    return value.strip().split("T")[0] if isinstance(value, str) else value


def _to_texts(value: Any) -> Any:
    """Comma-separated text becomes a list."""
    if isinstance(value, str):
        return [part for part in (part.strip() for part in value.split(",")) if part]
    return value


def _to_person(value: Any) -> Any:
    return {"id": value} if isinstance(value, str) else value


def _to_barcode(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _to_single(value: Any) -> Any:
    items = list_of(value)
    return items[0] if items and len(items) == 1 else _to_text(value)


CASTS: dict[str, _Cast] = {
    **dict.fromkeys(TEXT_TYPES, _to_text),
    **dict.fromkeys(("number", "duration", "rating"), _to_number),
    "percent": _to_percent,
    "currency": _to_currency,
    "checkbox": _to_checkbox,
    "date": _to_date,
    "singleSelect": _to_single,
    "multipleSelects": _to_texts,
    "multipleRecordLinks": _to_texts,
    "singleCollaborator": _to_person,
    "multipleCollaborators": _to_texts,
    "barcode": _to_barcode,
}
