"""Cells as webhook payloads show them: the vendor's second format ("V2"), which is richer than that of records.

https://airtable.com/developers/web/api/field-model: selects are `{id, name, color}`, links `{id, name}`, lookups
`{linkedRecordIds, valuesByLinkedRecordId}`, people carry their permission level; every other type is as in records [D].
"""

from collections.abc import Callable
from typing import Any

from smeboost_emulators.airtable.shapes import list_of, object_of
from smeboost_emulators.airtable.state.access import Level, level_of
from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.schema import Base, Field, Table
from smeboost_emulators.airtable.state.texts import shown

_Render = Callable[[Table, Field, Cell], Any]


def rich_cell(table: Table, field: Field, slot: int) -> Any:
    """The cell of a record in the second format; None when it is empty."""
    cell = field.cell(slot)
    if cell is None:
        return None
    if field.type == "multipleLookupValues":
        return _lookup(table, field, slot)
    return _rich(table, field, cell)


def comparable(table: Table, field: Field, slot: int) -> Any:
    """What differs when the rich cell does: for a lookup the cell is not enough, it has no empty values in it."""
    cell = field.cell(slot)
    if cell is None or field.type != "multipleLookupValues" or field.source is None:
        return cell
    far, linked = _looked_at(table, field, slot)
    return [(record_id, field.source.cell(far.slots[record_id])) for record_id in linked]


def _rich(table: Table, field: Field, cell: Cell) -> Any:
    render = _RENDERERS.get(field.type)
    return cell if render is None else render(table, field, cell)


def _choice(_table: Table, field: Field, cell: Cell) -> Any:
    choice = field.choices.get(cell)
    if choice is None:
        return {"name": cell}
    return {key: choice[key] for key in ("id", "name", "color") if choice.get(key)}


def _choices(table: Table, field: Field, cell: Cell) -> Any:
    return [_choice(table, field, name) for name in cell]


def _links(_table: Table, field: Field, cell: Cell) -> Any:
    if field.link is None:
        return list(cell)
    far = field.link.opposite.table
    return [{"id": record_id, "name": _name(far, record_id)} for record_id in cell]


def _name(far: Table, record_id: str) -> str:
    slot = far.slot_of(record_id)
    return "" if slot is None else shown(far.primary, slot)


def _person(table: Table, _field: Field, cell: Cell) -> Any:
    person = object_of(cell)
    if person is None:
        return cell
    known = table.base.people.get(str(person.get("id")), {})
    return known | person | {"permissionLevel": level_in(table.base, str(person.get("id")))}


def level_in(base: Base, user_id: str) -> Level:
    """What a user may do in a base: as a collaborator, or else what the base allows anybody here (see `rights.py`)."""
    return level_of(base.access.individual_collaborators, user_id) or base.permission_level


def _people(table: Table, field: Field, cell: Cell) -> Any:
    return [_person(table, field, person) for person in cell]


def _lookup(table: Table, field: Field, slot: int) -> Any:
    """By linked record; the values of a lookup of a lookup are in one list [I]."""
    far, linked = _looked_at(table, field, slot)
    if field.source is None:
        return list(field.cell(slot))
    values = {record_id: _values(rich_cell(far, field.source, far.slots[record_id])) for record_id in linked}
    return {"linkedRecordIds": list(linked), "valuesByLinkedRecordId": values}


def _looked_at(table: Table, field: Field, slot: int) -> tuple[Table, tuple[str, ...]]:
    """The linked table and records of a lookup."""
    link_field = table.fields_by_key.get(str((field.options or {}).get("recordLinkFieldId")))
    if link_field is None or link_field.link is None:
        return table, ()
    return link_field.link.opposite.table, link_field.link.read(slot) or ()


def _values(cell: Any) -> list[Any]:
    if cell is None:
        return []
    parts, named = list_of(cell), object_of(cell)
    if parts is not None:
        return parts
    if named is not None and "valuesByLinkedRecordId" in named:
        return [value for values in named["valuesByLinkedRecordId"].values() for value in values]
    return [cell]


_RENDERERS: dict[str, _Render] = {
    "singleSelect": _choice,
    "externalSyncSource": _choice,
    "multipleSelects": _choices,
    "multipleRecordLinks": _links,
    "singleCollaborator": _person,
    "createdBy": _person,
    "lastModifiedBy": _person,
    "multipleCollaborators": _people,
}
