"""The Meta API: bases, their schema, and whose token it is."""

from typing import Any

from smeboost_emulators.airtable.errors import invalid_offset, invalid_request
from smeboost_emulators.airtable.ids import derived_id
from smeboost_emulators.airtable.records.listing import read_query
from smeboost_emulators.airtable.wire import Call

BASES_PAGE_SIZE = 1_000


async def show_token_owner(call: Call) -> dict[str, Any]:
    """The user behind a token. Scopes are shown for OAuth tokens only."""
    return call.emulator.user_of(call.token)


async def list_bases(call: Call) -> dict[str, Any]:
    """1,000 bases a page; the offset names the last base that was returned."""
    bases = [base for base in call.emulator.state.bases.values() if base.permission_level != "none"]
    offset = read_query(call.query).get("offset") or None
    start = 0
    if offset is not None:
        ids = [base.id for base in bases]
        last = offset.partition("/")[2]
        if last not in ids:
            raise invalid_offset(offset)
        start = ids.index(last) + 1
    page = bases[start : start + BASES_PAGE_SIZE]
    shown: dict[str, Any] = {
        "bases": [{"id": base.id, "name": base.name, "permissionLevel": base.permission_level} for base in page]
    }
    if start + BASES_PAGE_SIZE < len(bases):
        shown["offset"] = f"{derived_id('itr', page[-1].id)}/{page[-1].id}"
    return shown


async def list_tables(call: Call) -> dict[str, Any]:
    """The schema of a base; `include=visibleFieldIds` adds the visible fields of grid views."""
    include = set(read_query(call.query).get("include", []))
    if include - {"visibleFieldIds"}:
        raise invalid_request("include can only be visibleFieldIds.")
    tables = call.own_base().tables.values()
    return {"tables": [table.described(with_visible_fields=bool(include)) for table in tables]}
