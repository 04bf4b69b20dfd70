"""The comments of a table and how they change; a comment is kept as the API shows it.

https://airtable.com/developers/web/api/list-comments: `{"id", "author", "text", "createdTime", "lastUpdatedTime",
"mentioned"?, "parentCommentId"?, "reactions"?, "attachments"?}`; `lastUpdatedTime` is null until the text is changed.
Comments of a record go with it; a reply stays when its parent goes [I].
"""

from typing import Any, TypeAlias

import msgspec

Comment: TypeAlias = dict[str, Any]
Comments: TypeAlias = dict[str, dict[str, Comment]]
"""By record id and comment id, in the order in which they were made."""


class CommentSet(msgspec.Struct, frozen=True, array_like=True, tag="comment"):
    """A new comment, or what has become of an older one."""

    table_id: str
    record_id: str
    comment: Comment


class CommentDeleted(msgspec.Struct, frozen=True, array_like=True, tag="uncomment"):
    """A comment that is no more."""

    table_id: str
    record_id: str
    comment_id: str


CommentChange: TypeAlias = CommentSet | CommentDeleted


def apply_comment_change(comments: Comments, change: CommentChange) -> None:
    """Bring the comments of a table up to date."""
    if isinstance(change, CommentSet):
        comments.setdefault(change.record_id, {})[change.comment["id"]] = change.comment
        return
    del comments[change.record_id][change.comment_id]
    if not comments[change.record_id]:
        del comments[change.record_id]
