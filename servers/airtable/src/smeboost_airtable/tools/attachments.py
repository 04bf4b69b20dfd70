"""Tools for files in cells."""

import base64
import binascii
import mimetypes
from pathlib import Path
from typing import Annotated

from fastmcp import FastMCP
from fastmcp.tools.base import ToolResult
from mcp.types import BlobResourceContents, ContentBlock, EmbeddedResource, ImageContent, TextContent
from pydantic import Field
from smeboost_shared.errors import FieldProblem, InvalidInput
from smeboost_shared.toolkit import CREATE, READ

from smeboost_airtable.arguments import BaseId, RecordId, TableId
from smeboost_airtable.calls import attachments
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.files import read_file
from smeboost_airtable.models import Attachment, AttachmentList, RecordPlace

FILE_BYTES_MAX = 5 * 1024 * 1024
"""Largest file that is read back: it goes into an answer, and hosts refuse larger ones."""
TEXT_CHARACTERS_MAX = 50_000
BINARY = "application/octet-stream"
_TEXT_TYPES = ("application/json", "application/xml", "application/csv", "application/x-ndjson")
FieldKey = Annotated[str, Field(description="fld... or name")]


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the tools of this family."""

    @mcp.tool(annotations=CREATE, title="Upload an attachment")
    async def upload_attachment(
        *,
        base_id: BaseId,
        record_id: RecordId,
        field: FieldKey,
        text: Annotated[str | None, Field(description="The file, when it is text")] = None,
        content: Annotated[str | None, Field(description="The file in base64")] = None,
        path: Annotated[str | None, Field(description="A file in the folder AIRTABLE_FILES_DIR")] = None,
        filename: Annotated[str | None, Field(min_length=1, max_length=255)] = None,
        media_type: str | None = None,
    ) -> AttachmentList:
        """Add a file of up to 5 MB to a cell: one of text, content and path. Larger: write [{url}] as the cell."""
        name, data = _file(client.settings.files_dir, text=text, content=content, path=path, filename=filename)
        kind = media_type or mimetypes.guess_type(name)[0] or ("text/plain" if text is not None else BINARY)
        files = await attachments.upload(
            client, base_id, record_id, field, filename=name, media_type=kind, content=data
        )
        return AttachmentList(attachments=files)

    @mcp.tool(annotations=READ, title="Read an attachment")
    async def read_attachment(
        *,
        base_id: BaseId,
        table_id: TableId,
        record_id: RecordId,
        field: FieldKey,
        attachment: Annotated[str | None, Field(description="att... or file name; default the first")] = None,
    ) -> ToolResult:
        """Read a file from a cell: text as text, a picture as a picture, anything else as a resource."""
        found = await attachments.find(
            client, RecordPlace(base_id, table_id, record_id), field=field, attachment=attachment
        )
        data = await client.download(found.url, bytes_max=FILE_BYTES_MAX)
        about = found.model_dump(mode="json", exclude={"url"})
        return ToolResult(content=[_shown(found, data)], structured_content=about)


def _file(
    folder: Path | None, *, text: str | None, content: str | None, path: str | None, filename: str | None
) -> tuple[str, bytes]:
    if sum(given is not None for given in (text, content, path)) != 1:
        problem = FieldProblem(field="content", message="give exactly one of text, content and path")
        raise InvalidInput("It is not clear what to upload.", errors=[problem])
    if path is not None:
        name, data = read_file(folder, path, bytes_max=attachments.UPLOAD_BYTES_MAX)
        return filename or name, data
    if filename is None:
        raise InvalidInput("The file has no name.", errors=[FieldProblem(field="filename", message="is needed")])
    if text is not None:
        return filename, _encoded(text)
    try:
        return filename, base64.b64decode("".join((content or "").split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        problem = FieldProblem(field="content", message="is not base64; give plain text as text")
        raise InvalidInput("The content cannot be read.", errors=[problem]) from exc


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as exc:
        problem = FieldProblem(field="text", message=f"has half a character (a lone surrogate) at {exc.start}")
        raise InvalidInput("The text cannot be written as UTF-8.", errors=[problem]) from exc


def _shown(found: Attachment, data: bytes) -> ContentBlock:
    kind = found.type or mimetypes.guess_type(found.filename)[0] or BINARY
    if kind.startswith("image/"):
        return ImageContent(type="image", data=base64.b64encode(data).decode(), mime_type=kind)
    if kind.startswith("text/") or kind in _TEXT_TYPES:
        text = data.decode("utf-8", "replace")
        cut = f"\n[cut: {len(text)} characters in all]" if len(text) > TEXT_CHARACTERS_MAX else ""
        return TextContent(type="text", text=text[:TEXT_CHARACTERS_MAX] + cut)
    blob = BlobResourceContents(
        uri=f"airtable://attachments/{found.id}", mime_type=kind, blob=base64.b64encode(data).decode()
    )
    return EmbeddedResource(type="resource", resource=blob)
