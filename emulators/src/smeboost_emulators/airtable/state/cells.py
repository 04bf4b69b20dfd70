"""What a cell holds in memory, and the field types there are.

A cell holds the value that the API returns for it (so that reading is no work), or None when it is empty: empty text,
an empty list, an unchecked box and null are one and the same to Airtable. Lists are tuples; a cell of links that has
grown beyond `links.TUPLE_LINKS_MAX` is a dict with the record ids as keys (see `links.py`).
"""

from typing import Any, TypeAlias

from smeboost_emulators.airtable.shapes import list_of, object_of

Cell: TypeAlias = Any
"""A JSON value with tuples for lists. It has no narrower type: a field's type decides what its cells are."""
Column: TypeAlias = list[Cell]

NUMBER_TYPES = frozenset({"number", "percent", "currency", "duration", "rating", "autoNumber", "count"})
TEXT_TYPES = frozenset({"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"})
WRITABLE_TYPES = (
    TEXT_TYPES
    | (NUMBER_TYPES - {"autoNumber", "count"})
    | {
        "checkbox",
        "date",
        "dateTime",
        "singleSelect",
        "multipleSelects",
        "singleCollaborator",
        "multipleCollaborators",
        "multipleRecordLinks",
        "multipleAttachments",
        "barcode",
    }
)
COLUMN_TYPES = frozenset({"autoNumber", "createdBy", "aiText", "button", "externalSyncSource", "manualSort"})
"""Read-only types whose values are kept in a column: they depend on what happened, or came with the seed."""
COMPUTED_TYPES = COLUMN_TYPES | {
    "formula",
    "rollup",
    "multipleLookupValues",
    "count",
    "createdTime",
    "lastModifiedTime",
    "lastModifiedBy",
}
"""Read-only types."""
EXACT_NUMBER_MAX = 2**53
"""Beyond this a whole number is not exact in JSON as the vendor (and every JavaScript client) reads it."""
PRIMARY_TYPES = (TEXT_TYPES - {"richText"}) | {
    "date",
    "number",
    "currency",
    "percent",
    "duration",
    "autoNumber",
    "barcode",
    "formula",
}
"""Types that the first column of a table may have."""


def display(cell: Cell) -> str:
    """The cell as text, as a person would read it; the parts of a list are joined with a comma."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    parts, named = list_of(cell), object_of(cell)
    if parts is not None:
        return ", ".join(display(part) for part in parts)
    if named is not None:
        return _object_text(named)
    return "checked" if cell is True else str(cell)


def _object_text(cell: dict[str, Any]) -> str:
    """Collaborators show their name, attachments their file name, barcodes their text, errors themselves."""
    for key in ("name", "filename", "text", "email", "label", "value", "error", "specialValue", "id"):
        if cell.get(key):
            return str(cell[key])
    return ""
