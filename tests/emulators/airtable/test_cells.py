"""What each kind of field keeps and gives back."""

from typing import Any

import pytest

ADA = {"id": "usrAda00000000001", "email": "ada@example.com", "name": "Ada"}
BOB = {"id": "usrBob00000000001", "email": "bob@example.com", "name": "Bob"}
KEPT: list[tuple[str, str, Any, Any]] = [
    ("Orders", "Number", 'A/17 – ü \U0001f600 \n\t"\\', 'A/17 – ü \U0001f600 \n\t"\\'),
    ("Orders", "Placed", "2024-05-01T09:30:00.1234Z", "2024-05-01T09:30:00.123Z"),
    ("Orders", "Placed", "2024-05-01T09:30:00+02:00", "2024-05-01T07:30:00.000Z"),
    ("Orders", "Placed", "2024-05-01T09:30", "2024-05-01T09:30:00.000Z"),
    ("Orders", "Placed", "2024-05-01", "2024-05-01T00:00:00.000Z"),
    ("Orders", "Email", "not checked by the vendor", "not checked by the vendor"),
    ("Orders", "Discount", 0.125, 0.125),
    ("Orders", "Packing time", 90.5, 90.5),
    ("Orders", "Seller", {"email": "bob@example.com"}, BOB),
    ("Orders", "Seller", {"id": ADA["id"]}, ADA),
    ("Orders", "Helpers", [ADA["id"], {"email": BOB["email"]}, {"id": ADA["id"]}], [ADA, BOB]),
    ("Orders", "Code", {"text": "123", "type": "upce"}, {"text": "123", "type": "upce"}),
    ("Orders", "Code", {"text": "123", "type": None}, {"text": "123"}),
    ("Orders", "Remark", "**bold**\n", "**bold**\n"),
    ("Orders", "Products", ["recProduct0000002", "recProduct0000002"], ["recProduct0000002"]),
    ("Products", "Price", 12.0, 12),
    ("Products", "Stock", 0, 0),
    ("Products", "Stock", -0.0, 0),
    ("Products", "Stock", 1.5, 1.5),
    ("Products", "Stock", 10**30, 1e30),
    ("Products", "Online", True, True),
    ("Products", "Since", "2024-02-29", "2024-02-29"),
    ("Products", "Stars", 5, 5),
    ("Products", "Kind", "Toy", "Toy"),
    ("Products", "Tags", ["last", "new", "last"], ["last", "new"]),
    ("Products", "Site", "https://example.com/ä", "https://example.com/ä"),
]
EMPTY: list[tuple[str, str, Any]] = [
    *(("Orders", name, None) for name in ("Number", "Placed", "Seller", "Helpers", "Papers", "Code", "Products")),
    *(("Products", name, None) for name in ("Price", "Online", "Since", "Stars", "Kind", "Tags")),
    ("Orders", "Number", ""),
    ("Orders", "Placed", ""),
    ("Orders", "Products", []),
    ("Orders", "Helpers", []),
    ("Orders", "Papers", []),
    ("Orders", "Code", {"text": ""}),
    ("Products", "Online", False),
    ("Products", "Tags", []),
    ("Products", "Kind", ""),
    ("Products", "Stars", 0),
]


@pytest.mark.parametrize(("table", "name", "written", "read"), KEPT)
def test_a_value_is_read_as_the_vendor_gives_it(shared_send, table: str, name: str, written: Any, read: Any) -> None:
    created = shared_send("POST", table, json={"fields": {name: written}}).json()
    assert created["fields"][name] == read
    assert type(created["fields"][name]) is type(read)
    assert shared_send("GET", f"{table}/{created['id']}").json() == created


@pytest.mark.parametrize(("table", "name", "written"), EMPTY)
def test_an_empty_value_clears_and_is_left_out(shared_send, table: str, name: str, written: Any) -> None:
    full = {"Orders": "recOrder000000001", "Products": "recProduct0000001"}[table]
    record = shared_send("PATCH", f"{table}/{full}", json={"fields": {name: written}}).json()
    assert name not in record["fields"]


@pytest.mark.parametrize("odd", [[], {}, 1, True])
@pytest.mark.parametrize("member", ["id", "email", "name"])
def test_a_person_whose_members_are_no_texts_is_refused(shared_send, member: str, odd: Any) -> None:
    for value in ({"Seller": {member: odd}}, {"Helpers": [{member: odd}]}):
        for typecast in (True, False):
            answer = shared_send("POST", "Orders", json={"fields": value, "typecast": typecast})
            assert (answer.status_code, answer.json()["error"]["type"]) == (422, "INVALID_VALUE_FOR_COLUMN")


@pytest.mark.parametrize("paper", [{"id": []}, {"id": {}, "url": "https://example.com/1"}, {"url": 1}, {"filename": 1}])
def test_an_attachment_whose_members_are_no_texts_is_refused(shared_send, paper: dict[str, Any]) -> None:
    answer = shared_send("POST", "Orders", json={"fields": {"Papers": [paper]}})
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "INVALID_VALUE_FOR_COLUMN")


def test_attachments_are_added_kept_by_id_and_removed(send) -> None:
    def write(*papers: dict[str, str]) -> list[dict[str, str]]:
        body = {"fields": {"Papers": list(papers)}}
        return send("PATCH", "Orders/recOrder000000001", json=body).json()["fields"].get("Papers", [])

    [first] = write({"url": "https://example.com/files/one.pdf?x=1"})
    assert first["filename"] == "one.pdf"
    assert first["id"].startswith("att")
    kept, second = write({"id": first["id"]}, {"url": "https://example.com/2", "filename": "two.pdf"})
    assert (kept, second["filename"]) == (first, "two.pdf")
    assert write({"id": second["id"]}) == [second]


def test_a_time_without_an_offset_is_read_in_the_fields_own_zone(airtable_emulator, plain_http) -> None:
    field = {"name": "At", "type": "dateTime", "options": {"timeZone": "Europe/Berlin"}}
    table = {"id": "tblTimes000000001", "name": "Times", "fields": [{"name": "Name", "type": "singleLineText"}, field]}
    base = {"id": "appTimes000000001", "name": "Times", "tables": [table]}
    send = plain_http(airtable_emulator(seed={"bases": [base]}))
    record = send("POST", "/v0/appTimes000000001/Times", json={"fields": {"At": "2024-07-01T12:00:00"}}).json()
    assert record["fields"]["At"] == "2024-07-01T10:00:00.000Z"


def test_modification_times_move_only_with_what_they_watch(airtable_emulator, plain_http) -> None:
    fields: list[dict[str, Any]] = [
        {"name": "Name", "type": "singleLineText"},
        {"name": "Watched", "type": "number"},
        {"name": "Any", "type": "lastModifiedTime"},
        {"name": "One", "type": "lastModifiedTime", "options": {"referencedFieldIds": ["Watched"]}},
        {"name": "Friends", "type": "multipleRecordLinks", "options": {"linkedTableId": "People"}},
    ]
    table = {"name": "People", "fields": fields}
    created = "2024-01-01T08:00:00.000Z"
    rows = [{"id": f"recPerson0000000{index}", "createdTime": created, "fields": {}} for index in range(2)]
    base = {"id": "appPeople00000001", "name": "People", "tables": [table], "records": {"People": rows}}
    send = plain_http(airtable_emulator(seed={"bases": [base]}))
    path = "/v0/appPeople00000001/People"
    renamed = send("PATCH", f"{path}/recPerson00000000", json={"fields": {"Name": "x"}}).json()["fields"]
    assert renamed["Any"] > created == renamed["One"]
    counted = send("PATCH", f"{path}/recPerson00000000", json={"fields": {"Watched": 1}}).json()["fields"]
    assert counted["One"] > created


def test_writing_what_is_there_already_moves_no_modification_time(send) -> None:
    path = "Orders/recOrder000000001"
    before = send("GET", path).json()
    same = {
        key: value for key, value in before["fields"].items() if key in ("Number", "Products", "Placed", "Discount")
    }
    assert send("PATCH", path, json={"fields": same}).json() == before


def test_removing_a_link_from_one_side_moves_the_modification_time_of_the_other(send) -> None:
    before = send("GET", "Orders/recOrder000000001").json()["fields"]
    send("PATCH", "Products/recProduct0000003", json={"fields": {"Orders": []}})
    after = send("GET", "Orders/recOrder000000001").json()["fields"]
    assert after["Products"] == ["recProduct0000001"]
    assert after["Changed"] > before["Changed"]
