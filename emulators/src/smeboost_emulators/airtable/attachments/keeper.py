"""What a cell holds for a file: the vendor's attachment object, with references where it has addresses.

The order of keys is the vendor's. `width`, `height` and `thumbnails` are there for images only.
"""

import asyncio
import mimetypes
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from smeboost_emulators.airtable.attachments.addresses import Addresses, AwaitedFile, FileReference
from smeboost_emulators.airtable.attachments.files import FileStore, StoredFile
from smeboost_emulators.airtable.attachments.images import measure, thumbnail
from smeboost_emulators.airtable.shapes import objects_of
from smeboost_emulators.airtable.state.schema import Field, State, Table

FILENAME_CHARACTERS_MAX = 255
CONTENT_TYPE_CHARACTERS_MAX = 200
UNKNOWN_TYPE = "application/octet-stream"
_CONTENT_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)

Attachment = dict[str, Any]


class Keeper:
    """The files of an emulator and all that is said of them."""

    def __init__(self, files: FileStore, now: Callable[[], datetime]) -> None:
        self.files = files
        self.addresses = Addresses(files.key, now)
        # A picture may need 100 MB while it is decoded: one at a time.
        self._decoding = asyncio.Semaphore(1)

    async def attachment(
        self, attachment_id: str, file: StoredFile, filename: str, content_type: str | None
    ) -> Attachment:
        """The attachment object of a file that is kept."""
        async with self._decoding:
            measured = await asyncio.to_thread(measure, self.files.path(file.digest))
        kind = content_type if content_type and content_type != UNKNOWN_TYPE else guessed_type(filename)

        def reference(variant: str) -> str:
            return self.addresses.reference(FileReference(file.digest, kind, filename, variant))

        shown: Attachment = {"id": attachment_id}
        if measured is not None:
            shown |= {"width": measured.width, "height": measured.height}
        shown |= {"url": reference("file"), "filename": filename, "size": file.size, "type": kind}
        if measured is not None and measured.thumbnails:
            shown["thumbnails"] = {
                name: {"url": reference(name), "width": width, "height": height}
                for name, (width, height) in measured.thumbnails.items()
            }
        return shown

    async def thumbnail(self, file: FileReference) -> tuple[bytes, str] | None:
        """A smaller picture of an image, and its content type; None when there is none."""
        async with self._decoding:
            return await asyncio.to_thread(thumbnail, self.files.path(file.digest), file.variant)

    def awaiting(self, attachment: Attachment) -> AwaitedFile | None:
        """The file that an attachment waits for, or None when it waits for none."""
        return self.addresses.awaited_file(str(attachment["url"]))

    def sweep(self, state: State) -> None:
        """Remove the files that no cell refers to."""
        digests = (self.addresses.digest(str(item["url"])) for _, _, _, item in attachments_in(state))
        self.files.sweep({digest for digest in digests if digest is not None})


def attachments_in(state: State) -> Iterator[tuple[Table, int, Field, Attachment]]:
    """Every attachment there is, with the place of its cell."""
    for table in state.tables.values():
        for field in table.fields:
            if field.type == "multipleAttachments":
                for slot, cell in enumerate(field.cells):
                    for item in objects_of(cell) or ():
                        yield table, slot, field, item


def read_content_type(given: object) -> str | None:
    """The type and subtype of a content type, without parameters; None when it is none."""
    if not isinstance(given, str):
        return None
    kind = given.partition(";")[0].strip().lower()
    return kind if len(kind) <= CONTENT_TYPE_CHARACTERS_MAX and _CONTENT_TYPE.fullmatch(kind) else None


def guessed_type(filename: str) -> str:
    """The type that a file of this name has in most cases."""
    return mimetypes.guess_type(filename)[0] or UNKNOWN_TYPE


def is_filename(name: object) -> bool:
    """Whether a file may be called that; a name of dots alone means a folder to everything that reads paths."""
    return isinstance(name, str) and len(name) <= FILENAME_CHARACTERS_MAX and bool(name.strip(". "))
