"""Loading the seed: `{"bases": [{"id", "name", "permissionLevel", "tables", "records": {table: [record]}}]}`.

`tables` are as the Meta API returns them, `records` are by table id (or name). A base may also bring `collaborators`
(`[{"id", "email", "name"}]`) and `access` (see `state/access.py`), and a view `sort`, `recordIds` and
`filterByFormula`. One side of a link is enough: the other is completed. Records are decoded one at a time, because a
seed may have hundreds of thousands of them.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from smeboost_emulators.airtable.comments.seeding import load_comments
from smeboost_emulators.airtable.errors import ApiError, SeedError, no_such_row, unknown_choice, value_refused
from smeboost_emulators.airtable.ids import derived_id, new_id
from smeboost_emulators.airtable.records.filtering import predicate
from smeboost_emulators.airtable.records.formats import FORMATS, accept, timestamp
from smeboost_emulators.airtable.shapes import list_of, object_of
from smeboost_emulators.airtable.state.blueprint import build_base, checked_id
from smeboost_emulators.airtable.state.cells import COLUMN_TYPES, Cell
from smeboost_emulators.airtable.state.definitions import RecordDefinition, Seed, SeedBase
from smeboost_emulators.airtable.state.formulas import read_formula
from smeboost_emulators.airtable.state.links import TUPLE_LINKS_MAX, LinkEnd, packed
from smeboost_emulators.airtable.state.schema import Base, Field, State, Table, View
from smeboost_emulators.airtable.tokens import checked_owner

MEMO_ENTRIES_MAX = 65_536
"""Distinct values of one column that are remembered while it is loaded, so that equal cells share memory."""

_Load = Callable[[object], Cell]


def load_seed(text: bytes) -> State:
    """What a seed describes, complete.

    Raises:
        SeedError: the seed is not valid; the message says where and why.
    """
    try:
        seed = msgspec.json.decode(text, type=Seed)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise SeedError(f"the seed is not valid JSON of the expected shape: {exc}") from None
    state = State()
    for part in seed.bases:
        state.add(_load_base(part))
    state.workspaces |= {workspace.id: workspace for workspace in seed.workspaces}
    state.tokens = {owner.token: checked_owner(owner) for owner in seed.tokens}
    return state


def _load_base(seed: SeedBase) -> Base:
    base = build_base(seed)
    for person in seed.collaborators:
        register_person(base, person)
    rows = {_table(base, key).id: records for key, records in seed.records.items()}
    for table_id, records in rows.items():
        _add_rows(base.tables[table_id], records)
    for table in base.tables.values():
        _allocate(table)
    scope = SeedScope(base)
    for table_id, records in rows.items():
        _fill(base.tables[table_id], records, scope)
    for table in base.tables.values():
        for end in table.link_ends:
            _pack(end)
    for table in base.tables.values():
        _finish(table)
    load_comments(base, seed.comments, register_person)
    return base


def _table(base: Base, key: str) -> Table:
    table = base.find_table(key)
    if table is None:
        raise SeedError(f"base {base.name!r}: records of {key!r}, which is not one of its tables")
    return table


def _add_rows(table: Table, records: list[RecordDefinition]) -> None:
    moments: dict[str, str] = {}
    now = created_now()
    for record in records:
        record_id = new_id("rec") if record.id is None else checked_id("rec", record.id, f"table {table.name!r}")
        if record_id in table.slots:
            raise SeedError(f"table {table.name!r}: two records have the id {record_id}")
        given = record.created_time
        if given is not None and given not in moments:
            moments[given] = _moment(table, given)
        table.slots[record_id] = len(table.ids)
        table.ids.append(record_id)
        table.created.append(now if given is None else moments[given])
    table.alive.extend(b"\1" * len(records))


def _moment(table: Table, given: str) -> str:
    try:
        moment = datetime.fromisoformat(given)
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise SeedError(f"table {table.name!r}: createdTime {given!r} is not an ISO time") from None


def created_now() -> str:
    """The present as the vendor writes creation times: whole seconds."""
    return timestamp(datetime.now(UTC).replace(microsecond=0))


def _allocate(table: Table) -> None:
    for field in table.fields:
        if field.column and field.link is None:
            field.cells.extend([None] * len(table.ids))
    for end in table.link_ends:
        end.cells.extend([None] * len(table.ids))
    for watch in table.watches.values():
        watch.times.extend(table.created)
        watch.people.extend([None] * len(table.ids))


def _fill(table: Table, records: list[RecordDefinition], scope: "SeedScope") -> None:
    loaders = {key: (field, _column(table, field), _loader(field, scope)) for key, field in table.fields_by_key.items()}
    decoder = msgspec.json.Decoder(dict[str, Any])
    for slot, record in enumerate(records):
        for key, value in _decoded(decoder, record, table.ids[slot]).items():
            if key not in loaders:
                raise SeedError(f"table {table.name!r}, record {table.ids[slot]}: there is no field {key!r}")
            field, column, load = loaders[key]
            try:
                cell = load(value)
            except ApiError as exc:
                place = f"table {table.name!r}, record {table.ids[slot]}, field {field.name!r}"
                raise SeedError(f"{place}: {value!r:.100} is refused: {exc.body['error']}") from None
            if cell is not None:
                column[slot] = cell


def _column(table: Table, field: Field) -> list[Any]:
    """Where the values of the field are kept; those of a computed field are not taken from the seed."""
    if field.type not in ("lastModifiedTime", "lastModifiedBy"):
        return field.cells
    watch = table.watch((field.options or {}).get("referencedFieldIds") or ())
    return watch.times if field.type == "lastModifiedTime" else watch.people


def _decoded(decoder: msgspec.json.Decoder[dict[str, Any]], record: RecordDefinition, record_id: str) -> dict[str, Any]:
    try:
        return decoder.decode(record.fields)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise SeedError(f"record {record_id}: its fields are not an object of values: {exc}") from None


def _loader(field: Field, scope: "SeedScope") -> _Load:
    """Check a value and share equal cells: most columns of real data repeat themselves."""
    if field.type in ("autoNumber", "lastModifiedTime"):
        kept = FORMATS["number" if field.type == "autoNumber" else "dateTime"]
        return lambda value: kept(field, value, scope)
    if field.type in ("createdBy", "lastModifiedBy"):
        return lambda value: scope.person(field, value)["id"]
    if field.type in COLUMN_TYPES:
        return lambda value: value or None
    if not field.writable:
        return lambda _value: None
    if field.link is not None:
        return _link_loader(field, scope)
    known: dict[type, dict[object, Cell]] = {str: {}, int: {}}

    def load(value: object) -> Cell:
        # By exact type: 1, 1.0 and true are one and the same key of a dictionary.
        memo = known.get(type(value))
        if memo is None:
            return accept(field, value, scope)
        if value in memo:
            return memo[value]
        cell = accept(field, value, scope)
        if len(memo) < MEMO_ENTRIES_MAX:
            memo[value] = cell
        return cell

    return load


def _link_loader(field: Field, scope: "SeedScope") -> _Load:
    """Most cells of links hold one, and many of those the same one."""
    singles: dict[object, Cell] = {}

    def load(value: object) -> Cell:
        items = list_of(value)
        if items is None or len(items) != 1 or type(items[0]) is not str:
            return accept(field, value, scope)
        only = items[0]
        if only not in singles:
            singles[only] = accept(field, value, scope)
        return singles[only]

    return load


def _finish(table: Table) -> None:
    """Complete what the seed leaves open: the other side of links, numbers, modification times, views."""
    for end in table.link_ends:
        _complete(end)
    for field in table.fields:
        if field.type == "autoNumber":
            _number(table, field)
    _name_people(table)
    table.views = [_with_ids(table, view) for view in table.views]


def _name_people(table: Table) -> None:
    """Who made and changed a record that the seed does not say it of: the first person of the base."""
    somebody = next(iter(table.base.people), None)
    made = [field.cells for field in table.fields if field.type == "createdBy"]
    for people in (*made, *(watch.people for watch in table.watches.values())):
        people[:] = [somebody if person is None else person for person in people]


def _with_ids(table: Table, view: View) -> View:
    """The view with ids in its formula, which so outlives a renaming of fields."""
    if view.formula is None:
        return view
    try:
        predicate(view.formula, table)
    except ApiError as exc:
        raise SeedError(f"table {table.name!r}, view {view.name!r}: {exc.body['error']}") from None
    return replace(view, formula=read_formula(table, view.formula).text)


def _pack(end: LinkEnd) -> None:
    """Give long cells their form for many links before anything is added to them."""
    for slot, cell in enumerate(end.cells):
        if cell is not None and len(cell) > TUPLE_LINKS_MAX:
            end.cells[slot] = packed(dict.fromkeys(cell))


def _complete(end: LinkEnd) -> None:
    """Add to the far side what this side names and the far side does not."""
    far, ids = end.opposite, end.table.ids
    for slot, cell in enumerate(end.cells):
        for linked in cell or ():
            far.add(far.table.slots[linked], ids[slot])


def _number(table: Table, field: Field) -> None:
    given = [cell for cell in field.cells if isinstance(cell, int)]
    table.last_number = max([table.last_number, *given])
    for slot, cell in enumerate(field.cells):
        if cell is None:
            table.last_number += 1
            field.cells[slot] = table.last_number


def register_person(base: Base, person: dict[str, Any]) -> dict[str, Any]:
    """Make somebody known to the base; a missing id follows from the address."""
    if not isinstance(person.get("id") or person.get("email"), str):
        raise SeedError(f"base {base.name!r}: the collaborator {person!r} has neither an id nor an email")
    person_id = person.get("id") or derived_id("usr", str(person["email"]))
    known = {"id": person_id} | {key: person[key] for key in ("email", "name") if person.get(key)}
    return base.people.setdefault(str(person_id), known)


class SeedScope:
    """What a seed may refer to: its own choices, records and people; people become known by being named."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def choice(self, field: Field, name: str) -> str | None:
        if not name:
            return None
        if name not in field.choices:
            raise unknown_choice(name)
        return name

    def person(self, field: Field, value: object) -> dict[str, Any]:
        person = {"id": value} if isinstance(value, str) else object_of(value)
        if person is None:
            raise value_refused(field.name)
        return register_person(self._base, person)

    def linked(self, field: Field, record_ids: list[str]) -> tuple[str, ...]:
        if field.link is None:
            raise value_refused(field.name)
        far = field.link.opposite.table
        for record_id in record_ids:
            if record_id not in far.slots:
                raise no_such_row(record_id)
        # The ids of the linked table itself, so that each is in memory once.
        return tuple(dict.fromkeys(far.ids[far.slots[record_id]] for record_id in record_ids))

    def attachment(self, field: Field, value: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(value.get("url"), str):
            raise value_refused(field.name)
        return {"id": new_id("att"), **value}
