"""What the token may do, found out with requests that change nothing.

Source: https://airtable.com/developers/web/api/get-user-id-scopes
"""

from collections.abc import Awaitable

from smeboost_shared.errors import SmeBoostError

from smeboost_airtable.calls import webhooks
from smeboost_airtable.client import READ_RECORDS, READ_SCHEMA, AirtableClient
from smeboost_airtable.explanations import Operation
from smeboost_airtable.models import Base, WhoAmI
from smeboost_airtable.places import Nowhere
from smeboost_airtable.transport import Request


async def who_am_i(client: AirtableClient) -> WhoAmI:
    """The user behind the token; the email needs user.email:read, scopes are shown for OAuth tokens only."""
    request = Request(method="GET", path=("meta", "whoami"))
    return await client.ask(Operation(request=request, scope="none"), WhoAmI)


async def probe_base(client: AirtableClient, base_id: str) -> dict[str, str]:
    """For each scope that can be tried without changing anything: `ok`, or why not."""
    try:
        tables = await client.list_tables(base_id)
    except SmeBoostError as exc:
        return {READ_SCHEMA: _why(exc)}
    found = {READ_SCHEMA: "ok"}
    if tables:
        first = client.list_records(base_id, tables[0].id, {"pageSize": 1}, places=Nowhere())
        found[READ_RECORDS] = await _tried(first)
    found[webhooks.SCOPE] = await _tried(webhooks.list_webhooks(client, base_id))
    return found


async def _tried(asking: Awaitable[object]) -> str:
    try:
        await asking
    except SmeBoostError as exc:
        return _why(exc)
    return "ok"


def _why(error: SmeBoostError) -> str:
    return f"{error.code}: {error.message} {error.hint or ''}".strip()


def role_of(bases: list[Base], base_id: str) -> str | None:
    """The owner's role in a base, as the list of bases says."""
    return next((base.permission_level for base in bases if base.id == base_id), None)
