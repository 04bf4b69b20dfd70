"""The only way in which records change; for the schema see `schema_changes.py`.

A request is first planned (`writes.py`), which changes nothing and may refuse; the plan is a list of changes, which is
stored (`store.py`) and then applied here. Applying cannot fail and depends on nothing but the state and the change, so
that reading the stored changes again after a crash gives the same state: cells, order of links, numbers and times.
"""

from typing import Any, TypeAlias

import msgspec

from smeboost_emulators.airtable.comments.ledger import CommentChange, apply_comment_change
from smeboost_emulators.airtable.shapes import list_of
from smeboost_emulators.airtable.state.account_changes import AccountChange, apply_account_change
from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.schema import Base, Field, State, Table
from smeboost_emulators.airtable.state.schema_changes import SchemaChange, apply_schema_change
from smeboost_emulators.airtable.webhooks.ledger import HookEvent, apply_hook_event


class Created(msgspec.Struct, frozen=True, array_like=True, tag="create"):
    """A new record; `cells` are by field id and hold no empty ones. Times are UTC in ISO format with milliseconds.

    `by` is the id of the user who did it, in every change of a record.
    """

    table_id: str
    record_id: str
    created: str
    modified: str
    cells: dict[str, Any]
    by: str | None = None


class CellsSet(msgspec.Struct, frozen=True, array_like=True, tag="set"):
    """New values by field id; None clears."""

    table_id: str
    record_id: str
    modified: str
    cells: dict[str, Any]
    by: str | None = None


class Deleted(msgspec.Struct, frozen=True, array_like=True, tag="delete"):
    """A record that is no more."""

    table_id: str
    record_id: str
    modified: str
    by: str | None = None


class ChoiceAdded(msgspec.Struct, frozen=True, array_like=True, tag="choice"):
    """A select field's new choice, `{"id", "name", "color"}`."""

    table_id: str
    field_id: str
    choice: dict[str, Any]


class Stamp(msgspec.Struct, frozen=True, array_like=True, tag="stamp"):
    """The end of a request's changes: who made them, when, and through what; see `commits.py`."""

    base_id: str
    moment: str
    source: str
    user: dict[str, Any]


_RecordChange: TypeAlias = Created | CellsSet | Deleted
Change: TypeAlias = (
    Created | CellsSet | Deleted | ChoiceAdded | CommentChange | Stamp | SchemaChange | AccountChange | HookEvent
)


def apply(state: State, change: Change) -> None:
    """Bring the state up to date with one change."""
    if isinstance(change, Stamp):
        _stamp(state.bases[change.base_id], change)
        return
    if isinstance(change, SchemaChange):
        apply_schema_change(state, change)
        return
    if isinstance(change, AccountChange):
        apply_account_change(state, change)
        return
    if isinstance(change, HookEvent):
        # The outcome of a ping may come when its base is gone.
        base = state.bases.get(change.base_id)
        if base is not None:
            apply_hook_event(base.hooks, change)
        return
    table = state.tables[change.table_id]
    if isinstance(change, CommentChange):
        apply_comment_change(table.comments, change)
        return
    table.base.version += 1
    match change:
        case Created():
            slot = table.add_row(change.record_id, change.created)
            _begin(table, slot, change.by)
            _set_cells(table, slot, change.cells, change)
            _touch(table, slot, None, change)
        case CellsSet():
            _set_cells(table, table.slots[change.record_id], change.cells, change)
        case Deleted():
            _delete(table, table.slots[change.record_id], change)
        case ChoiceAdded():
            table.fields_by_key[change.field_id].choices[change.choice["name"]] = change.choice


def _stamp(base: Base, stamp: Stamp) -> None:
    """Who writes becomes known to the base; what the base knows of a person is not changed by it."""
    base.transaction += 1
    base.people.setdefault(stamp.user["id"], stamp.user)


def _begin(table: Table, slot: int, by: str | None) -> None:
    table.last_number += 1
    for field in table.fields:
        if field.type == "autoNumber":
            field.cells[slot] = table.last_number
        elif field.type == "createdBy":
            field.cells[slot] = by


def _set_cells(table: Table, slot: int, cells: dict[str, Cell], change: _RecordChange) -> None:
    changed: set[str] = set()
    for field_id, value in cells.items():
        field, cell = table.fields_by_key[field_id], restored(value)
        if field.cell(slot) == cell:
            continue
        changed.add(field_id)
        if field.link is not None:
            _replace_links(field, slot, cell or (), change)
        else:
            field.cells[slot] = cell
    if changed:
        _touch(table, slot, changed, change)


def _replace_links(field: Field, slot: int, record_ids: tuple[str, ...], change: _RecordChange) -> None:
    if field.link is None:
        return
    far = field.link.opposite
    for far_slot in field.link.replace(slot, record_ids):
        if far.field_id is not None:
            _touch(far.table, far_slot, {far.field_id}, change)


def _delete(table: Table, slot: int, change: Deleted) -> None:
    """Clear the links first: the other side of each must not name a record that is gone."""
    record_id = table.ids[slot]
    for end in table.link_ends:
        for linked in tuple(end.cells[slot] or ()):
            far = end.opposite
            far_slot = far.table.slots[linked]
            far.remove(far_slot, record_id)
            if far.field_id is not None:
                _touch(far.table, far_slot, {far.field_id}, change)
        end.cells[slot] = None
    for field in table.fields:
        if field.column:
            field.cells[slot] = None
    table.comments.pop(record_id, None)
    table.alive[slot] = 0


def _touch(table: Table, slot: int, changed: set[str] | None, change: _RecordChange) -> None:
    """Note who changed the record and when, in each watch over one of the changed fields; None means all of them."""
    for watched, watch in table.watches.items():
        if changed is None or not watched or not changed.isdisjoint(watched):
            watch.times[slot] = change.modified
            watch.people[slot] = change.by


def restored(value: Cell) -> Cell:
    """A cell as it is held in memory; lists that come from a store or from JSON become tuples."""
    items = list_of(value)
    return value if items is None else tuple(items)
