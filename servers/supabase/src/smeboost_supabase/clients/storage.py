"""Buckets and files, through the Storage API.

Rules of this room:

- A call is made with the token of whom it acts as, so row level security on `storage.objects` decides.
- A path is checked before it becomes part of a URL; nothing in it may climb out of its bucket.
- A change without a known end raises `OutcomeUnknown`; a read is not repeated.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

import httpx
from pydantic import JsonValue, SecretStr, ValidationError
from pydantic_core import to_jsonable_python
from smeboost_shared.errors import OutcomeUnknown, TooLarge, VendorBadAnswer
from storage3 import AsyncStorageClient
from storage3.exceptions import StorageApiError
from storage3.types import CreateOrUpdateBucketOptions, FileOptions, ListBucketFilesOptions

from smeboost_supabase.clients.acting import Acting
from smeboost_supabase.clients.project import Project
from smeboost_supabase.files import FileContent, sent, shown
from smeboost_supabase.models import BucketValues, StorageAnswer
from smeboost_supabase.service_faults import http_error
from smeboost_supabase.storage_faults import LOOK_FIRST, storage_error
from smeboost_supabase.wire import AnswerTooLarge, Refused

Answer = TypeVar("Answer")
Json = dict[str, JsonValue]


class Storage:
    """The files of one project. Every method raises as `storage_error` says."""

    def __init__(self, project: Project, acting: Acting) -> None:
        self._project = project
        self._acting = acting

    def acting_as(self, session: SecretStr | None, run_as: str | None) -> "StorageAs":
        """The same files, as somebody."""
        return StorageAs(self._project, self._acting, session, run_as)


class StorageAs:
    """The files of one project as one person or role sees them."""

    def __init__(self, project: Project, acting: Acting, session: SecretStr | None, run_as: str | None) -> None:
        self._project = project
        self._acting = acting
        self._session = session
        self._run_as = run_as

    # --- reading ----------------------------------------------------------------------------------------------------

    async def list_buckets(self) -> StorageAnswer:
        """All buckets."""
        buckets = await self._read(lambda storage: storage.list_buckets())
        return StorageAnswer(items=[_bucket(bucket) for bucket in buckets])

    async def list_files(
        self, bucket: str, folder: str, *, search: str | None, limit: int, offset: int
    ) -> StorageAnswer:
        """One page of a folder; a folder in it has no id."""
        options: ListBucketFilesOptions = {"limit": limit + 1, "offset": offset}
        if search:
            options["search"] = search
        found = await self._read(lambda storage: storage.from_(bucket).list(folder, options))
        end = offset + limit if len(found) > limit else None
        return StorageAnswer(items=cast(list[Json], to_jsonable_python(found[:limit])), next_offset=end)

    async def info(self, bucket: str, path: str) -> StorageAnswer:
        """What is known of a file."""
        found = await self._read(lambda storage: storage.from_(bucket).info(path))
        return StorageAnswer(items=[cast(Json, to_jsonable_python(found))])

    async def download(self, bucket: str, path: str) -> StorageAnswer:
        """The content of a file, as text or base64.

        Raises:
            TooLarge: it is larger than SUPABASE_DOWNLOAD_MAX_BYTES.
        """
        limit = self._project.settings.download_max_bytes
        about = await self._read(lambda storage: storage.from_(bucket).info(path))
        size = about.get("size")
        if isinstance(size, int) and size > limit:
            raise _too_large(size, limit)
        content = await self._read(lambda storage: storage.from_(bucket).download(path))
        if len(content) > limit:
            raise _too_large(len(content), limit)
        file = shown(content, str(about.get("content_type") or ""))
        return StorageAnswer(
            content=file.text, encoding=file.encoding, content_type=file.content_type, size=len(content)
        )

    async def sign(self, bucket: str, path: str, *, seconds: int) -> StorageAnswer:
        """A URL that gives the file to whoever has it, for a time."""
        signed = await self._read(lambda storage: storage.from_(bucket).create_signed_url(path, seconds))
        return StorageAnswer(url=signed["signedURL"])

    # --- changing ---------------------------------------------------------------------------------------------------

    async def create_bucket(self, bucket: str, values: BucketValues) -> StorageAnswer:
        """Make a bucket."""
        options = _options(values)
        await self._change(lambda storage: storage.create_bucket(bucket, options=options))
        return StorageAnswer(items=[{"id": bucket}])

    async def update_bucket(self, bucket: str, values: BucketValues) -> StorageAnswer:
        """Change what is given; the Storage API takes all of it, so the rest is read first."""
        present = _bucket(await self._read(lambda storage: storage.get_bucket(bucket)))
        kept = {name: present.get(name) for name in ("public", "file_size_limit", "allowed_mime_types")}
        options = cast(CreateOrUpdateBucketOptions, kept | _options(values))
        await self._change(lambda storage: storage.update_bucket(bucket, options))
        return StorageAnswer(items=[_bucket(await self._read(lambda storage: storage.get_bucket(bucket)))])

    async def empty_bucket(self, bucket: str) -> StorageAnswer:
        """Remove all files of a bucket."""
        await self._change(lambda storage: storage.empty_bucket(bucket))
        return StorageAnswer()

    async def delete_bucket(self, bucket: str) -> StorageAnswer:
        """Remove an empty bucket."""
        await self._change(lambda storage: storage.delete_bucket(bucket))
        return StorageAnswer()

    async def upload(self, bucket: str, path: str, file: FileContent, *, overwrite: bool) -> StorageAnswer:
        """Store a file.

        Raises:
            InvalidInput: the content is not base64.
            TooLarge: it is larger than SUPABASE_UPLOAD_MAX_BYTES.
        """
        content = sent(file, limit=self._project.settings.upload_max_bytes)
        options: FileOptions = {"content-type": file.content_type, "upsert": "true" if overwrite else "false"}
        done = await self._change(lambda storage: storage.from_(bucket).upload(path, content, options))
        return StorageAnswer(items=[{"path": done.path}], size=len(content))

    async def move(self, bucket: str, path: str, to_path: str) -> StorageAnswer:
        """Give a file another path."""
        await self._change(lambda storage: storage.from_(bucket).move(path, to_path))
        return StorageAnswer(items=[{"path": to_path}])

    async def copy(self, bucket: str, path: str, to_path: str) -> StorageAnswer:
        """Make another file of the same content."""
        await self._change(lambda storage: storage.from_(bucket).copy(path, to_path))
        return StorageAnswer(items=[{"path": to_path}])

    async def remove(self, bucket: str, paths: list[str]) -> StorageAnswer:
        """Remove files; those that were removed are told."""
        gone = await self._change(lambda storage: storage.from_(bucket).remove(paths))
        return StorageAnswer(items=[{"path": str(file.get("name"))} for file in gone])

    async def sign_upload(self, bucket: str, path: str) -> StorageAnswer:
        """A URL to which one file may be uploaded without a key, with PUT."""
        signed = await self._change(lambda storage: storage.from_(bucket).create_signed_upload_url(path))
        return StorageAnswer(url=signed["signed_url"])

    # --- calls ------------------------------------------------------------------------------------------------------

    async def _read(self, ask: Callable[[AsyncStorageClient], Awaitable[Answer]]) -> Answer:
        return await self._call(ask, writes=False)

    async def _change(self, ask: Callable[[AsyncStorageClient], Awaitable[Answer]]) -> Answer:
        return await self._call(ask, writes=True)

    async def _call(self, ask: Callable[[AsyncStorageClient], Awaitable[Answer]], *, writes: bool) -> Answer:
        async def once(token: str | None) -> Answer:
            try:
                return await ask(self._client(token))
            except StorageApiError as exc:
                raise storage_error(
                    exc.code, exc.status, exc.message, as_user=token is not None, writes=writes
                ) from exc
            except (Refused, AnswerTooLarge, httpx.HTTPError) as exc:
                raise http_error(exc, writes=writes) from exc
            except (ValidationError, json.JSONDecodeError, KeyError, TypeError):
                if writes:
                    raise OutcomeUnknown(hint=LOOK_FIRST) from None
                raise VendorBadAnswer("Supabase Storage gave an answer that we do not understand.") from None

        return await self._acting.call(self._session, self._run_as, once)

    def _client(self, token: str | None) -> AsyncStorageClient:
        key = self._project.settings.key.get_secret_value()
        headers = {"apiKey": key, "Authorization": f"Bearer {token or key}"}
        return AsyncStorageClient(f"{self._project.settings.url}/storage/v1/", headers, http_client=self._project.http)


def _bucket(bucket: Any) -> Json:
    names = ("id", "name", "public", "file_size_limit", "allowed_mime_types", "created_at")
    return cast(Json, to_jsonable_python({name: getattr(bucket, name) for name in names}))


def _options(values: BucketValues) -> CreateOrUpdateBucketOptions:
    return cast(CreateOrUpdateBucketOptions, values.model_dump(exclude_none=True))


def _too_large(size: int, limit: int) -> TooLarge:
    hint = "Sign a URL for it, or raise SUPABASE_DOWNLOAD_MAX_BYTES."
    return TooLarge(f"The file has {size} bytes; {limit} are given at most.", hint=hint)
