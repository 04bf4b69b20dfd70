"""The content of a file in JSON: text as it is, anything else as base64."""

import base64
import binascii
from dataclasses import dataclass
from typing import Literal

from smeboost_shared.errors import FieldProblem, InvalidInput, TooLarge

Encoding = Literal["text", "base64"]
_TEXTS = ("text/", "application/json", "application/xml", "application/javascript", "image/svg")


@dataclass(frozen=True)
class FileContent:
    """A file's content as a tool takes or gives it."""

    text: str
    encoding: Encoding
    content_type: str


def shown(content: bytes, content_type: str) -> FileContent:
    """Content for a caller: as text when its type says so, or says nothing, and it is UTF-8."""
    if not content_type or content_type.startswith((*_TEXTS, "application/octet-stream")):
        try:
            text = content.decode()
        except UnicodeDecodeError:
            text = "\0"
        # A NUL is in no text that somebody wants to read.
        if "\0" not in text:
            return FileContent(text, "text", content_type)
    return FileContent(base64.b64encode(content).decode(), "base64", content_type)


def sent(file: FileContent, *, limit: int) -> bytes:
    """The bytes of what a caller gave.

    Raises:
        InvalidInput: it is not base64, or not Unicode.
        TooLarge: it has more than `limit` bytes.
    """
    try:
        content = file.text.encode() if file.encoding == "text" else base64.b64decode(file.text, validate=True)
    except (binascii.Error, ValueError):
        problem = FieldProblem(field="content", message=f"is not {file.encoding}")
        raise InvalidInput("The content cannot be read.", errors=[problem]) from None
    if len(content) > limit:
        hint = "Use sign_upload for larger ones, or raise SUPABASE_UPLOAD_MAX_BYTES."
        raise TooLarge(f"The file has {len(content)} bytes; {limit} are sent at most.", hint=hint)
    return content
