"""From a base as the Meta API describes it to the tables in memory.

Ids may be missing (they are made), and fields and tables may then be named where the vendor has ids. A field type that
this emulator cannot compute is refused here, at load, and not answered with a guess later.
"""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from smeboost_emulators.airtable.cells import COMPUTED_TYPES, PRIMARY_TYPES, WRITABLE_TYPES
from smeboost_emulators.airtable.computed import connect_computed
from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.ids import is_id, new_id
from smeboost_emulators.airtable.links import LinkEnd, pair
from smeboost_emulators.airtable.schema import Base, Field, Table, View


def build_base(described: dict[str, Any]) -> Base:
    """An empty base with all its tables, fields, links and views."""
    where = f"base {described.get('name') or described.get('id')!r}"
    base = Base(
        id=checked_id("app", described.get("id"), where),
        name=_text(described, "name", where),
        permission_level=described.get("permissionLevel") or "create",
    )
    for definition in described.get("tables") or []:
        table = _build_table(base, definition, where)
        if base.find_table(table.name) or table.id in base.tables:
            raise SeedError(f"{where}: two tables are called {table.name!r} or have its id")
        base.tables[table.id] = table
    for table in base.tables.values():
        _connect_links(base, table)
    for table in base.tables.values():
        connect_computed(table)
    return base


def checked_id(prefix: str, given: object, where: str) -> str:
    """The given id, or a new one when there is none."""
    if given is None:
        return new_id(prefix)
    if not is_id(prefix, given):
        raise SeedError(f"{where}: {given!r} is not an id; use {prefix!r} and 14 letters or digits, or leave it out")
    return str(given)


def _text(described: dict[str, Any], key: str, where: str) -> str:
    value = described.get(key)
    if not isinstance(value, str) or not value:
        raise SeedError(f"{where}: {key} is missing or not a text")
    return value


def _build_table(base: Base, described: dict[str, Any], where: str) -> Table:
    name = _text(described, "name", f"{where}, a table")
    where = f"{where}, table {name!r}"
    table = Table(checked_id("tbl", described.get("id"), where), name, base, described.get("description"))
    for definition in described.get("fields") or []:
        table.fields.append(_build_field(definition, where))
    if not table.fields:
        raise SeedError(f"{where}: it has no fields")
    _refuse_twins(table, where)
    table.index_fields()
    table.primary_field_id = _primary_id(table, described.get("primaryFieldId"), where)
    table.views = [_build_view(table, view, where) for view in described.get("views") or [{}]]
    return table


def _refuse_twins(table: Table, where: str) -> None:
    names = [field.name.casefold() for field in table.fields] + [field.id for field in table.fields]
    twins = {name for name in names if names.count(name) > 1}
    if twins:
        raise SeedError(f"{where}: two fields are called {sorted(twins)[0]!r} (case does not count)")


def _primary_id(table: Table, given: str | None, where: str) -> str:
    primary = table.fields_by_key.get(given) if given else table.fields[0]
    if primary is None:
        raise SeedError(f"{where}: primaryFieldId {given!r} is not one of its fields")
    if primary.type not in PRIMARY_TYPES:
        raise SeedError(f"{where}: {primary.name!r} cannot be the primary field, its type is {primary.type}")
    return primary.id


def _build_field(described: dict[str, Any], where: str) -> Field:
    name = _text(described, "name", f"{where}, a field")
    kind = _text(described, "type", f"{where}, field {name!r}")
    if kind not in WRITABLE_TYPES | COMPUTED_TYPES:
        supported = ", ".join(sorted(WRITABLE_TYPES | COMPUTED_TYPES))
        raise SeedError(
            f"{where}, field {name!r}: the emulator does not support the type {kind!r}. It has: {supported}"
        )
    options = described.get("options")
    field = Field(
        id=checked_id("fld", described.get("id"), f"{where}, field {name!r}"),
        name=name,
        type=kind,
        description=described.get("description"),
        options=dict(options) if options is not None else None,
        writable=kind in WRITABLE_TYPES,
    )
    for choice in (field.options or {}).get("choices") or []:
        field.choices[choice["name"]] = {"id": new_id("sel"), **choice}
    _check_time_zone(field, where)
    return field


def _check_time_zone(field: Field, where: str) -> None:
    zone = (field.options or {}).get("timeZone", "utc") if field.type == "dateTime" else "utc"
    if zone in ("utc", "client"):
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        raise SeedError(f"{where}, field {field.name!r}: {zone!r} is not a time zone") from None


def _build_view(table: Table, described: dict[str, Any], where: str) -> View:
    name = described.get("name") or "Grid view"
    where = f"{where}, view {name!r}"
    visible = described.get("visibleFieldIds")
    record_ids = described.get("recordIds")
    return View(
        id=checked_id("viw", described.get("id"), where),
        name=name,
        type=described.get("type") or "grid",
        visible_field_ids=None if visible is None else tuple(_field(table, key, where).id for key in visible),
        sort=tuple(_view_sort(table, item, where) for item in described.get("sort") or []),
        record_ids=None if record_ids is None else tuple(record_ids),
        formula=described.get("filterByFormula") or None,
    )


def _view_sort(table: Table, described: dict[str, Any], where: str) -> tuple[str, str]:
    direction = described.get("direction", "asc")
    if direction not in ("asc", "desc"):
        raise SeedError(f"{where}: the sort direction {direction!r} is neither asc nor desc")
    return _field(table, described.get("field"), where).id, direction


def _field(table: Table, key: object, where: str) -> Field:
    field = table.fields_by_key.get(str(key))
    if field is None:
        raise SeedError(f"{where}: there is no field {key!r} in table {table.name!r}")
    return field


def _connect_links(base: Base, table: Table) -> None:
    for field in table.fields:
        if field.type == "multipleRecordLinks" and field.link is None:
            _connect(base, table, field)


def _connect(base: Base, table: Table, field: Field) -> None:
    where = f"table {table.name!r}, field {field.name!r}"
    options = field.options or {}
    linked = base.find_table(str(options.get("linkedTableId")))
    if linked is None:
        raise SeedError(f"{where}: linkedTableId {options.get('linkedTableId')!r} is not a table of the base")
    inverse = _inverse(table, field, linked, where)
    own = _end(table, field)
    far = LinkEnd(linked, []) if inverse is None else _end(linked, inverse)
    pair(own, far)
    table.link_ends.append(own)
    linked.link_ends.append(far)
    _complete_options(field, linked, inverse)
    if inverse is not None:
        _complete_options(inverse, table, field)


def _inverse(table: Table, field: Field, linked: Table, where: str) -> Field | None:
    """The field on the other side: named here, or naming this one."""
    named = (field.options or {}).get("inverseLinkFieldId")
    if named is None:
        naming = (item for item in linked.fields if _points_back(item, table, field))
        return next(naming, None)
    inverse = _field(linked, named, where)
    if inverse.type != "multipleRecordLinks" or inverse.link is not None or inverse is field:
        raise SeedError(f"{where}: {inverse.name!r} cannot be its inverse field")
    back = (inverse.options or {}).get("inverseLinkFieldId")
    if back not in (None, field.id, field.name):
        raise SeedError(f"{where}: its inverse field {inverse.name!r} names another field, {back!r}")
    return inverse


def _points_back(item: Field, table: Table, field: Field) -> bool:
    options = item.options or {}
    if item.type != "multipleRecordLinks" or item is field or item.link is not None:
        return False
    same_table = str(options.get("linkedTableId")).casefold() in (table.id.casefold(), table.name.casefold())
    return same_table and options.get("inverseLinkFieldId") in (field.id, field.name)


def _end(table: Table, field: Field) -> LinkEnd:
    field.link = LinkEnd(table, field.cells, field.id)
    field.read = field.link.read
    return field.link


def _complete_options(field: Field, linked: Table, inverse: Field | None) -> None:
    options = {"isReversed": False, "prefersSingleRecordLink": False} | (field.options or {})
    options["linkedTableId"] = linked.id
    if inverse is not None:
        options["inverseLinkFieldId"] = inverse.id
    field.options = options
