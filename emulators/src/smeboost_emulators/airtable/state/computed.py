"""Fields that are computed when they are read: creation time, counts and lookups.

Auto numbers and modification times are kept in columns by `changes.py`, because they depend on what happened and not
on what is there.
"""

from collections.abc import Callable, Iterable

from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.shapes import list_of, texts_of
from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.links import LinkEnd
from smeboost_emulators.airtable.state.schema import Field, Table


def connect_computed(table: Table, fields: Iterable[Field]) -> None:
    """Give the computed ones among these fields of the table their readers; the links must be connected before.

    Raises:
        SeedError: its options name no link field of this table, or no field of the linked one.
    """
    for field in fields:
        if field.type == "createdTime":
            field.read = table.created.__getitem__
        elif field.type == "count":
            field.read = _counter(_link_of(table, field))
        elif field.type == "multipleLookupValues":
            field.read = _lookup(table, field)
            _refuse_circle(field, [])
        elif field.type == "lastModifiedTime":
            _watch(table, field)


def _watch(table: Table, field: Field) -> None:
    """`referencedFieldIds` are the fields whose changes move the time; none means all of them."""
    named = texts_of((field.options or {}).get("referencedFieldIds") or [])
    unknown = ["(not a list)"] if named is None else [key for key in named if key not in table.fields_by_key]
    if named is None or unknown:
        raise SeedError(f"table {table.name!r}, field {field.name!r}: referencedFieldIds has no field {unknown[0]!r}")
    watched = [table.fields_by_key[key].id for key in named]
    field.options = (field.options or {}) | {"isValid": True, "referencedFieldIds": watched}


def _link_of(table: Table, field: Field) -> LinkEnd:
    options = field.options or {}
    link_field = table.fields_by_key.get(str(options.get("recordLinkFieldId")))
    if link_field is None or link_field.link is None:
        named = options.get("recordLinkFieldId")
        raise SeedError(
            f"table {table.name!r}, field {field.name!r}: recordLinkFieldId {named!r} is not a link field of this table"
        )
    field.options = options | {"recordLinkFieldId": link_field.id, "isValid": True}
    return link_field.link


def _counter(link: LinkEnd) -> Callable[[int], Cell]:
    return lambda slot: len(link.cells[slot] or ())


def _lookup(table: Table, field: Field) -> Callable[[int], Cell]:
    link = _link_of(table, field)
    far = link.opposite.table
    named = (field.options or {}).get("fieldIdInLinkedTable")
    source = far.fields_by_key.get(str(named))
    if source is None:
        raise SeedError(
            f"table {table.name!r}, field {field.name!r}: fieldIdInLinkedTable {named!r} is not in table {far.name!r}"
        )
    result = source.described()
    field.options = (field.options or {}) | {
        "fieldIdInLinkedTable": source.id,
        "result": {key: result[key] for key in ("type", "options") if key in result},
    }
    field.source = source

    def read(slot: int) -> Cell:
        values: list[Cell] = []
        for record_id in link.cells[slot] or ():
            value = source.cell(far.slots[record_id])
            parts = list_of(value)
            if parts is not None:
                values.extend(parts)
            elif value is not None:
                values.append(value)
        return tuple(values) or None

    return read


def _refuse_circle(field: Field, path: list[Field]) -> None:
    if field in path:
        raise SeedError(f"the lookups {' -> '.join(repr(step.name) for step in path)} go in a circle")
    if field.source is not None:
        _refuse_circle(field.source, [*path, field])
