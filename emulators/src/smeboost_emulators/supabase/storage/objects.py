"""What is done to objects without their bytes travelling: moved, copied, removed, signed.

A file is removed only after the transaction that removed its row; what a crash leaves behind is the sweep's.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.callers import Caller
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.storage.errors import access_denied, invalid_request, no_such_key, not_supported
from smeboost_emulators.supabase.storage.files import Files
from smeboost_emulators.supabase.storage.intake import header_metadata
from smeboost_emulators.supabase.storage.links import Links
from smeboost_emulators.supabase.storage.names import checked_bucket, checked_header, checked_key
from smeboost_emulators.supabase.storage.requests import (
    CopiedMetadata,
    RemoveBody,
    SignBody,
    SignManyBody,
    TransferBody,
    body_of,
)
from smeboost_emulators.supabase.storage.rows import NewObject, StoredObject, Written, stamp
from smeboost_emulators.supabase.storage.sessions import Sessions, owner_of
from smeboost_emulators.supabase.storage.uploads import checked_names, wants_upsert

UNKNOWN = "Either the object does not exist or you do not have access to it"


class Objects:
    """The endpoints that change or share objects."""

    def __init__(self, settings: SupabaseBackendSettings, sessions: Sessions, files: Files, links: Links) -> None:
        self._settings = settings
        self._body_max = settings.storage_body_max_bytes
        self._sessions = sessions
        self._files = files
        self._links = links

    async def move(self, request: Request, caller: Caller) -> Response:
        """Give an object another name, in this bucket or another; its file stays where it is."""
        body, bucket = await self._transfer(request)
        async with self._sessions.begin(caller, request, "object.move") as rows:
            source = await rows.find(body.bucket, body.source)
            if source is None:
                raise no_such_key()
            same = (bucket, body.destination) == (body.bucket, body.source)
            if not same and not await rows.move(source, bucket, body.destination, owner_of(caller)):
                raise no_such_key()
        key = f"{bucket}/{body.destination}"
        return JSONResponse({"message": "Successfully moved", "Id": str(source.id), "Key": key})

    async def copy(self, request: Request, caller: Caller) -> Response:
        """Make another object with the same bytes."""
        body, bucket = await self._transfer(request)
        async with self._sessions.begin(caller, request, "object.copy") as rows:
            source = await rows.find(body.bucket, body.source)
            if source is None:
                raise no_such_key()
            new = NewObject(
                bucket,
                body.destination,
                owner_of(caller),
                source.metadata or {} if body.copy_metadata else _changed(source, body.metadata),
                source.user_metadata if body.copy_metadata else header_metadata(request),
            )
            written = await rows.write(new, upsert=wants_upsert(request))
            await self._copy_file(source, written)
        if written.replaced:
            await self._files.run(self._files.remove, [written.replaced])
        return JSONResponse({"Id": str(written.place.id), "Key": f"{bucket}/{body.destination}"})

    async def remove(self, request: Request, caller: Caller) -> Response:
        """Remove one object."""
        bucket, key = checked_names(request)
        async with self._sessions.begin(caller, request, "object.delete") as rows:
            if await rows.find(bucket, key) is None:
                raise no_such_key()
            removed = await rows.remove(bucket, [key])
            if not removed:
                raise access_denied("Access denied")
        await self._forget(removed)
        return JSONResponse({"message": "Successfully deleted"})

    async def remove_many(self, request: Request, caller: Caller) -> Response:
        """Remove what there is of these names; the others are passed over in silence."""
        bucket = checked_bucket(request.path_params["bucket"])
        body = await body_of(request, RemoveBody, limit_bytes=self._body_max)
        self._check_number(body.prefixes, "prefixes")
        async with self._sessions.begin(caller, request, "object.delete_many") as rows:
            removed = await rows.remove(bucket, body.prefixes)
        await self._forget(removed)
        return JSONResponse([_shown(one) for one in removed])

    async def sign(self, request: Request, caller: Caller) -> Response:
        """A link to an object that the caller may see."""
        bucket, key = checked_names(request)
        body = await body_of(request, SignBody, limit_bytes=self._body_max)
        if body.transform:
            raise not_supported("Image transformation is")
        async with self._sessions.begin(caller, request, "object.sign") as rows:
            if await rows.find(bucket, key) is None:
                raise no_such_key()
        return JSONResponse({"signedURL": self._links.to_read(bucket, key, body.expires_in)})

    async def sign_many(self, request: Request, caller: Caller) -> Response:
        """Links to those of the objects that the caller may see."""
        bucket = checked_bucket(request.path_params["bucket"])
        body = await body_of(request, SignManyBody, limit_bytes=self._body_max)
        self._check_number(body.paths, "paths")
        async with self._sessions.begin(caller, request, "object.sign_many") as rows:
            known = await rows.known(bucket, body.paths)

        def signed(path: str) -> dict[str, str | None]:
            if path not in known:
                return {"error": UNKNOWN, "path": path, "signedURL": None}
            return {"error": None, "path": path, "signedURL": self._links.to_read(bucket, path, body.expires_in)}

        return JSONResponse([signed(path) for path in body.paths])

    async def _transfer(self, request: Request) -> tuple[TransferBody, str]:
        body = await body_of(request, TransferBody, limit_bytes=self._body_max)
        destination = body.destination_bucket or body.bucket
        checked_bucket(body.bucket)
        checked_key(body.destination)
        await self._sessions.bucket(request, destination)
        return body, destination

    async def _copy_file(self, source: StoredObject, written: Written) -> None:
        if source.place is None:
            raise no_such_key()
        try:
            await self._files.run(self._files.copy, source.place, written.place)
        except FileNotFoundError:
            # A new version has just taken its place.
            raise no_such_key() from None

    async def _forget(self, removed: list[StoredObject]) -> None:
        await self._files.run(self._files.remove, [one.place for one in removed if one.place])

    def _check_number(self, names: list[str], what: str) -> None:
        limit = self._settings.storage_names_max
        if len(names) > limit:
            raise invalid_request(f"body/{what} must NOT have more than {limit} items")


def _changed(source: StoredObject, metadata: CopiedMetadata | None) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if metadata and metadata.cache_control is not None:
        changes["cacheControl"] = checked_header("cache-control", metadata.cache_control)
    if metadata and metadata.mimetype is not None:
        changes["mimetype"] = checked_header("content-type", metadata.mimetype)
    return {**(source.metadata or {}), **changes}


def _shown(one: StoredObject) -> dict[str, Any]:
    return {
        "name": one.name,
        "bucket_id": one.bucket_id,
        "owner": str(one.owner) if one.owner else "",
        "owner_id": one.owner_id or "",
        "version": one.version,
        "id": str(one.id),
        "updated_at": stamp(one.updated_at),
        "created_at": stamp(one.created_at),
        "last_accessed_at": stamp(one.last_accessed_at),
        "metadata": one.metadata,
        "user_metadata": one.user_metadata,
    }
