"""What a field is inside a formula: the reader of its cells as values of the formula language.

A link is the primary text of the linked records, a select the name of its choice, a checkbox 1 or 0, a date a moment
in UTC, an attachment `filename (url)`, a list its parts (https://support.airtable.com/docs/formula-field-reference).
Computed fields are asked for the value that they computed, not for what the API shows of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.values import Scalar, Value

from smeboost_emulators.airtable.shapes import list_of
from smeboost_emulators.airtable.state.cells import NUMBER_TYPES, TEXT_TYPES, Cell, display
from smeboost_emulators.airtable.state.schema import Field, Table
from smeboost_emulators.airtable.state.texts import shown

Operand = Callable[[int], Value]
"""The value of one field for the record at a slot; raises EvaluationError where the field computes an error."""
MOMENT_TYPES = frozenset({"date", "dateTime", "createdTime", "lastModifiedTime"})
_LIST_TYPES = frozenset(
    {"multipleSelects", "multipleCollaborators", "multipleRecordLinks", "multipleAttachments", "multipleLookupValues"}
)
_AS_THEY_ARE = TEXT_TYPES | NUMBER_TYPES | {"singleSelect"}
"""Types whose cells are values of the formula language already."""


@dataclass(slots=True)
class Row:
    """The record at `slot`; one row serves a whole formula, moved from slot to slot."""

    table: Table
    slot: int = 0

    @property
    def record_id(self) -> str:
        return self.table.ids[self.slot]

    @property
    def created_time(self) -> datetime:
        return datetime.fromisoformat(self.table.created[self.slot])


class TableCells:
    """The fields of a table for a formula, by name or id."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def reader(self, name: str) -> Callable[[Row], Value] | None:
        field = self._table.fields_by_key.get(name)
        if field is None:
            return None
        read = operand(field)
        return lambda row: read(row.slot)

    def modified_reader(self, names: Sequence[str]) -> Callable[[Row], datetime | None] | None:
        """Times are kept for the table as a whole, and for the fields that a field or a formula watches."""
        watch = self._table.watches.get(frozenset(self._table.fields_by_key[name].id for name in names))
        return None if watch is None else lambda row: moment(watch.times[row.slot])


def operand(field: Field) -> Operand:
    """The reader of a field; one that is computed by a formula must be connected."""
    if field.type in ("formula", "rollup", "multipleLookupValues"):
        return field.evaluate
    if field.type == "checkbox":
        return lambda slot: 1 if field.cell(slot) else 0
    if field.type in MOMENT_TYPES:
        return lambda slot: moment(field.cell(slot))
    if field.column and field.type in _AS_THEY_ARE:
        return field.cells.__getitem__
    if field.type in NUMBER_TYPES:
        return field.cell
    if field.link is not None:
        far = field.link.opposite.table
        return lambda slot: [shown(far.primary, far.slots[record_id]) for record_id in field.cell(slot) or ()]
    if field.type == "multipleAttachments":
        return lambda slot: [f"{part['filename']} ({part['url']})" for part in field.cell(slot) or ()]
    return lambda slot: _value(field.cell(slot))


def kind_of(field: Field) -> Kind:
    """The kind of the field's values."""
    if field.kind is not None:
        return field.kind
    if field.type == "checkbox":
        return Kind.BOOLEAN
    if field.type in MOMENT_TYPES:
        return Kind.MOMENT
    if field.type in NUMBER_TYPES:
        return Kind.NUMBER
    return Kind.LIST if field.type in _LIST_TYPES else Kind.TEXT


def moment(cell: Cell) -> datetime | None:
    """A cell of a date or a time as a moment in UTC."""
    if cell is None:
        return None
    found = datetime.fromisoformat(cell)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _value(cell: Cell) -> Value:
    items = list_of(cell)
    if items is not None:
        parts: list[Scalar] = [display(part) for part in items]
        return parts
    return display(cell) if cell is not None else None
