"""Who may do what to objects: row level security decides, and nothing tells about what it hides."""

import itertools
import socket
from uuid import uuid4

import httpx
import pytest
from storage3.exceptions import StorageApiError

HIDDEN = ("404", "not_found")
DENIED = ("403", "Unauthorized")


def refusal(call, *args, **kwargs) -> tuple[str, str]:
    with pytest.raises(StorageApiError) as refused:
        call(*args, **kwargs)
    return (str(refused.value.status), refused.value.code)


@pytest.fixture
def two_people(person, signed_in, own_folders):
    """Two people, their buckets as each sees it, and their folders."""
    made = []
    for _ in range(2):
        somebody = person()
        made.append((signed_in(somebody).storage.from_(own_folders), somebody.id))
    return made


def test_people_use_their_own_folders(two_people):
    (bucket, folder), _ = two_people

    bucket.upload(f"{folder}/a.txt", b"mine")
    bucket.upload(f"{folder}/a.txt", b"new", {"upsert": "true"})
    bucket.move(f"{folder}/a.txt", f"{folder}/b.txt")
    bucket.copy(f"{folder}/b.txt", f"{folder}/c.txt")

    assert bucket.download(f"{folder}/c.txt") == b"new"
    assert [row["name"] for row in bucket.list(folder)] == ["b.txt", "c.txt"]
    assert [row["name"] for row in bucket.list()] == [folder]
    assert [row["name"] for row in bucket.remove([f"{folder}/b.txt"])] == [f"{folder}/b.txt"]


def test_what_is_hidden_looks_like_what_is_not_there(two_people):
    (owner, folder), (stranger, own) = two_people
    owner.upload(f"{folder}/a.txt", b"secret")
    hidden, missing = f"{folder}/a.txt", f"{folder}/missing.txt"

    for name in (hidden, missing):
        assert refusal(stranger.download, name) == HIDDEN
        assert refusal(stranger.info, name) == HIDDEN
        assert refusal(stranger.create_signed_url, name, 60) == HIDDEN
        assert refusal(stranger.move, name, f"{own}/stolen.txt") == HIDDEN
        assert refusal(stranger.copy, name, f"{own}/stolen.txt") == HIDDEN
        assert stranger.remove([name]) == []
        assert not stranger.exists(name)
        assert stranger.create_signed_urls([name], 60)[0]["signedURL"] is None
        for options in ({}, {"upsert": "true"}):
            assert refusal(stranger.upload, name, b"x", options) == DENIED
        assert refusal(stranger.update, name, b"x") == DENIED
        assert refusal(stranger.create_signed_upload_url, name) == DENIED
    assert owner.download(hidden) == b"secret"


def test_a_destination_that_is_denied_does_not_tell_whether_it_is_taken(two_people):
    (owner, folder), (stranger, own) = two_people
    owner.upload(f"{folder}/a.txt", b"secret")
    stranger.upload(f"{own}/mine.txt", b"x")

    for action, name in itertools.product((stranger.move, stranger.copy), ("a.txt", "missing.txt")):
        assert refusal(action, f"{own}/mine.txt", f"{folder}/{name}") == DENIED
    assert owner.download(f"{folder}/a.txt") == b"secret"


def test_listings_show_nothing_of_other_people(two_people):
    (owner, folder), (stranger, _) = two_people
    owner.upload(f"{folder}/deep/a.txt", b"x")

    for options in ({}, {"search": folder[:4]}, {"sortBy": {"column": "created_at"}}):
        assert stranger.list(options=options) == []
        assert stranger.list(folder, options) == []
    for options in ({}, {"with_delimiter": True}, {"prefix": folder}, {"sortBy": {"column": "updated_at"}}):
        page = stranger.list_v2(options)
        assert (page.folders, page.objects, page.hasNext) == ([], [], False)


def test_nobody_in_particular_may_do_nothing_without_a_policy(client_for, new_bucket):
    bucket = client_for().storage.from_(new_bucket())

    assert refusal(bucket.upload, "a.txt", b"x") == DENIED
    assert refusal(bucket.download, "a.txt") == HIDDEN
    assert bucket.list() == []


def test_buckets_are_the_service_roles_without_a_policy(signed_in, new_bucket):
    storage = signed_in().storage
    name = new_bucket()

    assert storage.list_buckets() == []
    assert refusal(storage.get_bucket, name) == ("404", "Bucket not found")
    assert refusal(storage.create_bucket, f"bucket-{uuid4().hex}") == DENIED
    for action in (storage.delete_bucket, storage.empty_bucket):
        assert refusal(action, name) == ("404", "Bucket not found")
    assert refusal(storage.update_bucket, name, {"public": True}) == ("404", "Bucket not found")


def test_who_may_only_insert_may_upload_and_not_read_or_replace(signed_in, new_bucket, allow):
    name = new_bucket()
    allow(name, "insert")
    bucket = signed_in().storage.from_(name)

    bucket.upload("a.txt", b"x")

    assert refusal(bucket.upload, "b.txt", b"x", {"upsert": "true"}) == DENIED
    assert refusal(bucket.update, "a.txt", b"x") == DENIED
    assert refusal(bucket.download, "a.txt") == HIDDEN


def test_who_may_only_read_may_not_move_copy_or_remove(supabase_backend, client_for, signed_in, new_bucket, allow):
    name = new_bucket()
    allow(name, "select")
    client_for(supabase_backend.service_role_key).storage.from_(name).upload("a.txt", b"x")
    bucket = signed_in().storage.from_(name)

    assert bucket.download("a.txt") == b"x"
    assert refusal(bucket.move, "a.txt", "b.txt") == HIDDEN
    assert refusal(bucket.copy, "a.txt", "b.txt") == DENIED
    assert bucket.remove(["a.txt"]) == []
    assert bucket.exists("a.txt")


def test_emptying_a_bucket_says_what_it_may_not_remove(admin_http, signed_in, new_bucket, allow, execute):
    name = new_bucket()
    allow(name, "select")
    execute(f"create policy \"see {name}\" on storage.buckets for select to authenticated using (id = '{name}')")
    admin_http.post(f"/storage/v1/object/{name}/a.txt", content=b"x")

    assert refusal(signed_in().storage.empty_bucket, name) == ("409", "InvalidRequest")
    assert admin_http.get(f"/storage/v1/object/{name}/a.txt").status_code == 200


def test_the_owner_of_an_object_is_who_wrote_it(person, signed_in, own_folders, execute):
    somebody = person()
    signed_in(somebody).storage.from_(own_folders).upload(f"{somebody.id}/a.txt", b"x")

    rows = execute("select owner::text, owner_id from storage.objects where bucket_id = %s", own_folders)

    assert rows == [(somebody.id, somebody.id)]


def test_a_row_with_another_rows_version_does_not_reach_its_bytes(two_people, own_folders, execute):
    (owner, folder), (stranger, own) = two_people
    owner.upload(f"{folder}/a.txt", b"secret")
    execute(
        "insert into storage.objects (bucket_id, name, version, metadata)"
        " select bucket_id, %s, version, metadata from storage.objects where bucket_id = %s",
        f"{own}/stolen.txt",
        own_folders,
    )

    read = refusal(stranger.download, f"{own}/stolen.txt")
    stranger.remove([f"{own}/stolen.txt"])

    assert read == ("404", "Not found")
    assert owner.download(f"{folder}/a.txt") == b"secret"


@pytest.mark.parametrize("version", ["../../../etc/passwd", "", "not-a-uuid"])
def test_a_version_that_somebody_wrote_with_sql_is_no_path(new_bucket, admin_http, execute, version):
    bucket = new_bucket()
    execute("insert into storage.objects (bucket_id, name, version) values (%s, 'a', %s)", bucket, version)

    answer = admin_http.get(f"/storage/v1/object/{bucket}/a")

    assert (answer.status_code, answer.json()["statusCode"]) == (400, "404")


def test_rows_are_not_deleted_behind_the_services_back(admin_http, new_bucket, execute):
    bucket = new_bucket()
    admin_http.post(f"/storage/v1/object/{bucket}/a.txt", content=b"x")

    with pytest.raises(Exception, match="Direct deletion from storage tables is not allowed"):
        execute("delete from storage.objects where bucket_id = %s", bucket)


def test_links_are_good_for_one_object_and_one_purpose(admin_http, http, new_bucket):
    bucket = new_bucket()
    for name in ("a.txt", "b.txt"):
        admin_http.post(f"/storage/v1/object/{bucket}/{name}", content=b"x")
    read = admin_http.post(f"/storage/v1/object/sign/{bucket}/a.txt", json={"expiresIn": 60}).json()["signedURL"]
    token = read.partition("token=")[2]
    upload = admin_http.post(f"/storage/v1/object/upload/sign/{bucket}/c.txt").json()["token"]
    person = http.headers["apikey"]

    def got(method: str, path: str, sent: str) -> str:
        answer = http.request(method, f"/storage/v1/object/{path}?token={sent}", headers={"apikey": ""}, content=b"x")
        return answer.json()["code"]

    assert got("GET", f"sign/{bucket}/b.txt", token) == "InvalidSignature"
    assert got("GET", f"sign/{bucket}/c.txt", upload) == "InvalidSignature"
    assert got("PUT", f"upload/sign/{bucket}/a.txt", token) == "InvalidSignature"
    assert got("PUT", f"upload/sign/{bucket}/d.txt", upload) == "InvalidSignature"
    assert got("GET", f"sign/{bucket}/a.txt", person) == "InvalidSignature"
    assert got("GET", f"sign/{bucket}/a.txt", token[:-4] + "AAAA") == "InvalidJWT"
    assert got("GET", f"sign/{bucket}/a.txt", "") == "InvalidRequest"


def test_a_link_opens_nothing_else(admin_http, supabase_backend, new_bucket):
    bucket = new_bucket()
    admin_http.post(f"/storage/v1/object/{bucket}/a.txt", content=b"x")
    url = admin_http.post(f"/storage/v1/object/sign/{bucket}/a.txt", json={"expiresIn": 60}).json()["signedURL"]
    headers = {"apikey": supabase_backend.anon_key, "authorization": f"Bearer {url.partition('token=')[2]}"}

    answer = httpx.get(f"{supabase_backend.url}/storage/v1/object/{bucket}/a.txt", headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, "not_found")


@pytest.mark.parametrize(
    ("path", "method"), [("bucket", "GET"), ("object/sign/b/a", "POST"), ("object/upload/sign/b/a", "POST")]
)
def test_a_bad_token_is_refused(supabase_backend, path, method):
    headers = {"apikey": supabase_backend.anon_key, "authorization": "Bearer x.y.z"}

    answer = httpx.request(method, f"{supabase_backend.url}/storage/v1/{path}", headers=headers, json={"expiresIn": 1})

    assert (answer.status_code, answer.json()["statusCode"], answer.json()["error"]) == (400, "403", "Unauthorized")


def test_signing_without_any_token_is_refused(supabase_backend):
    answer = httpx.post(f"{supabase_backend.url}/storage/v1/object/sign/b/a", json={"expiresIn": 1})

    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "headers must have required property 'authorization'",
    )


def test_a_denied_upload_is_refused_before_its_body_is_read(two_people, supabase_backend, own_folders):
    (_, folder), (stranger, _) = two_people
    url = httpx.URL(supabase_backend.url)
    head = (
        f"POST /storage/v1/object/{own_folders}/{folder}/a.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        f"apikey: {supabase_backend.anon_key}\r\nAuthorization: {stranger._headers['authorization']}\r\n"
        "Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
    )

    with socket.create_connection((url.host, url.port), timeout=5) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"error":"Unauthorized"' in answer
