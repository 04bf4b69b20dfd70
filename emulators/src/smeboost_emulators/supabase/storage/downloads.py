"""Downloads: who may see the object, which bytes of it, and the bytes in constant memory."""

from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from io import FileIO
from os import fstat
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from smeboost_emulators.supabase.callers import Caller
from smeboost_emulators.supabase.storage.errors import StorageFailure, no_such_bucket, no_such_key
from smeboost_emulators.supabase.storage.files import Files
from smeboost_emulators.supabase.storage.intake import DEFAULT_CACHE_CONTROL, DEFAULT_MIME_TYPE
from smeboost_emulators.supabase.storage.links import Links
from smeboost_emulators.supabase.storage.names import checked_header
from smeboost_emulators.supabase.storage.ranges import http_date, is_known, part_of
from smeboost_emulators.supabase.storage.rows import StoredObject, stamp
from smeboost_emulators.supabase.storage.sessions import SERVICE, Sessions
from smeboost_emulators.supabase.storage.transfers import Transfers
from smeboost_emulators.supabase.storage.uploads import checked_names

CHUNK_BYTES = 262_144
# A new version may take the old one's place between the look at the row and the opening of its file.
LOOKS_MAX = 5


class Downloads:
    """The endpoints that give bytes, or tell about them."""

    def __init__(self, sessions: Sessions, files: Files, links: Links, transfers: Transfers) -> None:
        self._sessions = sessions
        self._files = files
        self._links = links
        self._transfers = transfers

    async def get(self, request: Request, caller: Caller) -> Response:
        """An object that the caller may see; everybody may see what is in a public bucket."""
        return await self._send(request, await self._reader(request, caller))

    async def get_public(self, request: Request) -> Response:
        """An object of a public bucket."""
        return await self._send(request, await self._reader(request, None))

    async def get_signed(self, request: Request) -> Response:
        """An object that a link shows."""
        expires = self._links.check_read(request.query_params.get("token", ""), *checked_names(request))
        return await self._send(request, SERVICE, expires=datetime.fromtimestamp(expires, UTC))

    async def info(self, request: Request, caller: Caller) -> Response:
        """What there is to know about an object that the caller may see."""
        return _told(await self._find(request, await self._reader(request, caller)))

    async def info_public(self, request: Request) -> Response:
        """What there is to know about an object of a public bucket."""
        return _told(await self._find(request, await self._reader(request, None)))

    async def _reader(self, request: Request, caller: Caller | None) -> Caller:
        """As whom to read: nobody's rights matter in a public bucket."""
        bucket = await self._sessions.bucket(request, checked_names(request)[0])
        if bucket.public:
            return SERVICE
        if caller is None:
            raise no_such_bucket()
        return caller

    async def _find(self, request: Request, reader: Caller) -> StoredObject:
        async with self._sessions.begin(reader, request, "object.get") as rows:
            found = await rows.find(*checked_names(request))
        if found is None:
            raise no_such_key()
        return found

    async def _send(self, request: Request, reader: Caller, *, expires: datetime | None = None) -> Response:
        self._transfers.take()
        with ExitStack() as stack:
            stack.callback(self._transfers.give_back)
            found, file, size = await self._opened(request, reader)
            stack.callback(file.close)
            response = self._response(request, found, file, size, _headers(found, request, expires))
            # From here on the response gives it all back.
            stack.pop_all()
        return response

    def _response(
        self, request: Request, found: StoredObject, file: FileIO, size: int, headers: dict[str, str]
    ) -> "_FileResponse":
        status, part = 200, range(size)
        asked = request.headers
        tags, since, etag = asked.get("if-none-match"), asked.get("if-modified-since"), headers.get("ETag", "")
        if is_known(tags, since, etag=etag, modified=_modified(found)):
            status, part = 304, range(0)
        elif (chosen := part_of(asked.get("range", ""), size)) is not None:
            status, part = 206, chosen
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        if status != 304:
            headers["Content-Length"] = str(len(part))
        unsent = request.method == "HEAD" or status == 304
        return _FileResponse(
            self._files, file, range(0) if unsent else part, status, headers, done=self._transfers.give_back
        )

    async def _opened(self, request: Request, reader: Caller) -> tuple[StoredObject, FileIO, int]:
        for _ in range(LOOKS_MAX):
            found = await self._find(request, reader)
            if found.place is None:
                break
            try:
                file = await self._files.run(self._files.read, found.place)
            except FileNotFoundError:
                continue
            return found, file, fstat(file.fileno()).st_size
        raise StorageFailure(404, "NoSuchKey", "The resource was not found", error="Not found")


class _FileResponse(StreamingResponse):
    """Sends a part of an open file, and closes it whatever happens."""

    def __init__(
        self,
        files: Files,
        file: FileIO,
        part: range,
        status: int,
        headers: dict[str, str],
        *,
        done: Callable[[], None],
    ) -> None:
        self._files = files
        self._file = file
        self._part = part
        self._done = done
        super().__init__(self._chunks(), status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._done()
            await self._files.run(self._file.close)

    async def _chunks(self) -> AsyncGenerator[bytes]:
        position, rest = self._part.start, len(self._part)
        while rest > 0:
            chunk = await self._files.run(_read_at, self._file, position, min(CHUNK_BYTES, rest))
            if not chunk:
                # Somebody else cut it off; ending the connection tells the caller, who was promised a length.
                raise OSError("the file is shorter than it was")
            position += len(chunk)
            rest -= len(chunk)
            yield chunk


def _read_at(file: FileIO, position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)


def _headers(found: StoredObject, request: Request, expires: datetime | None) -> dict[str, str]:
    mime_type = found.told("mimetype") or DEFAULT_MIME_TYPE
    headers = {
        "Accept-Ranges": "bytes",
        # A page from here would run with the origin's rights; the original shows its source instead.
        "Content-Type": "text/plain" if "text/html" in mime_type.lower() else mime_type,
        "ETag": found.told("eTag"),
        "Last-Modified": http_date(_modified(found)),
        "X-Robots-Tag": "none",
    }
    if expires is None:
        headers["Cache-Control"] = found.told("cacheControl") or DEFAULT_CACHE_CONTROL
    else:
        headers["Expires"] = http_date(expires)
    name = request.query_params.get("download")
    if name == "":
        headers["Content-Disposition"] = "attachment;"
    elif name is not None:
        encoded = quote(name.encode(errors="replace"), safe="!*'()~")
        headers["Content-Disposition"] = f"attachment; filename={encoded}; filename*=UTF-8''{encoded};"
    return {header: value for header, value in headers.items() if value and _sendable(header, value)}


def _sendable(name: str, value: str) -> bool:
    """Uploads are checked; a row that somebody wrote with SQL is not."""
    try:
        checked_header(name, value)
    except StorageFailure:
        return name == "Content-Disposition"
    return True


def _modified(found: StoredObject) -> datetime:
    try:
        moment = datetime.fromisoformat(found.told("lastModified"))
    except ValueError:
        return found.updated_at
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _told(found: StoredObject) -> Response:
    return JSONResponse(
        {
            "id": str(found.id),
            "name": found.name,
            "version": found.version,
            "bucket_id": found.bucket_id,
            "size": (found.metadata or {}).get("size"),
            "content_type": found.told("mimetype"),
            "cache_control": found.told("cacheControl"),
            "etag": found.told("eTag"),
            "metadata": found.user_metadata or {},
            "last_modified": stamp(_modified(found)),
            "created_at": stamp(found.created_at),
        }
    )
