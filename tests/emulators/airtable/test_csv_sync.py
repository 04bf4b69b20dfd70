"""Tables that are filled by sending CSV: what a push changes, its limits, and that nothing else writes there."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pyairtable import Api
from smeboost_emulators.airtable.csvsync.planning import plan_sync
from smeboost_emulators.airtable.csvsync.sheet import Sheet, read_sheet
from smeboost_emulators.airtable.errors import ApiError
from smeboost_emulators.airtable.records.plan import Plan
from smeboost_emulators.airtable.seed import load_seed
from smeboost_emulators.airtable.state.changes import CellsSet, apply
from smeboost_emulators.airtable.state.schema import State, Table
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable

BASE, STOCK, PARTS = "appSyncedBase0001", "tblStock000000001", "tblParts000000001"
SYNC = f"/v0/{BASE}/{STOCK}/sync/synStock1"
BOLT = "recBolt0000000001"


def synced_seed(**base: Any) -> dict[str, Any]:
    """Stock, which is synced and has a bolt and a nut; and parts, which link to it."""
    stock = {
        "id": STOCK,
        "name": "Stock",
        "apiEndpointSyncId": "synStock1",
        "fields": [
            {"name": "Code", "type": "singleLineText"},
            {"name": "Count", "type": "number", "options": {"precision": 0}},
            {"name": "Kind", "type": "singleSelect", "options": {"choices": [{"name": "Metal"}]}},
            {"name": "Counted", "type": "date"},
            {"name": "Good", "type": "checkbox"},
            {"name": "Remark", "type": "multilineText"},
            {"name": "Number", "type": "autoNumber"},
            {"name": "Papers", "type": "multipleAttachments"},
            {
                "id": "fldStockParts0001",
                "name": "Parts",
                "type": "multipleRecordLinks",
                "options": {"linkedTableId": PARTS},
            },
        ],
    }
    link = {"linkedTableId": STOCK, "inverseLinkFieldId": "fldStockParts0001"}
    parts = {
        "id": PARTS,
        "name": "Parts",
        "fields": [
            {"name": "Name", "type": "singleLineText"},
            {"name": "In", "type": "multipleRecordLinks", "options": link},
        ],
    }
    rows = [
        {"id": BOLT, "fields": {"Code": "bolt", "Count": 5, "Kind": "Metal", "Remark": "kept"}},
        {"id": "recNut00000000001", "fields": {"Code": "nut", "Count": 7}},
    ]
    return {"bases": [{"id": BASE, "name": "Synced", "tables": [stock, parts], "records": {STOCK: rows}, **base}]}


@pytest.fixture
def send(shop: AirtableEmulator, plain_http) -> Any:
    shop.seed(synced_seed())
    shop.emulator.limits.forget()
    return plain_http(shop)


def push(send: Any, text: str | bytes, path: str = SYNC, kind: str = "text/csv") -> Any:
    return send("POST", path, content=text, headers={"content-type": kind})


def rows_of(send: Any) -> dict[str, dict[str, Any]]:
    records = send("GET", f"/v0/{BASE}/{STOCK}").json()["records"]
    return {record["fields"].pop("Code"): record["fields"] for record in records}


def test_a_push_adds_changes_and_removes_records_as_pyairtable_sees_them(
    shop: AirtableEmulator, pyairtable_api: Callable[[AirtableEmulator], Api], send
) -> None:
    text = 'code,COUNT,Kind,Counted,Good,Elsewhere\nbolt,"1,200",Metal,2024-05-01,true,x\nnail,3,Wood,,,\n'
    assert push(send, text, kind="text/csv; charset=utf-8").json() == {"success": True}
    api = pyairtable_api(shop)
    bolt, nail = api.table(BASE, "Stock").all()
    pushed = {"Code": "bolt", "Count": 1200, "Kind": "Metal", "Counted": "2024-05-01", "Good": True}
    assert (bolt["id"], bolt["fields"]) == (BOLT, pushed | {"Remark": "kept", "Number": 1})
    assert nail["fields"] == {"Code": "nail", "Count": 3, "Kind": "Wood", "Number": 3}
    kind: Any = api.base(BASE).schema().table("Stock").field("Kind")
    assert [choice.name for choice in kind.options.choices] == ["Metal", "Wood"]


def test_a_push_that_changes_nothing_is_no_change(shop: AirtableEmulator, send) -> None:
    base = shop.emulator.state.bases[BASE]
    assert push(send, "Code,Count\nbolt,5\nnut,7\n").json() == {"success": True}
    assert base.transaction == 0
    push(send, "Code,Count\nbolt,5\nnut,8\n")
    assert base.transaction == 1


def test_what_a_field_cannot_hold_leaves_its_cell_empty(send) -> None:
    push(send, "Code,Count,Counted,Good\nbolt,many,tomorrow,perhaps\nnut,8,,\n")
    assert rows_of(send) == {"bolt": {"Kind": "Metal", "Remark": "kept", "Number": 1}, "nut": {"Count": 8, "Number": 2}}


def test_fields_that_a_text_cannot_fill_are_passed_over(send) -> None:
    part = send("POST", f"/v0/{BASE}/Parts", json={"fields": {"Name": "Engine", "In": [BOLT]}}).json()
    push(send, "Code,Parts,Papers,Number\nbolt,Other,http://127.0.0.1/x,77\n")
    [bolt] = rows_of(send).values()
    assert bolt == {"Count": 5, "Kind": "Metal", "Remark": "kept", "Number": 1, "Parts": [part["id"]]}


def test_quotes_line_breaks_and_a_byte_order_mark_are_read(send) -> None:
    text = '\ufeff"Code","Remark"\r\n"a ""b"", c","two\r\nlines"\r\n\r\n,\r\nä\U0001f600\r\n'
    assert push(send, text.encode()).json() == {"success": True}
    assert rows_of(send) == {'a "b", c': {"Remark": "two\r\nlines", "Number": 3}, "ä\U0001f600": {"Number": 4}}


def test_an_empty_sheet_empties_the_table(send) -> None:
    assert push(send, "Code\n").json() == {"success": True}
    assert rows_of(send) == {}


BAD: list[tuple[str | bytes, str]] = [
    ("", "header"),
    ("\n", "header"),
    ("Count\n1\n", "'Code'"),
    ("Code,code\na,b\n", "called 'code'"),
    ("Code,\na,b\n", "Column 2"),
    ("Code,Count\na,1,2\n", "Line 2"),
    ("Code,Count\nbolt,1\n,2\n", "Line 3"),
    ("Code,Count\nbolt,1\nbolt,2\n", "Line 3"),
    ('Code\n"bolt\n', "cannot be read"),
    ('Code\n"bolt"x\n', "cannot be read"),
    (f"Code\n{'x' * 200_000}\n", "cannot be read"),
    (b"Code\n\xff\n", "UTF-8"),
    ("Code" + ",c" * 500 + "\n", "501 columns"),
    ("Code\n" + "".join(f"{number}\n" for number in range(10_001)), "10000 rows"),
]


@pytest.mark.parametrize(("text", "word"), BAD)
def test_a_bad_csv_is_refused_with_its_place_and_changes_nothing(send, text: str | bytes, word: str) -> None:
    before = rows_of(send)
    answer = push(send, text)
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "INVALID_REQUEST_UNKNOWN")
    assert word in answer.json()["error"]["message"]
    assert rows_of(send) == before


def test_the_limits_themselves_are_allowed(send) -> None:
    columns = ",".join(["Code", *(f"c{number}" for number in range(499))])
    assert push(send, f"{columns}\n" + "".join(f"{number}\n" for number in range(10_000))).status_code == 200
    listed = send("GET", f"/v0/{BASE}/{STOCK}?sort[0][field]=Number&sort[0][direction]=desc&pageSize=1").json()
    assert listed["records"][0]["fields"] == {"Code": "9999", "Number": 10_002}


@pytest.mark.parametrize(
    ("path", "kind", "size", "status", "error"),
    [
        (SYNC, "application/json", 0, 422, "INVALID_REQUEST_UNKNOWN"),
        (SYNC, "text/csv", 2 * 1024 * 1024, 413, "REQUEST_TOO_LARGE"),
        (SYNC.replace("synStock1", "synOther1"), "text/csv", 0, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
        (SYNC.replace(STOCK, "Parts"), "text/csv", 0, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
        (SYNC.replace(STOCK, "Nothing"), "text/csv", 0, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ],
)
def test_a_push_to_the_wrong_place_or_of_the_wrong_kind_is_refused(
    *, send, path: str, kind: str, size: int, status: int, error: str
) -> None:
    answer = push(send, "Code,Remark\na," + "x" * size, path, kind)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, error)


def test_nothing_but_its_sync_writes_a_synced_table(send) -> None:
    before = rows_of(send)
    stock, parts = f"/v0/{BASE}/{STOCK}", f"/v0/{BASE}/Parts"
    upload = {"contentType": "text/plain", "filename": "a.txt", "file": ""}
    refused = [
        send("POST", stock, json={"fields": {"Code": "screw"}}),
        send("PATCH", f"{stock}/{BOLT}", json={"fields": {"Code": "screw"}}),
        send("PUT", stock, json={"records": [{"id": BOLT, "fields": {}}]}),
        send("DELETE", f"{stock}/{BOLT}"),
        send("DELETE", stock, params={"records[]": BOLT}),
        send("POST", f"/v0/{BASE}/{BOLT}/Papers/uploadAttachment", json=upload),
        send("POST", parts, json={"fields": {"Name": "Engine", "In": ["screw"]}, "typecast": True}),
    ]
    assert [(answer.status_code, answer.json()["error"]["type"]) for answer in refused] == [
        (403, "INVALID_PERMISSIONS")
    ] * len(refused)
    assert rows_of(send) == before
    assert send("POST", f"{stock}/{BOLT}/comments", json={"text": "Still to be talked about"}).status_code == 200
    assert send("POST", parts, json={"fields": {"In": ["nut"]}, "typecast": True}).status_code == 200


def test_pushes_need_a_creator(airtable_emulator: StartAirtable, plain_http) -> None:
    send = plain_http(airtable_emulator(seed=synced_seed(permissionLevel="edit")))
    answer = push(send, "Code\n")
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "INVALID_PERMISSIONS")


def test_the_twenty_first_push_in_five_minutes_has_to_wait(airtable_emulator: StartAirtable, plain_http) -> None:
    emulator = airtable_emulator(seed=synced_seed(), rate_limit=100)
    send = plain_http(emulator)
    for _ in range(20):
        assert push(send, "Code\n").status_code == 200
    limited = push(send, "Code\n")
    assert (limited.status_code, limited.json()["errors"][0]["error"]) == (429, "RATE_LIMIT_REACHED")
    assert 290 < int(limited.headers["retry-after"]) <= 300
    assert send("GET", f"/v0/{BASE}/{STOCK}").status_code == 200
    emulator.emulator.clock.advance(300)
    assert push(send, "Code\n").status_code == 200


def test_a_synced_table_is_still_one_after_a_restart(
    airtable_emulator: StartAirtable, plain_http, tmp_path: Path
) -> None:
    first = airtable_emulator(seed=synced_seed(), data=tmp_path)
    push(plain_http(first), "Code,Count\nnail,1\n")
    first.stop()
    send = plain_http(airtable_emulator(data=tmp_path))
    assert rows_of(send) == {"nail": {"Count": 1, "Number": 3}}
    assert push(send, "Code,Count\nnail,2\n").status_code == 200
    assert rows_of(send) == {"nail": {"Count": 2, "Number": 3}}


def test_a_webhook_hears_of_a_push_as_of_a_sync(send) -> None:
    hook = {"specification": {"options": {"filters": {"dataTypes": ["tableData"], "fromSources": ["sync"]}}}}
    made = send("POST", f"/v0/bases/{BASE}/webhooks", json=hook).json()
    push(send, "Code,Count\nbolt,6\nnail,1\n")
    [payload] = send("GET", f"/v0/bases/{BASE}/webhooks/{made['id']}/payloads").json()["payloads"]
    assert payload["actionMetadata"] == {"source": "sync"}
    changes = payload["changedTablesById"][STOCK]
    assert list(changes["changedRecordsById"]) == [BOLT]
    assert (len(changes["createdRecordsById"]), changes["destroyedRecordIds"]) == (1, ["recNut00000000001"])


def state_and_stock() -> tuple[State, Table]:
    state = load_seed(msgspec.json.encode(synced_seed()))
    return state, state.tables[STOCK]


def synced(state: State, table: Table, sheet: Sheet) -> int:
    """Sync, and say how many changes that took."""
    changes = plan_sync(Plan(table, "usrAda00000000001", typecast=True), sheet)
    for change in changes:
        apply(state, change)
    assert not any(isinstance(change, CellsSet) and not change.cells for change in changes)
    return len(changes)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
ROWS = st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4))
def test_after_any_pushes_the_table_shows_the_last_one(pushes: list[dict[str, str]]) -> None:
    state, table = state_and_stock()
    for rows in pushes:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([["Code", "Remark"], *rows.items()])
        sheet = read_sheet(text.getvalue().encode())
        synced(state, table, sheet)
        code, remark = table.fields_by_key["Code"], table.fields_by_key["Remark"]
        assert {code.cell(slot): remark.cell(slot) or "" for slot in table.live_slots()} == rows
        assert synced(state, table, sheet) == 0


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_sheet_or_a_refusal(content: bytes) -> None:
    try:
        sheet = read_sheet(b"a,b\n" + content)
    except ApiError as refused:
        event(f"{refused.status}")
        return
    assert all(len(row.texts) == 2 for row in sheet.rows)
