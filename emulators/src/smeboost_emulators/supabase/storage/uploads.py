"""Uploads: the right is checked first, the bytes are written, then row and file appear together.

Rules of this room:

- What row level security refuses is refused before the body is read, by an insert that is rolled back.
- The file gets its final name before the transaction commits: a row without a file cannot be, and a file without a row
  is what the sweep removes.
- The bytes that were replaced go only when the new ones are committed; who reads them has them open.
"""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.callers import Caller
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.storage.files import Files
from smeboost_emulators.supabase.storage.intake import Limits, Received, received
from smeboost_emulators.supabase.storage.links import Links, UploadRight
from smeboost_emulators.supabase.storage.names import checked_bucket, checked_key
from smeboost_emulators.supabase.storage.rows import NewObject, Written, stamp
from smeboost_emulators.supabase.storage.sessions import SERVICE, Sessions, owner_of
from smeboost_emulators.supabase.storage.transfers import Transfers


class Uploads:
    """The endpoints that take bytes."""

    def __init__(
        self,
        settings: SupabaseBackendSettings,
        sessions: Sessions,
        files: Files,
        links: Links,
        transfers: Transfers,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._files = files
        self._links = links
        self._transfers = transfers

    async def create(self, request: Request, caller: Caller) -> Response:
        """POST: a new object, or a new version of it with `x-upsert: true`."""
        return await self._upload(request, caller, owner_of(caller), upsert=wants_upsert(request))

    async def replace(self, request: Request, caller: Caller) -> Response:
        """PUT: a new version of an object, or a new object."""
        return await self._upload(request, caller, owner_of(caller), upsert=True)

    async def sign(self, request: Request, caller: Caller) -> Response:
        """A link to upload with; the right to do so is checked now."""
        bucket, key = checked_names(request)
        await self._sessions.bucket(request, bucket)
        right = UploadRight(owner_of(caller), wants_upsert(request))
        async with self._sessions.begin(caller, request, "object.sign_upload_url") as rows:
            await rows.try_write(NewObject(bucket, key, right.owner), upsert=right.upsert)
        url, token = self._links.to_upload(bucket, key, right, self._settings.upload_url_expiry_seconds)
        return JSONResponse({"url": url, "token": token})

    async def create_signed(self, request: Request) -> Response:
        """PUT to a link: its token is the right."""
        token = request.query_params.get("token", "")
        right = self._links.check_upload(token, *checked_names(request))
        return await self._upload(request, SERVICE, right.owner, upsert=right.upsert)

    async def _upload(self, request: Request, caller: Caller, owner: str | None, *, upsert: bool) -> Response:
        bucket, key = checked_names(request)
        with self._transfers.place():
            limits = await self._limits(request, bucket)
            async with self._sessions.begin(caller, request, "object.upload") as rows:
                await rows.try_write(NewObject(bucket, key, owner), upsert=upsert)
            async with received(request, self._files, limits) as upload:
                new = NewObject(bucket, key, owner, _metadata(upload), upload.user_metadata)
                written = await self._store(request, caller, new, upload, upsert=upsert)
        if written.replaced:
            await self._files.run(self._files.remove, [written.replaced])
        return JSONResponse({"Id": str(written.place.id), "Key": f"{bucket}/{key}"})

    async def _store(
        self, request: Request, caller: Caller, new: NewObject, upload: Received, *, upsert: bool
    ) -> Written:
        async with self._sessions.begin(caller, request, "object.upload") as rows:
            written = await rows.write(new, upsert=upsert)
            await self._files.run(self._files.keep, upload.file, written.place)
        return written

    async def _limits(self, request: Request, name: str) -> Limits:
        bucket = await self._sessions.bucket(request, name)
        size_limit = self._settings.file_size_limit_bytes
        if bucket.file_size_limit:
            size_limit = min(size_limit, bucket.file_size_limit)
        return Limits(
            size_bytes=size_limit,
            fields_bytes=self._settings.storage_body_max_bytes,
            idle_seconds=self._settings.storage_idle_seconds,
            mime_types=bucket.allowed_mime_types,
        )


def checked_names(request: Request) -> tuple[str, str]:
    """The bucket and the object of the path.

    Raises:
        StorageFailure: InvalidBucketName, InvalidKey.
    """
    return checked_bucket(request.path_params["bucket"]), checked_key(request.path_params["key"])


def wants_upsert(request: Request) -> bool:
    """Whether the caller means an object that may be there already."""
    return request.headers.get("x-upsert", "").lower() == "true"


def _metadata(upload: Received) -> dict[str, object]:
    return {
        "eTag": upload.file.etag,
        "size": upload.file.size,
        "mimetype": upload.mime_type,
        "cacheControl": upload.cache_control,
        "lastModified": stamp(datetime.now(UTC)),
        "contentLength": upload.file.size,
        "httpStatusCode": 200,
    }
