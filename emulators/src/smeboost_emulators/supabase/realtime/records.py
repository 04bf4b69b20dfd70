"""A change as its subscribers get it.

Rules of this room (Supabase Realtime's `realtime.apply_rls`):

- A column that the role may not select is left out. Where policies rule, the old row is its primary key alone, because
  nobody asked them about it.
- A large value that was not written again is not in the log; unless the old row is, it is left out, too.
- Of a row that is too large only the small values are told, and `errors` says so.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from smeboost_emulators.supabase.realtime.comparisons import Compared
from smeboost_emulators.supabase.realtime.pgoutput import UNCHANGED, Change, WireRelation

SMALL_VALUE_BYTES = 64
TOO_LARGE = "Error 413: Payload Too Large"
UNAUTHORIZED = "Error 401: Unauthorized"
NO_KEY = "Error 400: Bad Request, no primary key"
Values = dict[str, str | None]


@dataclass(frozen=True)
class ToldChange:
    """A change with its values as JSON, and the conditions that its row meets."""

    change: Change
    compared: Compared
    new: Values
    old: Values

    @property
    def kind(self) -> str:
        """INSERT, UPDATE or DELETE."""
        return self.change.kind


@dataclass(frozen=True)
class Frame:
    """What all changes of one table in one transaction have in common; `types` are names by column."""

    schema: str
    table: str
    committed_at: datetime
    types: Mapping[str, str]
    key: tuple[str, ...]
    row_security: bool
    record_max_bytes: int

    @property
    def timestamp(self) -> str:
        """When the transaction was committed, to the millisecond."""
        return self.committed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
            f"{self.committed_at.microsecond // 1000:03d}Z"
        )


def told_change(change: Change, relation: WireRelation, new: Compared | None, old: Compared | None) -> ToldChange:
    """The values of a change by column, without those that the log does not have."""
    names = [column.name for column in relation.columns]
    old_values = _values(names, change.old, old)
    if change.new is not None and new is not None:
        values = _values(names, change.new, new)
        # The old row has what the new one did not write again, when it is there at all.
        values = {
            name: values.get(name, old_values.get(name)) for name in names if name in values or name in old_values
        }
        return ToldChange(change, new, values, old_values)
    return ToldChange(change, old or Compared((), frozenset()), {}, old_values)


def payload(
    frame: Frame, told: ToldChange, ids: Sequence[int], readable: Collection[str], wanted: Collection[str] | None
) -> dict[str, Any]:
    """The payload of `postgres_changes` for those who may read these columns and want those."""
    shown = {name for name in frame.types if name in readable and (wanted is None or name in wanted)}
    old = _old(frame, told)
    size = sum(len(value or "") for values in (told.new, old) for value in values.values())
    small = size > frame.record_max_bytes
    data = _data(frame, told.kind, [TOO_LARGE] if small else None)
    data["columns"] = [{"name": name, "type": kind} for name, kind in frame.types.items() if name in shown]
    if told.kind != "DELETE":
        data["record"] = _record(told.new, shown, small=small)
    if told.kind != "INSERT":
        data["old_record"] = _record(old, shown, small=small)
    return {"ids": list(ids), "data": data}


def refusal(frame: Frame, kind: str, ids: Sequence[int], why: str) -> dict[str, Any]:
    """The payload for those who are told that something happened, and not what."""
    data = _data(frame, kind, [why])
    data["columns"] = []
    if kind != "DELETE":
        data["record"] = {}
    if kind != "INSERT":
        data["old_record"] = {}
    return {"ids": list(ids), "data": data}


def _data(frame: Frame, kind: str, errors: list[str] | None) -> dict[str, Any]:
    return {
        "schema": frame.schema,
        "table": frame.table,
        "commit_timestamp": frame.timestamp,
        "type": kind,
        "errors": errors,
    }


def _old(frame: Frame, told: ToldChange) -> Values:
    """The old row; an update that left the key as it was has it in the new one."""
    if told.change.old is None:
        return {name: told.new[name] for name in frame.key if name in told.new}
    if frame.row_security or not told.change.old_is_whole:
        return {name: value for name, value in told.old.items() if name in frame.key}
    return told.old


def _record(values: Values, shown: Collection[str], *, small: bool) -> dict[str, msgspec.Raw]:
    return {
        name: msgspec.Raw((value if value is not None else "null").encode())
        for name, value in values.items()
        if name in shown and not (small and len(value or "") > SMALL_VALUE_BYTES)
    }


def _values(names: Sequence[str], row: Sequence[object] | None, compared: Compared | None) -> Values:
    if row is None or compared is None:
        return {}
    return {
        name: value
        for name, written, value in zip(names, row, compared.values, strict=True)
        if written is not UNCHANGED
    }
