"""Tools for keys of any type."""

from collections.abc import Sequence
from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.toolkit import DELETE, READ, UPDATE

from smeboost_redis.arguments import KEYS_MAX, Cursor, KeyName, PageSize, Text, TtlSeconds
from smeboost_redis.binary import to_bytes
from smeboost_redis.client import Part, RedisClient, as_bytes, as_list
from smeboost_redis.models import Condition, Deleted, Expiry, KeyFacts, KeyPage, KeyType, KeyValue, Written
from smeboost_redis.names import KeyNames
from smeboost_redis.reading import missing, position, read_facts, read_page
from smeboost_redis.writing import check_size, milliseconds

SCAN_STEPS_MAX = 50
"""Steps of SCAN in one call: a rare pattern in a large store gives an empty page and a cursor, not a long wait."""
SCAN_STEP_KEYS = 1000
"""The longest step; the first is as long as the page that was asked for."""
PATTERN_CHARACTERS_MAX = 1000
CONDITIONS: dict[Condition, list[str]] = {
    Condition.ALWAYS: [],
    Condition.IF_ABSENT: ["NX"],
    Condition.IF_PRESENT: ["XX"],
}


def register(mcp: FastMCP, client: RedisClient) -> None:
    """Offer the tools of this family."""
    names = KeyNames(client.key_prefix)
    _register_reading(mcp, client, names)
    _register_writing(mcp, client, names)


def _register_reading(mcp: FastMCP, client: RedisClient, names: KeyNames) -> None:
    @mcp.tool(annotations=READ, title="Scan keys")
    async def scan_keys(
        pattern: Annotated[
            str, Field(min_length=1, max_length=PATTERN_CHARACTERS_MAX, description="Glob, e.g. order:*")
        ] = "*",
        type: Annotated[KeyType | None, Field(description="Only keys of this type")] = None,  # noqa: A002  # Redis' word
        count: PageSize = 100,
        cursor: Cursor = None,
    ) -> KeyPage:
        """List keys by pattern, page by page, in no order.

        Follow `cursor` until it is null, also after an empty page. A key may come twice.
        """
        filters: list[Part] = ["MATCH", names.pattern(pattern), *(["TYPE", type] if type else [])]
        return await scan(client, names, filters, count, position(cursor))

    @mcp.tool(annotations=READ, title="Get key")
    async def get_key(key: KeyName, count: PageSize = 100, cursor: Cursor = None) -> KeyValue:
        """Read a key of any type; long strings and large collections come in pages."""
        return await read_page(client, names.key(key), key, count, cursor)

    @mcp.tool(annotations=READ, title="Describe key")
    async def describe_key(key: KeyName) -> KeyFacts:
        """Type, remaining lifetime, size, memory and encoding of a key, without its content."""
        return await read_facts(client, names.key(key), key)


def _register_writing(mcp: FastMCP, client: RedisClient, names: KeyNames) -> None:
    @mcp.tool(annotations=UPDATE, title="Set key")
    async def set_key(
        key: KeyName,
        value: Text,
        ttl_seconds: Annotated[TtlSeconds | None, Field(description="Lifetime; null: for ever")] = None,
        condition: Condition = Condition.ALWAYS,
    ) -> Written:
        """Set a string. Replaces what the key held, whatever its type, and its lifetime."""
        raw = check_size(client, to_bytes(value, "value"), "value")
        lifetime: list[Part] = [] if ttl_seconds is None else ["PX", milliseconds(ttl_seconds)]
        reply = await client.execute("SET", names.key(key), raw, *lifetime, *CONDITIONS[condition])
        return Written(key=key, written=reply is not None)

    @mcp.tool(annotations=DELETE, title="Delete keys")
    async def delete_keys(keys: Annotated[list[KeyName], Field(min_length=1, max_length=KEYS_MAX)]) -> Deleted:
        """Delete keys of any type, by exact name; no patterns."""
        wanted = [(key, names.key(key, f"keys.{at}")) for at, key in enumerate(keys)]
        replies = await client.execute_many([("UNLINK", raw) for _, raw in wanted])
        gone = {key for (key, _), reply in zip(wanted, replies, strict=True) if reply == 1}
        return Deleted(deleted=sorted(gone), missing=sorted(set(keys) - gone))

    @mcp.tool(annotations=UPDATE, title="Expire key")
    async def expire_key(
        key: KeyName, ttl_seconds: Annotated[TtlSeconds | None, Field(description="Null: keep it for ever")]
    ) -> Expiry:
        """Set or remove the lifetime of a key."""
        raw = names.key(key)
        if ttl_seconds is None:
            _, found = await client.execute_many([("PERSIST", raw), ("EXISTS", raw)])
        else:
            found = await client.execute("PEXPIRE", raw, milliseconds(ttl_seconds))
        if found != 1:
            raise missing(key)
        return Expiry(key=key, ttl_seconds=ttl_seconds)


async def scan(client: RedisClient, names: KeyNames, filters: Sequence[Part], count: int, start: int) -> KeyPage:
    """At least `count` keys if there are so many within the steps that one call may take."""
    found: list[str] = []
    step = min(count, SCAN_STEP_KEYS)
    for _ in range(SCAN_STEPS_MAX):
        reply = await client.execute("SCAN", start, "COUNT", step, *filters, repeatable=True)
        following, keys = as_list(reply)
        visible = [names.name(raw) for raw in map(as_bytes, as_list(keys)) if names.is_visible(raw)]
        found += visible
        start = int(as_bytes(following))
        if start == 0 or len(found) >= count:
            break
        # Steps grow only where nothing is found, so that no page is far longer than it was asked for.
        step = step if visible else min(2 * step, SCAN_STEP_KEYS)
    return KeyPage(keys=found, cursor=str(start) if start else None)
