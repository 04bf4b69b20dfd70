"""Comments on records: https://airtable.com/developers/web/api/list-comments and its neighbours."""

from smeboost_airtable.client import AirtableClient, check_id
from smeboost_airtable.explanations import Operation
from smeboost_airtable.models import Comment, CommentsAnswer, Deleted, RecordPlace
from smeboost_airtable.places import Named
from smeboost_airtable.transport import Method, Request

READ, WRITE = "data.recordComments:read", "data.recordComments:write"
COMMENT_CHARACTERS_MAX = 10_000


async def list_comments(
    client: AirtableClient, record: RecordPlace, *, page_size: int, offset: str | None
) -> CommentsAnswer:
    """A page of a record's comments, newest first."""
    params: dict[str, str | list[str]] = {"pageSize": str(page_size)}
    if offset:
        params["offset"] = offset
    path = await _path(client, record)
    request = Request(method="GET", path=path, params=params)
    return await client.ask(_operation(request, record), CommentsAnswer)


async def create_comment(
    client: AirtableClient, record: RecordPlace, text: str, parent_comment_id: str | None
) -> Comment:
    """Add a comment, or an answer to one; `@[usr...]` or `@[email]` in the text mentions somebody."""
    body: dict[str, object] = {"text": text}
    if parent_comment_id:
        check_id("com", parent_comment_id, "answer_to")
        body["parentCommentId"] = parent_comment_id
    path = await _path(client, record)
    return await client.ask(_operation(_writing("POST", path, body), record), Comment)


async def update_comment(client: AirtableClient, record: RecordPlace, comment_id: str, text: str) -> Comment:
    """Change the text of a comment of the token's own user."""
    path = await _path(client, record, comment_id)
    request = _writing("PATCH", path, {"text": text})
    return await client.ask(_operation(request, record, "comment_id"), Comment)


async def delete_comment(client: AirtableClient, record: RecordPlace, comment_id: str) -> Deleted:
    """Delete a comment."""
    path = await _path(client, record, comment_id)
    return await client.ask(_operation(_writing("DELETE", path), record, "comment_id"), Deleted)


async def _path(client: AirtableClient, record: RecordPlace, comment_id: str | None = None) -> tuple[str, ...]:
    check_id("rec", record.record_id, "record_id")
    comments = (*await client.table_path(record.base_id, record.table_id), record.record_id, "comments")
    if comment_id is None:
        return comments
    check_id("com", comment_id, "comment_id")
    return (*comments, comment_id)


def _writing(method: Method, path: tuple[str, ...], body: dict[str, object] | None = None) -> Request:
    return Request(method=method, path=path, body=body, writes=True)


def _operation(request: Request, record: RecordPlace, part: str | None = None) -> Operation:
    return Operation(
        request=request,
        scope=WRITE if request.writes else READ,
        base_id=record.base_id,
        table_id=record.table_id,
        record_id=record.record_id,
        part=part,
        places=Named({}, "text" if request.writes else "cursor"),
    )
