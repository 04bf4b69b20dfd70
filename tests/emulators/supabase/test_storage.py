"""Storage through the official client: buckets, and objects from one byte to many."""

import io
import os

import pytest
from storage3.exceptions import StorageApiError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


@pytest.fixture
def admin(supabase_backend, client_for):
    return client_for(supabase_backend.service_role_key).storage


def test_a_bucket_is_made_shown_changed_and_removed(admin, new_bucket):
    name = new_bucket(public=False, file_size_limit=1000, allowed_mime_types=["image/*"])

    made = admin.get_bucket(name)
    changed = admin.update_bucket(name, {"public": True})
    after = admin.get_bucket(name)
    removed = admin.delete_bucket(name)

    assert (made.id, made.name, made.public, made.owner, made.type) == (name, name, False, "", "STANDARD")
    assert (made.file_size_limit, made.allowed_mime_types) == (1000, ["image/*"])
    assert changed == {"message": "Successfully updated"}
    assert (after.public, after.file_size_limit) == (True, 1000)
    assert removed == {"message": "Successfully deleted"}
    with pytest.raises(StorageApiError) as gone:
        admin.get_bucket(name)
    assert (gone.value.status, gone.value.message) == ("404", "Bucket not found")


def test_a_bucket_cannot_be_made_twice(admin, new_bucket):
    with pytest.raises(StorageApiError) as refused:
        admin.create_bucket(new_bucket())

    assert (refused.value.status, refused.value.code) == ("409", "Duplicate")


def test_a_bucket_with_objects_is_emptied_before_it_can_go(admin, new_bucket):
    name = new_bucket()
    for number in range(3):
        admin.from_(name).upload(f"folder/{number}.txt", b"x")

    with pytest.raises(StorageApiError) as refused:
        admin.delete_bucket(name)
    emptied = admin.empty_bucket(name)
    removed = admin.delete_bucket(name)

    assert refused.value.status == "409"
    assert emptied == {"message": "Successfully emptied"}
    assert removed == {"message": "Successfully deleted"}


@pytest.mark.parametrize("size", [0, 1, 65_535, 524_288, 5_000_000, 20_000_000])
def test_what_is_uploaded_is_what_is_downloaded(admin, new_bucket, size):
    bucket = admin.from_(new_bucket())
    content = os.urandom(size)

    written = bucket.upload("folder/file.bin", content, {"content-type": "application/x-thing"})
    info = bucket.info("folder/file.bin")

    assert written.path == "folder/file.bin"
    assert bucket.download("folder/file.bin") == content
    assert (info["size"], info["content_type"], info["name"]) == (size, "application/x-thing", "folder/file.bin")


def test_an_upload_may_be_an_open_file_or_a_path(admin, new_bucket, tmp_path):
    bucket = admin.from_(new_bucket())
    path = tmp_path / "a.png"
    path.write_bytes(PNG)

    with path.open("rb") as file:
        bucket.upload("open.png", file)
    bucket.upload("path.png", path)

    assert bucket.download("open.png") == bucket.download("path.png") == PNG


def test_an_object_is_written_once_unless_the_writer_means_to_replace_it(admin, new_bucket):
    bucket = admin.from_(new_bucket())
    bucket.upload("a.txt", b"first")

    with pytest.raises(StorageApiError) as refused:
        bucket.upload("a.txt", b"second")
    kept = bucket.download("a.txt")
    bucket.upload("a.txt", b"third", {"upsert": "true"})
    upserted = bucket.download("a.txt")
    bucket.update("a.txt", b"fourth")

    assert (refused.value.status, refused.value.code) == ("409", "Duplicate")
    assert (kept, upserted, bucket.download("a.txt")) == (b"first", b"third", b"fourth")


def test_own_metadata_and_cache_time_are_kept(admin, new_bucket):
    bucket = admin.from_(new_bucket())

    bucket.upload("a.txt", b"x", {"cache-control": "60", "metadata": {"colour": "blue"}})
    info = bucket.info("a.txt")

    assert (info["metadata"], info["cache_control"]) == ({"colour": "blue"}, "max-age=60")


def test_exists_tells_what_is_there(admin, new_bucket):
    bucket = admin.from_(new_bucket())
    bucket.upload("a.txt", b"x")

    assert bucket.exists("a.txt")
    assert not bucket.exists("b.txt")


def test_an_object_is_moved_copied_and_removed(admin, new_bucket):
    bucket = admin.from_(new_bucket())
    bucket.upload("a.txt", b"content", {"metadata": {"colour": "blue"}})

    moved = bucket.move("a.txt", "folder/b.txt")
    copied = bucket.copy("folder/b.txt", "c.txt")
    removed = bucket.remove(["folder/b.txt", "missing.txt"])

    assert moved["message"] == "Successfully moved"
    assert copied["Key"] == f"{bucket.id}/c.txt"
    assert not bucket.exists("a.txt")
    assert [row["name"] for row in removed] == ["folder/b.txt"]
    assert bucket.download("c.txt") == b"content"
    assert bucket.info("c.txt")["metadata"] == {"colour": "blue"}


def test_an_object_is_copied_and_moved_to_another_bucket(admin_http, admin, new_bucket):
    first, second = new_bucket(), new_bucket()
    admin.from_(first).upload("a.txt", b"content")
    names = {"bucketId": first, "sourceKey": "a.txt", "destinationBucket": second}

    copied = admin_http.post("/storage/v1/object/copy", json={**names, "destinationKey": "copied.txt"})
    moved = admin_http.post("/storage/v1/object/move", json={**names, "destinationKey": "moved.txt"})

    assert (copied.status_code, moved.status_code) == (200, 200)
    assert admin.from_(second).download("copied.txt") == admin.from_(second).download("moved.txt") == b"content"
    assert not admin.from_(first).exists("a.txt")


def test_a_copy_may_leave_metadata_behind(admin_http, admin, new_bucket):
    bucket = admin.from_(new_bucket())
    bucket.upload("a.txt", b"content", {"metadata": {"colour": "blue"}})
    names = {"bucketId": bucket.id, "sourceKey": "a.txt", "destinationKey": "b.txt", "copyMetadata": False}

    answer = admin_http.post("/storage/v1/object/copy", json={**names, "metadata": {"cacheControl": "max-age=5"}})
    info = bucket.info("b.txt")

    assert answer.status_code == 200
    assert (info["metadata"], info["cache_control"]) == ({}, "max-age=5")


def test_links_show_an_object_without_a_key(admin, new_bucket, http):
    bucket = admin.from_(new_bucket())
    bucket.upload("folder/a b.txt", b"content")

    single = bucket.create_signed_url("folder/a b.txt", 60)["signedURL"]
    many = bucket.create_signed_urls(["folder/a b.txt", "missing.txt"], 60)

    for url in (single, many[0]["signedURL"]):
        assert http.get(url, headers={"apikey": ""}).content == b"content"
    assert many[1] == {
        "error": "Either the object does not exist or you do not have access to it",
        "path": "missing.txt",
        "signedURL": None,
        "signedUrl": None,
    }


def test_a_link_to_upload_takes_one_object_without_a_key(admin, new_bucket, http):
    bucket = admin.from_(new_bucket())

    link = bucket.create_signed_upload_url("a.txt")
    written = bucket.upload_to_signed_url("a.txt", link["token"], b"content")
    again = http.put(link["signed_url"], content=b"other", headers={"apikey": ""})

    assert written.path == "a.txt"
    assert bucket.download("a.txt") == b"content"
    assert again.json()["statusCode"] == "409"


def test_a_public_bucket_is_read_without_a_key(admin, new_bucket, http):
    public, private = new_bucket(public=True), new_bucket()
    for name in (public, private):
        admin.from_(name).upload("a.txt", b"content")

    shown = http.get(admin.from_(public).get_public_url("a.txt"), headers={"apikey": ""})
    hidden = http.get(admin.from_(private).get_public_url("a.txt"), headers={"apikey": ""})

    assert (shown.status_code, shown.content) == (200, b"content")
    assert (hidden.status_code, hidden.json()["statusCode"], hidden.json()["code"]) == (400, "404", "NoSuchBucket")


async def test_the_asynchronous_client_does_the_same(supabase_backend, async_client, new_bucket):
    name = new_bucket(public=True)
    async_client.storage._headers["Authorization"] = f"Bearer {supabase_backend.service_role_key}"
    bucket = async_client.storage.from_(name)

    await bucket.upload("a.txt", b"content")
    await bucket.copy("a.txt", "b.txt")
    await bucket.move("b.txt", "c.txt")
    link = await bucket.create_signed_upload_url("d.txt")
    await bucket.upload_to_signed_url("d.txt", link["token"], io.BufferedReader(io.BytesIO(PNG)))
    names = [row["name"] for row in await bucket.list()]
    page = await bucket.list_v2({"with_delimiter": True})
    removed = await bucket.remove(["c.txt"])

    assert names == ["a.txt", "c.txt", "d.txt"]
    assert [one.name for one in page.objects] == names
    assert await bucket.download("d.txt") == PNG
    assert [row["name"] for row in removed] == ["c.txt"]
    assert await bucket.exists("a.txt")
    assert not await bucket.exists("c.txt")
