"""The payloads that a webhook gets for what a request changed: https://airtable.com/developers/web/api/model/webhooks-payload.

Rules of this room (everything marked [I] is not documented and not proven):

- One request is one payload; only when the emulator is told to split does it become several, which share their time,
  their transaction number and their action [D].
- A payload is made only when something passes all filters. A record that is created passes `watchDataInFieldIds` when
  one of those fields has a value, one that is deleted always does if its table has one of those fields [I].
- Only watched fields are shown, and those of `includeCellValuesInFieldIds`, which are shown as `unchanged` when they
  have not changed [D]. Empty cells are left out of new records and of `unchanged` [I]; a cell that was cleared is null
  in `current` [C], one that was empty is null in `previous` [I].
- With a view as scope, a record that comes into the view is created there and one that leaves it is destroyed [D].
- `tableMetadata`, `tableFields` and `tableData` each bring their own part of a new table; a deleted table is told to
  everybody whom the scope does not keep from it [I].
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from smeboost_emulators.airtable.state.schema import Table
from smeboost_emulators.airtable.webhooks.differences import Difference, RecordsChanged
from smeboost_emulators.airtable.webhooks.specification import (
    ChangeType,
    DataType,
    Scope,
    Specification,
    scope_of,
    watched_fields,
)

_Json = dict[str, Any]
_Entry = tuple[str, str, Any]
"""A record of a payload: the key of its group, its id, and what is said of it (None for a deleted one)."""


@dataclass(frozen=True, slots=True)
class Action:
    """What all payloads of a request share: when, in which transaction, through what and by whom."""

    timestamp: str
    transaction: int
    source: str
    source_metadata: _Json = field(default_factory=dict[str, Any])

    def heading(self) -> _Json:
        """The beginning of a payload."""
        metadata: _Json = {"source": self.source}
        if self.source_metadata:
            metadata["sourceMetadata"] = self.source_metadata
        return {
            "timestamp": self.timestamp,
            "baseTransactionNumber": self.transaction,
            "payloadFormat": "v0",
            "actionMetadata": metadata,
        }


def error_payload(action: Action, code: str) -> _Json:
    """The last payload of a webhook whose specification has lost what it names [D]."""
    return {**action.heading(), "error": True, "code": code}


def payloads_for(
    specification: Specification, action: Action, difference: Difference, records_max: int | None = None
) -> list[_Json]:
    """What a webhook with this specification is told; nothing when nothing concerns it."""
    if not _source_passes(specification, action):
        return []
    view = _Viewpoint(specification, difference, scope_of(specification, difference.base))
    schema = view.schema_parts()
    entries = list(view.records())
    size = records_max or max(len(entries), 1)
    starts = range(0, len(entries), size) if entries else range(1 if schema else 0)
    chunks = [entries[start : start + size] for start in starts]
    parts = [_merged(schema if index == 0 else {}, chunk, view.scope) for index, chunk in enumerate(chunks)]
    return [action.heading() | part for part in parts]


def _source_passes(specification: Specification, action: Action) -> bool:
    filters = specification.filters
    if filters.from_sources is not None and action.source not in filters.from_sources:
        return False
    options = filters.source_options
    if options is None:
        return True
    if action.source == "formSubmission" and options.form_submission is not None:
        return action.source_metadata.get("viewId") == options.form_submission.view_id
    if action.source == "formPageSubmission" and options.form_page_submission is not None:
        return action.source_metadata.get("pageId") == options.form_page_submission.page_id
    return True


def _merged(schema: _Json, entries: list[tuple[str, _Entry]], scope: Scope | None) -> _Json:
    """One payload's own part: the schema's changes, and some of the records put among them."""
    part = schema
    for table_id, (group, record_id, shown) in entries:
        if table_id in part.get("createdTablesById", {}):
            part["createdTablesById"][table_id].setdefault("recordsById", {})[record_id] = shown
            continue
        home = part.setdefault("changedTablesById", {}).setdefault(table_id, {})
        if scope is not None and scope.view_id is not None:
            home = home.setdefault("changedViewsById", {}).setdefault(scope.view_id, {})
        if group == "destroyedRecordIds":
            home.setdefault(group, []).append(record_id)
        else:
            home.setdefault(group, {})[record_id] = shown
    return part


class _Viewpoint:
    """A difference as one webhook sees it."""

    def __init__(self, specification: Specification, difference: Difference, scope: Scope | None) -> None:
        self._filters, self._includes = specification.filters, specification.includes
        self._specification = specification
        self._difference = difference
        self.scope = scope

    def _wants(self, data: DataType, change: ChangeType) -> bool:
        changes = self._filters.change_types
        return data in self._filters.data_types and (changes is None or change in changes)

    def _covers(self, table_id: str) -> bool:
        return self.scope is None or self.scope.table.id == table_id

    # Records.

    def records(self) -> Iterator[tuple[str, _Entry]]:
        """The records that concern the webhook, with the ids of their tables."""
        for records in self._difference.records.values():
            if self._covers(records.table.id):
                yield from ((records.table.id, entry) for entry in self._entries(records))

    def _entries(self, records: RecordsChanged) -> Iterator[_Entry]:
        table = records.table
        watched = {item.id for item in watched_fields(self._specification, table)}
        seen = watched | self._included(table)
        created, changed, destroyed = self._sides(records)
        if self._wants("tableData", "add"):
            for slot in created:
                cells = self._cells(table, slot, seen)
                if cells.keys() & watched or self._filters.watch_data_in_field_ids is None:
                    shown = {"createdTime": table.created[slot], "cellValuesByFieldId": cells}
                    yield "createdRecordsById", table.ids[slot], shown
        if self._wants("tableData", "update"):
            for slot in changed:
                if records.changed[slot] & watched:
                    yield "changedRecordsById", table.ids[slot], self._changed(records, slot, seen)
        if self._wants("tableData", "remove") and watched:
            yield from (("destroyedRecordIds", table.ids[slot], None) for slot in destroyed)

    def _sides(self, records: RecordsChanged) -> tuple[list[int], list[int], list[int]]:
        """Created, changed and deleted ones; with a view as scope, what comes into it, stays in it and leaves it."""
        if self.scope is None or self.scope.view_id is None:
            return records.created, list(records.changed), list(records.destroyed)
        before = self._difference.views_before.get(self.scope.view_id, set())
        after = self._difference.view_after(records.table, self.scope.view_id)
        slots = [*records.created, *records.changed, *records.destroyed]
        return (
            [slot for slot in slots if slot in after and slot not in before],
            [slot for slot in records.changed if slot in after and slot in before],
            [slot for slot in slots if slot in before and slot not in after],
        )

    def _included(self, table: Table) -> set[str]:
        named = self._includes.include_cell_values_in_field_ids or ()
        return {item.id for item in table.fields if named == "all" or item.id in named}

    def _cells(self, table: Table, slot: int, field_ids: set[str]) -> _Json:
        shown = {item.id: self._difference.current(table, item, slot) for item in table.fields if item.id in field_ids}
        return {field_id: cell for field_id, cell in shown.items() if cell is not None}

    def _changed(self, records: RecordsChanged, slot: int, seen: set[str]) -> _Json:
        table, changed = records.table, records.changed[slot]
        fields = [item for item in table.fields if item.id in changed and item.id in seen]
        current = {item.id: self._difference.current(table, item, slot) for item in fields}
        shown: _Json = {"current": {"cellValuesByFieldId": current}}
        if self._includes.include_previous_cell_values:
            previous = {item.id: self._difference.previous(item.id, slot) for item in fields}
            shown["previous"] = {"cellValuesByFieldId": previous}
        unchanged = self._included(table) - changed
        if unchanged:
            shown["unchanged"] = {"cellValuesByFieldId": self._cells(table, slot, unchanged)}
        return shown

    # The schema.

    def schema_parts(self) -> _Json:
        """Created, changed and deleted tables, without their records."""
        before, after = self._difference.shapes_before, self._difference.shapes_after
        parts: _Json = {}
        for table_id in after:
            if not self._covers(table_id):
                continue
            if table_id not in before:
                created = self._created_table(table_id)
                if created is not None:
                    parts.setdefault("createdTablesById", {})[table_id] = created
            elif changed := self._changed_table(table_id):
                parts.setdefault("changedTablesById", {})[table_id] = changed
        destroyed = [table_id for table_id in before if table_id not in after and self._covers(table_id)]
        if destroyed and self._changes_pass("remove"):
            parts["destroyedTableIds"] = destroyed
        return parts

    def _changes_pass(self, change: ChangeType) -> bool:
        return self._filters.change_types is None or change in self._filters.change_types

    def _created_table(self, table_id: str) -> _Json | None:
        if not self._changes_pass("add"):
            return None
        shape = self._difference.shapes_after[table_id]
        created: _Json = {}
        if "tableMetadata" in self._filters.data_types:
            created["metadata"] = shape.metadata
        if "tableFields" in self._filters.data_types:
            created["fieldsById"] = shape.fields
        if "tableData" in self._filters.data_types:
            created["recordsById"] = {}
        return created

    def _changed_table(self, table_id: str) -> _Json:
        before, after = self._difference.shapes_before[table_id], self._difference.shapes_after[table_id]
        changed: _Json = {}
        if before.metadata != after.metadata and self._wants("tableMetadata", "update"):
            changed["changedMetadata"] = {"current": after.metadata, "previous": before.metadata}
        changed |= self._changed_fields(before.fields, after.fields)
        return changed

    def _changed_fields(self, before: Mapping[str, _Json], after: Mapping[str, _Json]) -> _Json:
        watched = self._filters.watch_schemas_of_field_ids
        seen = {key for key in (*before, *after) if watched is None or key in watched}
        found: _Json = {}
        created = {key: shape for key, shape in after.items() if key not in before and key in seen}
        if created and self._wants("tableFields", "add"):
            found["createdFieldsById"] = created
        both = [key for key in after if key in before and key in seen and after[key] != before[key]]
        if both and self._wants("tableFields", "update"):
            found["changedFieldsById"] = {key: self._changed_field(before[key], after[key]) for key in both}
        destroyed = [key for key in before if key not in after and key in seen]
        if destroyed and self._wants("tableFields", "remove"):
            found["destroyedFieldIds"] = destroyed
        return found

    def _changed_field(self, before: _Json, after: _Json) -> _Json:
        moved = [key for key in after if after[key] != before[key]]
        shown: _Json = {"current": {key: after[key] for key in moved}}
        if self._includes.include_previous_field_definitions:
            shown["previous"] = {key: before[key] for key in moved}
        return shown
