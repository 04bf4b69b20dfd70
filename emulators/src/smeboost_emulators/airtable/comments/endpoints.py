"""The comments endpoints: https://airtable.com/developers/web/api/list-comments and its neighbours.

Only who wrote a comment may change it or take it away: 403 [D]. A comment that is not there is 404 [E].
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from smeboost_emulators.airtable.comments.ledger import Comment, CommentDeleted, CommentSet
from smeboost_emulators.airtable.comments.mentions import shown_author, with_mentions
from smeboost_emulators.airtable.errors import (
    comment_not_found,
    invalid_offset,
    invalid_request,
    not_found,
    not_permitted,
)
from smeboost_emulators.airtable.ids import is_id, new_id
from smeboost_emulators.airtable.records.formats import TEXT_CHARACTERS_MAX, timestamp
from smeboost_emulators.airtable.records.listing import read_page_size, read_query
from smeboost_emulators.airtable.wire import Call

Answer = dict[str, Any]


async def list_all(call: Call) -> Answer:
    """The newest first; the offset names the last comment that was returned, and is null on the last page [C]."""
    query = read_query(call.query)
    if unknown := query.keys() - {"pageSize", "offset"}:
        raise invalid_request(f"Unknown parameter {min(unknown)}. Known here: offset, pageSize.")
    page_size = read_page_size(query)
    newest_first = sorted(_comments(call).values(), key=lambda comment: str(comment["createdTime"]))[::-1]
    start = _start(newest_first, query.get("offset"))
    page = newest_first[start : start + page_size]
    more = start + page_size < len(newest_first)
    return {"comments": page, "offset": _offset(page[-1]) if more else None}


def _offset(comment: Comment) -> str:
    return f"{comment['createdTime']}/{comment['id']}"


def _start(newest_first: list[Comment], offset: str | None) -> int:
    """Where a page begins: behind the comment that the offset names, or where that was when it has gone."""
    if not offset:
        return 0
    created, _, comment_id = offset.partition("/")
    if not is_id("com", comment_id):
        raise invalid_offset(offset)
    for place, comment in enumerate(newest_first):
        if comment["id"] == comment_id:
            return place + 1
        if comment["createdTime"] < created:
            return place
    return len(newest_first)


async def create(call: Call) -> Comment:
    """A comment in the name of the owner of the token, or a reply to another one of the record."""
    _comments(call)
    body = await call.body()
    text = _text(body, {"text", "parentCommentId"})
    parent = body.get("parentCommentId")
    if parent is not None and (not isinstance(parent, str) or parent not in _comments(call)):
        raise invalid_request("parentCommentId must be the id of a comment of this record.")
    comment: Comment = {
        "id": new_id("com"),
        "author": shown_author(call.identity.user),
        "text": text,
        "createdTime": _next_moment(call.emulator.clock.now(), _comments(call).values()),
        "lastUpdatedTime": None,
    }
    return _keep(call, comment | ({} if parent is None else {"parentCommentId": parent}))


def _next_moment(now: datetime, comments: Iterable[Comment]) -> str:
    """The present, or a moment after the newest comment: no two of a record have one, so that offsets are exact."""
    newest = max((comment["createdTime"] for comment in comments), default="")
    if timestamp(now) > newest:
        return timestamp(now)
    return timestamp(datetime.fromisoformat(newest) + timedelta(milliseconds=1))


async def update(call: Call) -> Comment:
    """Another text for a comment of one's own."""
    _own_comment(call)
    body = await call.body()
    changed = {"text": _text(body, {"text"}), "lastUpdatedTime": timestamp(call.emulator.clock.now())}
    return _keep(call, _own_comment(call) | changed)


async def delete(call: Call) -> Answer:
    """Take away a comment of one's own."""
    comment = _own_comment(call)
    call.commit([CommentDeleted(call.table().id, call.segment("record"), comment["id"])])
    return {"id": comment["id"], "deleted": True}


def _comments(call: Call) -> dict[str, Comment]:
    """The comments of the record that the path names, which must exist in its table."""
    table, record_id = call.table(), call.segment("record")
    call.emulator.slot(table, record_id)
    return table.comments.get(record_id, {})


def _own_comment(call: Call) -> Comment:
    comment_id = call.segment("comment")
    if not is_id("com", comment_id):
        raise not_found()
    comment = _comments(call).get(comment_id)
    if comment is None:
        raise comment_not_found()
    if comment["author"]["id"] != call.user_id:
        raise not_permitted()
    return comment


def _text(body: dict[str, Any], allowed: set[str]) -> str:
    if unknown := body.keys() - allowed:
        raise invalid_request(f"Unknown: {', '.join(sorted(unknown))}. Known here: {', '.join(sorted(allowed))}.")
    text = body.get("text")
    if not isinstance(text, str) or not text.strip() or len(text) > TEXT_CHARACTERS_MAX:
        raise invalid_request(f"text must be a text of 1 to {TEXT_CHARACTERS_MAX} characters.")
    return text


def _keep(call: Call, comment: Comment) -> Comment:
    """Store a comment; who writes it may be mentioned too, also before the base knows of them."""
    people = {call.user_id: call.identity.user} | call.own_base().people
    comment = with_mentions(comment, people.values())
    call.commit([CommentSet(call.table().id, call.segment("record"), comment)])
    return comment
