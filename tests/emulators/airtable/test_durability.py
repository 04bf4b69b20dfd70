"""The data directory: what was acknowledged is there after a kill, a clean stop, and a folded journal."""

import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from smeboost_emulators.airtable.state.store import Store
from smeboost_emulators.testing.airtable import StartAirtable, small_seed

BASE = "appSmallShop00001"
COMMAND = [sys.executable, "-m", "smeboost_emulators", "airtable"]
WAIT_SECONDS = 5


@contextmanager
def process(*options: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    """A real emulator process and its URL; it is killed at the end."""
    with subprocess.Popen([*COMMAND, *options], stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            line = running.stderr.readline()
            assert line.startswith("listening on http://"), line + running.stderr.read()
            yield running, line.split()[-1]
        finally:
            running.kill()


def client(url: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/v0/{BASE}", headers={"Authorization": "Bearer patAny"}, timeout=WAIT_SECONDS)


@pytest.fixture
def seed_file(tmp_path: Path) -> str:
    path = tmp_path / "seed.json"
    path.write_bytes(msgspec.json.encode(small_seed()))
    return str(path)


def killed_while_it_writes(
    running: subprocess.Popen[str], url: str, body: Callable[[int], dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The fields, by record id, of all writes of products that were acknowledged before a kill in the middle."""
    acknowledged: dict[str, dict[str, Any]] = {}
    enough = threading.Event()

    def write() -> None:
        with client(url) as http:
            for number in range(100_000):
                try:
                    response = http.post("/Products", json=body(number))
                except httpx.TransportError:
                    return
                acknowledged[response.json()["id"]] = response.json()["fields"]
                if len(acknowledged) >= 40:
                    enough.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert enough.wait(WAIT_SECONDS)
    running.kill()
    writer.join(WAIT_SECONDS)
    assert not writer.is_alive()
    return acknowledged


def test_acknowledged_writes_survive_kill_9(tmp_path: Path, seed_file: str) -> None:
    options = ("--data", str(tmp_path / "data"), "--seed", seed_file, "--no-rate-limit")

    def product(number: int) -> dict[str, Any]:
        fields = {"Name": f"Item {number}", "Kind": f"Kind {number % 3}", "Orders": ["recOrder000000001"]}
        return {"fields": fields, "typecast": True}

    with process(*options) as (running, url):
        acknowledged = killed_while_it_writes(running, url, product)
    with process(*options) as (_, url), client(url) as http:
        for record_id, fields in acknowledged.items():
            assert http.get(f"/Products/{record_id}").json()["fields"] == fields
        linked = http.get("/Orders/recOrder000000001").json()["fields"]["Products"]
        assert [record_id for record_id in linked if record_id in acknowledged] == list(acknowledged)


def test_files_and_comments_survive_kill_9_and_removed_files_go(tmp_path: Path, seed_file: str) -> None:
    options = ("--data", str(tmp_path / "data"), "--seed", seed_file)
    content = os.urandom(100_000)
    upload = {"contentType": "application/zip", "file": base64.b64encode(content).decode()}
    with process(*options) as (running, url), client(url) as http:
        for name in ("kept.zip", "removed.zip"):
            sent = upload | {"filename": name, "file": upload["file"] if name == "kept.zip" else ""}
            papers = http.post("/recOrder000000001/Papers/uploadAttachment", json=sent).json()["fields"]
        kept, _removed = papers["fldOrderPapers001"]
        http.patch("/Orders/recOrder000000001", json={"fields": {"Papers": [{"id": kept["id"]}]}})
        comment = http.post("/Orders/recOrder000000001/comments", json={"text": "Kept, @[ada@example.com]"}).json()
        running.kill()
    with process(*options) as (_, url), client(url) as http:
        [paper] = http.get("/Orders/recOrder000000001").json()["fields"]["Papers"]
        assert (paper["id"], paper["filename"]) == (kept["id"], "kept.zip")
        assert httpx.get(paper["url"]).content == content
        assert http.get("/Orders/recOrder000000001/comments").json() == {"comments": [comment], "offset": None}
        # The address of before the kill is as good, at the new port.
        assert httpx.get(url + httpx.URL(kept["url"]).raw_path.decode()).content == content
    assert [file.read_bytes() for file in (tmp_path / "data" / "attachments").glob("??/*")] == [content]


def test_kill_9_loses_no_payload_of_an_acknowledged_write(tmp_path: Path, seed_file: str) -> None:
    options = ("--data", str(tmp_path / "data"), "--seed", seed_file, "--no-rate-limit")
    specification = {"options": {"filters": {"dataTypes": ["tableData"], "recordChangeScope": "tblProducts000001"}}}
    hooks = f"/v0/bases/{BASE}/webhooks"
    with process(*options) as (running, url):
        headers = {"Authorization": "Bearer patAny"}
        hook_id = httpx.post(url + hooks, headers=headers, json={"specification": specification}).json()["id"]
        acknowledged = killed_while_it_writes(running, url, lambda number: {"fields": {"Name": f"Item {number}"}})
    told: list[str] = []
    cursor, more = 1, True
    with process(*options) as (_, url), client(url) as http:
        while more:
            page = http.get(f"{url}{hooks}/{hook_id}/payloads", params={"cursor": cursor}).json()
            cursor, more = page["cursor"], page["mightHaveMore"]
            for payload in page["payloads"]:
                told += payload["changedTablesById"]["tblProducts000001"]["createdRecordsById"]
        there = [record["id"] for record in http.get("/Products").json()["records"][5:]]
    assert acknowledged.keys() <= set(told)
    assert told[: len(there)] == there
    assert cursor == len(told) + 1


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_cleanly_and_quickly(tmp_path: Path, seed_file: str, stop: signal.Signals) -> None:
    with process("--data", str(tmp_path / "data"), "--seed", seed_file) as (running, url):
        assert httpx.get(f"{url}/healthz").status_code == 200
        running.send_signal(stop)
        assert running.wait(WAIT_SECONDS) == 0
        assert running.stderr is not None
        assert running.stderr.read() == ""


def test_an_existing_state_is_not_seeded_again(tmp_path: Path, airtable_emulator: StartAirtable, plain_http) -> None:
    first = airtable_emulator(seed=small_seed(), data=tmp_path)
    send = plain_http(first)
    assert send("DELETE", "Products/recProduct0000001").status_code == 200
    first.stop()
    again = plain_http(airtable_emulator(seed=small_seed(), data=tmp_path))
    assert len(again("GET", "Products").json()["records"]) == 4
    assert again("GET", "Products/recProduct0000001").status_code == 404


def test_a_folded_journal_holds_the_same_state(tmp_path: Path, airtable_emulator: StartAirtable, plain_http) -> None:
    first = airtable_emulator(seed=small_seed(), data=tmp_path)
    send = plain_http(first)
    paper = {"url": "https://example.com/a.pdf"}
    body = {"fields": {"Number": "New", "Papers": [paper], "Seller": {"email": "ada@example.com"}, "Products": ["Nut"]}}
    assert send("POST", "Orders", json=body | {"typecast": True}).status_code == 200
    send("DELETE", "Products/recProduct0000003")
    listings = [send("GET", path).json() for path in ("Products", "Orders", f"/v0/meta/bases/{BASE}/tables")]
    first.stop()
    store = Store(tmp_path)
    store.save(store.load())
    store.close()
    again = plain_http(airtable_emulator(data=tmp_path))
    assert [again("GET", path).json() for path in ("Products", "Orders", f"/v0/meta/bases/{BASE}/tables")] == listings
    serial = again("POST", "Orders", json={"fields": {}}).json()["fields"]["Serial"]
    assert serial == 5


def test_a_directory_in_use_is_refused_with_one_line(tmp_path: Path, airtable_emulator: StartAirtable) -> None:
    airtable_emulator(seed=small_seed(), data=tmp_path)
    done = subprocess.run([*COMMAND, "--data", str(tmp_path)], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert str(tmp_path) in line
    assert "locked" in line


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--seed", "/nowhere/seed.json"], "/nowhere/seed.json"),
        (["--rate-limit", "0"], "--rate-limit"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_wrong_options_end_with_status_2_and_name_the_option(arguments: list[str], word: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr
