"""Tables and fields that join a base while it runs: beside records, links and computed fields that are there.

A change of the schema is a change like any other: planned, stored, and applied with these functions, which must not
fail then, so a plan checks first what they refuse.
"""

from collections.abc import Sequence

from smeboost_emulators.airtable.state.computed import connect_computed
from smeboost_emulators.airtable.state.relations import connect_links
from smeboost_emulators.airtable.state.schema import Base, Field, State, Table


def add_fields(base: Base, added: Sequence[tuple[Table, Field]]) -> None:
    """Put new fields into tables of the base, each with an empty cell for every record there is.

    Both sides of a new link come in one call, so that they find each other by `inverseLinkFieldId`; a link field
    whose other side is not among them is a link without an inverse field.

    Raises:
        SeedError: the options of a field name what is not there; the fields are then in their tables, unconnected.
    """
    tables = {table.id: table for table, _ in added}
    for table, field in added:
        if field.column:
            field.cells.extend([None] * len(table.ids))
        if field.type == "autoNumber":
            _number_rows(table, field)
        table.fields.append(field)
    for table in tables.values():
        table.index_fields()
    for table in tables.values():
        connect_links(base, table)
    connect_computed(base)


def add_tables(state: State, base: Base, tables: Sequence[Table]) -> None:
    """Put new empty tables into the base and connect them; they may link to each other and to what is there.

    Raises:
        SeedError: the options of a field name what is not there.
    """
    for table in tables:
        base.tables[table.id] = table
        state.tables[table.id] = table
    for table in tables:
        connect_links(base, table)
    connect_computed(base)


def _number_rows(table: Table, field: Field) -> None:
    """A new column of numbers counts the records there are, in the order of creation."""
    for number, slot in enumerate(table.live_slots(), start=1):
        field.cells[slot] = number
        table.last_number = max(table.last_number, number)
