"""Sorting records: empty cells first when ascending and last when descending, selects by the order of their choices.

Text is compared without regard to case first; links and lookups by what a person reads in the cell. The vendor
documents none of this; it is what its clients have seen or assume.
"""

from collections.abc import Callable, Iterable
from typing import Any

from smeboost_emulators.airtable.state.cells import NUMBER_TYPES, Cell, display
from smeboost_emulators.airtable.state.schema import Field, Table

_Key = Callable[[int], Any]
SortKeys = tuple[tuple[str, str], ...]
"""Pairs of a field id and "asc" or "desc", the most important first."""


def ordered(table: Table, slots: Iterable[int], sort: SortKeys) -> list[int]:
    """The slots in order; records that compare equal keep the order they came in."""
    result = list(slots)
    for field_id, direction in reversed(sort):
        field = table.fields_by_key[field_id]
        empty = [slot for slot in result if field.cell(slot) is None]
        filled = [slot for slot in result if field.cell(slot) is not None]
        filled.sort(key=_key(field), reverse=direction == "desc")
        result = [*filled, *empty] if direction == "desc" else [*empty, *filled]
    return result


def _key(field: Field) -> _Key:
    """What two records are compared by; only asked for cells that are not empty."""
    if field.type in NUMBER_TYPES or field.type in ("checkbox", "date", "dateTime", "createdTime", "lastModifiedTime"):
        return field.cell
    if field.type == "singleSelect":
        position = {name: index for index, name in enumerate(field.choices)}
        return lambda slot: position[field.cell(slot)]
    if field.type == "multipleSelects":
        position = {name: index for index, name in enumerate(field.choices)}
        return lambda slot: tuple(position[name] for name in field.cell(slot))
    return lambda slot: _text_key(shown(field, slot))


def _text_key(text: str) -> tuple[str, str]:
    return text.casefold(), text


def shown(field: Field, slot: int) -> str:
    """The cell as a person reads it; a link shows the primary field of the linked record."""
    return _shown(field, field.cell(slot))


def _shown(field: Field, cell: Cell) -> str:
    if field.link is not None:
        far = field.link.opposite.table
        return ", ".join(shown(far.primary, far.slots[record_id]) for record_id in cell or ())
    if field.source is not None:
        # The parts of a lookup are cells of its source, or of its source's lists; links among them are ids.
        wrapped = [(part,) if field.source.link is not None else part for part in cell or ()]
        return ", ".join(_shown(field.source, part) for part in wrapped)
    return display(cell)
