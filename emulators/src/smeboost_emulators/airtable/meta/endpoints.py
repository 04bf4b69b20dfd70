"""The Meta API: bases, their schema, and whose token it is."""

from typing import Any

from smeboost_emulators.airtable.errors import invalid_offset, invalid_request
from smeboost_emulators.airtable.ids import derived_id
from smeboost_emulators.airtable.needs import SCOPES
from smeboost_emulators.airtable.records.listing import read_query
from smeboost_emulators.airtable.state.access import Level
from smeboost_emulators.airtable.wire import Call

BASES_PAGE_SIZE = 1_000


async def show_token_owner(call: Call) -> dict[str, Any]:
    """The user behind a token; the same token is the same user for ever. Scopes are shown for OAuth tokens only."""
    identity = call.identity
    shown: dict[str, Any] = {"id": identity.user["id"]}
    if identity.has("user.email:read"):
        shown["email"] = identity.user["email"]
    if identity.owner.oauth:
        shown["scopes"] = sorted(SCOPES if identity.owner.scopes is None else identity.owner.scopes)
    return shown


async def list_bases(call: Call) -> dict[str, Any]:
    """1,000 bases a page; the offset names the last base that was returned."""
    query = read_query(call.query)
    if query.keys() - {"offset"}:
        raise invalid_request("offset is the only parameter.")
    rights, state = call.emulator.rights, call.emulator.state
    levels: dict[str, Level] = {
        base.id: rights.level_in_base(call.identity, base, state) for base in state.bases.values()
    }
    bases = [base for base in state.bases.values() if levels[base.id] != "none"]
    offset = query.get("offset") or None
    start = 0
    if offset is not None:
        ids = [base.id for base in bases]
        last = offset.partition("/")[2]
        if last not in ids:
            raise invalid_offset(offset)
        start = ids.index(last) + 1
    page = bases[start : start + BASES_PAGE_SIZE]
    shown: dict[str, Any] = {
        "bases": [{"id": base.id, "name": base.name, "permissionLevel": _base_level(levels[base.id])} for base in page]
    }
    if start + BASES_PAGE_SIZE < len(bases):
        shown["offset"] = f"{derived_id('itr', page[-1].id)}/{page[-1].id}"
    return shown


def _base_level(level: Level) -> Level:
    """An owner of the workspace is a creator of its bases."""
    return "create" if level == "owner" else level


async def list_tables(call: Call) -> dict[str, Any]:
    """The schema of a base; `include=visibleFieldIds` adds the visible fields of grid views."""
    include = set(read_query(call.query).get("include", []))
    if include - {"visibleFieldIds"}:
        raise invalid_request("include can only be visibleFieldIds.")
    tables = call.own_base().tables.values()
    return {"tables": [table.described(with_visible_fields=bool(include)) for table in tables]}
