"""The comments that a seed brings: `"comments": {"<record id>": [comment]}` beside a base's records.

A comment has `text` and `author` (`{"id"}` or `{"email"}`), and may have what else the API shows of one. `mentioned`
follows from the text. Attachments are shown as they are given; their files are nowhere.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from smeboost_emulators.airtable.comments.ledger import Comment
from smeboost_emulators.airtable.comments.mentions import Person, shown_author, with_mentions
from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.state.blueprint import checked_id
from smeboost_emulators.airtable.state.definitions import CommentDefinition
from smeboost_emulators.airtable.state.schema import Base, Table

_Register = Callable[[Base, Person], Person]


def load_comments(base: Base, given: dict[str, list[CommentDefinition]], register: _Register) -> None:
    """Put the comments into the tables of the base; `register` makes an author known to it.

    Raises:
        SeedError: a comment names a record or a parent that is not there, or has an id twice.
    """
    for record_id, definitions in given.items():
        table = next((table for table in base.tables.values() if table.slot_of(record_id) is not None), None)
        if table is None:
            raise SeedError(f"base {base.name!r}: comments of {record_id!r}, which is not one of its records")
        _load(table, record_id, definitions, register)


def _load(table: Table, record_id: str, definitions: list[CommentDefinition], register: _Register) -> None:
    where = f"table {table.name!r}, record {record_id}: a comment"
    comments: dict[str, Comment] = {}
    for definition in definitions:
        comment = _comment(table.base, definition, register, where)
        if comment["id"] in comments:
            raise SeedError(f"{where} has the id of another one, {comment['id']}")
        comments[comment["id"]] = comment
    for comment in comments.values():
        if comment.get("parentCommentId", comment["id"]) not in comments:
            raise SeedError(f"{where} replies to {comment['parentCommentId']!r}, which is not a comment of the record")
    in_order = sorted(comments.values(), key=lambda comment: str(comment["createdTime"]))
    table.comments[record_id] = {comment["id"]: comment for comment in in_order}


def _comment(base: Base, definition: CommentDefinition, register: _Register, where: str) -> Comment:
    edited, now = definition.last_updated_time, datetime.now(UTC)
    comment: dict[str, Any] = {
        "id": checked_id("com", definition.id, where),
        "author": _author(base, definition.author, register),
        "text": definition.text,
        "createdTime": timestamp(definition.created_time or now),
        "lastUpdatedTime": None if edited is None else timestamp(edited),
        "parentCommentId": definition.parent_comment_id,
        "reactions": definition.reactions,
        "attachments": definition.attachments,
    }
    shown = {key: value for key, value in comment.items() if value or key == "lastUpdatedTime"}
    return with_mentions(shown, base.people.values())


def _author(base: Base, author: Person, register: _Register) -> Person:
    """Somebody whom the base knows by this id or address, or else somebody new."""
    named = {author.get("id"), author.get("email")} - {None}
    known = (person for person in base.people.values() if {person["id"], person.get("email")} & named)
    return shown_author(next(known, None) or register(base, author))
