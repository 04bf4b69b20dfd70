"""`typecast`: the best-effort conversion of text to what a field holds, before the field checks it.

What cannot be converted is left as it is, and refused by the field's own rules. Choices, people and linked records
that are named by text are looked up (or made) by the plan, see `plan.py`. The vendor documents that typecast exists;
the rules are what its clients rely on, and else ours [I].
"""

import csv
import math
import re
from collections.abc import Callable
from typing import Any

from smeboost_emulators.airtable.records.dates import read_date, read_date_time
from smeboost_emulators.airtable.shapes import list_of, object_of
from smeboost_emulators.airtable.state.cells import TEXT_TYPES
from smeboost_emulators.airtable.state.schema import Field

_Cast = Callable[[Field, Any], Any]
_TRUE = ("true", "checked", "yes", "1")
_FALSE = ("false", "unchecked", "no", "0", "")
_SIGNS = "$€£¥₹₩₽₺₫₴ \u00a0"
_DURATION = re.compile(r"(-?)(\d{1,9}):([0-5]?\d)(?::([0-5]?\d(?:\.\d{1,3})?))?", re.ASCII)


def cast_value(field: Field, value: object) -> object:
    """The value as the field would like it, or the value as it is."""
    cast = CASTS.get(field.type)
    return value if cast is None or value is None else cast(field, value)


def _to_text(_field: Field, value: Any) -> Any:
    items = list_of(value)
    if items is not None and all(isinstance(item, str | int | float) for item in items):
        return ", ".join(str(item) for item in items)
    if isinstance(value, bool):
        return "true" if value else ""
    return str(value) if isinstance(value, int | float) else value


def _to_number(field: Field, value: Any) -> Any:
    """Thousands separators and the sign of a currency do not matter; `(5)` is not read as -5."""
    if not isinstance(value, str):
        return value
    symbol = str((field.options or {}).get("symbol") or "")
    text = value.replace(",", "")
    for sign in (symbol, *_SIGNS):
        text = text.replace(sign, "") if sign else text
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return value
    # "nan" and "infinity" are words here, not numbers.
    return number if math.isfinite(number) else value


def _to_percent(field: Field, value: Any) -> Any:
    if isinstance(value, str) and value.strip().endswith("%"):
        number = _to_number(field, value.strip()[:-1])
        # 12.3 / 100 is a hair off.
        return float(f"{number / 100:.15g}") if isinstance(number, float) else value
    return _to_number(field, value)


def _to_duration(field: Field, value: Any) -> Any:
    """`h:mm` or `h:mm:ss`, with a fraction; a bare number is seconds."""
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return _to_number(field, value)
    seconds = int(found[2]) * 3600 + int(found[3]) * 60 + float(found[4] or 0)
    return -seconds if found[1] else seconds


def _to_checkbox(_field: Field, value: Any) -> Any:
    text = str(value).strip().casefold()
    return True if text in _TRUE else False if text in _FALSE else value


def _to_date(field: Field, value: Any) -> Any:
    return read_date(field, value) if isinstance(value, str) else value


def _to_date_time(field: Field, value: Any) -> Any:
    return read_date_time(field, value) if isinstance(value, str) else value


def _to_texts(field: Field, value: Any) -> Any:
    """Comma-separated text becomes a list; a part with a comma in it stands in double quotes."""
    if isinstance(value, str):
        try:
            [parts] = csv.reader([value.replace("\n", " ").replace("\r", " ")], skipinitialspace=True)
        except csv.Error:
            return value
        return [part for part in (part.strip() for part in parts) if part]
    items = list_of(value)
    return value if items is None else [_to_text(field, item) for item in items]


def _to_people(_field: Field, value: Any) -> Any:
    if isinstance(value, str):
        return [part for part in (part.strip() for part in value.split(",")) if part]
    return [value] if object_of(value) is not None else value


def _to_person(_field: Field, value: Any) -> Any:
    items = list_of(value)
    only = items[0] if items is not None and len(items) == 1 else value
    return {"id": only.strip()} if isinstance(only, str) and only.strip() else None if only == "" else only


def _to_barcode(_field: Field, value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _to_single(field: Field, value: Any) -> Any:
    items = list_of(value)
    only = _to_text(field, items[0] if items and len(items) == 1 else value)
    return only.strip() if isinstance(only, str) else only


CASTS: dict[str, _Cast] = {
    **dict.fromkeys(TEXT_TYPES, _to_text),
    **dict.fromkeys(("number", "rating", "currency"), _to_number),
    "percent": _to_percent,
    "duration": _to_duration,
    "checkbox": _to_checkbox,
    "date": _to_date,
    "dateTime": _to_date_time,
    "singleSelect": _to_single,
    "multipleSelects": _to_texts,
    "multipleRecordLinks": _to_texts,
    "singleCollaborator": _to_person,
    "multipleCollaborators": _to_people,
    "barcode": _to_barcode,
}
