"""What the tools take and give. Every string may stand for bytes: see `binary`."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Base of every answer."""

    model_config = ConfigDict(frozen=True)


def _is_none(value: object) -> bool:
    return value is None


KeyType = Literal["string", "list", "hash", "set", "zset", "stream"]


class Condition(StrEnum):
    """When a write takes place."""

    ALWAYS = "always"
    IF_ABSENT = "if_absent"
    IF_PRESENT = "if_present"


class KeyPage(Answer):
    """An empty page that has a cursor means: nothing found so far, go on."""

    keys: list[str]
    cursor: str | None


class ScoredMember(Answer):
    member: str
    score: float | str


class StreamEntry(Answer):
    id: str
    fields: list[list[str]]


class KeyFacts(Answer):
    key: str
    type: str
    ttl_seconds: float | None
    """None: it stays until it is deleted."""
    size: int
    memory_bytes: int | None
    encoding: str | None


class KeyValue(Answer):
    """One of value, items, fields, members, entries is present, as the type says."""

    key: str
    type: KeyType
    ttl_seconds: float | None
    size: int = Field(description="Bytes of a string, else number of elements")
    value: str | None = Field(None, exclude_if=_is_none)
    items: list[str] | None = Field(None, exclude_if=_is_none, description="Of a list or set")
    fields: dict[str, str] | None = Field(None, exclude_if=_is_none, description="Of a hash")
    members: list[ScoredMember] | None = Field(None, exclude_if=_is_none, description="Of a sorted set")
    entries: list[StreamEntry] | None = Field(None, exclude_if=_is_none, description="Of a stream")
    shortened: bool = Field(False, description="Some elements were cut")
    cursor: str | None = Field(None, description="Pass it back for the rest; null at the end")


class Written(Answer):
    key: str
    written: bool = Field(description="False when the condition did not hold")


class Deleted(Answer):
    deleted: list[str]
    missing: list[str]


class Expiry(Answer):
    key: str
    ttl_seconds: float | None


class HashFields(Answer):
    key: str
    size: int
    fields: dict[str, str]
    missing: list[str] = []
    shortened: bool = False
    cursor: str | None = None


class HashWritten(Answer):
    key: str
    added: int
    size: int


class HashDeleted(Answer):
    key: str
    deleted: int


class Cached(Answer):
    key: str
    found: bool
    value: str | None = None


class CachePut(Answer):
    key: str
    stored: bool


class Invalidated(Answer):
    tags: list[str]
    deleted: int = Field(description="How many of the keys were cached")


class ServerInfo(Answer):
    product: str
    version: str
    role: str
    uptime_seconds: int
    clients: int
    memory_bytes: int
    memory_bytes_max: int | None
    eviction_policy: str | None
    keys: int
    hit_ratio: float | None
    commands_per_second: int
    append_only_file: bool
    key_prefix: str
