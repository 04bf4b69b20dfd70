"""The four kinds of write, as `batches` wants them: send some items, and look what became of some.

What can be told after a request without an answer (`look`):

- an update or a delete is about known records: they are read back and compared. To send it again does no harm.
- an upsert finds its records by their merge fields; to send it again finds them too.
- a create cannot be told from a twin that somebody else made with the same values. A record made since then with
  exactly these values is reported as probable, and nothing is sent again.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from smeboost_shared.errors import OutcomeUnknown

from smeboost_airtable.batches import Looked
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.models import FieldValues, Record, RecordChange
from smeboost_airtable.places import InIds, InRecords
from smeboost_airtable.reading_back import by_id, by_values, created_since
from smeboost_airtable.sameness import holds

CLOCK_SKEW = timedelta(seconds=30)
"""How far our clock may be ahead of Airtable's."""

One = TypeVar("One")


@dataclass(frozen=True)
class Upserted:
    """A record that an upsert wrote, and whether it was new."""

    record: Record
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class _Writes:
    """Where something is written."""

    client: AirtableClient
    base_id: str
    table_id: str
    argument = "records"

    async def missing(self, items: Sequence[int]) -> Collection[int]:
        """See `Write.missing`: what is created cannot be missing."""
        return ()

    def having(self, columns: Set[str]) -> Mapping[int, str]:
        """See `Write.having`."""
        return {}


@dataclass(frozen=True, kw_only=True)
class _Records(_Writes):
    """Records that are given whole."""

    records: Sequence[FieldValues]
    typecast: bool

    @property
    def size(self) -> int:
        """See `Write.size`."""
        return len(self.records)

    def having(self, columns: Set[str]) -> Mapping[int, str]:
        """See `Write.having`."""
        return _having(self.records, columns)


@dataclass(frozen=True, kw_only=True)
class Creates(_Records):
    """New records."""

    async def send(self, items: Sequence[int]) -> Sequence[Record]:
        """See `Write.send`."""
        some = [self.records[item] for item in items]
        places = InRecords(some, items)
        made = await self.client.create_records(
            self.base_id, self.table_id, some, typecast=self.typecast, places=places
        )
        return _one_each(items, made)

    async def look(self, items: Sequence[int], since: datetime, known: Mapping[int, Record]) -> Looked[Record]:
        """See `Write.look`."""
        table = await self.client.find_table(self.base_id, self.table_id)
        ours = {record.id for record in known.values()}
        made = await created_since(self.client, self.base_id, table.id, since - CLOCK_SKEW)
        free = [record for record in made if record.id not in ours]
        probable: dict[int, str] = {}
        for item in items:
            twin = next((record for record in free if holds(record, self.records[item], table, replace=True)), None)
            if twin:
                free.remove(twin)
                probable[item] = twin.id
        return Looked(probable=probable)


@dataclass(frozen=True, kw_only=True)
class Updates(_Writes):
    """Changes of known records."""

    records: Sequence[RecordChange]
    replace: bool
    typecast: bool

    @property
    def size(self) -> int:
        """See `Write.size`."""
        return len(self.records)

    async def send(self, items: Sequence[int]) -> Sequence[Record]:
        """See `Write.send`."""
        some = [self.records[item] for item in items]
        places = InRecords([record.fields for record in some], items, [record.id for record in some])
        changed = await self.client.update_records(
            self.base_id, self.table_id, some, replace=self.replace, typecast=self.typecast, places=places
        )
        return _one_each(items, changed)

    async def look(self, items: Sequence[int], since: datetime, known: Mapping[int, Record]) -> Looked[Record]:
        """See `Write.look`."""
        table = await self.client.find_table(self.base_id, self.table_id)
        found = await by_id(self.client, self.base_id, table.id, [self.records[item].id for item in items])
        written: dict[int, Record] = {}
        for item in items:
            record, change = found.get(self.records[item].id), self.records[item]
            if record and holds(record, change.fields, table, replace=self.replace):
                written[item] = record
        return Looked(written, repeatable=items)

    async def missing(self, items: Sequence[int]) -> Collection[int]:
        """See `Write.missing`."""
        found = await by_id(self.client, self.base_id, self.table_id, [self.records[item].id for item in items])
        return {item for item in items if self.records[item].id not in found}

    def having(self, columns: Set[str]) -> Mapping[int, str]:
        """See `Write.having`."""
        return _having([record.fields for record in self.records], columns)


@dataclass(frozen=True, kw_only=True)
class Upserts(_Records):
    """Records that are found by some of their values, or made."""

    merge_on: Sequence[str]

    async def send(self, items: Sequence[int]) -> Sequence[Upserted]:
        """See `Write.send`."""
        some = [self.records[item] for item in items]
        places = InRecords(some, items, merge_on=self.merge_on)
        answer = await self.client.upsert_records(
            self.base_id, self.table_id, some, merge_on=self.merge_on, typecast=self.typecast, places=places
        )
        return _one_each(items, [Upserted(record, record.id in answer.created) for record in answer.records])

    async def look(self, items: Sequence[int], since: datetime, known: Mapping[int, Upserted]) -> Looked[Upserted]:
        """See `Write.look`."""
        table = await self.client.find_table(self.base_id, self.table_id)
        some = [self.records[item] for item in items]
        found = await by_values(self.client, self.base_id, table, some, self.merge_on)
        written: dict[int, Upserted] = {}
        for item in items:
            matches = [record for record in found if holds(record, self._key(item), table)]
            if len(matches) == 1 and holds(matches[0], self.records[item], table):
                made_at = datetime.fromisoformat(matches[0].created_time)
                written[item] = Upserted(matches[0], is_new=made_at >= since - CLOCK_SKEW)
        # A null matches nothing, so to send it again would make another record.
        repeatable = [item for item in items if None not in self._key(item).values()]
        return Looked(written, repeatable)

    def _key(self, item: int) -> FieldValues:
        return {name: self.records[item][name] for name in self.merge_on}


@dataclass(frozen=True, kw_only=True)
class Deletes(_Writes):
    """Removals of known records."""

    record_ids: Sequence[str]
    argument = "record_ids"

    @property
    def size(self) -> int:
        """See `Write.size`."""
        return len(self.record_ids)

    async def send(self, items: Sequence[int]) -> Sequence[str]:
        """See `Write.send`."""
        some = [self.record_ids[item] for item in items]
        gone = await self.client.delete_records(self.base_id, self.table_id, some, places=InIds(some, items))
        return _one_each(items, gone)

    async def look(self, items: Sequence[int], since: datetime, known: Mapping[int, str]) -> Looked[str]:
        """See `Write.look`."""
        there = await self._still_there(items)
        written = {item: self.record_ids[item] for item in items if self.record_ids[item] not in there}
        return Looked(written, repeatable=items)

    async def missing(self, items: Sequence[int]) -> Collection[int]:
        """See `Write.missing`."""
        there = await self._still_there(items)
        return {item for item in items if self.record_ids[item] not in there}

    async def _still_there(self, items: Sequence[int]) -> Collection[str]:
        return await by_id(self.client, self.base_id, self.table_id, [self.record_ids[item] for item in items])


def _one_each(items: Sequence[int], answers: Sequence[One]) -> Sequence[One]:
    if len(items) != len(answers):
        raise OutcomeUnknown("Airtable took the write, but its answer is about another number of records.")
    return answers


def _having(records: Sequence[FieldValues], columns: Set[str]) -> dict[int, str]:
    found = {item: columns & fields.keys() for item, fields in enumerate(records)}
    return {item: min(keys) for item, keys in found.items() if keys}
