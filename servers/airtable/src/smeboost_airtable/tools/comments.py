"""Tools for the comments on a record."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.toolkit import CREATE, DELETE, READ

from smeboost_airtable.arguments import BaseId, RecordId, TableId
from smeboost_airtable.calls import comments
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.models import Comment, CommentPage, Deleted, RecordPlace

PAGE_SIZE_MAX = 100


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the tools of this family."""

    @mcp.tool(annotations=READ, title="List comments")
    async def list_comments(
        base_id: BaseId,
        table_id: TableId,
        record_id: RecordId,
        page_size: Annotated[int, Field(ge=1, le=PAGE_SIZE_MAX)] = 20,
        cursor: str | None = None,
    ) -> CommentPage:
        """List a record's comments, newest first."""
        answer = await comments.list_comments(
            client, RecordPlace(base_id, table_id, record_id), page_size=page_size, offset=cursor
        )
        return CommentPage(comments=answer.comments, cursor=answer.offset)

    @mcp.tool(annotations=CREATE, title="Write a comment")
    async def write_comment(
        *,
        base_id: BaseId,
        table_id: TableId,
        record_id: RecordId,
        text: Annotated[
            str,
            Field(min_length=1, max_length=comments.COMMENT_CHARACTERS_MAX, description="@[email] mentions somebody"),
        ],
        answer_to: Annotated[str | None, Field(description="com... to answer")] = None,
        comment_id: Annotated[str | None, Field(description="com... to change; only the token owner's own")] = None,
    ) -> Comment:
        """Add a comment to a record, answer one, or change the text of one."""
        if comment_id is not None:
            return await comments.update_comment(client, RecordPlace(base_id, table_id, record_id), comment_id, text)
        return await comments.create_comment(client, RecordPlace(base_id, table_id, record_id), text, answer_to)

    @mcp.tool(annotations=DELETE, title="Delete a comment")
    async def delete_comment(
        base_id: BaseId, table_id: TableId, record_id: RecordId, comment_id: Annotated[str, Field(description="com...")]
    ) -> Deleted:
        """Delete a comment for good."""
        return await comments.delete_comment(client, RecordPlace(base_id, table_id, record_id), comment_id)
