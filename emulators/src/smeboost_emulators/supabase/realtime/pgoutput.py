"""Read the messages of PostgreSQL's `pgoutput` plugin (protocol 1, values as text).

Rules of this room (PostgreSQL, "Logical Replication Message Formats"):

- A value is text, NULL, or `UNCHANGED`: a large one that was not written again.
- An UPDATE or DELETE may carry the old row: its key alone (`K`), or all of it (`O`, with REPLICA IDENTITY FULL).
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, Literal

POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class _Unchanged(Enum):
    UNCHANGED = "unchanged"


UNCHANGED: Final = _Unchanged.UNCHANGED
Value = str | None | Literal[_Unchanged.UNCHANGED]
Row = tuple[Value, ...]


class MalformedMessage(ValueError):
    """The bytes are not a message of pgoutput."""


@dataclass(frozen=True)
class Begin:
    """A transaction begins; `position` is where in the log it was committed, `committed_at` when."""

    position: int
    committed_at: datetime


@dataclass(frozen=True)
class WireColumn:
    """A column as it was when the change was made."""

    name: str
    type_oid: int


@dataclass(frozen=True)
class WireRelation:
    """A table as it was when the change was made."""

    oid: int
    schema: str
    name: str
    columns: tuple[WireColumn, ...]


@dataclass(frozen=True)
class Change:
    """A row that was inserted, updated or deleted; `old_is_whole` when `old` is more than its key."""

    kind: Literal["INSERT", "UPDATE", "DELETE"]
    relation_oid: int
    new: Row | None
    old: Row | None
    old_is_whole: bool = False


@dataclass(frozen=True)
class Ignored:
    """A message that tells subscribers nothing: commit, origin, type, truncate."""

    kind: str


Message = Begin | WireRelation | Change | Ignored


def read_message(data: bytes) -> Message:
    """One message.

    Raises:
        MalformedMessage: it is cut off, too long, or of an unknown kind.
    """
    reader = _Reader(data)
    try:
        message = _read(reader)
    except (struct.error, UnicodeDecodeError, OverflowError) as exc:
        raise MalformedMessage(str(exc)) from None
    if not isinstance(message, Ignored) and reader.rest:
        raise MalformedMessage("bytes are left over")
    return message


def _read(reader: "_Reader") -> Message:
    kind = reader.character()
    if kind == "B":
        position, microseconds, _ = reader.unpack("!QqI")
        return Begin(position, POSTGRES_EPOCH + timedelta(microseconds=microseconds))
    if kind == "R":
        return _relation(reader)
    if kind in {"I", "U", "D"}:
        return _change(reader, kind)
    if kind in {"C", "O", "Y", "T", "M"}:
        return Ignored(kind)
    raise MalformedMessage(f"a message of kind {kind!r}")


def _relation(reader: "_Reader") -> WireRelation:
    (oid,) = reader.unpack("!I")
    schema, name = reader.string() or "pg_catalog", reader.string()
    _, count = reader.unpack("!ch")
    columns: list[WireColumn] = []
    for _ in range(count):
        reader.unpack("!B")
        column = reader.string()
        type_oid, _ = reader.unpack("!Ii")
        columns.append(WireColumn(column, type_oid))
    return WireRelation(oid, schema, name, tuple(columns))


def _change(reader: "_Reader", kind: str) -> Change:
    (oid,) = reader.unpack("!I")
    mark = reader.character()
    if kind == "I":
        _require(mark == "N")
        return Change("INSERT", oid, reader.row(), None)
    old: Row | None = None
    whole = mark == "O"
    if mark in {"K", "O"}:
        old = reader.row()
        if kind == "D":
            return Change("DELETE", oid, None, old, whole)
        mark = reader.character()
    _require(kind == "U" and mark == "N")
    return Change("UPDATE", oid, reader.row(), old, whole)


def _require(fine: bool) -> None:
    if not fine:
        raise MalformedMessage("a row is announced wrongly")


class _Reader:
    """Takes one thing after another from a message."""

    def __init__(self, data: bytes) -> None:
        self.rest = memoryview(data)

    def unpack(self, form: str) -> tuple[int, ...]:
        size = struct.calcsize(form)
        values = struct.unpack(form, self._take(size))
        return tuple(value[0] if isinstance(value, bytes) else value for value in values)

    def character(self) -> str:
        return bytes(self._take(1)).decode("ascii")

    def string(self) -> str:
        data = bytes(self.rest)
        end = data.find(b"\0")
        if end < 0:
            raise MalformedMessage("a name has no end")
        self.rest = self.rest[end + 1 :]
        return data[:end].decode()

    def row(self) -> Row:
        (count,) = self.unpack("!h")
        return tuple(self._value() for _ in range(count))

    def _value(self) -> Value:
        kind = self.character()
        if kind == "n":
            return None
        if kind == "u":
            return UNCHANGED
        if kind != "t":
            raise MalformedMessage(f"a value of kind {kind!r}")
        (length,) = self.unpack("!i")
        return bytes(self._take(length)).decode()

    def _take(self, size: int) -> memoryview:
        if size < 0 or size > len(self.rest):
            raise MalformedMessage("a message is cut off")
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken
