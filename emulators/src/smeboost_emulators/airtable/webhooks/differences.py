"""What a request changed, found by looking before and after: the input of `payloads.py` for all webhooks of a base.

The same cells are rendered once however many webhooks show them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smeboost_emulators.airtable.records.filtering import passing
from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.changes import Change, Created, Deleted
from smeboost_emulators.airtable.state.schema import Base, Field, Table
from smeboost_emulators.airtable.webhooks.cells import comparable, rich_cell
from smeboost_emulators.airtable.webhooks.reach import Cells


@dataclass(frozen=True, slots=True)
class TableShape:
    """What payloads tell of a table's definition: its name and description, and `{"name", "type"}` of each field."""

    metadata: dict[str, Any]
    fields: dict[str, dict[str, Any]]


@dataclass(slots=True, eq=False)
class RecordsChanged:
    """The records of one table: slots of created ones, changed fields by slot, ids of deleted ones by slot."""

    table: Table
    created: list[int] = field(default_factory=list[int])
    changed: dict[int, set[str]] = field(default_factory=dict[int, set[str]])
    destroyed: dict[int, str] = field(default_factory=dict[int, str])

    @property
    def slots(self) -> set[int]:
        return {*self.created, *self.changed, *self.destroyed}


@dataclass(slots=True, eq=False)
class Difference:
    """A request's changes to a base, with the cells of before and after at hand."""

    base: Base
    records: dict[str, RecordsChanged]
    shapes_before: dict[str, TableShape]
    shapes_after: dict[str, TableShape]
    views_before: Mapping[str, set[int]]
    _previous: dict[tuple[str, int], Any]
    _current: dict[tuple[str, int], Any] = field(default_factory=dict[tuple[str, int], Any])

    def current(self, table: Table, item: Field, slot: int) -> Any:
        """A cell as it is now, in the second format."""
        key = item.id, slot
        if key not in self._current:
            self._current[key] = rich_cell(table, item, slot)
        return self._current[key]

    def previous(self, field_id: str, slot: int) -> Any:
        """A changed cell as it was; only kept when a webhook of the base asks for previous values."""
        return self._previous.get((field_id, slot))

    def view_after(self, table: Table, view_id: str) -> set[int]:
        """Those of the changed records that the view shows now."""
        return _in_view(table, view_id, (slot for slot in self.records[table.id].slots if table.alive[slot]))


@dataclass(slots=True, eq=False)
class Look:
    """What was there before; taken while nothing is changed yet."""

    base: Base
    changes: Sequence[Change]
    cells: dict[tuple[Table, Field, int], Cell]
    previous: dict[tuple[str, int], Any]
    deleted: list[tuple[Table, int, str]]
    views: dict[str, set[int]]
    shapes: dict[str, TableShape]


def look(
    base: Base,
    changes: Sequence[Change],
    cells: Cells,
    *,
    view_ids: Iterable[tuple[Table, str]],
    with_previous: bool,
    with_shapes: bool,
) -> Look:
    """Remember what the changes may change; `view_ids` are the views that webhooks watch."""
    flat = [(table, item, slot) for table, items in cells.items() for item, slots in items.items() for slot in slots]
    deleted = list(_deleted(base, changes))
    return Look(
        base,
        changes,
        {(table, item, slot): comparable(table, item, slot) for table, item, slot in flat},
        {(item.id, slot): rich_cell(table, item, slot) for table, item, slot in flat} if with_previous else {},
        deleted,
        {view_id: _in_view(table, view_id, _slots(table, cells, deleted)) for table, view_id in view_ids},
        shapes_of(base) if with_shapes else {},
    )


def compare(before: Look) -> Difference:
    """What is different now that the changes are made."""
    base = before.base
    records: dict[str, RecordsChanged] = {}

    def of(table: Table) -> RecordsChanged:
        return records.setdefault(table.id, RecordsChanged(table))

    for change in before.changes:
        if isinstance(change, Created):
            table = base.tables[change.table_id]
            of(table).created.append(table.slots[change.record_id])
    for table, slot, record_id in before.deleted:
        of(table).destroyed[slot] = record_id
    for (table, item, slot), cell in before.cells.items():
        if item.id in table.fields_by_key and comparable(table, item, slot) != cell:
            of(table).changed.setdefault(slot, set()).add(item.id)
    shapes = shapes_of(base) if before.shapes else {}
    return Difference(base, records, before.shapes, shapes, before.views, before.previous)


def shapes_of(base: Base) -> dict[str, TableShape]:
    """The definitions of all tables of a base."""
    return {
        table.id: TableShape(
            {"name": table.name, "description": table.description or ""},
            {item.id: {"name": item.name, "type": item.type} for item in table.fields},
        )
        for table in base.tables.values()
    }


def _deleted(base: Base, changes: Iterable[Change]) -> Iterator[tuple[Table, int, str]]:
    for change in changes:
        if isinstance(change, Deleted):
            table = base.tables[change.table_id]
            yield table, table.slots[change.record_id], change.record_id


def _slots(table: Table, cells: Cells, deleted: Iterable[tuple[Table, int, str]]) -> set[int]:
    changing = {slot for slots in cells.get(table, {}).values() for slot in slots}
    return changing | {slot for home, slot, _ in deleted if home is table}


def _in_view(table: Table, view_id: str, slots: Iterable[int]) -> set[int]:
    """Those of the slots that the view shows."""
    view = next((view for view in table.views if view.id == view_id), None)
    if view is None:
        return set()
    listed = None if view.record_ids is None else set(view.record_ids)
    chosen = [slot for slot in slots if listed is None or table.ids[slot] in listed]
    return set(chosen if view.formula is None else passing(view.formula, table, chosen))
