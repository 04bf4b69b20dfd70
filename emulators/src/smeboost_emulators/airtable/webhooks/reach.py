"""Which cells a request may change: those it writes, the other sides of links, and whatever is computed from them.

It is found before the changes are made, from the schema and the links alone, and may name a cell that does not change
in the end; what really changed is seen by comparing before and after (`differences.py`). A vendor's payload shows
computed cells that change as a consequence too [I].
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from smeboost_shared.logs import get_logger

from smeboost_emulators.airtable.shapes import texts_of
from smeboost_emulators.airtable.state.changes import CellsSet, Change, Created, Deleted, restored
from smeboost_emulators.airtable.state.links import LinkEnd
from smeboost_emulators.airtable.state.schema import Base, Field, Table

log = get_logger("airtable-emulator")
REACH_CELLS_MAX = 50_000
"""Cells that may follow from one request; those beyond are not reported to webhooks, and the log says so."""

_FORMULAS = frozenset({"formula", "button"})

Cells: TypeAlias = dict[Table, dict[Field, set[int]]]
"""Slots by table and field."""
_Step: TypeAlias = tuple[Table, Field, set[int]]


@dataclass(slots=True)
class Dependents:
    """What is computed from what, by the id of the source field: in the same record, and over links."""

    near: dict[str, list[Field]] = field(default_factory=dict[str, list[Field]])
    far: dict[str, list[tuple[Field, LinkEnd]]] = field(default_factory=dict[str, list[tuple[Field, LinkEnd]]])


def dependents_of(base: Base) -> Dependents:
    """The dependents of every field of a base; good until its schema changes."""
    found = Dependents()
    for table in base.tables.values():
        for item in table.fields:
            for source in _near_sources(table, item):
                found.near.setdefault(source.id, []).append(item)
            for source, end in _far_sources(table, item):
                found.far.setdefault(source.id, []).append((item, end))
    for item in _named_links(base):
        if item.link is not None:
            found.far.setdefault(item.link.opposite.table.primary.id, []).append((item, item.link))
    return found


def _near_sources(table: Table, item: Field) -> Iterator[Field]:
    """The fields of the same record that this one is computed from."""
    options = item.options or {}
    if item.type in _FORMULAS:
        yield from item.inputs
        watches_all = "LAST_MODIFIED_TIME" in str(options.get("formula", "")).upper()
    else:
        watched = texts_of(options.get("referencedFieldIds")) or []
        watches_all = item.type in ("lastModifiedTime", "lastModifiedBy") and not watched
        yield from _known(table, [*watched, options.get("recordLinkFieldId")])
    if watches_all:
        yield from (other for other in table.fields if other.writable)


def _far_sources(table: Table, item: Field) -> Iterator[tuple[Field, LinkEnd]]:
    """The field that a lookup or rollup looks at, and the link that it goes along."""
    options = item.options or {}
    for link_field in _known(table, [options.get("recordLinkFieldId")]):
        if link_field.link is not None and item.source is not None:
            yield item.source, link_field.link


def _named_links(base: Base) -> set[Field]:
    """The link fields that something is computed from: there a link counts as the name of its record."""
    used: set[Field] = set()
    for table in base.tables.values():
        for item in table.fields:
            used.update(item.inputs if item.type in _FORMULAS else ())
            used.update(() if item.source is None else (item.source,))
    return {item for item in used if item.link is not None}


def _known(table: Table, keys: Iterable[object]) -> Iterator[Field]:
    fields = (table.fields_by_key.get(str(key)) for key in keys if key is not None)
    return (found for found in fields if found is not None)


def reach(base: Base, changes: Sequence[Change], dependents: Dependents, *, cells_max: int = REACH_CELLS_MAX) -> Cells:
    """The cells of existing records that the changes may change; records that are created or deleted are not here.

    All that is written is among them, and of what follows from it at most `cells_max` cells.
    """
    gone = {change.record_id for change in changes if isinstance(change, Deleted)}
    cells: Cells = {}
    waiting: deque[_Step] = deque()

    def note(table: Table, item: Field, slots: set[int]) -> int:
        known = cells.setdefault(table, {}).setdefault(item, set())
        new = {slot for slot in slots if slot not in known and table.ids[slot] not in gone}
        if new:
            known |= new
            waiting.extend(_consequences(table, item, new, dependents))
        return len(new)

    for change in changes:
        if isinstance(change, Created | CellsSet | Deleted):
            for step in _written(base.tables[change.table_id], change):
                note(*step)
    while waiting and cells_max > 0:
        cells_max -= note(*waiting.popleft())
    if waiting:
        log.warning("webhook_reach_cut", base=base.id)
    return cells


def _written(table: Table, change: Created | CellsSet | Deleted) -> Iterator[_Step]:
    slot = table.slot_of(change.record_id)
    written = {} if isinstance(change, Deleted) else change.cells
    if slot is not None and isinstance(change, CellsSet):
        for field_id, value in written.items():
            item = table.fields_by_key[field_id]
            if item.cell(slot) != restored(value):
                yield table, item, {slot}
    for end in table.link_ends:
        if isinstance(change, Deleted):
            yield from _relinked(end, slot, ())
        elif end.field_id is not None and end.field_id in written:
            yield from _relinked(end, slot, written[end.field_id] or ())


def _relinked(end: LinkEnd, slot: int | None, record_ids: Iterable[str]) -> Iterator[_Step]:
    """The far cells that lose or gain a link when the cell at `slot` becomes `record_ids`."""
    far = end.opposite
    if far.field_id is None:
        return
    present = dict.fromkeys((None if slot is None else end.cells[slot]) or ())
    moved = present.keys() ^ dict.fromkeys(record_ids).keys()
    slots = {found for record_id in moved if (found := far.table.slot_of(record_id)) is not None}
    yield far.table, far.table.fields_by_key[far.field_id], slots


def _consequences(table: Table, item: Field, slots: set[int], dependents: Dependents) -> Iterator[_Step]:
    for near in dependents.near.get(item.id, ()):
        yield table, near, slots
    for far, end in dependents.far.get(item.id, ()):
        yield end.table, far, _linking(end, slots)


def _linking(end: LinkEnd, far_slots: set[int]) -> set[int]:
    """The slots on this side of a link that name one of the far records."""
    cells, own = end.opposite.cells, end.table.slots
    return {own[record_id] for far_slot in far_slots for record_id in cells[far_slot] or ()}
