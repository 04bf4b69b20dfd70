"""Where in our caller's arguments something stands that Airtable complains about.

Airtable names a field, a choice or a record; the caller needs the argument: `fields.2`, `records.12.fields.Amount`.
Counting starts at 0 and goes through the whole call, not through a batch of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from smeboost_airtable.models import FieldValues, Sort

PLACES_MAX = 3
"""More than these are given as a range."""


class Places(Protocol):
    """The arguments of one request."""

    def of(self, name: str) -> list[str]:
        """Where `name` stands; with an empty name, or one that is not there, the argument as a whole."""
        ...

    def cells(self, field: str) -> list[tuple[str, JsonValue]]:
        """The values given for a field, each with its place."""
        ...


@dataclass(frozen=True)
class Nowhere:
    """A request without names."""

    def of(self, name: str) -> list[str]:
        """See `Places.of`."""
        return []

    def cells(self, field: str) -> list[tuple[str, JsonValue]]:
        """See `Places.cells`."""
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
    """A batch of record ids, of which the first is number `first` of the call."""

    record_ids: Sequence[str]
    first: int

    def of(self, name: str) -> list[str]:
        """See `Places.of`."""
        found = [f"record_ids.{index}" for index, known in enumerate(self.record_ids, self.first) if known == name]
        return found or [f"record_ids.{_range(self.first, len(self.record_ids))}"]


@dataclass(frozen=True)
class InRecords:
    """A batch of records, of which the first is number `first` of the call."""

    records: Sequence[FieldValues]
    first: int
    record_ids: Sequence[str] = ()
    merge_on: Sequence[str] = ()

    def of(self, name: str) -> list[str]:
        """See `Places.of`."""
        by_id = [f"records.{index}.id" for index, known in enumerate(self.record_ids, self.first) if known == name]
        by_merge = [f"merge_on.{index}" for index, field in enumerate(self.merge_on) if field == name]
        return by_id or by_merge or self._in_fields(name)

    def cells(self, field: str) -> list[tuple[str, JsonValue]]:
        """See `Places.cells`."""
        records = enumerate(self.records, self.first)
        return [(f"records.{index}.fields.{field}", fields[field]) for index, fields in records if field in fields]

    def _in_fields(self, name: str) -> list[str]:
        found = [
            (index, key)
            for index, fields in enumerate(self.records, self.first)
            for key, value in fields.items()
            if name and (name in (key, value) or (isinstance(value, list) and name in value))
        ]
        if 0 < len(found) <= PLACES_MAX:
            return [f"records.{index}.fields.{key}" for index, key in found]
        which = f"records.{_range(self.first, len(self.records))}"
        return [f"{which}.fields.{key}" for key in sorted({key for _, key in found})] or [which]


def _range(first: int, count: int) -> str:
    return f"{first}" if count == 1 else f"{first}-{first + count - 1}"
