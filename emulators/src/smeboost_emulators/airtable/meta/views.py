"""Views of a base, read and deleted through the Meta API; there is no call that makes or changes one."""

from collections.abc import Iterator
from typing import Any

from smeboost_emulators.airtable.errors import invalid_request, model_not_found
from smeboost_emulators.airtable.meta.people import checked_segment, included
from smeboost_emulators.airtable.state.schema import Base, Table, View
from smeboost_emulators.airtable.state.schema_changes import ViewDeleted
from smeboost_emulators.airtable.wire import Call

_INCLUDES = frozenset({"visibleFieldIds"})


async def list_views(call: Call) -> dict[str, Any]:
    include = included(call, _INCLUDES)
    return {"views": [_shown(table, view, include) for table, view in _views(call.own_base())]}


async def show_view(call: Call) -> dict[str, Any]:
    include = included(call, _INCLUDES)
    return _shown(*_own_view(call), include)


async def delete_view(call: Call) -> dict[str, Any]:
    """A table keeps at least one view."""
    table, view = _own_view(call)
    if len(table.views) == 1:
        raise invalid_request("The last view of a table cannot be deleted.")
    call.commit([ViewDeleted(table.id, view.id)])
    return {}


def _views(base: Base) -> Iterator[tuple[Table, View]]:
    return ((table, view) for table in base.tables.values() for view in table.views)


def _own_view(call: Call) -> tuple[Table, View]:
    view_id = checked_segment(call, "view", "viw")
    found = next((pair for pair in _views(call.own_base()) if pair[1].id == view_id), None)
    if found is None:
        raise model_not_found()
    return found


def _shown(table: Table, view: View, include: set[str]) -> dict[str, Any]:
    field_ids = [field.id for field in table.fields]
    return view.described(with_visible_fields=bool(include), all_field_ids=field_ids)
