"""`cellFormat=string`: each type as a person sees it, in a zone and a language."""

from typing import Any

import pytest
from smeboost_emulators.testing.airtable import AirtableEmulator, small_seed

BASE = "appStrings0000001"
IN_BERLIN = {"cellFormat": "string", "timeZone": "Europe/Berlin", "userLocale": "de"}
IN_UTC = {"cellFormat": "string", "timeZone": "utc", "userLocale": "en"}
DATE: dict[str, Any] = {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}}
TIME: dict[str, Any] = {"timeFormat": {"name": "24hour", "format": "HH:mm"}, "timeZone": "client", **DATE}
NOON = "2024-05-01T12:00:30.250Z"

CELLS: list[tuple[str, dict[str, Any], Any, str]] = [
    ("singleLineText", {}, "plain", "plain"),
    ("number", {"precision": 2}, 1234.5, "1234.50"),
    ("number", {"precision": 0}, -7, "-7"),
    ("number", {"precision": 0}, 2.5, "3"),
    ("number", {"precision": 2}, 1e300, f"{1e300:.2f}"),
    ("percent", {"precision": 1}, 0.07, "7.0%"),
    ("percent", {"precision": 0}, 1.28, "128%"),
    ("currency", {"precision": 2, "symbol": "$"}, 12.5, "$12.50"),
    ("currency", {"precision": 0, "symbol": "€"}, -3, "-€3"),
    ("duration", {"durationFormat": "h:mm"}, 5_430, "1:31"),
    ("duration", {"durationFormat": "h:mm:ss"}, 5_430, "1:30:30"),
    ("duration", {"durationFormat": "h:mm:ss.SSS"}, 59.9996, "0:01:00.000"),
    ("duration", {"durationFormat": "h:mm:ss.S"}, -61.25, "-0:01:01.3"),
    ("rating", {"max": 5, "icon": "star", "color": "yellowBright"}, 3, "3"),
    ("checkbox", {"icon": "check", "color": "greenBright"}, True, "checked"),
    ("date", DATE, "2024-05-01", "2024-05-01"),
    ("date", {"dateFormat": {"name": "local"}}, "2024-05-01", "5/1/2024"),
    ("date", {"dateFormat": {"name": "friendly", "format": "LL"}}, "2024-05-01", "May 1, 2024"),
    ("date", {"dateFormat": {"name": "us"}}, "2024-05-01", "5/1/2024"),
    ("date", {"dateFormat": {"name": "european"}}, "2024-05-01", "1/5/2024"),
    ("dateTime", TIME, NOON, "2024-05-01 12:00"),
    ("dateTime", {**TIME, "timeFormat": {"name": "12hour", "format": "h:mma"}}, NOON, "2024-05-01 12:00pm"),
    ("dateTime", {**TIME, "timeZone": "Asia/Tokyo"}, NOON, "2024-05-01 21:00"),
    ("singleSelect", {"choices": [{"name": "One"}, {"name": "Two"}]}, "Two", "Two"),
    ("multipleSelects", {"choices": [{"name": "One"}, {"name": "Two"}]}, ["Two", "One"], "Two, One"),
    ("singleCollaborator", {}, {"id": "usrAda00000000001", "email": "ada@example.com", "name": "Ada"}, "Ada"),
    ("multipleCollaborators", {}, [{"email": "ada@example.com", "name": "Ada"}, {"email": "b@c.de"}], "Ada, b@c.de"),
    ("multipleAttachments", {}, [{"url": "https://x.test/a.png", "filename": "a.png"}], "a.png (https://x.test/a.png)"),
    ("barcode", {}, {"text": "4006381333931", "type": "ean13"}, "4006381333931"),
    ("aiText", {}, {"state": "generated", "isStale": False, "value": "A word"}, "A word"),
    ("formula", {"formula": "1 / 3", "result": {"type": "percent", "options": {"precision": 1}}}, None, "33.3%"),
    ("formula", {"formula": "1 / 0"}, None, "Infinity"),
    ("formula", {"formula": "ERROR()"}, None, "#ERROR!"),
    ("formula", {"formula": "DATETIME_PARSE('2024-05-01')"}, None, "2024-05-01 00:00"),
]


@pytest.mark.parametrize(("kind", "options", "value", "text"), CELLS)
def test_a_cell_is_written_as_a_person_sees_it(
    *, shop: AirtableEmulator, plain_http, kind: str, options: dict[str, Any], value: Any, text: str
) -> None:
    field = {"name": "It", "type": kind, "options": options}
    tables = [{"name": "Things", "fields": [{"name": "Name", "type": "singleLineText"}, field]}]
    rows = [{"fields": {"It": value} if value is not None else {}}, {"fields": {}}]
    shop.seed({"bases": [{"id": BASE, "name": "Strings", "tables": tables, "records": {"Things": rows}}]})
    records = plain_http(shop)("GET", f"/v0/{BASE}/Things", params=IN_UTC).json()["records"]
    computed = kind == "formula"
    assert [record["fields"] for record in records] == [{"It": text}, {"It": text} if computed else {}]


def test_times_are_written_in_the_zone_and_the_language_of_the_reader(shop: AirtableEmulator, plain_http) -> None:
    seed = small_seed()
    placed = next(field for field in seed["bases"][0]["tables"][1]["fields"] if field["name"] == "Placed")
    placed["options"] = {"dateFormat": {"name": "friendly"}, "timeFormat": {"name": "24hour"}, "timeZone": "client"}
    shop.seed(seed)
    send = plain_http(shop)
    shown = send("GET", "Orders/recOrder000000001", params=IN_BERLIN).json()["fields"]
    assert shown["Placed"] == "1. Mai 2024 11:30"
    assert shown["Products"] == "Hammer, Yo-yo"
    assert shown["Prices"] == "$12.50, $3.99"
    assert (shown["Serial"], shown["Discount"], shown["Seller"]) == ("1", "10.0%", "Ada")


def test_a_post_reads_zone_and_language_from_the_query_only(shared_send) -> None:
    zone = {key: text for key, text in IN_UTC.items() if key != "cellFormat"}
    posted = shared_send("POST", "Orders/listRecords", params=zone, json={"cellFormat": "string", "fields": ["Placed"]})
    assert posted.json()["records"][0]["fields"] == {"Placed": "2024-05-01 09:30"}
    refused = shared_send("POST", "Orders/listRecords", json={"cellFormat": "string", **zone})
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "INVALID_REQUEST_UNKNOWN")
    ignored = shared_send("POST", "Orders/listRecords", json=zone)
    assert ignored.json()["records"][0]["fields"]["Placed"] == "2024-05-01T09:30:00.000Z"


def test_links_are_objects_when_their_dependencies_are_asked_for(shared_send) -> None:
    shown = shared_send("GET", "Orders/recOrder000000002?includeDateDependencyMetadata=true").json()["fields"]
    assert shown["Products"] == [{"id": "recProduct0000001"}]
    listed = shared_send("GET", "Orders?includeDateDependencyMetadata=1&fields[]=Products&maxRecords=1").json()
    assert listed["records"][0]["fields"] == {"Products": [{"id": "recProduct0000001"}, {"id": "recProduct0000003"}]}
