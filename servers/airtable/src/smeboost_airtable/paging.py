"""Pages of records that nothing is lost between, whatever ends a page or Airtable's memory of the list.

Rules of this room:

- A cursor says where the page began (Airtable's offset), how many of its records were given, how many before it in all,
  and the last one's id. So an answer may end in the middle of a page, and the next one goes on there.
- Airtable forgets an offset after some minutes. Then the list is read anew up to the last record that was given, and
  goes on behind it; the answer says `restarted`, because what was changed meanwhile may be missing or come twice. When
  that record is gone, or the list too long to go through again, the cursor has expired.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import cast

from smeboost_shared.errors import CursorExpired, FieldProblem

from smeboost_airtable.cursors import invalid_cursor, read_cursor, write_cursor
from smeboost_airtable.models import ListedRecord, RecordsAnswer

RESTART_PAGES_MAX = 30
"""Pages read again to find the place: 3,000 records, and 6 s of a base's requests."""

Fetch = Callable[[str | None, int], Awaitable[RecordsAnswer]]
"""Reads the page at an offset, with so many records at most."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a list goes on: `given` records of the page at `offset` were given, the last of them `last`."""

    page_size: int
    offset: str | None = None
    given: int = 0
    last: str | None = None


@dataclass(frozen=True)
class Piece:
    """Records that go on a list: the page at `start`, without those given before."""

    start: Position
    records: list[ListedRecord]
    next_offset: str | None
    restarted: bool = False

    def after(self, count: int) -> Position | None:
        """Where the list goes on when `count` of the records are given; None at its end."""
        last = self.records[count - 1].id if count else self.start.last
        if count < len(self.records):
            return replace(self.start, given=self.start.given + count, last=last)
        if self.next_offset is None:
            return None
        return Position(page_size=self.start.page_size, offset=self.next_offset, last=last)


async def read_piece(fetch: Fetch, position: Position) -> Piece:
    """What comes at `position`.

    Raises:
        CursorExpired: the place cannot be found any more.
    """
    try:
        page = await fetch(position.offset, position.page_size)
    except CursorExpired:
        return await _restarted(fetch, position)
    if not position.given:
        return Piece(position, page.records, page.offset)
    if _is_at(page, position.last, position.given - 1):
        return Piece(position, page.records[position.given :], page.offset)
    return await _restarted(fetch, position)


async def _restarted(fetch: Fetch, position: Position) -> Piece:
    """The list from its beginning, up to the last record that was given, and on from there."""
    offset: str | None = None
    is_behind = False
    for _ in range(RESTART_PAGES_MAX):
        page = await fetch(offset, position.page_size)
        ids = [record.id for record in page.records]
        given = ids.index(position.last) + 1 if position.last in ids else 0
        is_behind = is_behind or given > 0
        # When that record ends its page, the list goes on with the next one: an empty answer would be no progress.
        if is_behind and (given < len(ids) or page.offset is None):
            start = replace(position, offset=offset, given=given)
            return Piece(start, page.records[given:], page.offset, restarted=True)
        if page.offset is None:
            raise _expired("the record it stands behind is not in the list any more")
        offset = page.offset
    raise _expired(f"its place is not among the first {RESTART_PAGES_MAX} pages, which is as far as we look")


def _is_at(page: RecordsAnswer, record_id: str | None, index: int) -> bool:
    return index < len(page.records) and page.records[index].id == record_id


def to_cursor(position: Position | None, parameters: object) -> str | None:
    """The cursor of a position in the list that `parameters` describe."""
    if position is None:
        return None
    state = [position.offset, position.given, position.last, position.page_size]
    return write_cursor(json.dumps(state, separators=(",", ":")), parameters)


def from_cursor(cursor: str | None, page_size: int, parameters: object) -> Position:
    """The position that a cursor stands for; without one, the beginning.

    Raises:
        InvalidInput: it is no cursor of this list.
    """
    if cursor is None:
        return Position(page_size=page_size)
    try:
        offset, given, last, size = cast(list[object], json.loads(read_cursor(cursor, parameters)))
    except ValueError:
        raise invalid_cursor() from None
    if not isinstance(given, int) or not isinstance(size, int):
        raise invalid_cursor()
    # In the middle of a page its size must stay, for its records to be the same.
    return Position(
        page_size=size if given else page_size,
        offset=cast(str | None, offset),
        given=given,
        last=cast(str | None, last),
    )


def _expired(reason: str) -> CursorExpired:
    return CursorExpired(
        hint="Call again without cursor, and drop the pages read so far.",
        errors=[FieldProblem(field="cursor", message=f"has expired, and {reason}")],
    )
