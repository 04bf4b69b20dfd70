"""Which of several records a refusal is about. Pure.

Airtable refuses a request as a whole, and names a field, a choice or a record at most.
"""

from dataclasses import dataclass

from smeboost_shared.errors import InvalidInput

from smeboost_airtable.checks import find_field, problem
from smeboost_airtable.models import Table
from smeboost_airtable.places import Cell, Places, mentions
from smeboost_airtable.refusals import Refusal

WRONG_VALUES = frozenset({"INVALID_VALUE_FOR_COLUMN", "VALUE_IS_NOT_ARRAY_OF_RECORD_IDS"})
"""A value of the wrong kind; the second names no field."""


@dataclass(frozen=True)
class Blame:
    """`bad` items surely cannot be written, `likely` ones perhaps; no item with a field of `columns` ever can."""

    bad: frozenset[int] = frozenset()
    likely: frozenset[int] = frozenset()
    columns: frozenset[str] = frozenset()


NOBODY = Blame()


class RecordsRefused(InvalidInput):
    """Airtable refused records for what is in them."""

    blame: Blame = NOBODY


def blame(refusal: Refusal, places: Places, table: Table | None, *, typecast: bool) -> Blame:
    """What a refusal of a write tells about the items in it."""
    cells = places.cells()
    if _forbids_column(refusal):
        columns = _with_ids(refusal.names, table)
        return Blame(bad=frozenset(cell.item for cell in cells if cell.key in columns), columns=columns)
    if refusal.type == "ROW_DOES_NOT_EXIST":
        return Blame(bad=frozenset(item for name in refusal.names for item in places.items_with_id(name)))
    if refusal.type == "INVALID_MULTIPLE_CHOICE_OPTIONS":
        return Blame(
            likely=frozenset(cell.item for cell in cells for name in refusal.names if mentions(cell.value, name))
        )
    if refusal.type in WRONG_VALUES:
        columns = _with_ids(refusal.names, table)
        named = [cell for cell in cells if not columns or cell.key in columns]
        bad = frozenset(cell.item for cell, _ in misfits(named, table, typecast=typecast))
        return Blame(bad=bad, likely=frozenset(cell.item for cell in named))
    return NOBODY


def misfits(cells: list[Cell], table: Table | None, *, typecast: bool) -> list[tuple[Cell, str]]:
    """The cells that cannot be right by the schema, each with what is wrong."""
    found: list[tuple[Cell, str]] = []
    for cell in cells:
        field = find_field(table, cell.key) if table else None
        if field and (message := problem(field, cell.value, typecast=typecast)):
            found.append((cell, message))
    return found


def _forbids_column(refusal: Refusal) -> bool:
    return refusal.type == "UNKNOWN_FIELD_NAME" or (
        refusal.type == "INVALID_VALUE_FOR_COLUMN" and "is computed" in refusal.message
    )


def _with_ids(names: list[str], table: Table | None) -> frozenset[str]:
    """The names, and the ids of the fields called so: a caller may use either."""
    fields = [find_field(table, name) for name in names] if table else []
    return frozenset(names) | {field.id for field in fields if field}
