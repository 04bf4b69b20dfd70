"""Buckets: listed, made, changed, emptied and removed, under row level security of `storage.buckets`."""

from typing import Any

from psycopg import sql
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.intake import whole_number
from smeboost_emulators.supabase.callers import Caller
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.storage.errors import (
    StorageFailure,
    invalid_request,
    no_such_bucket,
    not_supported,
    too_large,
)
from smeboost_emulators.supabase.storage.files import Files
from smeboost_emulators.supabase.storage.names import checked_bucket, checked_mime_types, size_in_bytes
from smeboost_emulators.supabase.storage.requests import BucketBody, body_of
from smeboost_emulators.supabase.storage.rows import Rows, StoredObject, stamp
from smeboost_emulators.supabase.storage.sessions import SERVICE, Sessions, owner_of

SORT_COLUMNS = frozenset({"id", "name", "created_at", "updated_at"})
EMPTY_BATCH = 500
_COLUMNS = sql.SQL("""id, name, coalesce(owner_id, owner::text, '') as owner, coalesce(public, false) as public, type,
  file_size_limit, allowed_mime_types, created_at, updated_at""")
_GET = sql.SQL("select {} from storage.buckets where id = $1").format(_COLUMNS)
_INSERT = """insert into storage.buckets (id, name, owner, owner_id, public, file_size_limit, allowed_mime_types)
  values ($1, $2, case when $3 ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then $3::uuid end, $3, $4, $5, $6)"""
_UPDATE = """update storage.buckets set updated_at = now(), public = coalesce($2::boolean, public),
  file_size_limit = case when $3::boolean then $4::bigint else file_size_limit end,
  allowed_mime_types = case when $5::boolean then $6::text[] else allowed_mime_types end
  where id = $1 returning id"""


class Buckets:
    """The endpoints of /bucket."""

    def __init__(self, settings: SupabaseBackendSettings, sessions: Sessions, files: Files) -> None:
        self._settings = settings
        self._sessions = sessions
        self._files = files

    async def list(self, request: Request, caller: Caller) -> Response:
        """The buckets that the caller may know of."""
        query = request.query_params
        column, order = query.get("sortColumn", "name"), query.get("sortOrder", "asc")
        if column not in SORT_COLUMNS or order not in {"asc", "desc"}:
            raise invalid_request("querystring/sortColumn and sortOrder must be one of the allowed values")
        statement = sql.SQL(
            "select {columns} from storage.buckets where strpos(lower(name), lower($1)) > 0"
            " order by {column} {order}, id limit $2 offset $3"
        ).format(columns=_COLUMNS, column=sql.Identifier(column), order=sql.SQL("desc" if order == "desc" else "asc"))
        limit = min(_whole(query.get("limit"), self._settings.storage_list_max), self._settings.storage_list_max)
        search = query.get("search", "").replace("\0", "")
        async with self._sessions.begin(caller, request, "bucket.list") as rows:
            found = await rows.all(statement, search, limit, _whole(query.get("offset"), 0))
        return JSONResponse([_shown(bucket) for bucket in found])

    async def get(self, request: Request, caller: Caller) -> Response:
        """One bucket."""
        async with self._sessions.begin(caller, request, "bucket.get") as rows:
            found = await rows.all(_GET, _id(request))
        if not found:
            raise no_such_bucket()
        return JSONResponse(_shown(found[0]))

    async def create(self, request: Request, caller: Caller) -> Response:
        """Make a bucket."""
        body = await self._body(request)
        name = body.name or body.id
        if not name:
            raise invalid_request("body must have required property 'name'")
        if body.type not in {None, "STANDARD"}:
            raise not_supported(f"Buckets of type {body.type} are")
        identity = checked_bucket(body.id or name)
        checked_bucket(name)
        types = checked_mime_types(body.allowed_mime_types)
        limit = self._size_limit(body)
        async with self._sessions.begin(caller, request, "bucket.create") as rows:
            await rows.all(_INSERT, identity, name, owner_of(caller), bool(body.public), limit, types)
        return JSONResponse({"name": identity})

    async def update(self, request: Request, caller: Caller) -> Response:
        """Change what the body names, and nothing else."""
        body = await self._body(request)
        given = body.model_fields_set
        changes = (
            body.public,
            "file_size_limit" in given,
            self._size_limit(body),
            "allowed_mime_types" in given,
            checked_mime_types(body.allowed_mime_types),
        )
        async with self._sessions.begin(caller, request, "bucket.update") as rows:
            changed = await rows.all(_UPDATE, _id(request), *changes)
        if not changed:
            raise no_such_bucket()
        return JSONResponse({"message": "Successfully updated"})

    async def delete(self, request: Request, caller: Caller) -> Response:
        """Remove a bucket that is empty. An upload at the same moment keeps it: its row refers to the bucket."""
        identity = _id(request)
        await self._require(request, caller, identity)
        async with self._sessions.begin(SERVICE, request, "bucket.delete") as rows:
            if await rows.names(identity, 1):
                raise StorageFailure(409, "ResourceNotEmpty", "The bucket you tried to delete is not empty")
        async with self._sessions.begin(caller, request, "bucket.delete") as rows:
            if not await rows.all("delete from storage.buckets where id = $1 returning id", identity):
                raise no_such_bucket()
        return JSONResponse({"message": "Successfully deleted"})

    async def empty(self, request: Request, caller: Caller) -> Response:
        """Remove every object that the caller may know of, batch by batch."""
        identity = _id(request)
        await self._require(request, caller, identity)
        while True:
            async with self._sessions.begin(caller, request, "bucket.empty") as rows:
                removed, refused = await _remove_some(rows, identity)
            await self._files.run(self._files.remove, [one.place for one in removed if one.place])
            if refused:
                message = f"Cannot delete: {', '.join(refused)}, you may have SELECT but not DELETE permissions"
                raise StorageFailure(409, "InvalidRequest", message)
            if not removed:
                return JSONResponse({"message": "Successfully emptied"})

    async def _require(self, request: Request, caller: Caller, identity: str) -> None:
        async with self._sessions.begin(caller, request, "bucket.get") as rows:
            if await rows.bucket(identity) is None:
                raise no_such_bucket()

    async def _body(self, request: Request) -> BucketBody:
        return await body_of(request, BucketBody, limit_bytes=self._settings.storage_body_max_bytes)

    def _size_limit(self, body: BucketBody) -> int | None:
        if body.file_size_limit is None:
            return None
        size = size_in_bytes(body.file_size_limit)
        if size > self._settings.file_size_limit_bytes:
            raise too_large()
        return size


async def _remove_some(rows: Rows, identity: str) -> tuple[list[StoredObject], list[str]]:
    names = await rows.names(identity, EMPTY_BATCH)
    removed = await rows.remove(identity, names)
    gone = {one.name for one in removed}
    left = await rows.known(identity, [name for name in names if name not in gone])
    return removed, sorted(left)


def _id(request: Request) -> str:
    return checked_bucket(request.path_params["bucket"])


def _whole(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    number = whole_number(text)
    if number is None or number > 2**31:
        raise invalid_request("querystring/limit and offset must be whole numbers")
    return number


def _shown(bucket: dict[str, Any]) -> dict[str, Any]:
    moments = {name: stamp(bucket[name]) for name in ("created_at", "updated_at")}
    return {**bucket, **moments}
