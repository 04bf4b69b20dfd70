"""Buckets and files of a local Supabase."""

import base64
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import psycopg
import pytest

POLICY = """
create policy "own folder" on storage.objects to authenticated
  using (bucket_id = '{bucket}' and (storage.foldername(name))[1] = auth.uid()::text)
  with check (bucket_id = '{bucket}' and (storage.foldername(name))[1] = auth.uid()::text)
"""


async def change(tools: Any, operation: str, bucket: str, **more: Any) -> dict[str, Any]:
    return await tools("change_storage", operation=operation, bucket=bucket, **more)


async def read(tools: Any, operation: str, **more: Any) -> dict[str, Any]:
    return await tools("read_storage", operation=operation, **more)


@pytest.fixture
async def bucket(as_service) -> str:
    """An empty private bucket."""
    name = f"b{uuid4().hex}"
    await change(as_service, "create_bucket", name)
    return name


async def test_buckets_are_made_changed_and_deleted(as_service, bucket):
    listed = {found["id"]: found for found in (await read(as_service, "list_buckets"))["items"]}
    assert listed[bucket]["public"] is False
    await change(as_service, "update_bucket", bucket, values={"file_size_limit": 10})
    changed = await change(as_service, "update_bucket", bucket, values={"public": True})
    assert (changed["items"][0]["public"], changed["items"][0]["file_size_limit"]) == (True, 10)
    await change(as_service, "upload", bucket, path="a.txt", content="x")
    full = await as_service.fails("change_storage", operation="delete_bucket", bucket=bucket)
    assert full["code"] == "conflict"
    await change(as_service, "empty_bucket", bucket)
    await change(as_service, "delete_bucket", bucket)
    assert bucket not in {found["id"] for found in (await read(as_service, "list_buckets"))["items"]}


@pytest.mark.parametrize("text", ["ünïcode\n", ""])
async def test_a_text_comes_back_as_it_was(as_service, bucket, text):
    await change(as_service, "upload", bucket, path="folder/a b.txt", content=text)
    found = await read(as_service, "download", bucket=bucket, path="folder/a b.txt")
    assert (found["content"], found["encoding"], found["size"]) == (text, "text", len(text.encode()))


async def test_bytes_come_back_as_base64(as_service, bucket):
    sent = base64.b64encode(bytes(range(256))).decode()
    more = {"content": sent, "encoding": "base64", "content_type": "image/png"}
    await change(as_service, "upload", bucket, path="a.png", **more)
    found = await read(as_service, "download", bucket=bucket, path="a.png")
    assert (found["content"], found["encoding"], found["content_type"]) == (sent, "base64", "image/png")
    about = await read(as_service, "info", bucket=bucket, path="a.png")
    assert about["items"][0]["size"] == 256


async def test_files_are_listed_by_folder_and_in_pages(as_service, bucket):
    for path in ("a.txt", "b.txt", "in/c.txt"):
        await change(as_service, "upload", bucket, path=path, content="x")
    first = await read(as_service, "list", bucket=bucket, limit=2)
    rest = await read(as_service, "list", bucket=bucket, limit=2, offset=first["next_offset"])
    assert [file["name"] for file in first["items"] + rest["items"]] == ["a.txt", "b.txt", "in"]
    assert rest["next_offset"] is None
    inside = await read(as_service, "list", bucket=bucket, path="in")
    assert [file["name"] for file in inside["items"]] == ["c.txt"]


async def test_files_are_moved_copied_overwritten_and_removed(as_service, bucket):
    await change(as_service, "upload", bucket, path="a", content="1")
    taken = await as_service.fails("change_storage", operation="upload", bucket=bucket, path="a", content="2")
    assert taken["code"] == "conflict"
    await change(as_service, "upload", bucket, path="a", content="2", overwrite=True)
    await change(as_service, "copy", bucket, path="a", to_path="b/c")
    await change(as_service, "move", bucket, path="a", to_path="d")
    assert (await read(as_service, "download", bucket=bucket, path="b/c"))["content"] == "2"
    gone = await change(as_service, "remove", bucket, paths=["b/c", "d", "never"])
    assert sorted(file["path"] for file in gone["items"]) == ["b/c", "d"]
    error = await as_service.fails("read_storage", operation="download", bucket=bucket, path="d")
    assert error["code"] == "not_found"


async def test_row_level_security_decides_what_a_person_sees(as_administrator, bucket, backend, new_person, as_anyone):
    async with await psycopg.AsyncConnection.connect(backend.database_url) as connection:
        await connection.execute(POLICY.replace("own folder", bucket).format(bucket=bucket).encode())
    person, other = new_person(), new_person()
    session = await as_anyone.signed_in(**person)
    own = (await as_anyone("get_user", session=session))["id"]
    await change(as_anyone, "upload", bucket, path=f"{own}/mine.txt", content="mine", session=session)
    where = {"bucket": bucket, "path": f"{own}/mine.txt"}
    assert (await read(as_anyone, "download", **where, session=session))["content"] == "mine"
    assert (await read(as_administrator, "download", **where, run_as=person["email"]))["content"] == "mine"
    for who in (other["email"], "anon"):
        error = await as_administrator.fails("read_storage", operation="download", **where, run_as=who)
        assert error["code"] == "not_found"
    upload = {"operation": "upload", "bucket": bucket, "path": "elsewhere.txt", "content": "x"}
    assert (await as_anyone.fails("change_storage", **upload, session=session))["code"] == "not_permitted"


async def test_signed_urls_need_no_key(as_service, bucket):
    await change(as_service, "upload", bucket, path="a.txt", content="signed")
    url = (await read(as_service, "sign", bucket=bucket, path="a.txt", seconds=60))["url"]
    async with httpx2.AsyncClient() as http:
        assert (await http.get(url)).text == "signed"
        upload = (await change(as_service, "sign_upload", bucket, path="new.txt"))["url"]
        assert urlsplit(upload).path.endswith("/new.txt")
        assert (await http.put(upload, content=b"put", headers={"content-type": "text/plain"})).is_success
    assert (await read(as_service, "download", bucket=bucket, path="new.txt"))["content"] == "put"


async def test_files_that_are_too_large_are_refused_both_ways(backend, tools_of, as_service, bucket):
    small = await tools_of(backend.url, key=backend.service_role_key, upload_max_bytes=10, download_max_bytes=10)
    upload = {"operation": "upload", "bucket": bucket, "path": "a.txt", "content": "x" * 11}
    assert (await small.fails("change_storage", **upload))["code"] == "too_large"
    await as_service("change_storage", **upload)
    error = await small.fails("read_storage", operation="download", bucket=bucket, path="a.txt")
    assert (error["code"], "SUPABASE_DOWNLOAD_MAX_BYTES" in error["hint"]) == ("too_large", True)


@pytest.mark.parametrize("path", ["../x", "a/../b", "a//b", "./a", "a\nb", "a\\b"])
async def test_a_path_that_climbs_is_refused(as_service, bucket, path):
    for tool, operation in (("read_storage", "download"), ("change_storage", "sign_upload")):
        error = await as_service.fails(tool, operation=operation, bucket=bucket, path=path)
        assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", "path")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"operation": "upload", "path": "a"}, "content"),
        ({"operation": "upload", "path": "a", "content": "?", "encoding": "base64"}, "content"),
        ({"operation": "move", "path": "a"}, "to_path"),
        ({"operation": "remove"}, "paths"),
    ],
)
async def test_what_an_operation_lacks_is_named(as_service, bucket, arguments, field):
    error = await as_service.fails("change_storage", bucket=bucket, **arguments)
    assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", field)


@pytest.mark.parametrize(
    ("status", "code"), [(0, "outcome_unknown"), (503, "vendor_unavailable"), (200, "outcome_unknown")]
)
async def test_a_change_that_fails_on_the_way_is_told_as_what_it_is(scripted_project, tools_of, status, code):
    project = await scripted_project(lambda _asked: {"status": status, "body": "<html>"})
    upload = {"operation": "upload", "bucket": "b", "path": "a", "content": "x"}
    assert (await (await tools_of(project.url)).fails("change_storage", **upload))["code"] == code
