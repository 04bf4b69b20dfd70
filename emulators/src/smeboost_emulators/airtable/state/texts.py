"""A cell as text, the way a person reads it and a formula joins it: links by the primary field of their records."""

from smeboost_emulators.airtable.state.cells import Cell, display
from smeboost_emulators.airtable.state.schema import Field


def shown(field: Field, slot: int) -> str:
    """The cell as a person reads it; a link shows the primary field of the linked record."""
    return text_of_cell(field, field.cell(slot))


def text_of_cell(field: Field, cell: Cell) -> str:
    """A cell of this field as text; see `shown`."""
    if field.link is not None:
        far = field.link.opposite.table
        return ", ".join(shown(far.primary, far.slots[record_id]) for record_id in cell or ())
    if field.source is not None and field.type == "multipleLookupValues":
        source = field.source
        return ", ".join(text_of_cell(source, part) for part in parts_of(source, cell))
    return display(cell)


def parts_of(source: Field, cell: Cell) -> list[Cell]:
    """The parts of a lookup, each a cell of its source: those of a source of lists are wrapped again."""
    listed = source.link is not None or source.type in ("multipleSelects", "multipleAttachments")
    return [(part,) if listed else part for part in cell or ()]
