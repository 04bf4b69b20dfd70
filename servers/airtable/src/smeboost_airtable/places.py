"""Where in our caller's arguments something stands that Airtable complains about, and which items it is about.

Airtable names a field, a choice or a record; the caller needs the argument: `fields.2`, `records.12.fields.Amount`.
Counting starts at 0 and goes through the whole call, not through what was sent of it in one request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from smeboost_airtable.models import FieldValues, Sort

PLACES_MAX = 3
"""More than these are given as a range."""


@dataclass(frozen=True)
class Cell:
    """A value of ours: of item number `item`, for the field called `key`, at `place` in the arguments."""

    item: int
    key: str
    place: str
    value: JsonValue


class Places(Protocol):
    """The arguments of one request."""

    def of(self, name: str) -> list[str]:
        """Where `name` stands; with an empty name, or one that is not there, the argument as a whole."""
        ...

    def cells(self) -> list[Cell]:
        """All values given for fields."""
        ...

    def items_with_id(self, record_id: str) -> list[int]:
        """The items that are this record, or link to it."""
        ...


@dataclass(frozen=True)
class Nowhere:
    """A request without names."""

    def of(self, name: str) -> list[str]:
        """See `Places.of`."""
        return []

    def cells(self) -> list[Cell]:
        """See `Places.cells`."""
        return []

    def items_with_id(self, record_id: str) -> list[int]:
        """See `Places.items_with_id`."""
        return []


@dataclass(frozen=True)
class InQuery(Nowhere):
    """The arguments of a list."""

    fields: Sequence[str]
    sort: Sequence[Sort]

    def of(self, name: str) -> list[str]:
        """See `Places.of`."""
        in_fields = [f"fields.{index}" for index, field in enumerate(self.fields) if field == name]
        return in_fields + [f"sort.{index}.field" for index, item in enumerate(self.sort) if item.field == name]


@dataclass(frozen=True)
class InIds(Nowhere):
    """Some record ids of the call: those with the numbers `items`."""

    record_ids: Sequence[str]
    items: Sequence[int]

    def of(self, name: str) -> list[str]:
        """See `Places.of`."""
        found = [f"record_ids.{item}" for item in self.items_with_id(name)]
        return found or [f"record_ids.{_range(self.items)}"]

    def items_with_id(self, record_id: str) -> list[int]:
        """See `Places.items_with_id`."""
        return [item for item, known in zip(self.items, self.record_ids, strict=True) if known == record_id]


@dataclass(frozen=True)
class Named(Nowhere):
    """Arguments known by what they hold; anything else is about `otherwise`."""

    places: Mapping[str, str]
    otherwise: str = ""

    def of(self, name: str) -> list[str]:
        """See `Places.of`."""
        found = self.places.get(name, self.otherwise)
        return [found] if found else []


@dataclass(frozen=True)
class InRecords:
    """Some records of the call: those with the numbers `items`."""

    records: Sequence[FieldValues]
    items: Sequence[int]
    record_ids: Sequence[str] = ()
    merge_on: Sequence[str] = ()

    def of(self, name: str) -> list[str]:
        """See `Places.of`."""
        by_id = [
            f"records.{item}.id" for item, known in zip(self.items, self.record_ids, strict=False) if known == name
        ]
        by_merge = [f"merge_on.{index}" for index, field in enumerate(self.merge_on) if field == name]
        return by_id or by_merge or self._in_fields(name)

    def cells(self) -> list[Cell]:
        """See `Places.cells`."""
        return [
            Cell(item, key, f"records.{item}.fields.{key}", value)
            for item, fields in zip(self.items, self.records, strict=True)
            for key, value in fields.items()
        ]

    def items_with_id(self, record_id: str) -> list[int]:
        """See `Places.items_with_id`."""
        itself = [item for item, known in zip(self.items, self.record_ids, strict=False) if known == record_id]
        return itself or [
            cell.item for cell in self.cells() if isinstance(cell.value, list) and record_id in cell.value
        ]

    def _in_fields(self, name: str) -> list[str]:
        found = [cell for cell in self.cells() if name and (name == cell.key or mentions(cell.value, name))]
        if 0 < len(found) <= PLACES_MAX:
            return [cell.place for cell in found]
        which = f"records.{_range(self.items)}"
        return [f"{which}.fields.{key}" for key in sorted({cell.key for cell in found})] or [which]


def mentions(value: JsonValue, name: str) -> bool:
    """Whether a value is that text, or a list with it."""
    return value == name or (isinstance(value, list) and name in value)


def _range(items: Sequence[int]) -> str:
    return f"{items[0]}" if len(items) == 1 else f"{items[0]}-{items[-1]}"
