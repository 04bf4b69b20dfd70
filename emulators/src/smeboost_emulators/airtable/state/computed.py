"""Fields that are computed when they are read: everything that follows from other cells, from who and from when.

Auto numbers are kept in columns by `changes.py`, and times and people of changes in the table's watches, because they
depend on what happened and not on what is there. Formulas and rollups are in `formulas.py`. All computed fields of a
base are connected together, inputs before what needs them, and again whenever its schema has changed.
"""

from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter

from smeboost_shared.formula.values import Scalar, Value

from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.shapes import list_of, texts_of
from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.formulas import connect_button, connect_formula, connect_rollup, read_formula
from smeboost_emulators.airtable.state.links import LinkEnd
from smeboost_emulators.airtable.state.operands import operand
from smeboost_emulators.airtable.state.results import ISO_TIME
from smeboost_emulators.airtable.state.schema import Base, Field, Table, Watch


def connect_computed(base: Base) -> None:
    """Give the computed fields of the base their readers; its links must be connected before.

    Raises:
        SeedError: the options of a field name what is not there, or fields are computed from each other in a circle.
    """
    homes = {field: table for table in base.tables.values() for field in table.fields}
    for field, table in homes.items():
        _find_inputs(table, field)
    for field in _inputs_first(list(homes)):
        _connect(homes[field], field)


def _inputs_first(fields: list[Field]) -> list[Field]:
    try:
        return list(TopologicalSorter({field: field.inputs for field in fields}).static_order())
    except CycleError as exc:
        path = " -> ".join(repr(field.name) for field in exc.args[1])
        raise SeedError(f"the fields {path} are computed from each other in a circle") from None


def circle_through(table: Table, field: Field, formula: str) -> bool:
    """Whether the field, with this formula, would need its own value; for a plan that changes a formula."""
    pending = list(read_formula(table, formula).fields)
    seen: set[Field] = set()
    while pending:
        needed = pending.pop()
        if needed is field:
            return True
        if needed not in seen:
            seen.add(needed)
            pending.extend(needed.inputs)
    return False


def _find_inputs(table: Table, field: Field) -> None:
    """The fields whose values this one needs; those of a link are the names of the linked records."""
    if field.link is not None:
        field.inputs = (field.link.opposite.table.primary,)
    elif field.type in ("multipleLookupValues", "rollup"):
        field.inputs = (_source_of(table, field),)
    elif field.type == "formula":
        named = (field.options or {}).get("formula")
        if not isinstance(named, str):
            raise SeedError(
                f"table {table.name!r}, field {field.name!r}: options.formula must be the text of a formula"
            )
        field.inputs = read_formula(table, named).fields
    elif field.type == "button":
        field.inputs = read_formula(table, str((field.options or {}).get("url"))).fields


def _connect(table: Table, field: Field) -> None:
    field.volatile = any(needed.volatile for needed in field.inputs)
    match field.type:
        case "createdTime":
            field.read = table.created.__getitem__
            field.options = {"result": {"type": "dateTime", "options": ISO_TIME}} | (field.options or {})
        case "count":
            field.read = _counter(table, field)
        case "multipleLookupValues":
            _connect_lookup(table, field)
        case "rollup":
            connect_rollup(table, field, _gathered(table, field))
        case "formula":
            connect_formula(table, field)
        case "button":
            connect_button(table, field)
        case "lastModifiedTime":
            field.read = _watch(table, field).times.__getitem__
        case "createdBy":
            field.read = _person(table.base, field.cells)
        case "lastModifiedBy":
            field.read = _person(table.base, _watch(table, field).people)
        case _:
            pass


def _watch(table: Table, field: Field) -> Watch:
    """`referencedFieldIds` are the fields whose changes count; none means all of them."""
    named = texts_of((field.options or {}).get("referencedFieldIds") or [])
    unknown = ["(not a list)"] if named is None else [key for key in named if key not in table.fields_by_key]
    if named is None or unknown:
        raise SeedError(f"table {table.name!r}, field {field.name!r}: referencedFieldIds has no field {unknown[0]!r}")
    watched = [table.fields_by_key[key].id for key in named]
    if field.type == "lastModifiedTime":
        result = {"result": {"type": "dateTime", "options": ISO_TIME}} | (field.options or {})
        field.options = result | {"isValid": True, "referencedFieldIds": watched}
    return table.watch(watched)


def _person(base: Base, ids: list[Cell]) -> Callable[[int], Cell]:
    def read(slot: int) -> Cell:
        user_id = ids[slot]
        return None if user_id is None else base.people.get(user_id, {"id": user_id})

    return read


def _counter(table: Table, field: Field) -> Callable[[int], Cell]:
    cells = link_of(table, field).cells
    return lambda slot: len(cells[slot] or ())


def link_of(table: Table, field: Field) -> LinkEnd:
    """The link field of the table that a count, lookup or rollup goes along."""
    options = field.options or {}
    link_field = table.fields_by_key.get(str(options.get("recordLinkFieldId")))
    if link_field is None or link_field.link is None:
        named = options.get("recordLinkFieldId")
        raise SeedError(
            f"table {table.name!r}, field {field.name!r}: recordLinkFieldId {named!r} is not a link field of this table"
        )
    field.options = options | {"recordLinkFieldId": link_field.id, "isValid": True}
    return link_field.link


def _source_of(table: Table, field: Field) -> Field:
    """The field of the linked table that a lookup or rollup looks at."""
    far = link_of(table, field).opposite.table
    named = (field.options or {}).get("fieldIdInLinkedTable")
    source = far.fields_by_key.get(str(named))
    if source is None:
        raise SeedError(
            f"table {table.name!r}, field {field.name!r}: fieldIdInLinkedTable {named!r} is not in table {far.name!r}"
        )
    field.options = (field.options or {}) | {"fieldIdInLinkedTable": source.id}
    field.source = source
    return source


def _gathered(table: Table, field: Field) -> Callable[[int], list[Scalar]]:
    """The source's values in all linked records, for formulas; what is a list there is taken apart."""
    link = link_of(table, field)
    slots, read = link.opposite.table.slots, operand(_source_of(table, field))

    def gather(slot: int) -> list[Scalar]:
        found: list[Scalar] = []
        for record_id in link.cells[slot] or ():
            value = read(slots[record_id])
            if isinstance(value, list):
                found.extend(value)
            else:
                found.append(value)
        return found

    return gather


def _connect_lookup(table: Table, field: Field) -> None:
    link, source = link_of(table, field), _source_of(table, field)
    result = source.described()
    shown = {key: result[key] for key in ("type", "options") if key in result}
    field.options = (field.options or {}) | {"result": shown}
    gather, slots = _gathered(table, field), link.opposite.table.slots

    def read(slot: int) -> Cell:
        values: list[Cell] = []
        for record_id in link.cells[slot] or ():
            value = source.cell(slots[record_id])
            parts = list_of(value)
            if parts is not None:
                values.extend(parts)
            elif value is not None:
                values.append(value)
        return tuple(values) or None

    def evaluate(slot: int) -> Value:
        return [part for part in gather(slot) if part is not None and part != ""]

    field.read, field.evaluate = read, evaluate
