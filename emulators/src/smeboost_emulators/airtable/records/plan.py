"""What one write request would change, found out before anything is changed.

A plan is also the `Scope` of the values in the request: it knows the choices and records that the request itself makes
by `typecast`, so that naming a new choice twice makes it once.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from smeboost_emulators.airtable.attachments.fetching import filename_of, is_fetchable
from smeboost_emulators.airtable.attachments.keeper import is_filename
from smeboost_emulators.airtable.errors import (
    field_is_computed,
    no_such_row,
    not_permitted,
    unknown_choice,
    unknown_field,
    value_refused,
)
from smeboost_emulators.airtable.ids import is_id, new_id
from smeboost_emulators.airtable.records.formats import accept, timestamp
from smeboost_emulators.airtable.records.typecast import cast_value
from smeboost_emulators.airtable.shapes import object_of
from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.changes import CellsSet, Change, ChoiceAdded, Created, Deleted
from smeboost_emulators.airtable.state.schema import Field, Table
from smeboost_emulators.airtable.state.texts import shown

CHOICE_COLORS = tuple(
    f"{name}Light2" for name in ("blue", "cyan", "teal", "green", "yellow", "orange", "red", "pink", "purple", "gray")
)


@dataclass(slots=True)
class Plan:
    """The changes of one request; nothing happens before all of them are found good."""

    table: Table
    user_id: str
    typecast: bool = False
    now: datetime = field(init=False)
    changes: list[Change] = field(default_factory=list[Change])
    record_id: str | None = None
    _choices: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict[tuple[str, str], dict[str, Any]])
    _named_records: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    _deleted: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.now = self.table.base.now()

    def create(self, fields: dict[str, Any]) -> str:
        """Plan a new record; its id is returned."""
        self.record_id = None
        cells = {key: cell for key, cell in self.cells(fields).items() if cell is not None}
        return self._create(self.table, cells)

    def _create(self, table: Table, cells: dict[str, Cell]) -> str:
        record_id = new_id("rec")
        created = timestamp(self.now.replace(microsecond=0))
        self.changes.append(Created(table.id, record_id, created, timestamp(self.now), cells, self.user_id))
        return record_id

    def update(self, record_id: str, fields: dict[str, Any], *, replace: bool) -> str:
        """Plan new values for an existing record; `replace` clears every writable field that is not named."""
        self.record_id = record_id
        cells = self.cells(fields)
        if replace:
            cells = {item.id: None for item in self.table.fields if item.writable} | cells
        self.changes.append(CellsSet(self.table.id, record_id, timestamp(self.now), cells, self.user_id))
        return record_id

    def delete(self, record_id: str) -> None:
        """Plan the end of an existing record; asking twice in one request is the same as once."""
        if record_id not in self._deleted:
            self._deleted.add(record_id)
            self.changes.append(Deleted(self.table.id, record_id, timestamp(self.now), self.user_id))

    def cells(self, fields: dict[str, Any]) -> dict[str, Cell]:
        """The cells, by field id, for values by field name or id."""
        cells: dict[str, Cell] = {}
        for key, value in fields.items():
            target = self.table.fields_by_key.get(key)
            if target is None:
                raise unknown_field(key)
            if not target.writable:
                raise field_is_computed(target.name)
            cells[target.id] = accept(target, cast_value(target, value) if self.typecast else value, self)
        return cells

    def choice(self, field: Field, name: str) -> str | None:
        """See `Scope`; with typecast a new choice is planned."""
        if not name:
            return None
        if name in field.choices or (field.id, name) in self._choices:
            return name
        if not self.typecast:
            raise unknown_choice(name)
        count = len(field.choices) + len(self._choices)
        choice = {"id": new_id("sel"), "name": name, "color": CHOICE_COLORS[count % len(CHOICE_COLORS)]}
        self._choices[field.id, name] = choice
        self.changes.append(ChoiceAdded(self.table.id, field.id, choice))
        return name

    def person(self, field: Field, value: object) -> dict[str, Any]:
        """See `Scope`; with typecast also by name."""
        known = self.table.base.people
        given = {"id": value} if isinstance(value, str) else object_of(value) or {}
        if given.get("id") in known:
            return known[given["id"]]
        wanted = [
            given.get("email"),
            given.get("name") if self.typecast else None,
            given.get("id") if self.typecast else None,
        ]
        for person in known.values():
            if any(text and text in (person.get("email"), person.get("name")) for text in wanted):
                return person
        raise value_refused(field.name)

    def linked(self, field: Field, record_ids: list[str]) -> tuple[str, ...]:
        """See `Scope`; with typecast the primary field's text finds a record, or makes one."""
        if field.link is None:
            raise value_refused(field.name)
        far = field.link.opposite.table
        found = [self._linked_record(far, record_id) for record_id in record_ids]
        return tuple(dict.fromkeys(found))

    def _linked_record(self, far: Table, text: str) -> str:
        slot = far.slot_of(text)
        if slot is not None:
            return far.ids[slot]
        if not self.typecast or is_id("rec", text):
            raise no_such_row(text)
        named = self._named_records.get(far.id)
        if named is None:
            named = self._named_records[far.id] = _ids_by_name(far)
        if text not in named:
            named[text] = self._record_from_name(far, text)
        return named[text]

    def _record_from_name(self, far: Table, text: str) -> str:
        if far.sync_id is not None:
            raise not_permitted()
        if not far.primary.writable:
            raise field_is_computed(far.primary.name)
        return self._create(far, {far.primary.id: accept(far.primary, cast_value(far.primary, text), self)})

    def attachment(self, field: Field, value: dict[str, Any]) -> dict[str, Any]:
        """See `Scope`; an id keeps an attachment that the cell has, a URL makes a new one.

        The id of an attachment of another cell means nothing here [I]: beside a URL it is passed over, as clients send
        whole attachments to copy them, and alone it is refused.
        """
        slot = None if self.record_id is None else self.table.slot_of(self.record_id)
        present = {} if slot is None else {item["id"]: item for item in field.cell(slot) or ()}
        if value.get("id") in present:
            return present[value["id"]]
        url = value.get("url")
        name = value.get("filename") or filename_of(url) if is_fetchable(url) else None
        if not is_filename(name):
            raise value_refused(field.name)
        return {"id": new_id("att"), "url": url, "filename": name}


def _ids_by_name(table: Table) -> dict[str, str]:
    """The records by what their primary field shows, made once for a request; of equal ones the oldest counts."""
    named: dict[str, str] = {}
    for slot in table.live_slots():
        named.setdefault(shown(table.primary, slot), table.ids[slot])
    return named
