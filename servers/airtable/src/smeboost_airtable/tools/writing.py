"""Tools that change records. Any number up to the limit is taken and sent in Airtable's batches of 10."""

import json
from collections.abc import Sequence
from typing import Annotated

from fastmcp import Context, FastMCP
from pydantic import Field
from smeboost_shared.errors import FieldProblem, InvalidInput
from smeboost_shared.toolkit import CREATE, DELETE, UPDATE

from smeboost_airtable.arguments import BaseId, DryRun, TableId, Typecast
from smeboost_airtable.batches import ReportProgress, check_size, check_unique, write_in_batches
from smeboost_airtable.client import AirtableClient, check_id
from smeboost_airtable.models import DeleteOutcome, NewRecord, RecordChange, UpsertOutcome, WriteOutcome
from smeboost_airtable.rehearsals import rehearse_create, rehearse_delete, rehearse_update, rehearse_upsert
from smeboost_airtable.writes import Creates, Deletes, Updates, Upserts

MERGE_FIELDS_MAX = 3
"""Airtable's limit."""

NewRecords = Annotated[list[NewRecord], Field(min_length=1, description="Field values by field name or id")]
ChangedRecords = Annotated[list[RecordChange], Field(min_length=1, description="null clears a cell")]


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the tools of this family."""
    limit = client.settings.records_per_call_max
    _offer_create(mcp, client, limit)
    _offer_update(mcp, client, limit)
    _offer_upsert(mcp, client, limit)
    _offer_delete(mcp, client, limit)


def _offer_create(mcp: FastMCP, client: AirtableClient, limit: int) -> None:
    @mcp.tool(annotations=CREATE, title="Create records")
    async def create_records(
        *,
        base_id: BaseId,
        table_id: TableId,
        records: NewRecords,
        ctx: Context,
        typecast: Typecast = False,
        dry_run: DryRun = False,
    ) -> WriteOutcome:
        """Create records; a bad one fails alone."""
        check_size("records", len(records), limit)
        new = [record.fields for record in records]
        write = Creates(client=client, base_id=base_id, table_id=table_id, records=new, typecast=typecast)
        if dry_run:
            return WriteOutcome(records=[], changes=await rehearse_create(write))
        done = await write_in_batches(write, _progress(ctx))
        return WriteOutcome(records=done.written, failed=done.failed, unknown=done.unknown, probable=done.probable)


def _offer_update(mcp: FastMCP, client: AirtableClient, limit: int) -> None:
    @mcp.tool(annotations=UPDATE, title="Update records")
    async def update_records(
        *,
        base_id: BaseId,
        table_id: TableId,
        records: ChangedRecords,
        ctx: Context,
        replace: Annotated[bool, Field(description="Clear fields that are not given")] = False,
        typecast: Typecast = False,
        dry_run: DryRun = False,
    ) -> WriteOutcome:
        """Change the given fields of records; a bad one fails alone."""
        check_size("records", len(records), limit)
        for index, record in enumerate(records):
            check_id("rec", record.id, f"records.{index}.id")
        check_unique("records.{}.id", [record.id for record in records])
        write = Updates(
            client=client, base_id=base_id, table_id=table_id, records=records, replace=replace, typecast=typecast
        )
        if dry_run:
            return WriteOutcome(records=[], changes=await rehearse_update(write))
        done = await write_in_batches(write, _progress(ctx))
        return WriteOutcome(records=done.written, failed=done.failed, unknown=done.unknown, probable=done.probable)


def _offer_upsert(mcp: FastMCP, client: AirtableClient, limit: int) -> None:
    @mcp.tool(annotations=UPDATE, title="Upsert records")
    async def upsert_records(
        *,
        base_id: BaseId,
        table_id: TableId,
        records: NewRecords,
        merge_on: Annotated[
            list[str],
            Field(min_length=1, max_length=MERGE_FIELDS_MAX, description="Fields that identify a record"),
        ],
        ctx: Context,
        typecast: Typecast = False,
        dry_run: DryRun = False,
    ) -> UpsertOutcome:
        """Update the records that match on merge_on and create the others; a bad one fails alone."""
        check_size("records", len(records), limit)
        check_merge_values(records, merge_on)
        new = [record.fields for record in records]
        write = Upserts(
            client=client, base_id=base_id, table_id=table_id, records=new, merge_on=merge_on, typecast=typecast
        )
        if dry_run:
            return UpsertOutcome(records=[], created=[], updated=[], changes=await rehearse_upsert(write))
        done = await write_in_batches(write, _progress(ctx))
        return UpsertOutcome(
            records=[each.record for each in done.written],
            created=[each.record.id for each in done.written if each.is_new],
            updated=[each.record.id for each in done.written if not each.is_new],
            failed=done.failed,
            unknown=done.unknown,
            probable=done.probable,
        )


def _offer_delete(mcp: FastMCP, client: AirtableClient, limit: int) -> None:
    @mcp.tool(annotations=DELETE, title="Delete records")
    async def delete_records(
        *,
        base_id: BaseId,
        table_id: TableId,
        record_ids: Annotated[list[str], Field(min_length=1)],
        ctx: Context,
        dry_run: DryRun = False,
    ) -> DeleteOutcome:
        """Delete records for good; one that is not there fails alone."""
        check_size("record_ids", len(record_ids), limit)
        for index, record_id in enumerate(record_ids):
            check_id("rec", record_id, f"record_ids.{index}")
        check_unique("record_ids.{}", record_ids)
        write = Deletes(client=client, base_id=base_id, table_id=table_id, record_ids=record_ids)
        if dry_run:
            return DeleteOutcome(deleted=[], changes=await rehearse_delete(write))
        done = await write_in_batches(write, _progress(ctx))
        return DeleteOutcome(deleted=done.written, failed=done.failed, unknown=done.unknown, probable=done.probable)


def check_merge_values(records: Sequence[NewRecord], merge_on: Sequence[str]) -> None:
    """Each record has every merge field, and no two mean the same record: which wins would depend on the batches.

    Raises:
        InvalidInput: names the record and the field.
    """
    check_unique("merge_on.{}", merge_on)
    keys: list[str] = []
    for index, record in enumerate(records):
        if missing := [field for field in merge_on if field not in record.fields]:
            place = f"records.{index}.fields.{missing[0]}"
            problem = FieldProblem(field=place, message="is needed, because merge_on names it")
            raise InvalidInput("A record lacks a merge field.", errors=[problem])
        values = [record.fields[field] for field in merge_on]
        # A null never matches and always creates, so two of them are no contradiction.
        keys.append(f"null {index}" if None in values else json.dumps(values, sort_keys=True))
    check_unique("records.{}", keys)


def _progress(ctx: Context) -> ReportProgress:
    async def report(done: int, total: int) -> None:
        await ctx.report_progress(done, total, f"{done} of {total} records")

    return report
