"""Formula fields, rollups and buttons: a formula of the field, read once, computed for a record when it is asked for.

A formula names fields by name or id in a seed and is kept with ids, as the vendor keeps it, so that it outlives a
renaming. One that is no formula, or names what is not there, makes the field invalid: all its cells are #ERROR!.
The vendor's API shows no formula of a rollup; ours is in `options.formula`, over the list `values`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from dataclasses import field as data_field
from datetime import datetime
from typing import Any

from smeboost_shared.formula.compile import Cells, Formula, UnknownFields, compile_formula
from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.faults import FormulaSyntaxError
from smeboost_shared.formula.functions import by_the_clock
from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.parse import parse
from smeboost_shared.formula.result_type import result_kind
from smeboost_shared.formula.signatures import CONSTANTS
from smeboost_shared.formula.tree import Call, FieldReference, Node, children, references
from smeboost_shared.formula.values import Scalar, Value, text_of

from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.operands import Operand, Row, TableCells, kind_of
from smeboost_emulators.airtable.state.remembering import Remembered
from smeboost_emulators.airtable.state.results import ERROR, cell_of, described_result, result_of, settled
from smeboost_emulators.airtable.state.schema import Field, Table

VALUES = "values"
"""What the formula of a rollup calls the values of the linked records."""
_REFERENCE = re.compile(r"\{(?:\\.|[^}\\])*\}|\w+", re.DOTALL)
_NUMBERS_OF_SOURCE = frozenset({"SUM", "MAX", "MIN", "AVERAGE"})
"""Rollups that are described like the numbers they are made of: a sum of prices is a price."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A formula as it was understood; without a tree it is invalid."""

    text: str
    tree: Node | None = None
    fields: tuple[Field, ...] = ()

    @property
    def volatile(self) -> bool:
        """Whether the clock decides about the value."""
        return self.tree is not None and _has_clock(self.tree)


def read_formula(table: Table, text: str) -> Reading:
    """The formula over the fields of the table, its references turned into ids; never raises."""
    try:
        tree = parse(text)
    except FormulaSyntaxError:
        return Reading(text)
    named = [reference for reference in references(tree) if not _is_constant(table, reference)]
    if any(reference.name not in table.fields_by_key for reference in named):
        return Reading(text)
    fields = dict.fromkeys(table.fields_by_key[reference.name] for reference in named)
    for reference in sorted(named, key=lambda item: -item.position):
        found = _REFERENCE.match(text, reference.position)
        if found is not None:
            text = f"{text[: found.start()]}{{{table.fields_by_key[reference.name].id}}}{text[found.end() :]}"
    return Reading(text, tree, tuple(fields))


def _is_constant(table: Table, reference: FieldReference) -> bool:
    """A bare NOW is a constant where no field has that name."""
    return reference.bare and reference.name not in table.fields_by_key and reference.name.upper() in CONSTANTS


def _has_clock(tree: Node) -> bool:
    if isinstance(tree, Call) and by_the_clock(tree.name, len(tree.arguments)):
        return True
    if isinstance(tree, FieldReference) and tree.bare and by_the_clock(tree.name.upper(), 0):
        return True
    return any(_has_clock(child) for child in children(tree))


def connect_formula(table: Table, field: Field) -> None:
    """Compute the field by `options.formula`."""
    options = field.options or {}
    reading = read_formula(table, str(options.get("formula", "")))
    _watch_changes(table, reading)
    formula = _compiled(table, reading, TableCells(table))
    described = {"formula": reading.text, "referencedFieldIds": [needed.id for needed in reading.fields]}
    if formula is None or reading.tree is None:
        _invalidate(field, options | described)
        return
    kind = result_kind(
        reading.tree, lambda name: kind_of(table.fields_by_key[name]) if name in table.fields_by_key else None
    )
    result = options.get("result") or described_result(kind, reading.tree, list(reading.fields))
    row = Row(table)

    def compute(slot: int) -> Value:
        row.slot = slot
        return settled(formula.evaluate(row), kind)

    field.options = options | described | {"isValid": True, "result": result}
    _compute(table, field, kind, compute, volatile=reading.volatile)


def connect_rollup(table: Table, field: Field, gather: Callable[[int], list[Scalar]]) -> None:
    """Compute the field by `options.formula` over the values of the linked records."""
    options, source = field.options or {}, field.inputs[0]
    text = str(options.get("formula") or _usual_formula(source))
    reading = _read_rollup(text)
    formula = _compiled(table, reading, _RollupCells())
    if formula is None or reading.tree is None:
        _invalidate(field, options | {"formula": text})
        return
    kind = _rollup_kind(reading.tree, source)
    result = options.get("result") or _rollup_result(kind, reading.tree, source)
    row = _RollupRow(table)
    latest = _of_moments(reading.tree, source)

    def compute(slot: int) -> Value:
        row.slot, row.values = slot, gather(slot)
        return settled(latest(row.values) if latest else formula.evaluate(row), kind)

    field.options = options | {"formula": text, "isValid": True, "result": result}
    _compute(table, field, kind, compute, volatile=reading.volatile)


def connect_button(table: Table, field: Field) -> None:
    """A button is what the seed says of a record, else `options.label` and what the formula `options.url` gives."""
    options = field.options or {}
    label, reading = str(options.get("label") or field.name), read_formula(table, str(options.get("url") or "''"))
    formula, row = _compiled(table, reading, TableCells(table)), Row(table)
    field.options = options | ({"url": reading.text} if "url" in options else {})

    def read(slot: int) -> Cell:
        if field.cells[slot] is not None:
            return field.cells[slot]
        row.slot = slot
        try:
            url = text_of(formula.evaluate(row)) if formula else ""
        except EvaluationError:
            url = ""
        return {"label": label, "url": url or None}

    field.read = read


def _compute(table: Table, field: Field, kind: Kind, compute: Operand, *, volatile: bool) -> None:
    """`compute` becomes the field's value for formulas and, as the API shows it, its cell."""
    field.volatile = field.volatile or volatile
    evaluate = Remembered(table.base, compute, volatile=field.volatile)
    shown_as = result_of(field).get("type")

    def read(slot: int) -> Cell:
        try:
            return cell_of(evaluate(slot), shown_as)
        except EvaluationError:
            return ERROR

    field.kind, field.evaluate, field.read = kind, evaluate, read


def _invalidate(field: Field, options: dict[str, Any]) -> None:
    def fail(_slot: int) -> Value:
        raise EvaluationError("the formula of the field is invalid")

    field.options = options | {"isValid": False, "result": None}
    field.kind, field.evaluate, field.read = Kind.TEXT, fail, lambda _slot: ERROR


def _compiled(table: Table, reading: Reading, cells: Cells[Any]) -> Formula[Any] | None:
    if reading.tree is None:
        return None
    try:
        return compile_formula(reading.text, cells, clock=table.base.now)
    except (FormulaSyntaxError, UnknownFields):
        return None


def _watch_changes(table: Table, reading: Reading) -> None:
    """Times of change are kept from now on for the fields that LAST_MODIFIED_TIME names."""
    pending = [] if reading.tree is None else [reading.tree]
    while pending:
        node = pending.pop()
        pending.extend(children(node))
        if isinstance(node, Call) and node.name == "LAST_MODIFIED_TIME":
            names = [argument.name for argument in node.arguments if isinstance(argument, FieldReference)]
            table.watch([table.fields_by_key[name].id for name in names])


# Rollups -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _RollupRow(Row):
    values: list[Scalar] = data_field(default_factory=list[Scalar])


class _RollupCells:
    """`values`, and nothing else."""

    def reader(self, name: str) -> Callable[[_RollupRow], Value] | None:
        """`values`."""
        return (lambda row: row.values) if name == VALUES else None

    def modified_reader(self, names: Sequence[str]) -> Callable[[_RollupRow], datetime | None] | None:
        """Nothing is known of the linked records' changes."""
        return None


def _read_rollup(text: str) -> Reading:
    try:
        return Reading(text, parse(text))
    except FormulaSyntaxError:
        return Reading(text)


def _usual_formula(source: Field) -> str:
    """The API never tells the formula of a rollup, so a seed made of its answers has none [I]."""
    kind = kind_of(source)
    return "SUM(values)" if kind is Kind.NUMBER else "MAX(values)" if kind is Kind.MOMENT else "ARRAYJOIN(values)"


def _of_moments(tree: Node, source: Field) -> Callable[[list[Scalar]], Value] | None:
    """The first or last of dates: inside a rollup MIN and MAX are also for those [I]."""
    if kind_of(source) is not Kind.MOMENT or not isinstance(tree, Call) or tree.name not in ("MIN", "MAX"):
        return None
    choose: Callable[..., datetime | None] = min if tree.name == "MIN" else max
    return lambda values: choose((value for value in values if isinstance(value, datetime)), default=None)


def _rollup_kind(tree: Node, source: Field) -> Kind:
    if _of_moments(tree, source) is not None:
        return Kind.MOMENT
    return result_kind(tree, lambda name: Kind.LIST if name == VALUES else None)


def _rollup_result(kind: Kind, tree: Node, source: Field) -> dict[str, Any]:
    if kind is Kind.NUMBER and isinstance(tree, Call) and tree.name in _NUMBERS_OF_SOURCE:
        result = result_of(source) or source.described()
        if result.get("type") in ("number", "currency", "percent", "duration"):
            return {key: result[key] for key in ("type", "options") if key in result}
    return described_result(kind, tree, [source])
