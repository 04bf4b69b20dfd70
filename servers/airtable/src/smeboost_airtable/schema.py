"""What we remember of bases and tables, and the closest name to a wrong one.

A schema is remembered for a named time (`AIRTABLE_SCHEMA_SECONDS`), and read anew when Airtable says that a name is
unknown: then the copy may be what is wrong.
"""

import difflib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable

from smeboost_airtable.models import Base, Table

SCHEMAS_REMEMBERED_MAX = 100
SUGGESTIONS_MAX = 3
FRESH_SECONDS = 2.0
"""A schema younger than this is not read again after an unknown name: a batch may name it a hundred times."""


class SchemaMemory:
    """Bases and tables as last read."""

    def __init__(
        self,
        read_bases: Callable[[], Awaitable[list[Base]]],
        read_tables: Callable[[str], Awaitable[list[Table]]],
        *,
        seconds: float,
    ) -> None:
        """Read with these two, and remember for so many seconds."""
        self._read_bases = read_bases
        self._read_tables = read_tables
        self._seconds = seconds
        self._bases: tuple[float, list[Base]] | None = None
        self._tables: OrderedDict[str, tuple[float, list[Table]]] = OrderedDict()

    async def bases(self, *, not_older_than_seconds: float | None = None) -> list[Base]:
        """All bases of the token."""
        if self._bases is None or not self._is_young(self._bases[0], not_older_than_seconds):
            self._bases = (time.monotonic(), await self._read_bases())
        return self._bases[1]

    async def tables(self, base_id: str, *, not_older_than_seconds: float | None = None) -> list[Table]:
        """The tables of a base with their fields and views."""
        known = self._tables.get(base_id)
        if known is None or not self._is_young(known[0], not_older_than_seconds):
            known = (time.monotonic(), await self._read_tables(base_id))
            self._tables[base_id] = known
        self._tables.move_to_end(base_id)
        if len(self._tables) > SCHEMAS_REMEMBERED_MAX:
            self._tables.popitem(last=False)
        return known[1]

    def forget(self, base_id: str) -> None:
        """Read this base anew next time: we have changed it."""
        self._tables.pop(base_id, None)
        self._bases = None

    def _is_young(self, read_at: float, not_older_than_seconds: float | None) -> bool:
        limit = self._seconds if not_older_than_seconds is None else not_older_than_seconds
        return time.monotonic() - read_at < limit


def find_table(tables: Iterable[Table], id_or_name: str) -> Table | None:
    """The table with this id or, as Airtable does, this name in any case."""
    by_name = [table for table in tables if id_or_name == table.id or id_or_name.casefold() == table.name.casefold()]
    return by_name[0] if by_name else None


def did_you_mean(wrong: str, names: Iterable[str]) -> str:
    """A sentence that suggests the closest of `names`, or an empty text when none is close."""
    by_folded = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(wrong.casefold(), by_folded, n=SUGGESTIONS_MAX, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(by_folded[name]) for name in close)}?" if close else ""
