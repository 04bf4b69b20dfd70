"""Rows of `storage.objects` and `storage.buckets`, as one caller sees and changes them.

A `Rows` belongs to one open transaction that has become the caller, so row level security decides every statement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID, uuid4

from psycopg import AsyncConnection, AsyncRawCursor, sql
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from smeboost_emulators.supabase.storage.files import Place, place_of

_OBJECT = sql.SQL(
    "id, bucket_id, name, owner, owner_id, version, created_at, updated_at, last_accessed_at, metadata, user_metadata"
)
_FIND = sql.SQL("select {} from storage.objects where bucket_id = $1 and name = $2").format(_OBJECT)
_INSERT = sql.SQL(
    """insert into storage.objects (id, bucket_id, name, owner, owner_id, version, metadata, user_metadata)
  values ($1, $2, $3, $4, $5, $6, $7, $8)"""
)
_UPSERT = sql.SQL(
    """{} on conflict (bucket_id, name) do update set
  owner = excluded.owner, owner_id = excluded.owner_id, version = excluded.version, metadata = excluded.metadata,
  user_metadata = excluded.user_metadata, updated_at = now(), last_accessed_at = now()
  returning id"""
).format(_INSERT)
_MOVE = sql.SQL("""update storage.objects set bucket_id = $1, name = $2, owner = $3, owner_id = $4
  where id = $5 returning id""")
_REMOVE = sql.SQL("delete from storage.objects where bucket_id = $1 and name = any($2::text[]) returning {}").format(
    _OBJECT
)

Cursor = AsyncRawCursor[dict[str, Any]]


@dataclass(frozen=True)
class Bucket:
    """What uploads and downloads ask of a bucket."""

    id: str
    public: bool
    file_size_limit: int | None
    allowed_mime_types: list[str] | None


@dataclass(frozen=True)
class StoredObject:
    """A row of `storage.objects`."""

    id: UUID
    bucket_id: str
    name: str
    owner: UUID | None
    owner_id: str | None
    version: str | None
    created_at: datetime
    updated_at: datetime
    last_accessed_at: datetime | None
    metadata: dict[str, Any] | None
    user_metadata: dict[str, Any] | None

    @property
    def place(self) -> Place | None:
        """Where the bytes are, or None when the row was not written by us."""
        return place_of(self.id, self.version)

    def told(self, name: str) -> str:
        """A text of the metadata, empty when there is none."""
        value = (self.metadata or {}).get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class NewObject:
    """An object that is about to be written."""

    bucket_id: str
    name: str
    owner_id: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    user_metadata: Mapping[str, Any] | None = None
    id: UUID = field(default_factory=uuid4)
    version: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class Written:
    """Where the bytes of a written row belong, and the bytes that it no longer needs."""

    place: Place
    replaced: Place | None


class Rows:
    """One caller's transaction."""

    def __init__(self, connection: AsyncConnection[TupleRow], cursor: Cursor) -> None:
        self._connection = connection
        self._cursor = cursor

    async def all(self, statement: LiteralString | sql.Composable, *values: object) -> list[dict[str, Any]]:
        """Run a statement and give its rows."""
        composed = sql.SQL(statement) if isinstance(statement, str) else statement
        await self._cursor.execute(sql.Composed([composed]), values)
        return await self._cursor.fetchall() if self._cursor.description else []

    async def bucket(self, bucket_id: str) -> Bucket | None:
        """A bucket, if the caller may know of it."""
        found = await self.all(
            "select id, coalesce(public, false) as public, file_size_limit, allowed_mime_types"
            " from storage.buckets where id = $1",
            bucket_id,
        )
        return Bucket(**found[0]) if found else None

    async def find(self, bucket_id: str, name: str) -> StoredObject | None:
        """An object, if the caller may know of it."""
        found = await self.all(_FIND, bucket_id, name)
        return StoredObject(**found[0]) if found else None

    async def known(self, bucket_id: str, names: Sequence[str]) -> set[str]:
        """Which of these the caller may know of."""
        found = await self.all(
            "select name from storage.objects where bucket_id = $1 and name = any($2::text[])", bucket_id, list(names)
        )
        return {row["name"] for row in found}

    async def write(self, new: NewObject, *, upsert: bool) -> Written:
        """Write the row. Without `upsert` nothing is read, because that would need a right to read.

        Raises:
            psycopg.Error: 42501 when row level security says no, 23505 when the name is taken.
        """
        owner = _uuid(new.owner_id)
        user_metadata = None if new.user_metadata is None else Jsonb(new.user_metadata)
        values = (new.id, new.bucket_id, new.name, owner, new.owner_id, str(new.version), Jsonb(new.metadata))
        if not upsert:
            await self.all(_INSERT, *values, user_metadata)
            return Written(Place(new.id, new.version), None)
        before = await self.all(
            "select id, version from storage.objects where bucket_id = $1 and name = $2 for update",
            new.bucket_id,
            new.name,
        )
        (after,) = await self.all(_UPSERT, *values, user_metadata)
        replaced = place_of(before[0]["id"], before[0]["version"]) if before else None
        return Written(Place(after["id"], new.version), replaced)

    async def try_write(self, new: NewObject, *, upsert: bool) -> None:
        """What `write` would raise, without writing."""
        async with self._connection.transaction(force_rollback=True):
            await self.write(new, upsert=upsert)

    async def move(self, source: StoredObject, bucket_id: str, name: str, owner_id: str | None) -> bool:
        """Give an object another name; False when the caller may not change it."""
        return bool(await self.all(_MOVE, bucket_id, name, _uuid(owner_id), owner_id, source.id))

    async def remove(self, bucket_id: str, names: Sequence[str]) -> list[StoredObject]:
        """Remove what there is of these and the caller may remove; the removed rows are returned."""
        removed = await self.all(_REMOVE, bucket_id, list(names))
        return [StoredObject(**row) for row in removed]

    async def names(self, bucket_id: str, limit: int) -> list[str]:
        """Some names of a bucket that the caller may know of."""
        found = await self.all("select name from storage.objects where bucket_id = $1 limit $2", bucket_id, limit)
        return [row["name"] for row in found]


def stamp(moment: datetime | None) -> str | None:
    """A moment as the original writes it: `2026-01-31T12:00:00.000Z`."""
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uuid(text: str | None) -> UUID | None:
    """The column `owner` is for ids of people only; `owner_id` takes any."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
