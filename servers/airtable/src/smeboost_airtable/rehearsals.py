"""What a write would do, without doing it: the difference for each record, and what is wrong with it by the schema.

Nothing is reserved: between a rehearsal and the write the base may change. Values are compared as `sameness` says, so
what may be converted (with typecast, or a file given by its URL) counts as a change.
"""

from pydantic import JsonValue
from smeboost_shared.errors import FieldProblem, InvalidInput

from smeboost_airtable.checks import find_field, problems, unknown_field
from smeboost_airtable.field_types import COMPUTED
from smeboost_airtable.models import Action, Change, Difference, FieldValues, Record, Table
from smeboost_airtable.reading_back import by_id, by_values
from smeboost_airtable.sameness import holds, is_empty, same
from smeboost_airtable.writes import Creates, Deletes, Updates, Upserts

UNMERGEABLE = COMPUTED | {
    "checkbox",
    "barcode",
    "multipleRecordLinks",
    "multipleAttachments",
    "singleCollaborator",
    "multipleCollaborators",
}
"""Airtable merges on text, numbers, selects and dates ("Update multiple records" page); these are none of them."""


async def rehearse_create(write: Creates) -> list[Change]:
    """Every record would be new."""
    table = await write.client.find_table(write.base_id, write.table_id)
    return [
        _change(item, "create", fields, None, table, typecast=write.typecast)
        for item, fields in enumerate(write.records)
    ]


async def rehearse_update(write: Updates) -> list[Change]:
    """Which records would change, and which are not there."""
    table = await write.client.find_table(write.base_id, write.table_id)
    found = await by_id(write.client, write.base_id, table.id, [change.id for change in write.records])
    changes: list[Change] = []
    for item, change in enumerate(write.records):
        record = found.get(change.id)
        if record is None:
            changes.append(Change(index=item, action="missing", id=change.id))
            continue
        fields = _cleared(record, table) | _by_name(change.fields, table) if write.replace else change.fields
        changes.append(_change(item, "update", fields, record, table, typecast=write.typecast))
    return changes


async def rehearse_upsert(write: Upserts) -> list[Change]:
    """Which records would be found and changed, and which made.

    Raises:
        InvalidInput: `merge_on` names no field of the table, or one of a type that Airtable does not merge on.
    """
    table = await write.client.find_table(write.base_id, write.table_id)
    for index, name in enumerate(write.merge_on):
        field = find_field(table, name)
        if field is None or field.type in UNMERGEABLE:
            said = f"{field.type} fields identify no record" if field else unknown_field(name, table)
            problem = FieldProblem(field=f"merge_on.{index}", message=said)
            raise InvalidInput("Records cannot be merged on this.", errors=[problem])
    wrong = [problems(table, fields, typecast=write.typecast) for fields in write.records]
    # A merge value that its field cannot have is reported as such, and looked for in vain.
    sought = [
        fields for fields, said in zip(write.records, wrong, strict=True) if said.keys().isdisjoint(write.merge_on)
    ]
    found = await by_values(write.client, write.base_id, table, sought, write.merge_on)
    changes: list[Change] = []
    for item, fields in enumerate(write.records):
        key = {name: fields[name] for name in write.merge_on}
        matches = [] if None in key.values() else [record for record in found if holds(record, key, table)]
        if len(matches) > 1:
            said = f"{len(matches)} records have these values: {', '.join(record.id for record in matches[:5])}"
            problem = FieldProblem(field=f"records.{item}", message=said)
            changes.append(Change(index=item, action="ambiguous", problems=[problem]))
            continue
        record = matches[0] if matches else None
        action: Action = "update" if record else "create"
        changes.append(_change(item, action, fields, record, table, typecast=write.typecast))
    return changes


async def rehearse_delete(write: Deletes) -> list[Change]:
    """Which records would go, each with the value that it is known by."""
    table = await write.client.find_table(write.base_id, write.table_id)
    found = await by_id(write.client, write.base_id, table.id, write.record_ids)
    primary = next((field.name for field in table.fields if field.id == table.primary_field_id), "")
    changes: list[Change] = []
    for item, record_id in enumerate(write.record_ids):
        record = found.get(record_id)
        known_by = {primary: Difference(before=record.fields.get(primary))} if record else {}
        changes.append(Change(index=item, action="delete" if record else "missing", id=record_id, fields=known_by))
    return changes


def _change(
    item: int, action: Action, fields: FieldValues, record: Record | None, table: Table, *, typecast: bool
) -> Change:
    said = problems(table, fields, typecast=typecast)
    found = _differences(fields, record, table)
    return Change(
        index=item,
        action="unchanged" if action == "update" and not found and not said else action,
        id=record.id if record else None,
        fields=found,
        problems=[FieldProblem(field=f"records.{item}.fields.{key}", message=text) for key, text in said.items()],
    )


def _differences(fields: FieldValues, record: Record | None, table: Table) -> dict[str, Difference]:
    before: dict[str, JsonValue] = dict(record.fields) if record else {}
    found: dict[str, Difference] = {}
    for key, value in fields.items():
        field = find_field(table, key)
        name = field.name if field else key
        if field is None or not same(field, value, before.get(name)):
            found[name] = Difference(before=before.get(name), after=None if is_empty(value) else value)
    return found


def _cleared(record: Record, table: Table) -> FieldValues:
    """What a replacing update empties."""
    writable = {field.name for field in table.fields if field.type not in COMPUTED}
    return {name: None for name in record.fields if name in writable}


def _by_name(fields: FieldValues, table: Table) -> FieldValues:
    return {field.name if (field := find_field(table, key)) else key: value for key, value in fields.items()}
