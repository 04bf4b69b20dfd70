"""The seam to the formula language: `filterByFormula` of a list request and of a view goes through `predicate`."""

from collections.abc import Callable

from smeboost_emulators.airtable.errors import invalid_formula
from smeboost_emulators.airtable.schema import Table

Predicate = Callable[[int], bool]


def predicate(formula_text: str, table: Table) -> Predicate:
    """Whether the record in a slot of the table passes the formula.

    Raises:
        ApiError: `INVALID_FILTER_BY_FORMULA`; until the formula language is built, for every formula.
    """
    del formula_text, table
    raise invalid_formula("This emulator does not have the formula language yet.")
