"""What a caller can do wrong, and the vendor's answer to it: status and type, never a 500."""

import json
import socket
from typing import Any
from urllib.parse import urlparse

import httpx
import pytest
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, small_seed

BASE, PRODUCTS, ORDERS = "appSmallShop00001", "tblProducts000001", "tblOrders00000001"
HAMMER, UNKNOWN = "recProduct0000001", "recUnknown0000001"
MEBIBYTE = 1024 * 1024


def outcome(response: httpx.Response) -> tuple[int, str]:
    """The status and the error's type, whichever of the three envelopes it came in."""
    body = response.json()
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    if "errors" in body:
        return response.status_code, body["errors"][0]["error"]
    error = body["error"]
    return response.status_code, error if isinstance(error, str) else error["type"]


def as_json(content: bytes) -> dict[str, Any]:
    return {"content": content, "headers": {"content-type": "application/json"}}


def fields(**values: Any) -> dict[str, Any]:
    return {"json": {"fields": values}}


def records(count: int, **extra: Any) -> dict[str, Any]:
    return {"json": {"records": [{"fields": {"Name": str(index)}, **extra} for index in range(count)]}}


def upsert(merge_on: Any, *items: dict[str, Any]) -> dict[str, Any]:
    return {"json": {"performUpsert": {"fieldsToMergeOn": merge_on}, "records": list(items)}}


REFUSED: list[tuple[str, str, dict[str, Any], int, str]] = [
    # Places that do not exist.
    ("GET", "/v0", {}, 404, "NOT_FOUND"),
    ("GET", "/nowhere", {}, 404, "NOT_FOUND"),
    ("POST", "/v0/meta/whoami", {}, 404, "NOT_FOUND"),
    ("GET", "/v0/appTooShort/Products", {}, 404, "NOT_FOUND"),
    ("GET", f"/v0/{BASE[:-1]}!/Products", {}, 404, "NOT_FOUND"),
    ("GET", "Products/recTooShort", {}, 404, "NOT_FOUND"),
    ("GET", "/v0/appUnknown0000001/Products", {}, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("GET", "/v0/meta/bases/appUnknown0000001/tables", {}, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("GET", "Nothing", {}, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("GET", f"Products/{UNKNOWN}", {}, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("PATCH", f"Products/{UNKNOWN}", fields(Name="x"), 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("DELETE", f"Products/{UNKNOWN}", {}, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    # List parameters.
    ("GET", "Products?pageSize=0", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?pageSize=101", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?pageSize=ten", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?pageSize=%D9%A1", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?maxRecords=-1", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?colour=red", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?sort%5B0%5D%5Bdirection%5D=asc", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?sort[0][field]=Name&sort[0][direction]=up", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?sort=Name", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?sort[0][field]=Nothing", {}, 422, "UNKNOWN_FIELD_NAME"),
    ("GET", "Products?fields[]=Nothing", {}, 422, "UNKNOWN_FIELD_NAME"),
    ("GET", "Products?returnFieldsByFieldId=perhaps", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?recordMetadata[]=likes", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?cellFormat=string", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?cellFormat=string&timeZone=Mars&userLocale=en", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?cellFormat=string&timeZone=utc&userLocale=klingon!", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?cellFormat=xml", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "Products?view=Nothing", {}, 422, "VIEW_NAME_NOT_FOUND"),
    ("GET", "Products?view=viwUnknown0000001", {}, 422, "VIEW_ID_NOT_FOUND"),
    ("GET", "Products?view=viwOrdersGrid0001", {}, 422, "FAILED_STATE_CHECK"),
    ("GET", "Products?offset=garbage", {}, 422, "INVALID_OFFSET_VALUE"),
    ("GET", f"Products?offset=itrUnknown0000001/{HAMMER}", {}, 422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"),
    ("GET", "Products?filterByFormula=%7BName", {}, 422, "INVALID_FILTER_BY_FORMULA"),
    ("GET", f"Products/{HAMMER}?pageSize=1", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", f"/v0/meta/bases/{BASE}/tables?include=everything", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", "/v0/meta/bases?offset=itrUnknown0000001/appUnknown0000001", {}, 422, "INVALID_OFFSET_VALUE"),
    ("GET", "/v0/meta/bases?offset=garbage", {}, 422, "INVALID_OFFSET_VALUE"),
    ("POST", "Products/listRecords", {"json": {"offset": None}}, 422, "INVALID_OFFSET_VALUE"),
    ("POST", "Products/listRecords", {"json": {"limit": 1}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products/listRecords", {"json": {"pageSize": "1"}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products/listRecords", {"json": {"pageSize": True}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products/listRecords", {"json": {"sort": {"field": "Name"}}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products/listRecords", {"json": {"fields": "Name"}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products/listRecords", {"json": {"view": 1}}, 422, "INVALID_REQUEST_UNKNOWN"),
    # Bodies.
    ("POST", "Products", as_json(b"{"), 422, "INVALID_REQUEST_BODY"),
    ("POST", "Products", as_json(b""), 422, "INVALID_REQUEST_BODY"),
    ("POST", "Products", {"content": b'{"fields":{}}'}, 422, "INVALID_REQUEST_BODY"),
    ("POST", "Products", as_json(b'{"fields":{"Stock":NaN}}'), 422, "INVALID_REQUEST_BODY"),
    ("POST", "Products", as_json(b"[" * 100_000), 422, "INVALID_REQUEST_BODY"),
    ("POST", "Products", as_json(b'{"fields":{"Name":"\\ud800"}}'), 422, "INVALID_REQUEST_BODY"),
    ("POST", "Products", {"json": []}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products", {"json": {}}, 422, "INVALID_REQUEST_MISSING_FIELDS"),
    ("POST", "Products", {"json": {"fields": []}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products", {"json": {"fields": {}, "colour": 1}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products", {"json": {"fields": {}, "records": []}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products", {"json": {"fields": {}, "typecast": "yes"}}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "Products", {"json": {"records": []}}, 422, "INVALID_RECORDS"),
    ("POST", "Products", {"json": {"records": {}}}, 422, "INVALID_RECORDS"),
    ("POST", "Products", {"json": {"records": [{}]}}, 422, "INVALID_RECORDS"),
    ("POST", "Products", {"json": {"records": ["x"]}}, 422, "INVALID_RECORDS"),
    ("POST", "Products", records(2, id=HAMMER), 422, "INVALID_RECORDS"),
    ("POST", "Products", records(11), 422, "INVALID_RECORDS"),
    ("PATCH", "Products", records(11, id=HAMMER), 422, "INVALID_RECORDS"),
    ("PUT", "Products", records(11, id=HAMMER), 422, "INVALID_RECORDS"),
    ("PATCH", "Products", records(1), 422, "INVALID_RECORDS"),
    ("PATCH", "Products", records(1, id="nonsense"), 422, "INVALID_RECORDS"),
    ("PATCH", "Products", records(1, id=7), 422, "INVALID_RECORDS"),
    ("PATCH", "Products", records(1, id=UNKNOWN), 422, "ROW_DOES_NOT_EXIST"),
    ("PATCH", "Products", {"json": {}}, 422, "INVALID_RECORDS"),
    ("DELETE", "Products", {}, 422, "INVALID_RECORDS"),
    ("DELETE", "Products?records[]=nonsense", {}, 422, "INVALID_RECORDS"),
    ("DELETE", f"Products?{'&'.join([f'records[]={HAMMER}'] * 11)}", {}, 422, "INVALID_RECORDS"),
    ("DELETE", f"Products?records[]={HAMMER}&records[]={UNKNOWN}", {}, 422, "ROW_DOES_NOT_EXIST"),
    # Upserts.
    ("PATCH", "Products", upsert([], {"fields": {}}), 422, "INVALID_REQUEST_UNKNOWN"),
    ("PATCH", "Products", upsert("Name", {"fields": {}}), 422, "INVALID_REQUEST_UNKNOWN"),
    ("PATCH", "Products", upsert(["Name"] * 4, {"fields": {}}), 422, "INVALID_REQUEST_UNKNOWN"),
    ("PATCH", "Products", upsert(["Nothing"], {"fields": {}}), 422, "UNKNOWN_FIELD_NAME"),
    ("PATCH", "Products", upsert(["Times sold"], {"fields": {}}), 422, "INVALID_VALUE_FOR_COLUMN"),
    ("PATCH", "Products", upsert(["Online"], {"fields": {"Online": True}}), 422, "INVALID_REQUEST_UNKNOWN"),
    ("PATCH", "Products", upsert(["Name"], {"fields": {"Stock": 1}}), 422, "INVALID_REQUEST_UNKNOWN"),
    ("PATCH", "Products", upsert(["Kind"], {"fields": {"Kind": "Tool"}}), 422, "INVALID_RECORDS"),
    ("PATCH", "Products", upsert(["Name"], {"id": UNKNOWN, "fields": {"Name": "x"}}), 422, "ROW_DOES_NOT_EXIST"),
    # Cells.
    ("POST", "Products", fields(Nothing=1), 422, "UNKNOWN_FIELD_NAME"),
    ("POST", "Products", fields(**{"Times sold": 3}), 422, "INVALID_VALUE_FOR_COLUMN"),
    ("POST", "Products", fields(Kind="Weapon"), 422, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
    ("POST", "Products", fields(Tags=["new", "Weapon"]), 422, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
    ("POST", "Products", fields(Orders="recOrder000000001"), 422, "VALUE_IS_NOT_ARRAY_OF_RECORD_IDS"),
    ("POST", "Products", fields(Orders=[{"id": "recOrder000000001"}]), 422, "VALUE_IS_NOT_ARRAY_OF_RECORD_IDS"),
    ("POST", "Products", fields(Orders=[UNKNOWN]), 422, "ROW_DOES_NOT_EXIST"),
    ("POST", "Products", fields(Orders=[HAMMER]), 422, "ROW_DOES_NOT_EXIST"),
    # Known to exist at the vendor, and not here.
    ("PATCH", f"Products/{HAMMER}/dateDependencyMetadata", {"json": {}}, 501, "EMULATOR_NOT_SUPPORTED"),
    ("GET", f"/v0/meta/bases/{BASE}/views", {}, 404, "NOT_FOUND"),
    ("GET", "/v0/meta/workspaces/wspUnknown0000001", {}, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("GET", "/scim/v2/Users", {}, 404, "NOT_FOUND"),
    ("GET", "/oauth2/v1/authorize", {}, 501, "EMULATOR_NOT_SUPPORTED"),
]


@pytest.mark.parametrize(("method", "path", "options", "status", "kind"), REFUSED)
def test_a_bad_request_gets_the_vendors_error_and_changes_nothing(
    *, shared_send, method: str, path: str, options: dict[str, Any], status: int, kind: str
) -> None:
    before = shared_send("GET", "Products").json()
    assert outcome(shared_send(method, path, **options)) == (status, kind)
    assert shared_send("GET", "Products").json() == before


WRONG_VALUES: dict[str, list[Any]] = {
    "Number": [1, True, ["x"], {"text": "x"}, "x" * 100_001],
    "Placed": [
        1,
        "tomorrow",
        "2024-13-01",
        "2024-02-30T10:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "2024-05-01T25:00",
        {},
    ],
    "Email": [1, []],
    "Discount": ["0.1", True, [], 10**400],
    "Packing time": ["1:00", False],
    "Seller": [1, "usrAda00000000001", [], {}, {"id": "usrUnknown0000001"}, {"email": "nobody@example.com"}],
    "Helpers": [{"id": "usrAda00000000001"}, [1], [{"id": "usrUnknown0000001"}]],
    "Papers": [
        "https://example.com/a.pdf",
        [1],
        [{}],
        [{"url": 1}],
        [{"url": "ftp://example.com/a"}],
        [{"id": "attX"}],
    ],
    "Code": ["4006381333931", {"text": 1}, {"text": "x", "colour": "red"}, []],
    "Remark": [1],
    "Serial": [1],
    "Created": ["2024-05-01T09:30:00.000Z"],
    "Changed": [None],
    "Prices": [[1]],
}
WRONG_PRODUCTS: dict[str, list[Any]] = {
    "Online": ["true", 1, []],
    "Since": [1, "2024-2-9", "2023-02-29", "2024-02-29T10:00:00Z", "20240229"],
    "Stars": [6, -1, 2.5, "3", True],
    "Kind": [1, ["Tool"], {"name": "Tool"}],
    "Tags": ["new", [1], {"name": "new"}],
    "Stock": ["1", True, {}, []],
    "Price": ["$1"],
}


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        (table, name, value)
        for table, wrong in (("Orders", WRONG_VALUES), ("Products", WRONG_PRODUCTS))
        for name, values in wrong.items()
        for value in values
    ],
)
def test_a_value_that_a_field_cannot_hold_is_refused_by_name(shared_send, table: str, name: str, value: Any) -> None:
    text = json.dumps({"fields": {name: value}})
    response = shared_send("POST", table, content=text, headers={"content-type": "application/json"})
    assert outcome(response) == (422, "INVALID_VALUE_FOR_COLUMN")
    assert f'"{name}"' in response.json()["error"]["message"]


def test_one_bad_record_of_a_batch_refuses_the_batch(send) -> None:
    good, bad = {"Name": "Good", "Kind": "Brand new", "Orders": ["recOrder000000003"]}, {"Stock": []}
    body = {"records": [{"fields": good}, {"fields": bad}], "typecast": True}
    before = [send("GET", "Orders").json(), send("GET", f"/v0/meta/bases/{BASE}/tables").json()]
    assert send("POST", "Products", json=body).status_code == 422
    assert send("GET", "Products").json()["records"][-1]["fields"]["Name"] == "Gift card"
    assert [send("GET", "Orders").json(), send("GET", f"/v0/meta/bases/{BASE}/tables").json()] == before


def test_the_message_for_eleven_records_tells_limit_and_count(shared_send) -> None:
    message = shared_send("POST", "Products", **records(11)).json()["error"]["message"]
    assert message == "A maximum of 10 records can be created per request but you have provided 11."


def test_a_deleted_record_is_not_found_and_a_stranger_is_not_permitted(send) -> None:
    assert send("DELETE", f"Products/{HAMMER}").status_code == 200
    assert outcome(send("GET", f"Products/{HAMMER}")) == (404, "NOT_FOUND")
    assert outcome(send("DELETE", f"Products/{HAMMER}")) == (404, "NOT_FOUND")
    assert outcome(send("PATCH", "Products", **records(1, id=HAMMER))) == (422, "ROW_DOES_NOT_EXIST")


def test_unknown_records_can_be_answered_with_404(airtable_emulator: StartAirtable, plain_http) -> None:
    send = plain_http(airtable_emulator(seed=small_seed(), unknown_record_status=404))
    assert outcome(send("GET", f"Products/{UNKNOWN}")) == (404, "NOT_FOUND")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic dXNlcjpwYXNz", "Bearer patWrong"])
def test_a_missing_or_wrong_token_is_401(shared_shop: AirtableEmulator, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = httpx.get(f"{shared_shop.url}/v0/meta/bases", headers=headers)
    assert outcome(response) == (401, "AUTHENTICATION_REQUIRED")


def test_without_a_list_of_tokens_any_token_is_good_but_none_is_not(airtable_emulator: StartAirtable) -> None:
    url = airtable_emulator(seed=small_seed(), tokens=frozenset()).url + "/v0/meta/bases"
    assert httpx.get(url, headers={"Authorization": "Bearer whatever"}).status_code == 200
    assert httpx.get(url).status_code == 401


def test_an_id_of_a_wrong_shape_is_found_before_the_token_is_looked_at(shared_shop: AirtableEmulator) -> None:
    assert outcome(httpx.get(f"{shared_shop.url}/v0/appTooShort/Products")) == (404, "NOT_FOUND")


def test_a_base_that_may_only_be_read_refuses_writes(airtable_emulator: StartAirtable, plain_http) -> None:
    seed = small_seed()
    seed["bases"][0]["permissionLevel"] = "read"
    send = plain_http(airtable_emulator(seed=seed))
    assert send("GET", "Products").status_code == 200
    assert outcome(send("POST", "Products", **fields(Name="x"))) == (403, "INVALID_PERMISSIONS")


def test_a_url_of_more_than_16000_characters_is_refused(shared_send) -> None:
    assert outcome(shared_send("GET", "Products?filterByFormula=" + "x" * 16_000)) == (414, "REQUEST_URI_TOO_LONG")


def first_line_and_body(emulator: AirtableEmulator, request: bytes) -> tuple[str, dict[str, Any]]:
    """What the emulator answers to raw bytes while the request is still open."""
    address = urlparse(emulator.url)
    with socket.create_connection((str(address.hostname), address.port or 0), timeout=5) as connection:
        connection.sendall(request)
        answer = b""
        while not answer.endswith(b"}"):
            received = connection.recv(65_536)
            assert received, answer
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0].decode(), json.loads(body)


def raw_request(emulator: AirtableEmulator, target: str, method: str = "GET", *headers: str) -> bytes:
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: api.airtable.com",
        f"Authorization: Bearer {emulator.token}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def test_a_body_of_50_megabytes_is_refused_before_it_is_sent(shared_shop: AirtableEmulator) -> None:
    headers = ("Content-Type: application/json", f"Content-Length: {50 * MEBIBYTE}")
    request = raw_request(shared_shop, f"/v0/{BASE}/Products", "POST", *headers)
    line, body = first_line_and_body(shared_shop, request)
    assert "413" in line
    assert body["error"]["type"] == "REQUEST_TOO_LARGE"


def test_a_body_of_unknown_length_is_refused_at_the_limit(shared_shop: AirtableEmulator) -> None:
    headers = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    chunk = b"%x\r\n%s\r\n" % (MEBIBYTE, b" " * MEBIBYTE)
    request = raw_request(shared_shop, f"/v0/{BASE}/Products", "POST", *headers) + chunk * 6
    line, _ = first_line_and_body(shared_shop, request)
    assert "413" in line


def test_a_client_that_sends_50_megabytes_anyway_reads_the_refusal(shared_send) -> None:
    body = b'{"fields":{"Notes":"' + b"x" * 50 * MEBIBYTE + b'"}}'
    response = shared_send("POST", "Products", content=body, headers={"content-type": "application/json"}, timeout=20)
    assert outcome(response) == (413, "REQUEST_TOO_LARGE")


def test_absolute_form_requests_are_answered(shared_shop: AirtableEmulator) -> None:
    target = f"http://api.airtable.com/v0/{BASE}/Products?maxRecords=1"
    line, body = first_line_and_body(shared_shop, raw_request(shared_shop, target))
    assert "200" in line
    assert [record["fields"]["Name"] for record in body["records"]] == ["Hammer"]


@pytest.mark.parametrize("target", ["/v0/%FF%FE/x", f"/v0/{BASE}/%00", f"/v0/{BASE}/%zz?fields[]=%FF"])
def test_a_path_that_is_no_text_is_no_table(shared_shop: AirtableEmulator, target: str) -> None:
    line, body = first_line_and_body(shared_shop, raw_request(shared_shop, target))
    assert line.split()[1] in ("403", "404")
    assert "error" in body
