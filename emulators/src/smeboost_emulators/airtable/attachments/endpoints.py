"""Attachments over HTTP: the upload host's one path, and the addresses that cells show.

The upload host is another one (`content.airtable.com`) at the vendor; here it is the same port. An address needs no
token, as at the vendor: who has it may read the file until it ends.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from smeboost_emulators.airtable.attachments.addresses import AddressEnded, AddressRefused, FileReference
from smeboost_emulators.airtable.attachments.keeper import is_filename, read_content_type
from smeboost_emulators.airtable.emulator import MEBIBYTE, Emulator
from smeboost_emulators.airtable.errors import (
    address_ended,
    address_refused,
    field_is_computed,
    invalid_request,
    not_found,
    unknown_field,
    upload_too_large,
    value_refused,
)
from smeboost_emulators.airtable.ids import new_id
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.records.looks import Look
from smeboost_emulators.airtable.records.pages import records_of
from smeboost_emulators.airtable.state.changes import CellsSet, Change
from smeboost_emulators.airtable.state.schema import Field, Table
from smeboost_emulators.airtable.wire import Call

UPLOAD_BYTES_MAX = 5 * MEBIBYTE
UPLOAD_BODY_BYTES_MAX = 8 * MEBIBYTE
"""A file of 5 MiB is 6.9 MB in base64, and 90 kB more with a line break every 76 characters."""
_HEADERS = {
    # A file is somebody's data: it must not run as a page of this origin.
    "Content-Security-Policy": "sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private",
}


async def commit_with_files(call: Call, changes: list[Change]) -> dict[str, Any]:
    """Commit a write of records; the answer is what its response says beside the records, `{"details"}` or nothing."""
    call.check_still_there()
    arrivals = call.emulator.arrivals
    incoming = arrivals.prepare(changes, call.user_id)
    call.commit(changes)
    details = await arrivals.fetch(incoming)
    return {} if details is None else {"details": details}


async def upload(call: Call) -> dict[str, Any]:
    """Append a file to a cell; the answer has this cell only, keyed by the field's id whatever was asked by."""
    _cell_of(call)
    body = await call.body(max(UPLOAD_BODY_BYTES_MAX, call.emulator.options.body_bytes_max))
    content, filename, content_type = _read_upload(body)
    keeper = call.emulator.keeper
    file = await asyncio.to_thread(keeper.files.keep, content)
    attachment = await keeper.attachment(new_id("att"), file, filename, content_type)
    # The record may have changed or gone while the file was written.
    table, field, slot = _cell_of(call)
    record_id, now = table.ids[slot], timestamp(call.emulator.clock.now())
    cell = (*(field.cell(slot) or ()), attachment)
    call.commit([CellsSet(table.id, record_id, now, {field.id: cell}, call.user_id)])
    return records_of(table, [slot], (field.id,), Look(by_field_id=True))[0]


def _cell_of(call: Call) -> tuple[Table, Field, int]:
    record_id, base = call.segment("record"), call.own_base()
    tables = list(base.tables.values())
    home = next((table for table in tables if table.knew(record_id)), tables[0] if tables else None)
    if home is None:
        raise not_found()
    slot = call.emulator.slot(call.writable(home), record_id)
    field = home.fields_by_key.get(call.segment("field"))
    if field is None:
        raise unknown_field(call.segment("field"))
    if not field.writable:
        raise field_is_computed(field.name)
    if field.type != "multipleAttachments":
        raise value_refused(field.name)
    return home, field, slot


def _read_upload(body: dict[str, Any]) -> tuple[bytes, str, str]:
    """The file, its name and its type."""
    if unknown := body.keys() - {"contentType", "file", "filename"}:
        raise invalid_request(f"Unknown: {', '.join(sorted(unknown))}. Known here: contentType, file, filename.")
    filename, content_type = body.get("filename"), read_content_type(body.get("contentType"))
    if not is_filename(filename):
        raise invalid_request("filename must be a text of 1 to 255 characters, and not of dots alone.")
    if content_type is None:
        raise invalid_request('contentType must be a text like "image/jpeg".')
    return _decoded(body.get("file")), str(filename), content_type


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise invalid_request("file must be the bytes of the file as base64.")
    try:
        # Clients break lines; anything else that is not of the alphabet is a mistake.
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_request("file must be the bytes of the file as base64.") from None
    if len(content) > UPLOAD_BYTES_MAX:
        raise upload_too_large(UPLOAD_BYTES_MAX)
    return content


def file_endpoint(emulator: Emulator) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of all addresses of one emulator."""

    async def serve(request: Request) -> Response:
        parts = request.path_params
        try:
            file = emulator.keeper.addresses.read(parts["ends"], parts["signature"], parts["file"])
        except AddressEnded:
            raise address_ended() from None
        except AddressRefused:
            raise address_refused() from None
        path = emulator.keeper.files.path(file.digest)
        if not path.is_file():
            raise not_found()
        if file.variant != "file":
            return await _thumbnail(emulator, file)
        return FileResponse(
            path,
            headers=_HEADERS,
            media_type=file.content_type,
            filename=file.filename,
            content_disposition_type="inline",
        )

    return serve


async def _thumbnail(emulator: Emulator, file: FileReference) -> Response:
    made = await emulator.keeper.thumbnail(file)
    if made is None:
        raise not_found()
    return Response(made[0], headers=_HEADERS, media_type=made[1])
