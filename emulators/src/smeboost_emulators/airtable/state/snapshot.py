"""A base as named blobs and back: its definition, and one blob for each column of each table.

Links are stored as slots of the linked table, which are a fraction of the ids. Equal texts, numbers and single links
of a column are shared on the way back, because most columns of real data repeat themselves.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from smeboost_emulators.airtable.state.blueprint import build_base
from smeboost_emulators.airtable.state.cells import Cell, Column
from smeboost_emulators.airtable.state.changes import restored
from smeboost_emulators.airtable.state.definitions import Account, BaseDefinition
from smeboost_emulators.airtable.state.links import LinkCell, LinkEnd, packed
from smeboost_emulators.airtable.state.schema import Base, State, Table, View
from smeboost_emulators.airtable.webhooks.ledger import hooks_from_bytes, hooks_to_bytes

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.decode


def state_to_parts(state: State) -> Iterator[tuple[str, str, bytes]]:
    """The base id (empty for what belongs to none), name and content of each part."""
    account = {"workspaces": list(state.workspaces.values()), "tokens": list(state.tokens.values())}
    yield "", "account", _encode(account)
    for base in state.bases.values():
        for name, content in base_to_parts(base):
            yield base.id, name, content


def state_from_parts(parts: Iterable[tuple[str, str, bytes]]) -> State:
    """The state that the parts were made of."""
    by_base: dict[str, dict[str, bytes]] = {}
    for base_id, name, content in parts:
        by_base.setdefault(base_id, {})[name] = content
    state = State()
    for base_id, named in by_base.items():
        if base_id:
            state.add(base_from_parts(named))
    if "" in by_base:
        account = msgspec.msgpack.decode(by_base[""]["account"], type=Account)
        state.workspaces = {workspace.id: workspace for workspace in account.workspaces}
        state.tokens = {owner.token: owner for owner in account.tokens}
    return state


def base_to_parts(base: Base) -> Iterator[tuple[str, bytes]]:
    """The name and content of each part."""
    content = {"base": definition_of(base), "people": base.people, "transaction": base.transaction}
    yield "definition", _encode(content)
    if base.hooks:
        yield "webhooks", hooks_to_bytes(base.hooks)
    for table in base.tables.values():
        rows = {"ids": table.ids, "created": table.created, "alive": bytes(table.alive), "last": table.last_number}
        yield f"{table.id}/rows", _encode(rows)
        for field in table.fields:
            if field.column and field.link is None:
                yield f"{table.id}/{field.id}", _encode(field.cells)
        for watched, watch in table.watches.items():
            content = {"fields": sorted(watched), "times": watch.times, "people": watch.people}
            yield f"{table.id}/watch {' '.join(sorted(watched))}", _encode(content)
        if table.comments:
            yield f"{table.id}/comments", _encode(table.comments)
        for name, end in _ends(table):
            yield name, _encode([_as_slots(end, cell) for cell in end.cells])


def definition_of(base: Base) -> dict[str, Any]:
    """The base in the form of `BaseDefinition`, with all that the Meta API shows and does not show."""
    return {
        "id": base.id,
        "name": base.name,
        "permissionLevel": base.permission_level,
        "access": msgspec.to_builtins(base.access),
        "tables": [table.described(with_visible_fields=False) | _hidden(table) for table in base.tables.values()],
    }


def _hidden(table: Table) -> dict[str, Any]:
    """What the Meta API does not show of views, fields and the table itself."""
    views, fields = [_view(view) for view in table.views], [field.defined() for field in table.fields]
    return {"views": views, "fields": fields, "apiEndpointSyncId": table.sync_id}


def _view(view: View) -> dict[str, Any]:
    return {
        "id": view.id,
        "name": view.name,
        "type": view.type,
        "visibleFieldIds": view.visible_field_ids,
        "sort": [{"field": field_id, "direction": direction} for field_id, direction in view.sort],
        "recordIds": view.record_ids,
        "filterByFormula": view.formula,
    }


def _ends(table: Table) -> Iterator[tuple[str, LinkEnd]]:
    """The link ends of a table under names that a base built again gives them too."""
    for end in table.link_ends:
        if end.field_id is None:
            yield f"{table.id}/inverse of {end.opposite.field_id}", end
        else:
            yield f"{table.id}/{end.field_id}", end


def _as_slots(end: LinkEnd, cell: LinkCell) -> list[int] | None:
    far = end.opposite.table.slots
    return None if cell is None else [far[record_id] for record_id in cell]


def base_from_parts(parts: dict[str, bytes]) -> Base:
    """The base that the parts were made of."""
    definition: dict[str, Any] = _decode(parts["definition"])
    base = build_base(msgspec.convert(definition["base"], BaseDefinition))
    base.people = definition["people"]
    base.transaction = definition.get("transaction", 0)
    if "webhooks" in parts:
        base.hooks = hooks_from_bytes(parts["webhooks"])
    for table in base.tables.values():
        _restore_rows(table, _decode(parts[f"{table.id}/rows"]))
        _restore_watches(table, parts)
    for table in base.tables.values():
        if f"{table.id}/comments" in parts:
            table.comments = _decode(parts[f"{table.id}/comments"])
        for field in table.fields:
            if field.column and field.link is None:
                field.cells[:] = _shared(_decode(parts[f"{table.id}/{field.id}"]))
        for name, end in _ends(table):
            end.cells[:] = _linked(end, _decode(parts[name]))
    return base


def _restore_rows(table: Table, rows: dict[str, Any]) -> None:
    """In place: readers of fields have been connected to these lists."""
    table.ids[:] = rows["ids"]
    table.created[:] = _shared(rows["created"])
    table.alive = bytearray(rows["alive"])
    table.last_number = rows["last"]
    table.slots.update((record_id, slot) for slot, record_id in enumerate(table.ids))


def _restore_watches(table: Table, parts: dict[str, bytes]) -> None:
    for name, content in parts.items():
        if name.startswith(f"{table.id}/watch "):
            kept: dict[str, Any] = _decode(content)
            watch = table.watch(kept["fields"])
            watch.times[:], watch.people[:] = _shared(kept["times"]), _shared(kept["people"])


def _shared(cells: list[Any]) -> Column:
    texts: dict[str, str] = {}
    numbers: dict[int, int] = {}
    return [_share(cell, texts, numbers) for cell in cells]


def _share(cell: Cell, texts: dict[str, str], numbers: dict[int, int]) -> Cell:
    if type(cell) is str:
        return texts.setdefault(cell, cell)
    if type(cell) is int:
        return numbers.setdefault(cell, cell)
    return restored(cell)


def _linked(end: LinkEnd, cells: list[list[int] | None]) -> list[LinkCell]:
    ids = end.opposite.table.ids
    singles: dict[int, LinkCell] = {}
    restored: list[LinkCell] = []
    for cell in cells:
        if cell is None:
            restored.append(None)
        elif len(cell) == 1:
            restored.append(singles.setdefault(cell[0], (ids[cell[0]],)))
        else:
            restored.append(packed(dict.fromkeys(ids[slot] for slot in cell)))
    return restored
