"""What has to change so that a synced table shows a sheet.

Rows are matched by the primary field: a new value is a new record, one that is missing takes its record away. The
vendor documents none of the rest, so it is ours [I]: columns belong to the fields of their name, case aside; a column
without a field is passed over, as in a sync of chosen fields, and a field without a column keeps what it has; a text
that a field cannot hold leaves its cell empty; a row without a primary value, or with one that is there already, is
refused with the whole sheet.
"""

from smeboost_emulators.airtable.csvsync.sheet import Sheet
from smeboost_emulators.airtable.errors import ApiError, invalid_request
from smeboost_emulators.airtable.ids import new_id
from smeboost_emulators.airtable.records.formats import accept, timestamp
from smeboost_emulators.airtable.records.plan import Plan
from smeboost_emulators.airtable.records.typecast import cast_value
from smeboost_emulators.airtable.state.cells import Cell, display
from smeboost_emulators.airtable.state.changes import CellsSet, Change, Created, Deleted
from smeboost_emulators.airtable.state.schema import Field, Table

_UNREACHED_TYPES = frozenset({"multipleRecordLinks", "multipleAttachments"})
"""Fields that a text cannot fill; a synced table has them beside the sync."""


def plan_sync(plan: Plan, sheet: Sheet) -> list[Change]:
    """The changes; `plan` is a new one, with typecast, and gets the choices that the sheet adds.

    Raises:
        ApiError: 422, when the sheet does not say which row is which record.
    """
    table, columns = plan.table, _columns(plan.table, sheet.header)
    present: dict[str, int] = {}
    for slot in table.live_slots():
        present.setdefault(display(table.primary.cell(slot)), slot)
    records: list[Change] = []
    seen: set[str] = set()
    for row in sheet.rows:
        cells = {field.id: _cell(plan, field, row.texts[place]) for place, field in columns}
        key = display(cells[table.primary_field_id])
        if not key or key in seen:
            fault = f"the value {key!r:.100} of another row" if key else f"no {table.primary.name!r}"
            raise invalid_request(f"Line {row.line} of the CSV has {fault}; that value tells which record a row is.")
        seen.add(key)
        records.extend(_row_changes(plan, present.get(key), cells))
    kept = {present[key] for key in seen & present.keys()}
    gone = [slot for slot in table.live_slots() if slot not in kept]
    ends = [Deleted(table.id, table.ids[slot], timestamp(plan.now), plan.user_id) for slot in gone]
    return [*plan.changes, *records, *ends]


def _columns(table: Table, header: list[str]) -> list[tuple[int, Field]]:
    """The place of each column that has a field."""
    by_name = {field.name.casefold(): field for field in table.fields}
    found = [(place, by_name.get(name.casefold())) for place, name in enumerate(header)]
    columns = [(place, field) for place, field in found if field is not None and _is_reached(field)]
    if table.primary not in [field for _, field in columns]:
        raise invalid_request(f"The CSV has no column {table.primary.name!r}, the primary field of the table.")
    return columns


def _is_reached(field: Field) -> bool:
    return field.writable and field.type not in _UNREACHED_TYPES


def _cell(plan: Plan, field: Field, text: str) -> Cell:
    try:
        return accept(field, cast_value(field, text), plan) if text else None
    except ApiError:
        return None


def _row_changes(plan: Plan, slot: int | None, cells: dict[str, Cell]) -> list[Change]:
    table, now = plan.table, timestamp(plan.now)
    if slot is None:
        filled = {field_id: cell for field_id, cell in cells.items() if cell is not None}
        created = timestamp(plan.now.replace(microsecond=0))
        return [Created(table.id, new_id("rec"), created, now, filled, plan.user_id)]
    changed = {field_id: cell for field_id, cell in cells.items() if table.fields_by_key[field_id].cell(slot) != cell}
    return [CellsSet(table.id, table.ids[slot], now, changed, plan.user_id)] if changed else []
