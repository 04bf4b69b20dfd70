"""Completions for the arguments of prompts and resources: names of bases, tables and fields.

Hosts ask with every key, so all comes from what is remembered of the schema. What cannot be read completes to nothing:
a completion is help, and no place for errors.
"""

from collections.abc import Iterable

from fastmcp import FastMCP
from fastmcp.server.completions import CompletionReference
from mcp.types import Completion, CompletionArgument, CompletionContext
from smeboost_shared.errors import SmeBoostError

from smeboost_airtable.client import AirtableClient
from smeboost_airtable.models import Base
from smeboost_airtable.schema import find_table

VALUES_MAX = 100
"""As many as an answer may have (MCP, completion/complete)."""


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Complete the arguments called `base`, `base_id`, `table`, `table_id`, `field` and `key`."""

    @mcp.completion
    async def complete(
        _reference: CompletionReference, argument: CompletionArgument, context: CompletionContext | None
    ) -> Completion | None:
        known = (context.arguments if context else None) or {}
        try:
            return matching(argument.value, await _candidates(client, argument.name, known))
        except SmeBoostError:
            return None


def matching(typed: str, candidates: Iterable[tuple[str, str]]) -> Completion:
    """The values whose value or label begins with what was typed, then those that hold it, in any case."""
    wanted = typed.strip().casefold()
    by_place: list[tuple[bool, str]] = []
    for value, label in candidates:
        texts = (value.casefold(), label.casefold())
        if any(wanted in text for text in texts):
            by_place.append((not any(text.startswith(wanted) for text in texts), value))
    found = [value for _, value in sorted(by_place, key=lambda place: place[0])]
    return Completion(values=found[:VALUES_MAX], total=len(found), has_more=len(found) > VALUES_MAX)


async def _candidates(client: AirtableClient, name: str, known: dict[str, str]) -> list[tuple[str, str]]:
    """What an argument may be, each with a text that people may type instead."""
    if name == "base_id":
        return [(base.id, base.name) for base in await client.known_bases()]
    if name == "base":
        return [(base.name, base.id) for base in await client.known_bases()]
    base_id = _base_id(known, await client.known_bases())
    if base_id is None:
        return []
    tables = await client.known_tables(base_id)
    if name in ("table", "table_id"):
        return [(table.name, table.id) for table in tables]
    table = find_table(tables, known.get("table") or known.get("table_id") or "")
    if table is None or name not in ("field", "key"):
        return []
    return [(field.name, field.id) for field in table.fields]


def _base_id(known: dict[str, str], bases: list[Base]) -> str | None:
    given = known.get("base_id") or known.get("base") or ""
    found = [base.id for base in bases if given == base.id or given.casefold() == base.name.casefold()]
    return found[0] if found else None
