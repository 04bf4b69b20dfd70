"""Which link fields belong together: every field of links gets its two ends.

The pair is found from either side: a field may name its inverse, or be named by it. A field without an inverse gets a
far end of its own, which has no field and is never shown.
"""

from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.state.links import LinkEnd, pair
from smeboost_emulators.airtable.state.schema import Base, Field, Table


def connect_links(base: Base, table: Table) -> None:
    """Connect the link fields of a table that are not connected yet.

    Raises:
        SeedError: a field links to a table or names an inverse field that cannot be.
    """
    for field in table.fields:
        if field.type == "multipleRecordLinks" and field.link is None:
            _connect(base, table, field)


def _connect(base: Base, table: Table, field: Field) -> None:
    where = f"table {table.name!r}, field {field.name!r}"
    named = (field.options or {}).get("linkedTableId")
    linked = base.find_table(str(named))
    if linked is None:
        raise SeedError(f"{where}: options.linkedTableId {named!r} is not a table of the base")
    inverse = _inverse(table, field, linked, where)
    own = _end(table, field)
    far = LinkEnd(linked, [None] * len(linked.ids)) if inverse is None else _end(linked, inverse)
    pair(own, far)
    table.link_ends.append(own)
    linked.link_ends.append(far)
    _complete_options(field, linked, inverse)
    if inverse is not None:
        _complete_options(inverse, table, field)


def _inverse(table: Table, field: Field, linked: Table, where: str) -> Field | None:
    named = (field.options or {}).get("inverseLinkFieldId")
    if named is None:
        return next((item for item in linked.fields if item is not field and _names(item, table, field)), None)
    inverse = linked.fields_by_key.get(str(named))
    if inverse is None or inverse is field or inverse.type != "multipleRecordLinks" or inverse.link is not None:
        raise SeedError(f"{where}: options.inverseLinkFieldId {named!r} is no free link field of {linked.name!r}")
    back = (inverse.options or {}).get("inverseLinkFieldId")
    if back not in (None, field.id, field.name):
        raise SeedError(f"{where}: its inverse field {inverse.name!r} names another field, {back!r}")
    return inverse


def _names(item: Field, table: Table, field: Field) -> bool:
    """Whether a field that is still free says that this field of this table is its inverse."""
    options = item.options or {}
    if item.type != "multipleRecordLinks" or item.link is not None:
        return False
    to_table = str(options.get("linkedTableId")).casefold() in (table.id.casefold(), table.name.casefold())
    return to_table and options.get("inverseLinkFieldId") in (field.id, field.name)


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
