"""Files in cells: https://airtable.com/developers/web/api/upload-attachment, and reading them back."""

import base64

from smeboost_shared.errors import FieldProblem, NotFound, TooLarge

from smeboost_airtable.calls.schema import field_of
from smeboost_airtable.client import WRITE_RECORDS, AirtableClient, check_id
from smeboost_airtable.explanations import Operation
from smeboost_airtable.models import Attachment, RecordPlace, UploadAnswer
from smeboost_airtable.places import Named
from smeboost_airtable.transport import Request

UPLOAD_BYTES_MAX = 5 * 1024 * 1024
"""Airtable's limit for a direct upload. A larger file is given by URL, in a record's cell."""


async def upload(
    client: AirtableClient, base_id: str, record_id: str, field: str, *, filename: str, media_type: str, content: bytes
) -> list[Attachment]:
    """Add a file to a cell; all files of the cell are returned.

    Raises:
        TooLarge: Airtable would not take it.
    """
    check_id("rec", record_id, "record_id")
    await client.check_base(base_id)
    if len(content) > UPLOAD_BYTES_MAX:
        problem = FieldProblem(field="content", message=f"has {len(content)} bytes; {UPLOAD_BYTES_MAX} can be uploaded")
        hint = "Put a larger file on the web and write [{url, filename}] into the cell with update_records."
        raise TooLarge("The file is too large to upload.", hint=hint, errors=[problem])
    body: dict[str, object] = {
        "contentType": media_type,
        "filename": filename,
        "file": base64.b64encode(content).decode(),
    }
    path = (base_id, record_id, field, "uploadAttachment")
    request = Request(method="POST", path=path, body=body, writes=True, to_content_host=True)
    places = Named({filename: "filename", field: "field"}, "field")
    operation = Operation(request=request, scope=WRITE_RECORDS, base_id=base_id, record_id=record_id, places=places)
    answer = await client.ask(operation, UploadAnswer)
    return [file for files in answer.fields.values() for file in files]


async def find(client: AirtableClient, place: RecordPlace, *, field: str, attachment: str | None) -> Attachment:
    """The file of a cell with this id or name; the first one when none is named.

    Raises:
        NotFound: the cell has no such file; names those it has.
    """
    shown = field_of(await client.find_table(place.base_id, place.table_id), field)
    record = await client.get_record(place.base_id, place.table_id, place.record_id)
    cell = record.fields.get(shown.name)
    items = cell if isinstance(cell, list) and shown.type == "multipleAttachments" else []
    files = [Attachment.model_validate(item) for item in items]
    found = next((item for item in files if attachment in (None, item.id, item.filename)), None)
    if found is None:
        names = ", ".join(repr(item.filename[:80]) for item in files) or "no files"
        argument = "field" if attachment is None or not files else "attachment"
        problem = FieldProblem(field=argument, message=f"the cell holds {names}")
        raise NotFound("There is no such file in this cell.", errors=[problem])
    return found
