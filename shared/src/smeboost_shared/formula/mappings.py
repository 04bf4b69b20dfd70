"""Records that are mappings from field names to values, for those who keep no columns."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from smeboost_shared.formula.values import Value

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class MappedRow:
    """A record; `modified` is when any of its fields was changed last."""

    cells: Mapping[str, Value] = field(default_factory=dict[str, Value])
    record_id: str = ""
    created_time: datetime = NEVER
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class MappedCells:
    """The fields of such records."""

    names: Collection[str]

    def reader(self, name: str) -> Callable[[MappedRow], Value] | None:
        """See `compile.Cells`."""
        return (lambda row: row.cells.get(name)) if name in self.names else None

    def modified_reader(self, names: Sequence[str]) -> Callable[[MappedRow], datetime | None] | None:
        """See `compile.Cells`; what is known is the time of a record, not that of a field."""
        return None if names else lambda row: row.modified
