"""Rows and files belong together: after a kill, a race, a replacement or a restart."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from smeboost_emulators.testing.waiting import until
from smeboost_shared.errors import Misconfigured

SECRET = "a-secret-for-tests-that-is-long-enough-1234"
# Nothing is too young to be an orphan, and somebody looks all the time.
EAGER = {"storage_orphan_seconds": 0, "storage_sweep_seconds": 0.05}


def admin(backend) -> httpx.Client:
    headers = {"apikey": backend.service_role_key}
    return httpx.Client(base_url=f"{backend.url}/storage/v1", headers=headers, timeout=20)


def files_in(folder: Path) -> dict[str, bytes]:
    """The files of all objects, by `id.version`."""
    return {path.name: path.read_bytes() for path in folder.glob("*/objects/*/*")}


@pytest.fixture
def rows_of(execute_on):
    def look(backend) -> dict[str, str]:
        rows = execute_on(backend, "select id || '.' || version, metadata ->> 'eTag' from storage.objects")
        return {str(name): str(tag) for name, tag in rows}

    return look


@pytest.fixture
def start(start_supabase_backend, new_database, tmp_path):
    """Start a backend on a database and a folder of its own, with a bucket that is named b."""
    url = new_database()

    @contextmanager
    def run(**settings: object):
        given = {"file_storage_path": str(tmp_path), **settings}
        with start_supabase_backend(url, **given) as backend, admin(backend) as client:
            client.post("/bucket", json={"name": "b"})
            yield backend, client

    return run


@contextmanager
def process(url: str, folder: Path):
    """The backend in a process of its own, which can be killed, and its address and service key."""
    given = {
        "SUPABASE_DB_URL": url,
        "FILE_STORAGE_BACKEND_PATH": str(folder),
        "GOTRUE_JWT_SECRET": SECRET,
        "SUPABASE_STORAGE_ORPHAN_SECONDS": "0",
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SUPABASE", "GOTRUE", "PGRST"))}
    running = subprocess.Popen(
        [sys.executable, "-m", "smeboost_emulators", "supabase", "--port", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**clean, **given},
    )
    key = address = ""
    try:
        assert running.stderr
        for line in running.stderr:
            if line.startswith("service_role key: "):
                key = line.removeprefix("service_role key: ").strip()
            if line.startswith("listening on "):
                address = line.removeprefix("listening on ").strip()
                break
        yield running, httpx.Client(base_url=f"{address}/storage/v1", headers={"apikey": key}, timeout=20)
    finally:
        running.kill()
        running.wait()
        if running.stderr:
            running.stderr.close()


def test_a_kill_leaves_no_row_without_its_whole_file(new_database, tmp_path, rows_of, start_supabase_backend):
    url = new_database()

    def write(client: httpx.Client, worker: int) -> int:
        done = 0
        with suppress(httpx.TransportError):
            for number in range(1000):
                content = os.urandom(100_000 * (worker + 1))
                path = f"/object/b/{worker}/{number % 5}"
                assert client.put(path, content=content).status_code == 200
                done += 1
        return done

    with process(url, tmp_path) as (running, client), client, ThreadPoolExecutor(4) as pool:
        assert client.post("/bucket", json={"name": "b"}).status_code == 200
        writing = [pool.submit(write, client, worker) for worker in range(4)]
        until(lambda: len(files_in(tmp_path)) >= 8, seconds=20)
        running.send_signal(signal.SIGKILL)
        written = sum(one.result() for one in writing)

    with start_supabase_backend(url, file_storage_path=str(tmp_path), **EAGER) as backend:
        rows = rows_of(backend)
        until(lambda: set(files_in(tmp_path)) == set(rows) and not any(tmp_path.glob("*/incoming/*")))
        with admin(backend) as client:
            read = {row["name"] for row in client.post("/object/list/b", json={"prefix": "0"}).json()}

    assert written
    assert read
    for name, content in files_in(tmp_path).items():
        assert rows[name] == f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def test_what_is_replaced_or_removed_leaves_no_file(start, tmp_path, rows_of):
    with start() as (backend, client):
        for content in (b"one", b"two", b"three"):
            client.put("/object/b/a", content=content)
            client.put("/object/b/z", content=content)
        client.post("/object/copy", json={"bucketId": "b", "sourceKey": "a", "destinationKey": "c"})
        client.post("/object/move", json={"bucketId": "b", "sourceKey": "a", "destinationKey": "d"})
        assert set(files_in(tmp_path)) == set(rows_of(backend))
        client.delete("/object/b/d")
        copy = client.get("/object/b/c").content
        client.request("DELETE", "/object/b", json={"prefixes": ["z"]})
        left = len(files_in(tmp_path))
        client.post("/bucket/b/empty")

        assert (copy, left, files_in(tmp_path)) == (b"three", 1, {})


def test_orphans_are_removed_and_nothing_else(start, tmp_path, new_database, start_supabase_backend):
    with start() as (_, client):
        client.put("/object/b/a", content=b"kept")
    [store] = tmp_path.iterdir()
    [kept] = files_in(tmp_path)
    orphan = store / "objects" / "aa" / f"aaaaaaaa{kept[8:36]}.{kept[37:]}"
    stranger = store / "objects" / "aa" / "notes.txt"
    half = store / "incoming" / "half"
    orphan.parent.mkdir(exist_ok=True)
    for path in (orphan, stranger, half):
        path.write_bytes(b"x")

    with start() as (_, client):
        assert client.get("/object/b/a").content == b"kept"
        assert orphan.exists()
    with start_supabase_backend(new_database(), file_storage_path=str(tmp_path), **EAGER):
        assert orphan.exists()
    with start(**EAGER) as (_, client):
        until(lambda: not orphan.exists() and not half.exists())
        assert client.get("/object/b/a").content == b"kept"

    assert stranger.exists()


def test_of_writers_at_once_one_wins_whole(start, tmp_path, rows_of):
    contents = [bytes([number]) * 300_000 for number in range(8)]

    with start(db_pool=5) as (_, client), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda content: client.put("/object/b/a", content=content), contents))
        once = list(pool.map(lambda content: client.post("/object/b/new", content=content), contents))
        found = client.get("/object/b/a").content
    with start(**EAGER) as (backend, _):
        until(lambda: set(files_in(tmp_path)) == set(rows_of(backend)))

    assert [answer.status_code for answer in answers] == [200] * 8
    assert sorted(answer.status_code for answer in once) == [200] + [400] * 7
    assert {answer.json()["code"] for answer in once if answer.status_code == 400} == {"KeyAlreadyExists"}
    assert found in contents


def test_readers_see_whole_versions_while_writers_replace_them(start):
    contents = [bytes([number]) * 200_000 for number in range(6)]

    with start() as (_, client), ThreadPoolExecutor(4) as pool:
        client.put("/object/b/a", content=contents[0])
        writing = [pool.submit(client.put, "/object/b/a", content=content) for content in contents * 3]
        reading = [pool.submit(client.get, "/object/b/a") for _ in range(30)]
        answers = [one.result() for one in reading]
        assert {one.result().status_code for one in writing} == {200}

    assert {answer.status_code for answer in answers} == {200}
    assert {answer.content for answer in answers} <= set(contents)


def test_files_live_in_the_data_directory_unless_said_otherwise(start, tmp_path):
    with start(file_storage_path=None, data_dir=str(tmp_path / "data")) as (_, client):
        client.put("/object/b/a", content=b"x")

    assert list(files_in(tmp_path / "data" / "storage").values()) == [b"x"]


def test_files_are_nobody_elses_business(start, tmp_path):
    with start(file_storage_path=str(tmp_path / "new")) as (_, client):
        client.put("/object/b/a", content=b"x")

    for path in (tmp_path / "new").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_folder_that_cannot_be_used_is_named(start, tmp_path):
    (tmp_path / "file").write_bytes(b"")

    settings = {"file_storage_path": str(tmp_path / "file")}
    with pytest.raises(Misconfigured, match="FILE_STORAGE_BACKEND_PATH"), start(**settings):
        pytest.fail("it started")


@contextmanager
def half_upload(backend, path: str):
    """A connection on which an upload has begun."""
    url = httpx.URL(backend.url)
    head = (
        f"PUT /storage/v1/object/{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        f"apikey: {backend.service_role_key}\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port), timeout=5) as connection:
        connection.sendall(head.encode() + b"x" * 10)
        yield connection


def test_an_upload_that_says_nothing_more_is_ended(start, tmp_path):
    with start(storage_idle_seconds=0.1) as (backend, client):
        with half_upload(backend, "b/a") as connection:
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        missing = client.get("/object/b/a")

    assert b'"statusCode":"408"' in answer
    assert missing.json()["statusCode"] == "404"
    assert not any(tmp_path.glob("*/incoming/*"))


def test_more_transfers_than_there_are_places_are_sent_away(start, tmp_path):
    with start(storage_transfers_max=1) as (backend, client):
        with half_upload(backend, "b/a"):
            until(lambda: any(tmp_path.glob("*/incoming/*")))
            refused = client.put("/object/b/b", content=b"x")
        taken = until(lambda: client.put("/object/b/b", content=b"x").status_code == 200)
        again = [client.get("/object/b/b").status_code for _ in range(3)]

    assert (refused.status_code, refused.json()["code"]) == (429, "SlowDown")
    assert taken
    assert again == [200, 200, 200]
