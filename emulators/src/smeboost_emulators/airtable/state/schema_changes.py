"""How the schema changes: bases, tables, fields and views that come, change or go.

Kin of the record changes in `changes.py`, with their rules: a change says everything that it needs, all new ids among
it, so that applying it again after a crash gives the same state; and applying it cannot fail, because the plan
(`meta/planning.py`) has checked it. Definitions have the shape of `definitions.py`.
"""

from typing import Any, TypeAlias

import msgspec

from smeboost_emulators.airtable.state.blueprint import build_base, build_field, build_table
from smeboost_emulators.airtable.state.computed import connect_computed
from smeboost_emulators.airtable.state.definitions import BaseDefinition, FieldDefinition, TableDefinition
from smeboost_emulators.airtable.state.growing import add_fields, add_tables
from smeboost_emulators.airtable.state.schema import Base, Field, State


class BaseCreated(msgspec.Struct, frozen=True, array_like=True, tag="base"):
    """A new base with all its tables."""

    base_id: str
    definition: dict[str, Any]


class TableCreated(msgspec.Struct, frozen=True, array_like=True, tag="table"):
    """A new table, and what its link fields add to the tables that they link to: (table id, field)."""

    base_id: str
    table_id: str
    definition: dict[str, Any]
    inverse_fields: list[tuple[str, dict[str, Any]]]


class TableChanged(msgspec.Struct, frozen=True, array_like=True, tag="tableChanged"):
    """New `name`, `description` (None for none) or `dateDependencySettings`; what is absent stays."""

    table_id: str
    values: dict[str, Any]


class FieldsCreated(msgspec.Struct, frozen=True, array_like=True, tag="fields"):
    """New fields, (table id, field) each: the one that was asked for, and the other side of a link."""

    table_id: str
    fields: list[tuple[str, dict[str, Any]]]


class FieldChanged(msgspec.Struct, frozen=True, array_like=True, tag="fieldChanged"):
    """A new `name`, `description` (None for none) or `formula`; what is absent stays."""

    table_id: str
    field_id: str
    values: dict[str, Any]


class ViewDeleted(msgspec.Struct, frozen=True, array_like=True, tag="viewDeleted"):
    """A view that is no more; its records stay."""

    table_id: str
    view_id: str


SchemaChange: TypeAlias = BaseCreated | TableCreated | TableChanged | FieldsCreated | FieldChanged | ViewDeleted


def apply_schema_change(state: State, change: SchemaChange) -> None:
    """Bring the state up to date with one change."""
    match change:
        case BaseCreated():
            state.add(build_base(msgspec.convert(change.definition, BaseDefinition)))
        case TableCreated():
            base = state.bases[change.base_id]
            base.version += 1
            _create_table(state, base, change)
        case TableChanged() | FieldsCreated() | FieldChanged() | ViewDeleted():
            base = state.tables[change.table_id].base
            base.version += 1
            _change_table(base, change)


def _create_table(state: State, base: Base, change: TableCreated) -> None:
    table = build_table(base, msgspec.convert(change.definition, TableDefinition), change.table_id)
    # The table is there before its links are connected, because both sides of a link are looked up by table.
    state.tables[table.id] = base.tables[table.id] = table
    add_fields(base, [(base.tables[table_id], _field(field)) for table_id, field in change.inverse_fields])
    add_tables(state, base, [table])


def _change_table(base: Base, change: TableChanged | FieldsCreated | FieldChanged | ViewDeleted) -> None:
    table = base.tables[change.table_id]
    match change:
        case TableChanged():
            table.name = change.values.get("name", table.name)
            table.description = change.values.get("description", table.description)
            table.date_dependency = change.values.get("dateDependencySettings", table.date_dependency)
        case FieldsCreated():
            add_fields(base, [(base.tables[table_id], _field(field)) for table_id, field in change.fields])
        case FieldChanged():
            field = table.fields_by_key[change.field_id]
            field.name = change.values.get("name", field.name)
            field.description = change.values.get("description", field.description)
            if "formula" in change.values:
                field.options = {"formula": change.values["formula"]}
            table.index_fields()
            connect_computed(base)
        case ViewDeleted():
            table.views = [view for view in table.views if view.id != change.view_id]


def _field(definition: dict[str, Any]) -> Field:
    return build_field(msgspec.convert(definition, FieldDefinition), str(definition["id"]))
