"""Reading a key of any type, in pages that stay small whatever the key holds.

What a page may weigh is judged before it is fetched: by the length of a string, by the average size of other types'
elements. A single element that is much larger than the average is cut in the answer.
"""

import math
import re
from contextlib import suppress

from smeboost_shared.errors import FieldProblem, InvalidInput, NotFound, NotSupported, TooLarge, VendorCredentials

from smeboost_redis.binary import to_text, whole_characters
from smeboost_redis.client import Part, RedisClient, Reply, WrongType, as_bytes, as_integer, as_list
from smeboost_redis.models import KeyFacts, KeyValue, ScoredMember, StreamEntry

STRING_BYTES_MAX = 65_536
"""Of a string in one answer; the cursor gives the rest."""
ELEMENT_BYTES_MAX = 16_384
"""Of one element; the rest is cut."""
PAGE_BYTES_MAX = 262_144
"""What a page aims at: large elements make it shorter."""
ELEMENT_BYTES_REFUSED = 8 * 1_048_576
"""Elements that average more than this are not fetched at all."""
SIZE_COMMANDS: dict[str, str] = {
    "string": "STRLEN",
    "list": "LLEN",
    "hash": "HLEN",
    "set": "SCARD",
    "zset": "ZCARD",
    "stream": "XLEN",
}
_STREAM_ID = re.compile(r"\d{1,20}-\d{1,20}")


class Texts:
    """Turns elements into text and remembers whether it had to cut one."""

    shortened = False

    def read(self, element: Reply) -> str:
        """The text of one element, at most `ELEMENT_BYTES_MAX` of it."""
        raw = as_bytes(element)
        if len(raw) > ELEMENT_BYTES_MAX:
            self.shortened = True
            raw = whole_characters(raw[:ELEMENT_BYTES_MAX])
        return to_text(raw)

    def read_pairs(self, flat: list[Reply]) -> dict[str, str]:
        """A mapping that came as name, value, name, value."""
        return {self.read(name): self.read(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}


def missing(name: str) -> NotFound:
    """The error for a key that is not there."""
    return NotFound(f"There is no key {name!r}.", hint="scan_keys lists the keys; it may have expired.")


async def wrong_type(client: RedisClient, key: bytes, name: str, wanted: str) -> InvalidInput:
    """The error for a key of another type; names the key and what it is."""
    actual = as_bytes(await client.execute("TYPE", key, repeatable=True)).decode()
    problem = FieldProblem(field="key", message=f"is a {actual}, and this tool needs a {wanted}")
    return InvalidInput(f"The key {name!r} holds a {actual}, not a {wanted}.", errors=[problem], hint="Use get_key.")


async def read_facts(client: RedisClient, key: bytes, name: str) -> KeyFacts:
    """Type, lifetime, size, memory and encoding of a key.

    Raises:
        NotFound: there is no such key.
    """
    kind, ttl = await client.execute_many([("TYPE", key), ("PTTL", key)])
    type_name, milliseconds = as_bytes(kind).decode(), as_integer(ttl)
    if type_name == "none":
        raise missing(name)
    command = SIZE_COMMANDS.get(type_name)
    memory = await _if_allowed(client, "MEMORY", "USAGE", key)
    encoding = await _if_allowed(client, "OBJECT", "ENCODING", key)
    return KeyFacts(
        key=name,
        type=type_name,
        ttl_seconds=None if milliseconds < 0 else milliseconds / 1000,
        size=as_integer(await client.execute(command, key, repeatable=True)) if command else 0,
        memory_bytes=memory if isinstance(memory, int) else None,
        encoding=encoding.decode() if isinstance(encoding, bytes) else None,
    )


async def _if_allowed(client: RedisClient, *command: Part) -> Reply:
    """These facts are extras: a user without the permission gets the others."""
    with suppress(VendorCredentials, NotSupported):
        return await client.execute(*command, repeatable=True)
    return None


async def read_page(client: RedisClient, key: bytes, name: str, count: int, cursor: str | None) -> KeyValue:
    """A page of what the key holds, by its type.

    Raises:
        NotFound: there is no such key.
        InvalidInput: the cursor is not one of this key's.
        TooLarge: its elements are too large to fetch.
        NotSupported: its type belongs to a module.
    """
    facts = await read_facts(client, key, name)
    reader = _READERS.get(facts.type)
    if reader is None:
        raise NotSupported(f"The key {name!r} is of the module type {facts.type!r}, which is not read here.")
    try:
        return await reader(client, key, facts, affordable(facts, count), cursor)
    except WrongType:
        raise InvalidInput(f"The key {name!r} became another type while it was read.", hint="Read it again.") from None


def affordable(facts: KeyFacts, count: int) -> int:
    """How many elements of this key fit into a page.

    Raises:
        TooLarge: not even one does.
    """
    if facts.memory_bytes is None or not facts.size or facts.type == "string":
        return count
    average = facts.memory_bytes / facts.size
    if average > ELEMENT_BYTES_REFUSED:
        raise TooLarge(f"The elements of {facts.key!r} are too large to read here: {average:.0f} bytes on average.")
    return max(1, min(count, int(PAGE_BYTES_MAX / average)))


def position(cursor: str | None) -> int:
    """A cursor that is a number.

    Raises:
        InvalidInput: it is not.
    """
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and int(cursor[:21]) < 2**64 and len(cursor) <= 20):
        raise _bad_cursor()
    return int(cursor)


def _bad_cursor() -> InvalidInput:
    problem = FieldProblem(field="cursor", message="is not a cursor of this key; take it from the last answer")
    return InvalidInput("The cursor cannot be used.", errors=[problem])


def _value(facts: KeyFacts, texts: Texts, cursor: str | None, **content: object) -> KeyValue:
    fields: dict[str, object] = {"key": facts.key, "type": facts.type, "ttl_seconds": facts.ttl_seconds}
    fields |= {"size": facts.size, "shortened": texts.shortened, "cursor": cursor}
    return KeyValue.model_validate(fields | content)


async def _read_string(client: RedisClient, key: bytes, facts: KeyFacts, _count: int, cursor: str | None) -> KeyValue:
    start = position(cursor)
    raw = as_bytes(await client.execute("GETRANGE", key, start, start + STRING_BYTES_MAX - 1, repeatable=True))
    if start + len(raw) < facts.size:
        raw = whole_characters(raw)
    end = start + len(raw)
    return _value(facts, Texts(), str(end) if raw and end < facts.size else None, value=to_text(raw))


async def _read_list(client: RedisClient, key: bytes, facts: KeyFacts, count: int, cursor: str | None) -> KeyValue:
    start, texts = position(cursor), Texts()
    found = as_list(await client.execute("LRANGE", key, start, start + count - 1, repeatable=True))
    items = [texts.read(item) for item in found]
    return _value(facts, texts, _next(start, count, facts.size), items=items)


async def _read_hash(client: RedisClient, key: bytes, facts: KeyFacts, count: int, cursor: str | None) -> KeyValue:
    texts = Texts()
    flat, following = await scan_elements(client, "HSCAN", key, count, cursor)
    return _value(facts, texts, following, fields=texts.read_pairs(flat))


async def _read_set(client: RedisClient, key: bytes, facts: KeyFacts, count: int, cursor: str | None) -> KeyValue:
    texts = Texts()
    found, following = await scan_elements(client, "SSCAN", key, count, cursor)
    return _value(facts, texts, following, items=[texts.read(item) for item in found])


async def _read_sorted_set(
    client: RedisClient, key: bytes, facts: KeyFacts, count: int, cursor: str | None
) -> KeyValue:
    start, texts = position(cursor), Texts()
    command = ("ZRANGE", key, start, start + count - 1, "WITHSCORES")
    flat = as_list(await client.execute(*command, repeatable=True))
    pairs = zip(flat[::2], flat[1::2], strict=True)
    members = [ScoredMember(member=texts.read(member), score=_score(as_bytes(score))) for member, score in pairs]
    return _value(facts, texts, _next(start, count, facts.size), members=members)


async def _read_stream(client: RedisClient, key: bytes, facts: KeyFacts, count: int, cursor: str | None) -> KeyValue:
    if cursor is not None and not _STREAM_ID.fullmatch(cursor):
        raise _bad_cursor()
    texts = Texts()
    begin = f"({cursor}" if cursor else "-"
    found = as_list(await client.execute("XRANGE", key, begin, "+", "COUNT", count, repeatable=True))
    entries = [_entry(texts, entry) for entry in found]
    return _value(facts, texts, entries[-1].id if len(entries) == count else None, entries=entries)


def _entry(texts: Texts, entry: Reply) -> StreamEntry:
    identifier, flat = as_list(entry)
    parts = [texts.read(part) for part in as_list(flat)]
    # An entry may name a field twice, so its fields are pairs and no mapping.
    pairs = [[name, value] for name, value in zip(parts[::2], parts[1::2], strict=True)]
    return StreamEntry(id=texts.read(identifier), fields=pairs)


def _score(raw: bytes) -> float | str:
    score = float(raw)
    return score if math.isfinite(score) else raw.decode()


def _next(start: int, count: int, size: int) -> str | None:
    return str(start + count) if start + count < size else None


async def scan_elements(
    client: RedisClient, command: str, key: bytes, count: int, cursor: str | None
) -> tuple[list[Reply], str | None]:
    """One step of HSCAN or SSCAN: the elements, and the cursor for the next step."""
    reply = await client.execute(command, key, position(cursor), "COUNT", count, repeatable=True)
    following, found = as_list(reply)
    text = as_bytes(following).decode()
    return as_list(found), None if text == "0" else text


_READERS = {
    "string": _read_string,
    "list": _read_list,
    "hash": _read_hash,
    "set": _read_set,
    "zset": _read_sorted_set,
    "stream": _read_stream,
}
