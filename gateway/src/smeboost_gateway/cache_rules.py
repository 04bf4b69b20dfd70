"""What may be cached, how long, and what a write makes stale. Data, not code in routes.

Entries are tagged by base. A write of one record may change others in the same base: links are kept on both sides,
and lookups, rollups and counts follow. So a write drops all cached records of its base, and the schema of a base only
when the write may have changed it (`typecast` makes new select options).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from smeboost_gateway.policy import ServerName
from smeboost_gateway.settings import GatewaySettings

Arguments = Mapping[str, Any]
ALL = "airtable"

RECORD_READS = frozenset({"list_records", "get_record"})
SCHEMA_READS = frozenset({"list_bases", "list_tables"})
RECORD_WRITES = frozenset({"create_records", "update_records", "upsert_records", "delete_records"})


@dataclass(frozen=True, slots=True)
class CacheRule:
    """How a tool's answers are kept."""

    ttl_seconds: int
    tags: Callable[[Arguments], tuple[str, ...]]


def rule_for(server: ServerName, tool: str, settings: GatewaySettings) -> CacheRule | None:
    """How to keep the answers of this tool, or None when it is not for keeping."""
    if server != "airtable":
        return None
    if tool in RECORD_READS:
        return CacheRule(settings.records_cache_seconds, _record_tags)
    if tool in SCHEMA_READS:
        return CacheRule(settings.schema_cache_seconds, _schema_tags)
    return None


def invalidated_tags(server: ServerName, tool: str, arguments: Arguments) -> tuple[str, ...]:
    """The tags whose entries a call of this tool may have made stale."""
    if server != "airtable":
        return ()
    if tool not in RECORD_WRITES:
        return (ALL,)
    if arguments.get("typecast"):
        return (_records(arguments), _schema(arguments))
    return (_records(arguments),)


def _record_tags(arguments: Arguments) -> tuple[str, ...]:
    return (ALL, _records(arguments))


def _schema_tags(arguments: Arguments) -> tuple[str, ...]:
    return (ALL, _schema(arguments)) if "base_id" in arguments else (ALL,)


def _records(arguments: Arguments) -> str:
    return f"records:{arguments.get('base_id')}"


def _schema(arguments: Arguments) -> str:
    return f"schema:{arguments.get('base_id')}"
