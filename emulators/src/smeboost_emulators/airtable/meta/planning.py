"""New tables and fields, checked and given their ids before anything is changed.

Rules of this room, from https://airtable.com/developers/web/api/create-field and its kin:

- Names are unique without regard to case: tables in their base, fields in their table. They are not empty.
- A description is not empty and has at most 20,000 characters.
- The first field of a new table becomes its primary field, so its type must be one that a primary field can have.
- A link makes its other side too, a field named after the table it comes from; a table linked to itself has one side.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from smeboost_emulators.airtable.errors import ApiError, invalid_request
from smeboost_emulators.airtable.ids import new_id
from smeboost_emulators.airtable.meta.options import CREATABLE_TYPES, KNOWN_TYPES, OptionsRefused, read_options
from smeboost_emulators.airtable.meta.refusals import (
    field_name_taken,
    field_type_not_creatable,
    options_refused,
    primary_field_refused,
    table_name_taken,
)
from smeboost_emulators.airtable.state.access import BaseAccess
from smeboost_emulators.airtable.state.cells import PRIMARY_TYPES
from smeboost_emulators.airtable.state.schema import Base, Table
from smeboost_emulators.airtable.state.schema_changes import BaseCreated, FieldsCreated, TableCreated

DESCRIPTION_CHARACTERS_MAX = 20_000
NAME_CHARACTERS_MAX = 255
"""Inferred; the vendor documents no length of names."""
FIELDS_MAX = 500
"""https://support.airtable.com: fields in a table."""
TABLES_MAX = 1_000
"""https://support.airtable.com: tables in a base."""

Name = Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX)]
Description = Annotated[str, Meta(min_length=1, max_length=DESCRIPTION_CHARACTERS_MAX)]
_Definition = dict[str, Any]
_Request = TypeVar("_Request", bound=msgspec.Struct)


class FieldRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A field that is to be made."""

    name: Name
    type: str
    description: Description | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET


class TableRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A table that is to be made."""

    name: Name
    fields: Annotated[list[FieldRequest], Meta(min_length=1, max_length=FIELDS_MAX)]
    description: Description | UnsetType = UNSET


class BaseRequest(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A base that is to be made."""

    name: Name
    tables: Annotated[list[TableRequest], Meta(min_length=1, max_length=TABLES_MAX)]
    workspace_id: str


def read_request(body: dict[str, Any], shape: type[_Request]) -> _Request:
    """The body as what is expected of it.

    Raises:
        ApiError: 422 that names the place and what is wrong there.
    """
    try:
        return msgspec.convert(body, shape)
    except msgspec.ValidationError as exc:
        raise invalid_request(f"{exc}.") from None


def plan_fields(table: Table, request: FieldRequest) -> FieldsCreated:
    """A new field of a table, and its other side when it is a link.

    Raises:
        ApiError: 422 for a name, a type or options that cannot be.
    """
    if len(table.fields) >= FIELDS_MAX:
        raise invalid_request(f"The table has {FIELDS_MAX} fields already.")
    plan = _TablePlan(table.base, table.id, table.name, {item.name.casefold() for item in table.fields})
    own = plan.definition_of(request)
    return FieldsCreated(table.id, [(table.id, own), *plan.inverse_fields])


def plan_table(base: Base, request: TableRequest) -> TableCreated:
    """A new table with its fields and its grid view.

    Raises:
        ApiError: 422 for a name, a field or a primary field that cannot be.
    """
    check_table_name(base, request.name)
    if len(base.tables) >= TABLES_MAX:
        raise invalid_request(f"The base has {TABLES_MAX} tables already.")
    first = request.fields[0]
    if first.type in CREATABLE_TYPES and first.type not in PRIMARY_TYPES:
        raise primary_field_refused(request.name, first.name, first.type)
    plan = _TablePlan(base, new_id("tbl"), request.name)
    fields = [plan.definition_of(item) for item in request.fields]
    definition: _Definition = {
        "id": plan.table_id,
        "name": request.name,
        "primaryFieldId": fields[0]["id"],
        "fields": fields,
        "views": [{"id": new_id("viw"), "name": "Grid view", "type": "grid"}],
    }
    if request.description is not UNSET:
        definition["description"] = request.description
    return TableCreated(base.id, plan.table_id, definition, plan.inverse_fields)


def plan_base(request: BaseRequest, access: BaseAccess) -> BaseCreated:
    """A new base with its tables; its links cannot be made with it, because the ids to link to do not exist yet."""
    if not request.name:
        raise invalid_request("A base must have a name.")
    base = Base(new_id("app"), request.name)
    tables: list[_Definition] = []
    for item in request.tables:
        if any(table["name"].casefold() == item.name.casefold() for table in tables):
            raise table_name_taken(item.name)
        tables.append(plan_table(base, item).definition)
    definition = {"id": base.id, "name": request.name, "access": msgspec.to_builtins(access), "tables": tables}
    return BaseCreated(base.id, definition)


def check_table_name(base: Base, name: str, keeps: Table | None = None) -> None:
    """Refuse an empty name, and that of another table; `keeps` is the table that is renamed."""
    if not name:
        raise invalid_request("A table must have a name.")
    found = next((table for table in base.tables.values() if table.name.casefold() == name.casefold()), None)
    if found is not None and found is not keeps:
        raise table_name_taken(name)


def check_field_name(table: Table, name: str, keeps_id: str) -> None:
    """Refuse an empty name, and that of another field than the one that is renamed."""
    if not name or any(item.name.casefold() == name.casefold() for item in table.fields if item.id != keeps_id):
        raise field_name_taken(name)


@dataclass(slots=True)
class _TablePlan:
    """Fields that are to be in one table, which may not exist yet."""

    base: Base
    table_id: str
    table_name: str
    names: set[str] = field(default_factory=set[str])
    inverse_fields: list[tuple[str, _Definition]] = field(default_factory=list[tuple[str, _Definition]])

    def definition_of(self, request: FieldRequest) -> _Definition:
        """The definition of a new field; the other side of a link is kept in `inverse_fields`."""
        if not request.name or request.name.casefold() in self.names:
            raise field_name_taken(request.name)
        self.names.add(request.name.casefold())
        definition: _Definition = {"id": new_id("fld"), "name": request.name, "type": request.type}
        if request.description is not UNSET:
            definition["description"] = request.description
        options = self._options(request)
        if request.type == "multipleRecordLinks" and options is not None:
            options = self._link(request, definition["id"], options)
        if options is not None:
            definition["options"] = options
        return definition

    def _options(self, request: FieldRequest) -> dict[str, Any] | None:
        if request.type not in KNOWN_TYPES:
            raise invalid_request(f"There is no field type {request.type!r:.100}. See https://airtable.com/developers.")
        if request.type not in CREATABLE_TYPES:
            raise field_type_not_creatable(self.table_name, request.name, request.type)
        try:
            return read_options(request.type, None if request.options is UNSET else request.options)
        except OptionsRefused as exc:
            raise self._refusal(request, str(exc)) from None

    def _link(self, request: FieldRequest, field_id: str, options: dict[str, Any]) -> dict[str, Any]:
        linked = self.base.tables.get(options["linkedTableId"])
        if linked is None:
            raise self._refusal(request, f"<root>.options.linkedTableId: no table {options['linkedTableId']!r:.100}")
        view_id = options.get("viewIdForRecordSelection")
        if view_id is not None and all(view.id != view_id for view in linked.views):
            raise self._refusal(request, f"<root>.options.viewIdForRecordSelection: no view {view_id!r:.100}")
        shown = options | {"isReversed": False, "prefersSingleRecordLink": False}
        if linked.id == self.table_id:
            return shown
        inverse_id = new_id("fld")
        inverse = {
            "linkedTableId": self.table_id,
            "isReversed": False,
            "prefersSingleRecordLink": False,
            "inverseLinkFieldId": field_id,
        }
        name = self._free_name(linked)
        self.inverse_fields.append(
            (linked.id, {"id": inverse_id, "name": name, "type": "multipleRecordLinks", "options": inverse})
        )
        return shown | {"inverseLinkFieldId": inverse_id}

    def _free_name(self, linked: Table) -> str:
        """The name of this table, or with a number when the linked one has such a field already."""
        taken = {item.name.casefold() for item in linked.fields}
        taken |= {other["name"].casefold() for table_id, other in self.inverse_fields if table_id == linked.id}
        name, number = self.table_name, 1
        while name.casefold() in taken:
            number += 1
            name = f"{self.table_name} {number}"
        return name

    def _refusal(self, request: FieldRequest, detail: str) -> ApiError:
        return options_refused(self.table_name, request.name, detail)
