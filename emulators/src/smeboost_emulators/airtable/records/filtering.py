"""Formulas over the records of a table: `filterByFormula` of a list request and of a view goes through `predicate`."""

from collections.abc import Callable, Sequence

from smeboost_shared.formula.compile import UnknownFields, compile_formula
from smeboost_shared.formula.faults import FormulaSyntaxError

from smeboost_emulators.airtable.errors import invalid_formula
from smeboost_emulators.airtable.records.slices import Evaluation, Steps
from smeboost_emulators.airtable.state.operands import Row, TableCells
from smeboost_emulators.airtable.state.schema import Table

Predicate = Callable[[int], bool]
FILTER_BATCH = 16
"""Records between two looks at the clock: a formula may work for 40 ms on each."""


def predicate(formula_text: str, table: Table) -> Predicate:
    """Whether the record in a slot of the table passes the formula.

    Raises:
        ApiError: `INVALID_FILTER_BY_FORMULA`: it is not a formula, or names fields that do not exist.
    """
    try:
        formula = compile_formula(formula_text, TableCells(table), clock=table.base.now)
    except FormulaSyntaxError as exc:
        raise invalid_formula(f"Invalid formula. Please check your formula text. {exc.message}") from None
    except UnknownFields as exc:
        raise invalid_formula(f"Unknown field names: {', '.join(exc.names).lower()}") from None
    row = Row(table)

    def passes(slot: int) -> bool:
        row.slot = slot
        return formula.keeps(row)

    return passes


def passing(formula_text: str, table: Table, slots: Sequence[int]) -> Sequence[int]:
    """The slots whose records pass the formula, at once.

    Raises:
        ApiError: as `predicate`.
    """
    return Evaluation(filtered(formula_text, table, slots), table.base).finish()


def filtered(formula_text: str, table: Table, slots: Sequence[int]) -> Steps:
    """As `passing`, giving way after each batch."""
    passes = predicate(formula_text, table)
    found: list[int] = []
    for start in range(0, len(slots), FILTER_BATCH):
        found.extend(filter(passes, slots[start : start + FILTER_BATCH]))
        yield
    return found
