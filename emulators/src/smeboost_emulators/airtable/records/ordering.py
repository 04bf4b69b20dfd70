"""Sorting records: empty cells first when ascending and last when descending, selects by the order of their choices.

Text is compared without regard to case first; links and lookups by what a person reads in the cell. The vendor
documents none of this; it is what its clients have seen or assume.
"""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from smeboost_emulators.airtable.records.slices import Steps
from smeboost_emulators.airtable.shapes import object_of
from smeboost_emulators.airtable.state.cells import NUMBER_TYPES, Cell
from smeboost_emulators.airtable.state.schema import Field, Table
from smeboost_emulators.airtable.state.texts import shown, text_of_cell

_Key = Callable[[int], Any]
SORT_BATCH = 256
"""Records between two looks at the clock."""
SortKeys = tuple[tuple[str, str], ...]
"""Pairs of a field id and "asc" or "desc", the most important first."""


def ordered(table: Table, slots: Iterable[int], sort: SortKeys) -> Steps:
    """The slots in order, giving way after each batch; records that compare equal keep the order they came in."""
    result = list(slots)
    for field_id, direction in reversed(sort):
        field = table.fields_by_key[field_id]
        key = _key(field)
        empty: list[int] = []
        filled: list[tuple[Any, int]] = []
        for start in range(0, len(result), SORT_BATCH):
            for slot in result[start : start + SORT_BATCH]:
                if field.cell(slot) is None:
                    empty.append(slot)
                else:
                    filled.append((key(slot), slot))
            yield
        filled.sort(key=itemgetter(0), reverse=direction == "desc")
        in_order = [slot for _, slot in filled]
        result = [*in_order, *empty] if direction == "desc" else [*empty, *in_order]
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
    if field.kind is not None:
        return lambda slot: _computed_key(field, field.cell(slot))
    return lambda slot: _text_key(shown(field, slot))


def _computed_key(field: Field, cell: Cell) -> tuple[Any, ...]:
    """Numbers, then text, then errors: a formula may give any of them."""
    if isinstance(cell, int | float):
        return 0, cell
    rank = 1 if object_of(cell) is None else 2
    return rank, *_text_key(text_of_cell(field, cell))


def _text_key(text: str) -> tuple[str, str]:
    return text.casefold(), text
