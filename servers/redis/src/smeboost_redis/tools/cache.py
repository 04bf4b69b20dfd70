"""Tools for a cache that forgets by time and by tag."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.errors import FieldProblem, InvalidInput
from smeboost_shared.toolkit import DELETE, READ, UPDATE

from smeboost_redis.arguments import KEYS_MAX, KeyName, Text
from smeboost_redis.binary import to_bytes, to_text
from smeboost_redis.cache import TTL_SECONDS_MAX, Cache
from smeboost_redis.cache_entry import TAG_CHARACTERS_MAX, TAGS_MAX
from smeboost_redis.client import RedisClient
from smeboost_redis.models import Cached, CachePut, Invalidated
from smeboost_redis.writing import check_size

Tag = Annotated[str, Field(min_length=1, max_length=TAG_CHARACTERS_MAX)]
Tags = Annotated[list[Tag], Field(max_length=TAGS_MAX)]
Ttl = Annotated[float, Field(ge=0.001, le=TTL_SECONDS_MAX, description="Longest lifetime")]
CacheKeys = Annotated[list[KeyName], Field(max_length=KEYS_MAX, description="Single values to forget")]


def register(mcp: FastMCP, client: RedisClient) -> None:
    """Offer the tools of this family. Their values are their own: no other part of the house caches there."""
    cache = Cache(client, "tools")

    @mcp.tool(annotations=READ, title="Get cached value")
    async def get_cached(key: KeyName) -> Cached:
        """Read a value from the cache; `found` is false when it was never put, has expired or was invalidated."""
        value = await cache.get(key)
        return Cached(key=key, found=value is not None, value=None if value is None else to_text(value))

    @mcp.tool(annotations=UPDATE, title="Put value into the cache")
    async def put_cached(key: KeyName, value: Text, ttl_seconds: Ttl, tags: Tags | None = None) -> CachePut:
        """Keep a value in the cache until it expires or one of its tags is invalidated."""
        raw = check_size(client, to_bytes(value, "value"), "value")
        await cache.set(key, raw, ttl_seconds=ttl_seconds, tags=tags or [])
        return CachePut(key=key, stored=True)

    @mcp.tool(annotations=DELETE, title="Invalidate cached values")
    async def invalidate_cache(tags: Tags | None = None, keys: CacheKeys | None = None) -> Invalidated:
        """Forget all cached values that have one of the tags, and the values of the keys."""
        if not tags and not keys:
            problem = FieldProblem(field="tags", message="or keys must name something to forget")
            raise InvalidInput("There is nothing to invalidate.", errors=[problem])
        deleted = await cache.delete(*(keys or []))
        await cache.invalidate(*(tags or []))
        return Invalidated(tags=tags or [], deleted=deleted)
