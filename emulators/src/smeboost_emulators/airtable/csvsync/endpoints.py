"""The Sync API: https://airtable.com/developers/web/api/post-sync-api-endpoint.

A table is synced when its definition in the seed has an `apiEndpointSyncId`; then nothing else writes its records. A
sync is run at once, where the vendor's is soon after the request [D]. OAuth integrations may not call it [D].
"""

from smeboost_emulators.airtable.csvsync.planning import plan_sync
from smeboost_emulators.airtable.csvsync.sheet import BYTES_MAX, read_sheet
from smeboost_emulators.airtable.errors import invalid_request, model_not_found, not_permitted
from smeboost_emulators.airtable.records.plan import Plan
from smeboost_emulators.airtable.state.schema import Table
from smeboost_emulators.airtable.wire import Call, read_limited


async def push(call: Call) -> dict[str, bool]:
    """Make the synced table show a CSV text."""
    if call.identity.owner.oauth:
        raise not_permitted()
    call.emulator.limits.check_sync(call.own_base().id)
    _synced_table(call)
    if call.request.headers.get("content-type", "").partition(";")[0].strip().lower() != "text/csv":
        raise invalid_request("The body must be declared as text/csv.")
    sheet = read_sheet(await read_limited(call.request, BYTES_MAX))
    plan = Plan(_synced_table(call), call.user_id, typecast=True)
    call.commit(plan_sync(plan, sheet), source="sync")
    return {"success": True}


def _synced_table(call: Call) -> Table:
    """The table of the path, when the path has the id of its sync, too."""
    table = call.table()
    if table.sync_id is None or table.sync_id != call.segment("sync"):
        raise model_not_found()
    return table
