"""The record endpoints: each reads its parameters, plans, commits, and shows what is there now."""

from typing import Any

from smeboost_emulators.airtable.attachments.endpoints import commit_with_files
from smeboost_emulators.airtable.records.listing import from_body, from_query, look_of_record, read_query
from smeboost_emulators.airtable.records.looks import Look
from smeboost_emulators.airtable.records.pages import records_of
from smeboost_emulators.airtable.records.writes import (
    Written,
    flag,
    plan_create,
    plan_delete,
    plan_update_batch,
    plan_update_one,
)
from smeboost_emulators.airtable.state.schema import Table
from smeboost_emulators.airtable.wire import Call

_Answer = dict[str, Any]


async def list_by_query(call: Call) -> _Answer:
    table = call.table()
    return await call.emulator.pages.page(table, from_query(table, call.query))


async def list_by_body(call: Call) -> _Answer:
    table = call.table()
    body = await call.body()
    return await call.emulator.pages.page(table, from_body(table, body, call.query))


async def get(call: Call) -> _Answer:
    """A record of the base is found through any of its tables (documented, and a surprise to many)."""
    table, record_id = call.table(), call.segment("record")
    look = look_of_record(call.query)
    tables = (table, *call.own_base().tables.values())
    home = next((other for other in tables if other.slot_of(record_id) is not None), table)
    return records_of(home, [call.emulator.slot(home, record_id)], look=look)[0]


async def create(call: Call) -> _Answer:
    table = call.writable(call.table())
    body = await call.body()
    return await _commit(call, table, plan_create(table, body, call.user_id), body)


async def update_one(call: Call) -> _Answer:
    return await _change_one(call, replace=False)


async def replace_one(call: Call) -> _Answer:
    return await _change_one(call, replace=True)


async def _change_one(call: Call, *, replace: bool) -> _Answer:
    table, record_id = call.writable(call.table()), call.segment("record")
    body = await call.body()
    call.emulator.slot(table, record_id)
    return await _commit(call, table, plan_update_one(table, record_id, body, call.user_id, replace=replace), body)


async def update_batch(call: Call) -> _Answer:
    return await _change_batch(call, replace=False)


async def replace_batch(call: Call) -> _Answer:
    return await _change_batch(call, replace=True)


async def _change_batch(call: Call, *, replace: bool) -> _Answer:
    table = call.writable(call.table())
    body = await call.body()
    return await _commit(call, table, plan_update_batch(table, body, call.user_id, replace=replace), body)


async def delete_one(call: Call) -> _Answer:
    table, record_id = call.writable(call.table()), call.segment("record")
    call.emulator.slot(table, record_id)
    call.commit(plan_delete(table, [record_id], call.user_id).plan.changes)
    return {"id": record_id, "deleted": True}


async def delete_batch(call: Call) -> _Answer:
    table = call.writable(call.table())
    written = plan_delete(table, read_query(call.query).get("records", []), call.user_id)
    call.commit(written.plan.changes)
    return {"records": [{"id": record_id, "deleted": True} for record_id in written.record_ids]}


async def _commit(call: Call, table: Table, written: Written, body: dict[str, Any]) -> _Answer:
    details = await commit_with_files(call, written.plan.changes)
    slots = [table.slots[record_id] for record_id in written.record_ids]
    shown = records_of(table, slots, look=Look(by_field_id=flag(body, "returnFieldsByFieldId")))
    if written.single:
        return shown[0] | details
    if not written.upserted:
        return {"records": shown} | details
    created, updated = list(written.created), list(written.updated)
    return {"records": shown, "createdRecords": created, "updatedRecords": updated} | details
