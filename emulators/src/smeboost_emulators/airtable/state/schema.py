"""Bases, tables, fields and views as they are held in memory.

The records of a table are slots in columns, not a dict each: a table of 336,776 flights has one list per field, and
a record is a number that indexes all of them. A slot is never used again, so a range of slots is a snapshot of a
table, and a deleted record is still known by its id (the vendor answers 404 for those and 403 for strangers).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.values import Value

from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.comments.ledger import Comment, Comments
from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.state.access import HOME_WORKSPACE, BaseAccess, Level, TokenOwner, Workspace
from smeboost_emulators.airtable.state.cells import Cell, Column
from smeboost_emulators.airtable.state.links import LinkEnd
from smeboost_emulators.airtable.webhooks.ledger import Hook

HIDDEN_OPTIONS = {"rollup": ("formula",), "button": ("label", "url")}
"""Options that are ours: the vendor has them somewhere, and its API does not show them."""


def _not_connected(_slot: int) -> Value:
    raise EvaluationError("the field is not connected")


@dataclass(slots=True, eq=False)
class Field:
    """A field and its column.

    `read` gives the cells of a field that computes them; only types with a `column` keep anything in `cells`.
    `source` is the field of the linked table that a lookup or rollup looks at, `inputs` are all fields whose values
    this one needs. `kind`, `evaluate` and `volatile` (its value depends on the clock) are for formulas over it.
    """

    id: str
    name: str
    type: str
    description: str | None = None
    options: dict[str, Any] | None = None
    choices: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    cells: Column = field(default_factory=list[Cell])
    read: Callable[[int], Cell] | None = None
    link: LinkEnd | None = None
    source: "Field | None" = None
    inputs: "tuple[Field, ...]" = ()
    kind: Kind | None = None
    evaluate: Callable[[int], Value] = _not_connected
    volatile: bool = False
    writable: bool = True
    column: bool = True

    def cell(self, slot: int) -> Cell:
        """What the API returns for this field of the record at `slot`; None when it is empty."""
        return self.cells[slot] if self.read is None else self.read(slot)

    def described(self) -> dict[str, Any]:
        """The field as the Meta API shows it."""
        shown = self.defined()
        for key in HIDDEN_OPTIONS.get(self.type, ()):
            shown.get("options", {}).pop(key, None)
        if self.type in HIDDEN_OPTIONS and not shown.get("options"):
            shown.pop("options", None)
        return shown

    def defined(self) -> dict[str, Any]:
        """The field with all its options, those that the Meta API does not show too."""
        shown: dict[str, Any] = {"id": self.id, "name": self.name, "type": self.type}
        if self.description:
            shown["description"] = self.description
        if self.options is not None:
            shown["options"] = self.options | ({"choices": list(self.choices.values())} if self.choices else {})
        return shown


@dataclass(slots=True, eq=False)
class Watch:
    """When each record was changed last, and by whom, as far as the watched fields are concerned."""

    times: list[str] = field(default_factory=list[str])
    people: list[str | None] = field(default_factory=list[str | None])


@dataclass(frozen=True, slots=True)
class View:
    """A view; `sort`, `record_ids` and `formula` order and restrict it and are not shown by the Meta API."""

    id: str
    name: str
    type: str
    visible_field_ids: tuple[str, ...] | None = None
    sort: tuple[tuple[str, str], ...] = ()
    record_ids: tuple[str, ...] | None = None
    formula: str | None = None

    def described(self, *, with_visible_fields: bool, all_field_ids: list[str]) -> dict[str, Any]:
        """The view as the Meta API shows it; only grids have visible fields, and only when asked for."""
        shown: dict[str, Any] = {"id": self.id, "name": self.name, "type": self.type}
        if with_visible_fields and self.type == "grid":
            shown["visibleFieldIds"] = list(self.visible_field_ids or all_field_ids)
        return shown


@dataclass(slots=True, eq=False)
class Table:
    """A table with its records: `ids[slot]`, `created[slot]`, and a column for each field."""

    id: str
    name: str
    base: "Base"
    description: str | None = None
    primary_field_id: str = ""
    date_dependency: dict[str, Any] | None = None
    sync_id: str | None = None
    """What a CSV is pushed to; a table that has one is written by nothing else."""
    fields: list[Field] = field(default_factory=list[Field])
    views: list[View] = field(default_factory=list[View])
    ids: list[str] = field(default_factory=list[str])
    created: list[str] = field(default_factory=list[str])
    alive: bytearray = field(default_factory=bytearray)
    slots: dict[str, int] = field(default_factory=dict[str, int])
    link_ends: list[LinkEnd] = field(default_factory=list[LinkEnd])
    fields_by_key: dict[str, Field] = field(default_factory=dict[str, Field])
    watches: dict[frozenset[str], Watch] = field(default_factory=lambda: {frozenset[str](): Watch()})
    """By the ids of the watched fields; none stands for all of them."""
    last_number: int = 0
    comments: Comments = field(default_factory=dict[str, dict[str, Comment]])

    def watch(self, field_ids: Iterable[str]) -> Watch:
        """The watch over these fields; a new one begins with the creation of each record."""
        key = frozenset(field_ids)
        if key not in self.watches:
            self.watches[key] = Watch(list(self.created), [None] * len(self.created))
        return self.watches[key]

    @property
    def primary(self) -> Field:
        return self.fields_by_key[self.primary_field_id]

    def index_fields(self) -> None:
        """Make fields findable by name and by id; an id wins over a name."""
        self.fields_by_key = {item.name: item for item in self.fields} | {item.id: item for item in self.fields}

    def slot_of(self, record_id: str) -> int | None:
        """The slot of a record that exists now."""
        slot = self.slots.get(record_id)
        return slot if slot is not None and self.alive[slot] else None

    def knew(self, record_id: str) -> bool:
        """Whether the record exists or has existed."""
        return record_id in self.slots

    def live_slots(self) -> Iterator[int]:
        """The slots of all records, in the order of creation."""
        return (slot for slot, living in enumerate(self.alive) if living)

    def add_row(self, record_id: str, created: str) -> int:
        """A new empty record; all columns grow by one."""
        slot = len(self.ids)
        self.ids.append(record_id)
        self.created.append(created)
        self.alive.append(1)
        self.slots[record_id] = slot
        for item in self.fields:
            if item.column:
                item.cells.append(None)
        for watch in self.watches.values():
            watch.times.append(created)
            watch.people.append(None)
        for end in self.link_ends:
            if end.field_id is None:
                end.cells.append(None)
        return slot

    def described(self, *, with_visible_fields: bool) -> dict[str, Any]:
        """The table as the Meta API shows it."""
        shown: dict[str, Any] = {"id": self.id, "name": self.name, "primaryFieldId": self.primary_field_id}
        if self.description:
            shown["description"] = self.description
        shown["fields"] = [item.described() for item in self.fields]
        field_ids = [item.id for item in self.fields]
        shown["views"] = [
            view.described(with_visible_fields=with_visible_fields, all_field_ids=field_ids) for view in self.views
        ]
        if self.date_dependency is not None:
            shown["dateDependencySettings"] = self.date_dependency
        return shown


@dataclass(slots=True, eq=False)
class Base:
    """A base; `version` moves with every change, so what was computed from it can be kept until then.

    `clock` is the emulator's, by which formulas and changes go.

    `transaction` counts the requests that changed it, and is kept: see `commits.py`.
    """

    id: str
    name: str
    permission_level: Level = "create"
    access: BaseAccess = field(default_factory=BaseAccess)
    tables: dict[str, Table] = field(default_factory=dict[str, Table])
    people: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    hooks: dict[str, Hook] = field(default_factory=dict[str, Hook])
    clock: Clock = field(default_factory=Clock)
    version: int = 0
    transaction: int = 0

    def now(self) -> datetime:
        """The time by the emulator's clock."""
        return self.clock.now()

    def find_table(self, key: str) -> Table | None:
        """By id, or by name without regard to case."""
        if key in self.tables:
            return self.tables[key]
        wanted = key.casefold()
        return next((table for table in self.tables.values() if table.name.casefold() == wanted), None)


@dataclass(slots=True, eq=False)
class State:
    """Everything there is: the bases, and their tables by id (table ids are unique over all bases).

    `tokens` are those that a seed brought; the emulator's own options may have more.
    """

    bases: dict[str, Base] = field(default_factory=dict[str, Base])
    tables: dict[str, Table] = field(default_factory=dict[str, Table])
    workspaces: dict[str, Workspace] = field(
        default_factory=lambda: {HOME_WORKSPACE: Workspace(HOME_WORKSPACE, "Home")}
    )
    tokens: dict[str, TokenOwner] = field(default_factory=dict[str, TokenOwner])
    clock: Clock = field(default_factory=Clock)

    def add(self, base: Base) -> None:
        """Make a complete base visible, in place of the one that has its id.

        Raises:
            SeedError: another base has a table with the id of one of its tables.
        """
        for table in base.tables.values():
            home = self.tables[table.id].base if table.id in self.tables else base
            if home.id != base.id:
                raise SeedError(f"base {base.name!r}: its table {table.name!r} has the id of one of {home.name!r}")
        replaced = self.bases.get(base.id)
        for table_id in replaced.tables if replaced else ():
            del self.tables[table_id]
        self.tables.update(base.tables)
        self.bases[base.id] = base
        base.clock = self.clock
        self.workspaces.setdefault(base.access.workspace_id, Workspace(base.access.workspace_id))

    def go_by(self, clock: Clock) -> None:
        """From now on all bases, those to come too, have this clock."""
        self.clock = clock
        for base in self.bases.values():
            base.clock = clock

    def remove(self, base_id: str) -> None:
        """Forget a base and all that is in it."""
        for table_id in self.bases.pop(base_id).tables:
            del self.tables[table_id]

    def join(self, other: "State") -> None:
        """Take over all that is in another state; what has the same id is replaced.

        Raises:
            SeedError: see `add`.
        """
        for base in other.bases.values():
            self.add(base)
        self.workspaces |= other.workspaces
        self.tokens |= other.tokens
