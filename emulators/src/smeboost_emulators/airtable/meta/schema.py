"""The Meta API's writes: new bases, tables and fields, and what may be changed of them.

There is no call that deletes a table or a field, makes a view, or changes the type of a field.
"""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from smeboost_emulators.airtable.errors import invalid_request, model_not_found, not_found
from smeboost_emulators.airtable.ids import is_id
from smeboost_emulators.airtable.meta.dependencies import DateDependency, checked_dependency
from smeboost_emulators.airtable.meta.planning import (
    Description,
    FieldRequest,
    Name,
    TableRequest,
    check_field_name,
    check_table_name,
    plan_fields,
    plan_table,
    read_request,
)
from smeboost_emulators.airtable.state.computed import circle_through
from smeboost_emulators.airtable.state.formulas import read_formula
from smeboost_emulators.airtable.state.schema import Field, Table
from smeboost_emulators.airtable.state.schema_changes import FieldChanged, TableChanged
from smeboost_emulators.airtable.wire import Call

FORMULA_CHARACTERS_MAX = 100_000
"""As long as a long text may be; the vendor documents no length of formulas."""


class TableUpdate(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """What may change of a table; null takes the description away."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    date_dependency_settings: DateDependency | UnsetType = UNSET


class FormulaOptions(msgspec.Struct, forbid_unknown_fields=True):
    """The formula of a formula field; it may name fields or their ids."""

    formula: Annotated[str, Meta(min_length=1, max_length=FORMULA_CHARACTERS_MAX)]


class FieldUpdate(msgspec.Struct, forbid_unknown_fields=True):
    """What may change of a field; options are the formula of a formula field and nothing else."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    options: FormulaOptions | UnsetType = UNSET


async def create_table(call: Call) -> dict[str, Any]:
    """A table; its grid view comes with it."""
    base = call.own_base()
    change = plan_table(base, read_request(await call.body(), TableRequest))
    call.commit([change])
    return base.tables[change.table_id].described(with_visible_fields=False)


async def update_table(call: Call) -> dict[str, Any]:
    """The name, the description or the date dependencies of a table."""
    table = call.table()
    request = read_request(await call.body(), TableUpdate)
    values = _given(request)
    if request.name is not UNSET:
        check_table_name(table.base, request.name, keeps=table)
    if request.date_dependency_settings is not UNSET:
        del values["date_dependency_settings"]
        values["dateDependencySettings"] = checked_dependency(table, request.date_dependency_settings)
    call.commit([TableChanged(table.id, values)])
    return table.described(with_visible_fields=False)


async def create_field(call: Call) -> dict[str, Any]:
    """A field, and its other side in the linked table when it is a link."""
    table = call.table()
    change = plan_fields(table, read_request(await call.body(), FieldRequest))
    call.commit([change])
    return table.fields_by_key[change.fields[0][1]["id"]].described()


async def update_field(call: Call) -> dict[str, Any]:
    """The name or the description of a field, or the formula of a formula field."""
    table = call.table()
    field = _field(table, call.segment("field"))
    request = read_request(await call.body(), FieldUpdate)
    values = _given(request)
    if request.name is not UNSET:
        check_field_name(table, request.name, field.id)
    if request.options is not UNSET:
        del values["options"]
        values["formula"] = _checked_formula(table, field, request.options.formula)
    call.commit([FieldChanged(table.id, field.id, values)])
    return field.described()


def _checked_formula(table: Table, field: Field, text: str) -> str:
    """The formula with ids for names; that one which cannot be computed is refused, and how, is inferred."""
    if field.type != "formula":
        raise invalid_request(f"The options of a {field.type} field cannot be changed.")
    reading = read_formula(table, text)
    if reading.tree is None:
        raise invalid_request("options.formula is not a formula over the fields of the table.")
    if circle_through(table, field, text):
        raise invalid_request("options.formula needs the value of this field itself.")
    return reading.text


def _field(table: Table, field_id: str) -> Field:
    if not is_id("fld", field_id):
        raise not_found()
    field = table.fields_by_key.get(field_id)
    if field is None:
        raise model_not_found()
    return field


def _given(request: msgspec.Struct) -> dict[str, Any]:
    """What is to change; nothing at all is refused."""
    values: dict[str, Any] = {
        name: value for name, value in msgspec.structs.asdict(request).items() if value is not UNSET
    }
    if not values:
        keys = ", ".join(field.encode_name for field in msgspec.structs.fields(request))
        raise invalid_request(f"At least one of {keys} must be given.")
    return values
