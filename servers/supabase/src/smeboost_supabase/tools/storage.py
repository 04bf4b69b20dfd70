"""Buckets and files."""

from typing import Annotated, Literal

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.errors import FieldProblem, InvalidInput
from smeboost_shared.toolkit import READ, UPDATE

from smeboost_supabase.client import SupabaseClient
from smeboost_supabase.clients.storage import StorageAs
from smeboost_supabase.files import Encoding, FileContent
from smeboost_supabase.models import (
    OFFSET_MAX,
    BucketName,
    BucketValues,
    FilePath,
    RunAs,
    SessionHandle,
    StorageAnswer,
)

PAGE_MAX = 1000
PATHS_MAX = 1000
SIGNED_SECONDS_MAX = 7 * 24 * 3600
Reading = Literal["list_buckets", "list", "info", "download", "sign"]
BucketChange = Literal["create_bucket", "update_bucket", "empty_bucket", "delete_bucket"]
FileChange = Literal["upload", "move", "copy", "remove", "sign_upload"]
Session = Annotated[SessionHandle | None, Field(description="As for select_rows")]


def register(mcp: FastMCP, client: SupabaseClient) -> None:
    """Add the tools to `mcp`."""
    _offer_reading(mcp, client)
    _offer_changing(mcp, client)


def _offer_reading(mcp: FastMCP, client: SupabaseClient) -> None:
    @mcp.tool(annotations=READ, title="Read storage")
    async def read_storage(
        *,
        operation: Reading,
        bucket: BucketName | None = None,
        path: Annotated[FilePath | None, Field(description="A file, or for list a folder")] = None,
        search: Annotated[str | None, Field(max_length=200)] = None,
        limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100,
        offset: Annotated[int, Field(ge=0, le=OFFSET_MAX)] = 0,
        seconds: Annotated[int, Field(ge=1, le=SIGNED_SECONDS_MAX, description="For sign")] = 3600,
        session: Session = None,
        run_as: RunAs | None = None,
    ) -> StorageAnswer:
        """List buckets or files, read a file (base64 when it is no text), or sign a URL for it."""
        storage = client.storage.acting_as(session, run_as)
        if operation == "list_buckets":
            return await storage.list_buckets()
        place = _given("bucket", bucket)
        if operation == "list":
            return await storage.list_files(place, path or "", search=search, limit=limit, offset=offset)
        file = _given("path", path)
        if operation == "sign":
            return await storage.sign(place, file, seconds=seconds)
        return await (storage.info if operation == "info" else storage.download)(place, file)


def _offer_changing(mcp: FastMCP, client: SupabaseClient) -> None:
    @mcp.tool(annotations=UPDATE, title="Change storage")
    async def change_storage(
        *,
        operation: BucketChange | FileChange,
        bucket: BucketName,
        path: FilePath | None = None,
        to_path: Annotated[FilePath | None, Field(description="For move, copy")] = None,
        paths: Annotated[list[FilePath] | None, Field(max_length=PATHS_MAX, description="For remove")] = None,
        content: Annotated[str | None, Field(description="For upload")] = None,
        encoding: Encoding = "text",
        content_type: Annotated[str, Field(max_length=200, pattern=r"^[\x20-\x7e]+$")] = "text/plain;charset=UTF-8",
        overwrite: bool = False,
        values: Annotated[BucketValues | None, Field(description="Of a bucket")] = None,
        session: Session = None,
        run_as: RunAs | None = None,
    ) -> StorageAnswer:
        """Make, change, empty or delete a bucket; upload, move, copy or remove files; sign a URL to upload to."""
        storage = client.storage.acting_as(session, run_as)
        if operation.endswith("bucket"):
            return await _changed_bucket(storage, operation, bucket, values or BucketValues())
        if operation == "remove":
            return await storage.remove(bucket, paths or [_given("paths", path)])
        file = _given("path", path)
        if operation == "upload":
            given = FileContent(_given("content", content), encoding, content_type)
            return await storage.upload(bucket, file, given, overwrite=overwrite)
        if operation == "sign_upload":
            return await storage.sign_upload(bucket, file)
        return await (storage.move if operation == "move" else storage.copy)(bucket, file, _given("to_path", to_path))


async def _changed_bucket(storage: StorageAs, operation: str, bucket: str, values: BucketValues) -> StorageAnswer:
    match operation:
        case "create_bucket":
            return await storage.create_bucket(bucket, values)
        case "update_bucket":
            return await storage.update_bucket(bucket, values)
        case "empty_bucket":
            return await storage.empty_bucket(bucket)
        case _:
            return await storage.delete_bucket(bucket)


def _given(field: str, value: str | None) -> str:
    if value is None:
        problem = FieldProblem(field=field, message="is needed for this operation")
        raise InvalidInput("Something is missing.", errors=[problem])
    return value
