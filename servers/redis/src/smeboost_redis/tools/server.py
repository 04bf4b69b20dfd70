"""A tool that tells how the Redis or Valkey server is doing."""

from fastmcp import FastMCP
from smeboost_shared.toolkit import READ

from smeboost_redis.client import RedisClient, as_bytes, as_integer
from smeboost_redis.models import ServerInfo


def register(mcp: FastMCP, client: RedisClient) -> None:
    """Offer the tools of this family."""

    @mcp.tool(annotations=READ, title="Server info")
    async def server_info() -> ServerInfo:
        """Product, version, role, memory, clients, keys and hit ratio of the server; no addresses, no paths."""
        info, size = await client.execute_many([("INFO",), ("DBSIZE",)])
        return summary(facts_of(as_bytes(info).decode(errors="replace")), as_integer(size), client.key_prefix)


def facts_of(info: str) -> dict[str, str]:
    """INFO's lines `name:value`."""
    pairs = (line.partition(":") for line in info.splitlines() if not line.startswith("#"))
    return {name: value.strip() for name, separator, value in pairs if separator}


def summary(facts: dict[str, str], keys: int, key_prefix: str) -> ServerInfo:
    """What may be shown of INFO. Named one by one, because a new version may add lines that hold secrets."""
    hits, misses = _number(facts, "keyspace_hits"), _number(facts, "keyspace_misses")
    is_valkey = facts.get("server_name") == "valkey" or "valkey_version" in facts
    return ServerInfo(
        product="Valkey" if is_valkey else "Redis",
        version=facts.get("valkey_version") or facts.get("redis_version", "unknown"),
        role=facts.get("role", "unknown"),
        uptime_seconds=_number(facts, "uptime_in_seconds"),
        clients=_number(facts, "connected_clients"),
        memory_bytes=_number(facts, "used_memory"),
        memory_bytes_max=_number(facts, "maxmemory") or None,
        eviction_policy=facts.get("maxmemory_policy"),
        keys=keys,
        hit_ratio=round(hits / (hits + misses), 4) if hits + misses else None,
        commands_per_second=_number(facts, "instantaneous_ops_per_sec"),
        append_only_file=facts.get("aof_enabled") == "1",
        key_prefix=key_prefix,
    )


def _number(facts: dict[str, str], name: str) -> int:
    text = facts.get(name, "0")
    return int(text) if text.isdigit() else 0
