"""Create, update, upsert and delete requests: from a JSON body to a plan.

A batch is all or nothing: the first thing that is wrong refuses the whole request, before anything is changed.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from smeboost_emulators.airtable.errors import (
    BATCH_RECORDS_MAX,
    CHANGED_RECORDS,
    NEW_RECORDS,
    RECORD_IDS,
    ambiguous_upsert,
    field_is_computed,
    invalid_request,
    malformed_records,
    missing_fields,
    no_such_row,
    too_many_records,
    unknown_field,
)
from smeboost_emulators.airtable.ids import is_id
from smeboost_emulators.airtable.records.plan import Plan
from smeboost_emulators.airtable.shapes import object_of, objects_of, texts_of
from smeboost_emulators.airtable.state.cells import Cell
from smeboost_emulators.airtable.state.schema import Field, Table

MERGE_FIELDS_MAX = 3
MERGE_TYPES = frozenset({"number", "singleLineText", "multilineText", "singleSelect", "multipleSelects", "date"})
_OPTIONS = frozenset({"typecast", "returnFieldsByFieldId"})
_Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """What a planned request will answer with."""

    plan: Plan
    record_ids: list[str]
    single: bool = False
    upserted: bool = False
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()


def plan_create(table: Table, body: _Body, user_id: str) -> Written:
    """`{"fields"}` for one record or `{"records": [{"fields"}]}` for up to 10."""
    _only(body, {"fields", "records"} | _OPTIONS)
    plan = _plan(table, body, user_id)
    if "records" in body and "fields" in body:
        raise invalid_request('Send "fields" for one record or "records" for several, not both.')
    if "records" not in body:
        return Written(plan, [plan.create(_fields(body))], single=True)
    items = _records(body["records"], "created", NEW_RECORDS)
    for item in items:
        if not isinstance(item.get("fields"), dict) or item.keys() - {"fields"}:
            raise malformed_records(NEW_RECORDS)
    return Written(plan, [plan.create(item["fields"]) for item in items])


def plan_update_one(table: Table, record_id: str, body: _Body, user_id: str, *, replace: bool) -> Written:
    """`{"fields"}` for a record that is known to exist."""
    _only(body, {"fields"} | _OPTIONS)
    plan = _plan(table, body, user_id)
    return Written(plan, [plan.update(record_id, _fields(body), replace=replace)], single=True)


def plan_update_batch(table: Table, body: _Body, user_id: str, *, replace: bool) -> Written:
    """`{"records": [{"id", "fields"}]}` for up to 10, or an upsert when the body has `performUpsert`."""
    _only(body, {"records", "performUpsert"} | _OPTIONS)
    upsert = body.get("performUpsert")
    plan = _plan(table, body, user_id)
    if "records" not in body:
        raise malformed_records(CHANGED_RECORDS)
    items = _records(body["records"], "updated", CHANGED_RECORDS)
    for item in items:
        _check_changed(table, item, id_required=upsert is None)
    if upsert is not None:
        return _upsert(plan, items, _merge_fields(table, upsert), replace=replace)
    return Written(plan, [plan.update(item["id"], item["fields"], replace=replace) for item in items])


def plan_delete(table: Table, record_ids: list[str], user_id: str) -> Written:
    """Up to 10 ids, all of them of existing records."""
    if not record_ids or not all(is_id("rec", record_id) for record_id in record_ids):
        raise malformed_records(RECORD_IDS)
    if len(record_ids) > BATCH_RECORDS_MAX:
        raise too_many_records("deleted", len(record_ids))
    plan = Plan(table, user_id)
    for record_id in record_ids:
        if table.slot_of(record_id) is None:
            raise no_such_row(record_id)
        plan.delete(record_id)
    return Written(plan, record_ids)


def flag(body: _Body, key: str) -> bool:
    """A boolean of the body; absent is false."""
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise invalid_request(f"{key} must be true or false.")
    return value


def _plan(table: Table, body: _Body, user_id: str) -> Plan:
    flag(body, "returnFieldsByFieldId")
    return Plan(table, user_id, typecast=flag(body, "typecast"))


def _only(body: _Body, allowed: frozenset[str] | set[str]) -> None:
    unknown = sorted(body.keys() - allowed)
    if unknown:
        raise invalid_request(f"Unknown: {', '.join(unknown)}. Known here: {', '.join(sorted(allowed))}.")


def _fields(body: _Body) -> dict[str, Any]:
    if "fields" not in body:
        raise missing_fields()
    fields = object_of(body["fields"])
    if fields is None:
        raise invalid_request('"fields" must be an object of values by field name or id.')
    return fields


def _records(value: object, verb: str, expected: str) -> list[dict[str, Any]]:
    items = objects_of(value)
    if not items:
        raise malformed_records(expected)
    if len(items) > BATCH_RECORDS_MAX:
        raise too_many_records(verb, len(items))
    return items


def _check_changed(table: Table, item: dict[str, Any], *, id_required: bool) -> None:
    if not isinstance(item.get("fields"), dict) or item.keys() - {"id", "fields"}:
        raise malformed_records(CHANGED_RECORDS)
    if "id" not in item and not id_required:
        return
    if not is_id("rec", item.get("id")):
        raise malformed_records(CHANGED_RECORDS)
    if table.slot_of(item["id"]) is None:
        raise no_such_row(item["id"])


def _merge_fields(table: Table, upsert: object) -> list[Field]:
    asked = object_of(upsert)
    named = None if asked is None or len(asked) > 1 else texts_of(asked.get("fieldsToMergeOn"))
    if not named or len(named) > MERGE_FIELDS_MAX:
        raise invalid_request(f"performUpsert must be an object with fieldsToMergeOn, 1 to {MERGE_FIELDS_MAX} fields.")
    return [_merge_field(table, name) for name in named]


def _merge_field(table: Table, name: str) -> Field:
    field = table.fields_by_key.get(name)
    if field is None:
        raise unknown_field(name)
    if not field.writable:
        raise field_is_computed(field.name)
    if field.type not in MERGE_TYPES:
        raise invalid_request(f'Field "{field.name}" of type {field.type} cannot be merged on.')
    return field


def _upsert(plan: Plan, items: list[dict[str, Any]], merge: list[Field], *, replace: bool) -> Written:
    """Matching is against what was there before the request, so two new twins make two records."""
    keys = [None if "id" in item else _merge_key(plan, item["fields"], merge) for item in items]
    matches = _matches(plan.table, merge, {key for key in keys if key is not None})
    record_ids: list[str] = []
    created: list[str] = []
    for item, key in zip(items, keys, strict=True):
        found = [item["id"]] if "id" in item else matches.get(key, [])
        if len(found) > 1:
            raise ambiguous_upsert(found)
        if found:
            record_ids.append(plan.update(found[0], item["fields"], replace=replace))
        else:
            created.append(plan.create(item["fields"]))
            record_ids.append(created[-1])
    updated = tuple(record_id for record_id in dict.fromkeys(record_ids) if record_id not in created)
    return Written(plan, record_ids, upserted=True, created=tuple(created), updated=updated)


def _merge_key(plan: Plan, fields: dict[str, Any], merge: list[Field]) -> tuple[Cell, ...]:
    cells = plan.cells({key: value for key, value in fields.items() if plan.table.fields_by_key.get(key) in merge})
    missing = [field.name for field in merge if field.id not in cells]
    if missing:
        raise invalid_request(f"Each record without an id needs a value for every merge field; missing: {missing[0]}.")
    return tuple(cells[field.id] for field in merge)


def _matches(table: Table, merge: list[Field], wanted: set[tuple[Hashable, ...]]) -> dict[Any, list[str]]:
    """The ids of the records that have one of the wanted keys; an empty merge value matches nothing."""
    wanted = {key for key in wanted if None not in key}
    if not wanted:
        return {}
    columns = [field.cells for field in merge]
    found: dict[Any, list[str]] = {}
    for slot, key in enumerate(zip(*columns, strict=True)):
        if key in wanted and table.alive[slot]:
            found.setdefault(key, []).append(table.ids[slot])
    return found
