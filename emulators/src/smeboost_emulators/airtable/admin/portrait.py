"""The whole state in the form of a seed, so that it can be looked at, kept, and started from again."""

from collections.abc import Iterable
from typing import Any

import msgspec

from smeboost_emulators.airtable.comments.ledger import Comment
from smeboost_emulators.airtable.records.pages import records_of
from smeboost_emulators.airtable.state.schema import Base, State
from smeboost_emulators.airtable.state.snapshot import definition_of


def portrait(state: State) -> dict[str, Any]:
    """The seed; tokens and webhooks (which have secrets) are not part of it."""
    return {
        "bases": [_base(base) for base in state.bases.values()],
        "workspaces": [msgspec.to_builtins(workspace) for workspace in state.workspaces.values()],
    }


def _base(base: Base) -> dict[str, Any]:
    tables = base.tables.values()
    comments = {key: _thread(thread.values()) for table in tables for key, thread in table.comments.items()}
    return definition_of(base) | {
        "collaborators": list(base.people.values()),
        "records": {table.id: records_of(table, list(table.live_slots())) for table in tables},
        "comments": comments,
    }


def _thread(comments: Iterable[Comment]) -> list[Comment]:
    """The comments of a record; a reply whose parent is gone is none any more, which a seed would refuse."""
    kept = {comment["id"]: comment for comment in comments}
    return [
        comment
        if comment.get("parentCommentId", comment["id"]) in kept
        else {key: value for key, value in comment.items() if key != "parentCommentId"}
        for comment in kept.values()
    ]
