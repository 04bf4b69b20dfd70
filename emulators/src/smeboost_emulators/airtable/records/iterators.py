"""Server-side iterators behind the `offset` of a list request.

An offset looks like `itr…/rec…`: it names an iterator and the last record that was returned. The iterator is a
snapshot of record slots taken with the first page, so no record is given twice or left out because others come and go.
It dies when it has not been used for a while, and with the process; the client then starts again at page one.
Source: the sheet of list parameters, and https://support.airtable.com on LIST_RECORDS_ITERATOR_NOT_AVAILABLE.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.errors import invalid_offset, iterator_gone
from smeboost_emulators.airtable.ids import is_id, new_id
from smeboost_emulators.airtable.knobs import Knobs

ITERATORS_MAX = 10_000
"""Iterators held at a time; the one unused for longest goes first."""
SLOTS_HELD_MAX = 50_000_000
"""Record slots that all iterators hold together (200 MB); iterators of one order share it and count once."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: an index into the iterator's slots, and how many records came before."""

    index: int
    returned: int


@dataclass(slots=True)
class Listing:
    """The slots that a list request goes through."""

    table_id: str
    slots: Sequence[int]
    places: dict[str, Place] = field(default_factory=dict[str, Place])
    last_used: float = 0.0


class Iterators:
    """The iterators of one process."""

    def __init__(self, knobs: Knobs, clock: Clock, slots_held_max: int = SLOTS_HELD_MAX) -> None:
        self._knobs = knobs
        self._clock = clock
        self._slots_held_max = slots_held_max
        self._listings: OrderedDict[str, Listing] = OrderedDict()
        self._holders: Counter[int] = Counter()
        self._slots_held = 0

    def offset(self, iterator_id: str | None, listing: Listing, last_record_id: str, place: Place) -> str:
        """The offset of the page that begins at `place`; a listing without an id gets one."""
        iterator_id = iterator_id or new_id("itr")
        listing.places[last_record_id] = place
        listing.last_used = self._clock.seconds()
        if iterator_id not in self._listings:
            self._listings[iterator_id] = listing
            self._hold(listing.slots, 1)
        self._listings.move_to_end(iterator_id)
        self._expire()
        return f"{iterator_id}/{last_record_id}"

    def forget(self) -> None:
        """End every iterator."""
        self._listings.clear()
        self._holders.clear()
        self._slots_held = 0

    def resume(self, offset: object, table_id: str) -> tuple[str, Listing, Place]:
        """The iterator that an offset names, and where it is.

        Raises:
            ApiError: the text is no offset, or its iterator is gone or belongs to another table.
        """
        iterator_id, _, record_id = offset.partition("/") if isinstance(offset, str) else ("", "", "")
        if not is_id("itr", iterator_id) or not is_id("rec", record_id):
            raise invalid_offset(offset)
        self._expire()
        listing = self._listings.get(iterator_id)
        if listing is None or listing.table_id != table_id or record_id not in listing.places:
            raise iterator_gone()
        return iterator_id, listing, listing.places[record_id]

    def _expire(self) -> None:
        """Drop what has expired; the order of the dictionary is that of the last use, and so of expiry."""
        unused_since = self._clock.seconds() - self._knobs.iterator_seconds
        while self._listings:
            oldest = next(iter(self._listings.values()))
            too_many = len(self._listings) > ITERATORS_MAX or self._slots_held > self._slots_held_max
            if oldest.last_used > unused_since and not too_many:
                return
            self._listings.popitem(last=False)
            self._hold(oldest.slots, -1)

    def _hold(self, slots: Sequence[int], change: int) -> None:
        """Count one holder of `slots` more or less; a range takes no room."""
        if isinstance(slots, range):
            return
        before = self._holders[id(slots)]
        self._holders[id(slots)] += change
        if before == 0 or before + change == 0:
            self._slots_held += change * len(slots)
        if before + change == 0:
            del self._holders[id(slots)]
