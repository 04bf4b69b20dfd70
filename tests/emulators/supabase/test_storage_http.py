"""Storage over plain HTTP: headers, parts, conditions, limits, forms, and names that are refused."""

import base64
import json
import os
import socket

import httpx
import pytest
from smeboost_emulators.testing.waiting import until

CONTENT = bytes(range(256)) * 10
HTML = b"<script>alert(1)</script>"


def answered(backend, sent: str) -> bytes:
    """All that comes back for these bytes until the server closes."""
    url = httpx.URL(backend.url)
    with socket.create_connection((url.host, url.port), timeout=5) as connection:
        connection.sendall(sent.encode())
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.fixture
def put(admin_http, new_bucket):
    """A factory of objects: gives the path of one below /object."""

    def make(content: bytes = CONTENT, name: str = "folder/file.bin", *, headers=None, **options: object) -> str:
        path = f"{new_bucket(**options)}/{name}"
        answer = admin_http.post(f"/storage/v1/object/{path}", content=content, headers=headers)
        assert answer.status_code == 200, answer.text
        return path

    return make


@pytest.fixture
def get(admin_http):
    return lambda path, **headers: admin_http.get(f"/storage/v1/object/{path}", headers=headers)


def code(answer: httpx.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert set(body) == {"statusCode", "code", "error", "message"}
    return (answer.status_code, body["statusCode"], body["code"])


def test_a_download_says_what_it_is(put, get):
    path = put(headers={"content-type": "image/png", "cache-control": "max-age=60"})

    answer = get(path)
    again = get(path)

    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["etag"] == again.headers["etag"]


def test_a_head_gives_the_headers_only(put, admin_http):
    path = put()

    for way in ("", "authenticated/"):
        answer = admin_http.head(f"/storage/v1/object/{way}{path}")
        assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, str(len(CONTENT)), b"")
    missing = admin_http.head(f"/storage/v1/object/{path}.missing")
    assert (missing.status_code, missing.content) == (400, b"")


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-0", 206, (0, 1)),
        ("bytes=10-19", 206, (10, 20)),
        ("bytes=2550-", 206, (2550, 2560)),
        ("bytes=-5", 206, (2555, 2560)),
        ("bytes=2559-99999", 206, (2559, 2560)),
        ("bytes=-99999", 206, (0, 2560)),
        ("bytes=5-4", 200, (0, 2560)),
        ("bytes=0-1,3-4", 200, (0, 2560)),
        ("lines=0-1", 200, (0, 2560)),
        ("bytes=-", 200, (0, 2560)),
    ],
)
def test_a_range_is_answered_with_a_part(put, get, asked, status, part):
    answer = get(put(), range=asked)

    assert (answer.status_code, answer.content) == (status, CONTENT[slice(*part)])
    expected = f"bytes {part[0]}-{part[1] - 1}/2560" if status == 206 else None
    assert answer.headers.get("content-range") == expected


@pytest.mark.parametrize("asked", ["bytes=2560-", "bytes=9999-99999", "bytes=-0"])
def test_a_range_that_is_not_there_is_refused(put, get, asked):
    assert code(get(put(), range=asked)) == (400, "416", "InvalidRange")


def test_a_copy_that_is_still_good_is_not_sent_again(put, get, admin_http):
    path = put()
    first = get(path)
    etag, moment = first.headers["etag"], first.headers["last-modified"]

    assert [get(path, **{"if-none-match": tag}).status_code for tag in (etag, f"W/{etag}", f'"x", {etag}', '"x"')] == [
        304,
        304,
        304,
        200,
    ]
    assert get(path, **{"if-modified-since": moment}).status_code == 304
    assert get(path, **{"if-modified-since": "Thu, 01 Jan 1998 00:00:00 GMT"}).status_code == 200
    assert get(path, **{"if-modified-since": "rubbish"}).status_code == 200
    admin_http.put(f"/storage/v1/object/{path}", content=b"new")
    assert get(path, **{"if-none-match": etag}).content == b"new"


def test_a_download_may_be_an_attachment_of_any_name(put, get):
    path = put(public=True)

    plain, named = get(f"{path}?download="), get(f"public/{path}?download=a%0d%0ab%22%E2%82%AC.txt")

    assert plain.headers["content-disposition"] == "attachment;"
    encoded = "a%0D%0Ab%22%E2%82%AC.txt"
    assert named.headers["content-disposition"] == f"attachment; filename={encoded}; filename*=UTF-8''{encoded};"


def test_a_page_is_shown_as_text(put, get):
    path = put(HTML, headers={"content-type": "text/html; charset=utf-8"})

    assert get(path).headers["content-type"].startswith("text/plain")


def test_a_link_says_until_when_it_is_good(put, admin_http, http):
    path = put()
    url = admin_http.post(f"/storage/v1/object/sign/{path}", json={"expiresIn": 60}).json()["signedURL"]

    answer = http.get(f"/storage/v1{url}&download=a.txt", headers={"range": "bytes=0-3"})

    assert (answer.status_code, answer.content) == (206, CONTENT[:4])
    assert answer.headers["expires"].endswith(" GMT")
    assert answer.headers["content-disposition"].startswith("attachment; filename=a.txt")


def test_info_is_open_for_public_buckets(put, http):
    public, private = put(public=True), put()

    assert http.get(f"/storage/v1/object/info/public/{public}", headers={"apikey": ""}).json()["size"] == len(CONTENT)
    assert code(http.get(f"/storage/v1/object/info/public/{private}", headers={"apikey": ""})) == (
        400,
        "404",
        "NoSuchBucket",
    )


def test_the_tag_is_the_md5_of_the_bytes(put, get):
    assert get(put(b"hello")).headers["etag"] == '"5d41402abc4b2a76b9719d911017c592"'


def test_own_metadata_may_come_in_a_header(put, get):
    metadata = base64.b64encode(json.dumps({"colour": "blue"}).encode()).decode()

    path = put(headers={"x-metadata": metadata})

    assert get(f"info/{path}").json()["metadata"] == {"colour": "blue"}


@pytest.mark.parametrize("sent", ["not base64", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode()])
def test_own_metadata_that_cannot_be_read_is_passed_over(put, get, sent):
    assert get(f"info/{put(headers={'x-metadata': sent})}").json()["metadata"] == {}


@pytest.mark.parametrize("key", ["é.txt", "日本.txt", "a%23b", "a%5Cb", "a%00b", "a%7Cb", "%F0%9F%98%80", "a" * 1025])
def test_a_name_that_storage_does_not_take_is_refused(admin_http, new_bucket, key):
    path = f"/storage/v1/object/{new_bucket()}/{key}"

    assert code(admin_http.post(path, content=b"x")) == (400, "400", "InvalidKey")
    assert code(admin_http.get(path)) == (400, "400", "InvalidKey")


@pytest.mark.parametrize(
    "key", ["../a", "a/../../b", "./a", "a/..", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd"]
)
def test_a_name_cannot_climb(supabase_backend, new_bucket, key):
    target = f"/storage/v1/object/{new_bucket()}/{key}"
    authorization = f"Bearer {supabase_backend.service_role_key}"
    head = (
        f"POST {target} HTTP/1.1\r\nHost: h\r\napikey: {supabase_backend.anon_key}\r\n"
        f"Authorization: {authorization}\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
    )

    answer = answered(supabase_backend, head)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"InvalidKey"' in answer


@pytest.mark.parametrize("key", ["a b.txt", "a!-.*'()&$@=;:+,_b", "a%3Fb", "deep/er/and/deeper", "a//b", ".hidden"])
def test_a_name_that_storage_takes_comes_back(admin_http, new_bucket, key):
    bucket = new_bucket()
    path = f"/storage/v1/object/{bucket}/{key}"

    assert admin_http.post(path, content=b"x").status_code == 200
    assert admin_http.get(path).content == b"x"


@pytest.mark.parametrize("name", ["", " a", "a/b", "é", "a" * 64, "a\nb", "a#b"])
def test_a_bucket_of_that_name_is_refused(admin_http, name):
    answer = admin_http.post("/storage/v1/bucket", json={"id": name, "name": name})

    assert answer.status_code == 400
    assert answer.json()["code"] in {"InvalidBucketName", "InvalidRequest"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"file_size_limit": "1kb"}, 1000),
        ({"file_size_limit": 1234}, 1234),
        ({"file_size_limit": "20MB"}, 20_000_000),
        ({"file_size_limit": None}, None),
        ({}, None),
    ],
)
def test_a_size_may_be_text(admin_http, new_bucket, body, expected):
    name = new_bucket()

    assert admin_http.put(f"/storage/v1/bucket/{name}", json=body).status_code == 200
    assert admin_http.get(f"/storage/v1/bucket/{name}").json()["file_size_limit"] == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"file_size_limit": "20 parsecs"}, "InvalidRequest"),
        ({"file_size_limit": "60MB"}, "EntityTooLarge"),
        ({"file_size_limit": -1}, "InvalidRequest"),
        ({"allowed_mime_types": ["image"]}, "InvalidMimeType"),
        ({"allowed_mime_types": "image/png"}, "InvalidRequest"),
        ({"public": "perhaps"}, "InvalidRequest"),
        ({"type": "VECTOR"}, "NotSupported"),
    ],
)
def test_a_bucket_that_cannot_be_is_refused(admin_http, body, expected):
    answer = admin_http.post("/storage/v1/bucket", json={"name": "never-made", **body})

    assert answer.json()["code"] == expected


@pytest.mark.parametrize("declared", [True, False])
def test_more_than_the_bucket_takes_is_refused_and_leaves_nothing(admin_http, new_bucket, declared):
    bucket = new_bucket(file_size_limit=1000)
    path = f"/storage/v1/object/{bucket}/a.bin"
    content = b"x" * 1001 if declared else iter([b"x" * 600, b"x" * 401])

    refused = admin_http.post(path, content=content)
    form = admin_http.post(path, files={"file": ("a.bin", b"x" * 1001)})

    assert code(refused) == code(form) == (400, "413", "EntityTooLarge")
    assert code(admin_http.get(path))[1] == "404"
    assert admin_http.post(path, content=b"x" * 1000).status_code == 200


def test_more_than_the_server_takes_is_refused_before_it_is_read(supabase_backend, new_bucket):
    head = (
        f"POST /storage/v1/object/{new_bucket()}/a.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        f"apikey: {supabase_backend.service_role_key}\r\nContent-Length: 52428801\r\n\r\n"
    )

    assert b'"statusCode":"413"' in answered(supabase_backend, head)


@pytest.mark.parametrize(
    ("allowed", "sent", "taken"),
    [
        (["image/*"], "image/png", True),
        (["image/*"], "IMAGE/PNG", True),
        (["image/*"], "text/plain", False),
        (["image/png", "text/plain"], "text/plain;charset=UTF-8", True),
        (["image/png"], "image/jpeg", False),
        (["*/*"], "a/b", True),
        ([], "a/b", True),
        (["image/*"], "imagex/png", False),
    ],
)
def test_a_bucket_takes_the_types_it_names(admin_http, new_bucket, allowed, sent, taken):
    path = f"/storage/v1/object/{new_bucket(allowed_mime_types=allowed)}/a"

    plain = admin_http.post(path, content=b"x", headers={"content-type": sent})
    form = admin_http.post(path, files={"file": ("a", b"x", sent)}, headers={"x-upsert": "true"})

    for answer in (plain, form):
        assert answer.status_code == 200 if taken else code(answer) == (400, "415", "InvalidMimeType")


def form(*parts: str, end: str = "--b--\r\n") -> dict[str, object]:
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + end
    return {"content": body.encode(), "headers": {"content-type": "multipart/form-data; boundary=b"}}


FILE = 'Content-Disposition: form-data; name=""; filename="x"\r\nContent-Type: text/plain\r\n\r\ncontent'


def field(name: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


def test_fields_may_stand_behind_the_file(admin_http, new_bucket):
    path = f"/storage/v1/object/{new_bucket()}/a.txt"

    answer = admin_http.post(path, **form(FILE, field("cacheControl", "9"), field("metadata", '{"a": 1}')))
    shown = admin_http.get(path)

    assert answer.status_code == 200
    assert (shown.content, shown.headers["cache-control"]) == (b"content", "max-age=9")


def test_the_first_file_of_a_form_is_taken(admin_http, new_bucket):
    path = f"/storage/v1/object/{new_bucket()}/a.txt"

    assert admin_http.post(path, **form(FILE, FILE.replace("content", "other"))).status_code == 200
    assert admin_http.get(path).content == b"content"


@pytest.mark.parametrize(
    "sent",
    [
        form(),
        form(field("a", "b")),
        form(FILE, end=""),
        form(FILE, end="--b"),
        {"content": b"rubbish", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        {"content": b"rubbish", "headers": {"content-type": "multipart/form-data"}},
        form(*(field(f"f{number}", "x") for number in range(30)), FILE),
        form(FILE.replace("text/plain", "text/\x01plain")),
        form(field("cacheControl", "1\r\n9\x01"), FILE),
    ],
)
def test_a_form_that_is_none_is_refused_and_leaves_nothing(admin_http, new_bucket, sent):
    path = f"/storage/v1/object/{new_bucket()}/a.txt"

    assert code(admin_http.post(path, **sent)) == (400, "400", "InvalidRequest")
    assert code(admin_http.get(path))[1] == "404"


def test_a_field_without_end_is_refused(admin_http, new_bucket):
    path = f"/storage/v1/object/{new_bucket()}/a.txt"

    answer = admin_http.post(path, **form(field("metadata", "x" * 1_100_000), FILE))

    assert code(answer)[2] == "EntityTooLarge"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "object/list/B", {}),
        ("POST", "object/list/B", {"prefix": "", "limit": 0}),
        ("POST", "object/list/B", {"prefix": "", "sortBy": {"column": "id; drop table x"}}),
        ("POST", "object/list/B", {"prefix": "a\0b"}),
        ("POST", "object/list-v2/B", {"cursor": "rubbish"}),
        ("POST", "object/list-v2/B", {"cursor": "WzEsMiwzXQ=="}),
        ("POST", "object/sign/B/a", {}),
        ("POST", "object/sign/B/a", {"expiresIn": 0}),
        ("POST", "object/sign/B", {"expiresIn": 1, "paths": []}),
        ("DELETE", "object/B", {"prefixes": []}),
        ("DELETE", "object/B", {"prefixes": ["x"] * 1001}),
        ("DELETE", "object/B", {"prefixes": ["\ud800"]}),
        ("POST", "object/move", {"bucketId": "B"}),
        ("POST", "object/copy", []),
        ("POST", "object/copy", None),
    ],
)
def test_a_body_that_is_not_read_is_refused(admin_http, new_bucket, method, path, body):
    name = new_bucket()

    answer = admin_http.request(
        method,
        f"/storage/v1/{path.replace('B', name)}",
        content=json.dumps(body),
        headers={"content-type": "application/json"},
    )

    assert code(answer) == (400, "400", "InvalidRequest")


@pytest.mark.parametrize(
    "path",
    [
        "render/image/public/b/a.png",
        "render/image/authenticated/b/a.png",
        "upload/resumable",
        "s3/b",
        "vector/x",
        "iceberg/v1",
    ],
)
def test_what_is_not_built_says_so(admin_http, path):
    answer = admin_http.post(f"/storage/v1/{path}")

    assert (answer.status_code, answer.json()["error"]) == (501, "not_supported")


def test_an_unknown_path_is_not_found(admin_http):
    assert admin_http.get("/storage/v1/nowhere").json()["statusCode"] == "404"
    assert admin_http.get("/storage/v1/status").status_code == 200


def test_an_object_of_no_bucket_is_refused(admin_http):
    for answer in (
        admin_http.post("/storage/v1/object/never-made/a", content=b"x"),
        admin_http.get("/storage/v1/object/never-made/a"),
        admin_http.post("/storage/v1/object/upload/sign/never-made/a"),
    ):
        assert code(answer) == (400, "404", "NoSuchBucket")


def test_a_reader_of_the_old_version_gets_all_of_it(put, admin_http, get):
    old, new = os.urandom(8_000_000), os.urandom(1_000)
    path = put(old)

    with admin_http.stream("GET", f"/storage/v1/object/{path}") as answer:
        chunks = answer.iter_bytes(65_536)
        read = next(chunks)
        assert admin_http.put(f"/storage/v1/object/{path}", content=new).status_code == 200
        admin_http.delete(f"/storage/v1/object/{path}")
        read += b"".join(chunks)

    assert read == old
    assert code(get(path))[1] == "404"


def test_a_client_that_hangs_up_leaves_nothing(supabase_backend, admin_http, new_bucket, storage_folder):
    bucket = new_bucket()
    url = httpx.URL(supabase_backend.url)
    head = (
        f"POST /storage/v1/object/{bucket}/a.bin HTTP/1.1\r\nHost: h\r\n"
        f"apikey: {supabase_backend.service_role_key}\r\nContent-Length: 3000000\r\n\r\n"
    )

    with socket.create_connection((url.host, url.port), timeout=5) as connection:
        connection.sendall(head.encode() + b"x" * 1_000_000)
        until(lambda: any(storage_folder.glob("*/incoming/*")))
    until(lambda: not any(storage_folder.glob("*/incoming/*")))

    assert code(admin_http.get(f"/storage/v1/object/{bucket}/a.bin"))[1] == "404"
