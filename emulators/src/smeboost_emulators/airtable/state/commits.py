"""What one request did to a base: a `Commit`, which observers of the emulator are given.

Rules of this room:

- The changes of one request are one row of the journal and end with a `Stamp`: who made them, when, and from where.
  Applying the stamp counts the base's transaction number up, so the number is the same after a restart.
- `before` is read before anything is applied, and only when an observer wants it: the cells of every record that the
  changes touch, the other sides of links among them, and the tables whose schema they change.
- What is there now an observer reads from the state; a record that was created is in no `before`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.changes import CellsSet, Change, Created, Deleted, Stamp
from smeboost_emulators.airtable.state.links import LinkEnd
from smeboost_emulators.airtable.state.schema import Base, State, Table


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change; `source` is one of the vendor's, e.g. `publicApi`, `client`, `sync`, `system`."""

    user: dict[str, Any]
    """`{"id", "email"?, "name"?}`; a person of the base in the eyes of its cells."""
    source: str = "publicApi"


@dataclass(slots=True)
class Before:
    """Cells by table id, record id and field id; tables as the Meta API shows them, by id."""

    cells: dict[str, dict[str, dict[str, Cell]]] = field(default_factory=dict[str, dict[str, dict[str, Cell]]])
    tables: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])


@dataclass(frozen=True, slots=True)
class Commit:
    """The changes of one request, stored and applied; `number` grows by one with each in its base, for ever."""

    base: Base
    number: int
    moment: datetime
    actor: Actor
    changes: Sequence[Change]
    before: Before


class Observer(Protocol):
    """Someone who looks at what was done; an entry of `Emulator.observers`."""

    def watches(self, base: Base) -> bool:
        """Whether commits of this base matter; if nobody watches, nothing is remembered of before."""
        ...

    def observe(self, commit: Commit) -> None:
        """Called in the order of commits: the store and the state have it, the request is not answered yet."""
        ...


def stamp(base_id: str, actor: Actor, moment: str) -> Stamp:
    """The last change of a request."""
    return Stamp(base_id, moment, actor.source, actor.user)


def before(state: State, changes: Iterable[Change]) -> Before:
    """What is there of all that the changes touch."""
    seen = Before()
    for change in changes:
        match change:
            case Created() | CellsSet() | Deleted():
                for table, slot in _touched(state.tables[change.table_id], change):
                    _remember(seen, table, slot)
            case Stamp():
                pass
            case _:
                table = state.tables.get(change.table_id)
                if table is not None and table.id not in seen.tables:
                    seen.tables[table.id] = table.described(with_visible_fields=False)
    return seen


def _touched(table: Table, change: Created | CellsSet | Deleted) -> Iterable[tuple[Table, int]]:
    """The record itself when it exists, and the far side of every link that comes or goes."""
    slot = table.slot_of(change.record_id)
    if slot is not None:
        yield table, slot
    for end in table.link_ends:
        if isinstance(change, Deleted):
            yield from _relinked(end, slot, ())
        elif end.field_id in change.cells:
            yield from _relinked(end, slot, change.cells[end.field_id] or ())


def _relinked(end: LinkEnd, slot: int | None, record_ids: Iterable[str]) -> Iterable[tuple[Table, int]]:
    """The linked records that a cell loses or gains when it becomes `record_ids`."""
    after = dict.fromkeys(record_ids)
    present = dict.fromkeys((None if slot is None else end.cells[slot]) or ())
    far = end.opposite.table
    for record_id in present.keys() ^ after.keys():
        far_slot = far.slot_of(record_id)
        if far_slot is not None:
            yield far, far_slot


def _remember(seen: Before, table: Table, slot: int) -> None:
    records = seen.cells.setdefault(table.id, {})
    if table.ids[slot] not in records:
        records[table.ids[slot]] = {item.id: item.cell(slot) for item in table.fields}
