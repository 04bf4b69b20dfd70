"""From the definition of a base to its tables in memory.

Ids may be missing (they are made), and fields and tables may then be named where the vendor has ids. A field type that
this emulator cannot compute is refused here, at load, and not answered with a guess later.
"""

from typing import Any
from zoneinfo import ZoneInfo

from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.ids import is_id, new_id
from smeboost_emulators.airtable.shapes import objects_of, texts_of
from smeboost_emulators.airtable.state.cells import COLUMN_TYPES, COMPUTED_TYPES, PRIMARY_TYPES, WRITABLE_TYPES
from smeboost_emulators.airtable.state.computed import connect_computed
from smeboost_emulators.airtable.state.definitions import (
    BaseDefinition,
    FieldDefinition,
    TableDefinition,
    ViewDefinition,
)
from smeboost_emulators.airtable.state.relations import connect_links
from smeboost_emulators.airtable.state.schema import Base, Field, Table, View


def build_base(definition: BaseDefinition) -> Base:
    """An empty base with all its tables, fields, links and views.

    Raises:
        SeedError: the definition contradicts itself or has what the emulator does not; the message says where.
    """
    where = f"base {definition.name!r}"
    base = Base(checked_id("app", definition.id, where), definition.name, definition.permission_level)
    base.access = definition.access
    for described in definition.tables:
        table = build_table(base, described, f"{where}, table {described.name!r}")
        if base.find_table(table.name) or table.id in base.tables:
            raise SeedError(f"{where}: two tables are called {table.name!r} or have its id")
        base.tables[table.id] = table
    for table in base.tables.values():
        connect_links(base, table)
    connect_computed(base)
    return base


def checked_id(prefix: str, given: str | None, where: str) -> str:
    """The given id, or a new one when there is none."""
    if given is None:
        return new_id(prefix)
    if not is_id(prefix, given):
        raise SeedError(f"{where}: {given!r} is not an id; use {prefix!r} and 14 letters or digits, or leave it out")
    return given


def find_field(table: Table, key: object, where: str) -> Field:
    """The field of that id or name."""
    field = table.fields_by_key.get(str(key))
    if field is None:
        raise SeedError(f"{where}: there is no field {key!r} in table {table.name!r}")
    return field


def build_table(base: Base, definition: TableDefinition, where: str) -> Table:
    """An empty table that is not in the base yet; see `growing.py` for how it gets there."""
    table = Table(checked_id("tbl", definition.id, where), definition.name, base, definition.description)
    table.fields = [build_field(described, where) for described in definition.fields]
    if not table.fields:
        raise SeedError(f"{where}: it has no fields")
    _refuse_twins(table, where)
    table.index_fields()
    table.primary_field_id = _primary_id(table, definition.primary_field_id, where)
    table.date_dependency = definition.date_dependency_settings
    table.sync_id = definition.api_endpoint_sync_id
    table.views = [_build_view(table, described, where) for described in definition.views or [ViewDefinition()]]
    return table


def _refuse_twins(table: Table, where: str) -> None:
    keys = [field.name.casefold() for field in table.fields] + [field.id for field in table.fields]
    twins = {key for key in keys if keys.count(key) > 1}
    if twins:
        raise SeedError(f"{where}: two fields are called {min(twins)!r} (case does not count)")


def _primary_id(table: Table, given: str | None, where: str) -> str:
    primary = table.fields[0] if given is None else find_field(table, given, f"{where}, primaryFieldId")
    if primary.type not in PRIMARY_TYPES:
        raise SeedError(f"{where}: {primary.name!r} cannot be the primary field, its type is {primary.type}")
    return primary.id


def build_field(definition: FieldDefinition, where: str) -> Field:
    """A field that is in no table yet; its column is empty and its options are not connected."""
    where = f"{where}, field {definition.name!r}"
    supported = WRITABLE_TYPES | COMPUTED_TYPES
    if definition.type not in supported:
        known = ", ".join(sorted(supported))
        raise SeedError(f"{where}: the emulator does not support the type {definition.type!r}. It supports: {known}")
    if not definition.name:
        raise SeedError(f"{where}: it has no name")
    options = None if definition.options is None else dict(definition.options)
    _check_options(definition.type, options or {}, where)
    return Field(
        id=checked_id("fld", definition.id, where),
        name=definition.name,
        type=definition.type,
        description=definition.description,
        options=options,
        choices=_choices(options or {}, where),
        writable=definition.type in WRITABLE_TYPES,
        column=definition.type in WRITABLE_TYPES | COLUMN_TYPES,
    )


def _choices(options: dict[str, Any], where: str) -> dict[str, dict[str, Any]]:
    given = objects_of(options.get("choices") or [])
    if given is None or not all(isinstance(choice.get("name"), str) for choice in given):
        raise SeedError(f"{where}: options.choices must be a list of objects with a name")
    choices = {choice["name"]: {"id": new_id("sel"), **choice} for choice in given}
    if len(choices) < len(given):
        raise SeedError(f"{where}: two of its choices have the same name")
    return choices


def _check_options(kind: str, options: dict[str, Any], where: str) -> None:
    """Only what decides about values; the rest is shown as it came."""
    if kind == "rating" and not isinstance(options.get("max", 1), int):
        raise SeedError(f"{where}: options.max must be a whole number")
    zone = options.get("timeZone", "utc") if kind == "dateTime" else "utc"
    if zone in ("utc", "client"):
        return
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, TypeError, KeyError):
        raise SeedError(f"{where}: options.timeZone {zone!r} is not a time zone") from None


def _build_view(table: Table, definition: ViewDefinition, where: str) -> View:
    where = f"{where}, view {definition.name!r}"
    visible = texts_of(definition.visible_field_ids)
    return View(
        id=checked_id("viw", definition.id, where),
        name=definition.name,
        type=definition.type,
        visible_field_ids=None if visible is None else tuple(find_field(table, key, where).id for key in visible),
        sort=tuple((find_field(table, item.field, where).id, item.direction) for item in definition.sort),
        record_ids=None if definition.record_ids is None else tuple(definition.record_ids),
        formula=definition.filter_by_formula or None,
    )
