"""Reading records: one record, and pages of a list.

An order is computed once and kept until the base changes, so that going through a sorted table costs one sort and not
one for each page. A table without filter, view or sort is a range of slots, which costs nothing at all.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from smeboost_emulators.airtable.errors import unknown_view, view_of_another_table
from smeboost_emulators.airtable.ids import is_id
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.records.filtering import filtered
from smeboost_emulators.airtable.records.iterators import Iterators, Listing, Place
from smeboost_emulators.airtable.records.listing import ListOptions
from smeboost_emulators.airtable.records.looks import JSON_BY_NAME, Look, Reader, reader
from smeboost_emulators.airtable.records.ordering import SortKeys, ordered
from smeboost_emulators.airtable.records.slices import Evaluation, Steps
from smeboost_emulators.airtable.state.schema import Table, View

KEPT_ORDERS_MAX = 16
_CLOCK = re.compile(r"now|today|datetime_parse", re.IGNORECASE)
"""A formula with a clock in it has another result when only the time has changed; a parsed date may lack its year."""

_OrderKey = tuple[str, str | None, tuple[tuple[str, str], ...], str | None]


class Pages:
    """Lists records; keeps iterators and orders between requests."""

    def __init__(self, iterators: Iterators, knobs: Knobs) -> None:
        self._iterators = iterators
        self._knobs = knobs
        self._orders: OrderedDict[_OrderKey, Evaluation] = OrderedDict()

    def forget(self) -> None:
        """Drop all iterators and orders, because the tables behind them were replaced."""
        self._iterators.forget()
        for evaluation in self._orders.values():
            evaluation.give_up()
        self._orders.clear()

    def complete(self, base_id: str) -> None:
        """Bring what is being found out about a base to its end, because the base is about to change."""
        for evaluation in self._orders.values():
            if evaluation.base.id == base_id:
                evaluation.complete()

    async def page(self, table: Table, options: ListOptions) -> dict[str, Any]:
        """One page, `{"records": [...], "offset"?}`; the last one has no offset."""
        view = None if options.view is None else find_view(table, options.view)
        iterator_id: str | None = None
        if options.offset is None:
            listing, place = Listing(table.id, await self._slots(table, options, view)), Place(0, 0)
        else:
            iterator_id, listing, place = self._iterators.resume(options.offset, table.id)
        left = min(options.page_size, self._knobs.page_records_max)
        if options.records_max is not None:
            left = min(left, max(options.records_max - place.returned, 0))
        slots, index = _take(table, listing.slots, place.index, left)
        answer: dict[str, Any] = {"records": records_of(table, slots, options.field_ids, options.look)}
        if options.comment_counts:
            _count_comments(table, answer["records"])
        returned = place.returned + len(slots)
        more = index < len(listing.slots) and (options.records_max is None or returned < options.records_max)
        if slots and more:
            last = table.ids[slots[-1]]
            answer["offset"] = self._iterators.offset(iterator_id, listing, last, Place(index, returned))
        return answer

    async def _slots(self, table: Table, options: ListOptions, view: View | None) -> Sequence[int]:
        sort = options.sort or (view.sort if view else ())
        restricted = view is not None and (view.record_ids is not None or view.formula is not None)
        if not sort and not restricted and options.formula is None:
            return range(len(table.ids))
        key = (table.id, view.id if view else None, sort, options.formula)
        kept = self._orders.get(key)
        if kept is None or not _is_valid(kept, table, options, view):
            steps = _in_order(table, options, view, sort)
            kept = self._orders[key] = Evaluation(steps, table.base)
            self._make_room()
        self._orders.move_to_end(key)
        return await kept.slots()

    def _make_room(self) -> None:
        """Only what is done is dropped: what goes on must be found when its base is about to change."""
        done = [key for key, evaluation in self._orders.items() if evaluation.is_done]
        for key in done[: max(len(self._orders) - KEPT_ORDERS_MAX, 0)]:
            del self._orders[key]


def _is_valid(kept: Evaluation, table: Table, options: ListOptions, view: View | None) -> bool:
    """Whether it gives the present order, or will."""
    if kept.version != table.base.version or kept.has_failed:
        return False
    return not (kept.is_done and _has_clock(table, options, view))


def _has_clock(table: Table, options: ListOptions, view: View | None) -> bool:
    """Whether the order may change while nothing changes but the time."""
    formulas = (options.formula, view.formula if view else None)
    return any(field.volatile for field in table.fields) or any(_CLOCK.search(text or "") for text in formulas)


def _in_order(table: Table, options: ListOptions, view: View | None, sort: SortKeys) -> Steps:
    """The slots that pass the view and the formula, sorted or in the view's own order."""
    slots = list(table.live_slots())
    if view is not None and view.record_ids is not None:
        found = (table.slot_of(record_id) for record_id in view.record_ids)
        slots = [slot for slot in found if slot is not None]
    for formula in (view.formula if view else None, options.formula):
        if formula is not None:
            slots = yield from filtered(formula, table, slots)
    return (yield from ordered(table, slots, sort))


def _count_comments(table: Table, records: list[dict[str, Any]]) -> None:
    """The number is there "if there are any" [D]."""
    for record in records:
        if record["id"] in table.comments:
            record["commentCount"] = len(table.comments[record["id"]])


def _take(table: Table, slots: Sequence[int], index: int, count: int) -> tuple[list[int], int]:
    """Up to `count` records that still exist, and the index of the next one that does."""
    taken: list[int] = []
    alive = table.alive
    while index < len(slots):
        if alive[slots[index]]:
            if len(taken) == count:
                break
            taken.append(slots[index])
        index += 1
    return taken, index


def find_view(table: Table, key: str) -> View:
    """A view of the table by id or name.

    Raises:
        ApiError: there is none, or it belongs to another table.
    """
    for view in table.views:
        if key in (view.id, view.name):
            return view
    others = (view for other in table.base.tables.values() for view in other.views)
    if any(view.id == key for view in others):
        raise view_of_another_table()
    raise unknown_view(key, by_id=is_id("viw", key))


def records_of(
    table: Table, slots: Sequence[int], field_ids: tuple[str, ...] | None = None, look: Look = JSON_BY_NAME
) -> list[dict[str, Any]]:
    """Records as the API shows them: only cells that are not empty, in the order of the table's fields."""
    wanted = None if field_ids is None else set(field_ids)
    shape = [
        (field.id if look.by_field_id else field.name, reader(field, look))
        for field in table.fields
        if wanted is None or field.id in wanted
    ]
    return [_record(table, slot, shape) for slot in slots]


def _record(table: Table, slot: int, shape: list[tuple[str, Reader]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, read in shape:
        value = read(slot)
        if value is not None:
            fields[key] = value
    return {"id": table.ids[slot], "createdTime": table.created[slot], "fields": fields}
