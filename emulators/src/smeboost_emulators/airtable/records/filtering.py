"""Formulas over the records of a table: `filterByFormula` of a list request and of a view goes through `predicate`.

What a field is inside a formula: a link is the primary text of the linked records, a select the name of its choice, a
checkbox 1 or 0, a date a moment in UTC, a list its parts (https://support.airtable.com/docs/formula-field-reference).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from smeboost_shared.formula.compile import UnknownFields, compile_formula
from smeboost_shared.formula.faults import FormulaSyntaxError
from smeboost_shared.formula.values import Scalar, Value

from smeboost_emulators.airtable.errors import invalid_formula
from smeboost_emulators.airtable.records.ordering import shown
from smeboost_emulators.airtable.state.cells import NUMBER_TYPES, Cell, display
from smeboost_emulators.airtable.state.schema import Field, Table

Predicate = Callable[[int], bool]
FILTER_SECONDS_MAX = 10.0
"""How long one formula may keep everybody else waiting: requests are handled one after the other."""
FILTER_BATCH = 16
"""Records between two looks at the clock."""
MOMENT_TYPES = frozenset({"date", "dateTime", "createdTime", "lastModifiedTime"})


@dataclass(slots=True)
class _Row:
    """The record at `slot`; one row serves a whole filter, moved from slot to slot."""

    table: Table
    slot: int = 0

    @property
    def record_id(self) -> str:
        return self.table.ids[self.slot]

    @property
    def created_time(self) -> datetime:
        return datetime.fromisoformat(self.table.created[self.slot])


class _Fields:
    """The readers of a table's fields, by name or id."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def reader(self, name: str) -> Callable[[_Row], Value] | None:
        field = self._table.fields_by_key.get(name)
        if field is None:
            return None
        read = _reader(field)
        return lambda row: read(row.slot)

    def modified_reader(self, names: Sequence[str]) -> Callable[[_Row], datetime | None] | None:
        """The times are those of a field of the table that watches the same fields."""
        wanted = {self._table.fields_by_key[name].id for name in names}
        for field in self._table.fields:
            watched = (field.options or {}).get("referencedFieldIds") or ()
            if field.type == "lastModifiedTime" and set(watched) == wanted:
                return lambda row: _moment(field.cell(row.slot))
        return None


def predicate(formula_text: str, table: Table) -> Predicate:
    """Whether the record in a slot of the table passes the formula.

    Raises:
        ApiError: `INVALID_FILTER_BY_FORMULA`: it is not a formula, or names fields that do not exist.
    """
    try:
        formula = compile_formula(formula_text, _Fields(table))
    except FormulaSyntaxError as exc:
        raise invalid_formula(f"Invalid formula. Please check your formula text. {exc.message}") from None
    except UnknownFields as exc:
        raise invalid_formula(f"Unknown field names: {', '.join(exc.names).lower()}") from None
    row = _Row(table)

    def passes(slot: int) -> bool:
        row.slot = slot
        return formula.keeps(row)

    return passes


def passing(
    formula_text: str, table: Table, slots: Sequence[int], *, seconds_max: float = FILTER_SECONDS_MAX
) -> list[int]:
    """The slots whose records pass the formula.

    Raises:
        ApiError: as `predicate`, or it took longer than `seconds_max`.
    """
    passes = predicate(formula_text, table)
    deadline = time.monotonic() + seconds_max
    found: list[int] = []
    for start in range(0, len(slots), FILTER_BATCH):
        if time.monotonic() > deadline:
            raise invalid_formula(f"It took this emulator longer than {seconds_max:g} s. Make it shorter.")
        found.extend(filter(passes, slots[start : start + FILTER_BATCH]))
    return found


def _reader(field: Field) -> Callable[[int], Value]:
    if field.type == "checkbox":
        return lambda slot: 1 if field.cell(slot) else 0
    if field.type in MOMENT_TYPES:
        return lambda slot: _moment(field.cell(slot))
    if field.type in NUMBER_TYPES:
        return field.cell
    if field.link is not None:
        far = field.link.opposite.table
        return lambda slot: [shown(far.primary, far.slots[record_id]) for record_id in field.cell(slot) or ()]
    if field.source is not None:
        return _lookup_reader(field, field.source)
    return lambda slot: _value(field.cell(slot))


def _lookup_reader(field: Field, source: Field) -> Callable[[int], Value]:
    """The parts of a lookup keep their kind where it has one; anything else is the text a person reads."""
    if source.type in NUMBER_TYPES:
        return lambda slot: list(field.cell(slot) or ())
    if source.type in MOMENT_TYPES:
        return lambda slot: [_moment(part) for part in field.cell(slot) or ()]
    return lambda slot: shown(field, slot)


def _moment(cell: Cell) -> datetime | None:
    if cell is None:
        return None
    moment = datetime.fromisoformat(cell)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _value(cell: Cell) -> Value:
    if isinstance(cell, tuple):
        parts: list[Scalar] = [display(part) for part in cast("tuple[Cell, ...]", cell)]
        return parts
    return display(cell) if cell is not None else None
