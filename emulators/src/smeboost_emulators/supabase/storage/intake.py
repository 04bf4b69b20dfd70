"""The body of an upload on its way to a file: a form or plain bytes.

Rules of this room:

- Constant memory: a batch of bytes is collected, handed to a thread, and waited for before more is read.
- What is wrong is found as soon as it is known: a declared length before the first byte, a type before its content.
- A body that ends early, or says nothing for too long, leaves nothing.
"""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from smeboost_emulators.intake import whole_number
from smeboost_emulators.supabase.storage.errors import StorageFailure, invalid_mime_type, invalid_request, too_large
from smeboost_emulators.supabase.storage.files import Files, Incoming
from smeboost_emulators.supabase.storage.names import checked_header, takes

BATCH_BYTES = 524_288
FIELDS_MAX = 20
FORM_OVERHEAD_BYTES = 65_536
DEFAULT_MIME_TYPE = "application/octet-stream"
DEFAULT_CACHE_CONTROL = "no-cache"
FORM = "multipart/form-data"


@dataclass(frozen=True)
class Limits:
    """What an upload may be."""

    size_bytes: int
    fields_bytes: int
    idle_seconds: float
    mime_types: list[str] | None


@dataclass(frozen=True)
class Received:
    """A whole upload, on the disk."""

    file: Incoming
    mime_type: str
    cache_control: str
    user_metadata: dict[str, Any] | None


class _Body(Protocol):
    """A body that is fed batch by batch, in a thread."""

    def feed(self, batch: bytes) -> None: ...
    def end(self) -> Received: ...


@asynccontextmanager
async def received(request: Request, files: Files, limits: Limits) -> AsyncGenerator[Received]:
    """The upload of a request; unless it was given a place, its file is gone at the end.

    Raises:
        StorageFailure: too large, of a type that is not taken, no form, cut off or silent for too long.
    """
    declared = whole_number(request.headers.get("content-length", ""))
    form = request.headers.get("content-type", "").lower().startswith(FORM)
    overhead = limits.fields_bytes + FORM_OVERHEAD_BYTES if form else 0
    if declared is not None and declared > limits.size_bytes + overhead:
        raise too_large()
    file = await files.run(files.begin)
    try:
        body = _Form(request, file, limits) if form else _Plain(request, file, limits)
        await _read(request, files, body, limits.idle_seconds)
        yield await files.run(body.end)
    finally:
        await files.run(file.discard)


async def _read(request: Request, files: Files, body: _Body, idle_seconds: float) -> None:
    batch = bytearray()
    chunks = request.stream()
    try:
        while True:
            async with asyncio.timeout(idle_seconds):
                chunk = await anext(chunks, None)
            if chunk is not None:
                batch += chunk
            if batch and (chunk is None or len(batch) >= BATCH_BYTES):
                await files.run(body.feed, bytes(batch))
                batch.clear()
            if chunk is None:
                return
    except TimeoutError:
        raise StorageFailure(408, "Aborted", "The upload was silent for too long") from None
    except ClientDisconnect:
        # Nobody reads the answer to this one, but it is no fault of ours either.
        raise invalid_request("The request body was cut off") from None


class _Plain:
    """The body is the file."""

    def __init__(self, request: Request, file: Incoming, limits: Limits) -> None:
        self._file = file
        self._limits = limits
        self._mime_type = _taken(request.headers.get("content-type") or DEFAULT_MIME_TYPE, limits)
        cache_control = request.headers.get("cache-control", DEFAULT_CACHE_CONTROL)
        self._cache_control = checked_header("cache-control", cache_control)
        self._user_metadata = header_metadata(request)

    def feed(self, batch: bytes) -> None:
        """Write the batch."""
        _write(self._file, batch, self._limits)

    def end(self) -> Received:
        """The whole upload."""
        self._file.finish()
        return Received(self._file, self._mime_type, self._cache_control, self._user_metadata)


@dataclass
class _Part:
    """The part that is being read."""

    headers: dict[str, bytes] = field(default_factory=dict[str, bytes])
    header_name: bytearray = field(default_factory=bytearray)
    header_value: bytearray = field(default_factory=bytearray)
    name: str | None = None
    is_file: bool = False


class _Form:
    """A form: the first part that is a file, and the fields beside it."""

    def __init__(self, request: Request, file: Incoming, limits: Limits) -> None:
        _, options = parse_options_header(request.headers["content-type"])
        if not options.get(b"boundary"):
            raise invalid_request("The form has no boundary")
        self._file = file
        self._limits = limits
        self._user_metadata = header_metadata(request)
        self._mime_type: str | None = None
        self._fields: dict[str, bytearray] = {}
        self._fields_bytes = 0
        self._part = _Part()
        self._ended = False
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def feed(self, batch: bytes) -> None:
        """Parse the batch, and write what of it is the file."""
        try:
            self._parser.write(batch)
        except FormParserError:
            raise invalid_request("The form cannot be read") from None

    def end(self) -> Received:
        """The whole upload."""
        if not self._ended:
            raise invalid_request("Unexpected end of form")
        if self._mime_type is None:
            raise invalid_request("No file provided")
        seconds = self._text("cacheControl")
        mime_type = self._text("contentType") or self._mime_type
        user_metadata = _json_object(self._text("metadata") or self._text("userMetadata")) or self._user_metadata
        taken = _taken(mime_type, self._limits)
        cache_control = checked_header("cache-control", f"max-age={seconds}" if seconds else DEFAULT_CACHE_CONTROL)
        self._file.finish()
        return Received(self._file, taken, cache_control, user_metadata)

    def _text(self, name: str) -> str:
        return self._fields.get(name, bytearray()).decode(errors="replace")

    def _begin(self) -> None:
        self._part = _Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._part.header_name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._part.header_value += data[start:end]

    def _header_end(self) -> None:
        part = self._part
        part.headers[part.header_name.decode("latin-1").lower()] = bytes(part.header_value)
        part.header_name, part.header_value = bytearray(), bytearray()

    def _headers_end(self) -> None:
        headers = self._part.headers
        _, options = parse_options_header(headers.get("content-disposition", b""))
        if b"filename" in options:
            if self._mime_type is None:
                given = self._text("contentType") or headers.get("content-type", b"").decode("latin-1")
                self._mime_type = _taken(given or DEFAULT_MIME_TYPE, self._limits)
                self._part.is_file = True
            return
        self._part.name = options.get(b"name", b"").decode(errors="replace")
        self._fields[self._part.name] = bytearray()
        if len(self._fields) > FIELDS_MAX:
            raise invalid_request("The form has too many fields")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            _write(self._file, data[start:end], self._limits)
            return
        # A second file is not kept, and counts as what it is: something beside the file.
        self._fields_bytes += end - start
        if self._fields_bytes > self._limits.fields_bytes:
            raise too_large("form")
        if self._part.name is not None:
            self._fields[self._part.name] += data[start:end]

    def _end(self) -> None:
        self._ended = True


def header_metadata(request: Request) -> dict[str, Any] | None:
    """The user's own metadata of the header `x-metadata`; the original passes over what it cannot read."""
    try:
        text = base64.b64decode(request.headers.get("x-metadata", "")).decode()
    except ValueError:
        return None
    return _json_object(text)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def _taken(mime_type: str, limits: Limits) -> str:
    checked_header("content-type", mime_type)
    if not takes(limits.mime_types, mime_type):
        raise invalid_mime_type(mime_type)
    return mime_type


def _write(file: Incoming, data: bytes, limits: Limits) -> None:
    if file.size + len(data) > limits.size_bytes:
        raise too_large()
    file.write(data)
