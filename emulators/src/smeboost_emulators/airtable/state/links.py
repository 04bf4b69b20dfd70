"""Linked records, kept in step on both sides.

Every link field has two ends; whatever is done to one is done to the other. An end without a field is never shown: it
exists where Airtable shows one field only (a table linked to itself, or a seed that names no inverse field), so that
deleting a record finds every cell that names it. The work is in proportion to the links that change: a cell with many
links is a dict with the record ids as keys, because a city may have 100,000 orders and gain one more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from smeboost_emulators.airtable.state.schema import Table

LinkCell: TypeAlias = tuple[str, ...] | dict[str, None] | None
TUPLE_LINKS_MAX = 16


@dataclass(slots=True, eq=False)
class LinkEnd:
    """One side of a link: the table that holds it and a cell for each of its records."""

    table: "Table"
    cells: list[LinkCell]
    field_id: str | None = None
    opposite: "LinkEnd" = field(init=False)

    def read(self, slot: int) -> tuple[str, ...] | None:
        """The ids in a cell, in order; None when there are none."""
        cell = self.cells[slot]
        return tuple(cell) if isinstance(cell, dict) else cell

    def replace(self, slot: int, record_ids: Iterable[str]) -> set[int]:
        """Write a whole cell and bring the other side in step; the slots that changed over there are returned."""
        own_id = self.table.ids[slot]
        before, after = self.cells[slot] or (), dict.fromkeys(record_ids)
        self.cells[slot] = packed(after)
        far_slots = self.opposite.table.slots
        removed = [far_slots[gone] for gone in before if gone not in after]
        known = before if isinstance(before, dict) else set(before)
        added = [far_slots[new] for new in after if new not in known]
        for far in removed:
            self.opposite.remove(far, own_id)
        for far in added:
            self.opposite.add(far, own_id)
        return {*removed, *added}

    def add(self, slot: int, record_id: str) -> None:
        """Add one link to this side only."""
        cell = self.cells[slot]
        if isinstance(cell, dict):
            cell[record_id] = None
        elif cell is None:
            self.cells[slot] = (record_id,)
        elif record_id not in cell:
            self.cells[slot] = packed(dict.fromkeys((*cell, record_id)))

    def remove(self, slot: int, record_id: str) -> None:
        """Remove one link from this side only."""
        cell = self.cells[slot]
        if isinstance(cell, dict):
            cell.pop(record_id, None)
            self.cells[slot] = cell or None
        elif cell is not None:
            self.cells[slot] = tuple(kept for kept in cell if kept != record_id) or None


def packed(record_ids: dict[str, None]) -> LinkCell:
    """The cell that holds these ids."""
    if not record_ids:
        return None
    return record_ids if len(record_ids) > TUPLE_LINKS_MAX else tuple(record_ids)


def pair(one: LinkEnd, other: LinkEnd) -> None:
    """Make two ends each other's opposite."""
    one.opposite, other.opposite = other, one
