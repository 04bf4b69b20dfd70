"""What payloads say: cells in the second format, computed cells and far sides of links, filters, includes, views."""

from collections.abc import Callable
from typing import Any

import pytest
from smeboost_emulators.testing.airtable import AirtableEmulator, small_seed

BASE, PRODUCTS, ORDERS = "appSmallShop00001", "tblProducts000001", "tblOrders00000001"
HOOKS = f"/v0/bases/{BASE}/webhooks"
HAMMER, SAW, YOYO, APPLE = (f"recProduct{number:07d}" for number in (1, 2, 3, 4))
FIRST, SECOND, THIRD = (f"recOrder{number:09d}" for number in (1, 2, 3))
NAME, PRICE, STOCK, KIND = "fldProductName001", "fldProductPrice01", "fldProductStock01", "fldProductKind001"
PRODUCT_ORDERS, SOLD = "fldProductOrders1", "fldProductSold001"
NUMBER, ORDER_PRODUCTS, PRICES, CHANGED = (
    "fldOrderNumber001",
    "fldOrderProducts1",
    "fldOrderPrices001",
    "fldOrderChanged01",
)
Json = dict[str, Any]
Read = Callable[[], list[Json]]
Watch = Callable[..., Read]


@pytest.fixture
def watch(send) -> Watch:
    """Make a webhook with these filters; the result reads the payloads that came since it was last called."""

    def make(includes: Json | None = None, **filters: Any) -> Read:
        options = {"filters": {"dataTypes": ["tableData"], **filters}} | ({"includes": includes} if includes else {})
        response = send("POST", HOOKS, json={"specification": {"options": options}})
        assert response.status_code == 200, response.text
        place = {"cursor": 1}

        def read() -> list[Json]:
            page = send("GET", f"{HOOKS}/{response.json()['id']}/payloads", params=place).json()
            place["cursor"] = page["cursor"]
            return page["payloads"]

        return read

    return make


def change(send, path: str, fields: Json, method: str = "PATCH") -> Json:
    response = send(method, path, json={"fields": fields})
    assert response.status_code == 200, response.text
    return response.json()


def records(payload: Json, table: str = PRODUCTS, group: str = "changedRecordsById") -> Json:
    return payload["changedTablesById"][table][group]


def current(payload: Json, record: str, table: str = PRODUCTS) -> Json:
    return records(payload, table)[record]["current"]["cellValuesByFieldId"]


def test_every_type_is_shown_in_the_second_format(send, watch: Watch) -> None:
    read = watch(recordChangeScope=ORDERS)
    made = change(
        send,
        "Orders",
        {
            "Number": "B-1",
            "Products": [HAMMER, YOYO],
            "Placed": "2024-06-01T12:00:00Z",
            "Email": "a@example.com",
            "Phone": "1",
            "Discount": 0.5,
            "Packing time": 60,
            "Seller": {"id": "usrAda00000000001"},
            "Helpers": [{"id": "usrAda00000000001"}, {"id": "usrBob00000000001"}],
            "Code": {"text": "4006381333931"},
            "Remark": "*x*",
        },
        "POST",
    )
    [payload] = read()
    [(record_id, record)] = records(payload, ORDERS, "createdRecordsById").items()
    ada = {"id": "usrAda00000000001", "email": "ada@example.com", "name": "Ada", "permissionLevel": "create"}
    bob = {"id": "usrBob00000000001", "email": "bob@example.com", "name": "Bob", "permissionLevel": "create"}
    assert (record_id, record["createdTime"]) == (made["id"], made["createdTime"])
    assert record["cellValuesByFieldId"] == {
        NUMBER: "B-1",
        ORDER_PRODUCTS: [{"id": HAMMER, "name": "Hammer"}, {"id": YOYO, "name": "Yo-yo"}],
        "fldOrderPlaced001": "2024-06-01T12:00:00.000Z",
        "fldOrderEmail0001": "a@example.com",
        "fldOrderPhone0001": "1",
        "fldOrderDiscount1": 0.5,
        "fldOrderPacking01": 60,
        "fldOrderSeller001": ada,
        "fldOrderHelpers01": [ada, bob],
        "fldOrderCode00001": {"text": "4006381333931"},
        "fldOrderRemark001": "*x*",
        "fldOrderSerial001": 4,
        "fldOrderCreated01": made["createdTime"],
        CHANGED: made["fields"]["Changed"],
        PRICES: {"linkedRecordIds": [HAMMER, YOYO], "valuesByLinkedRecordId": {HAMMER: [12.5], YOYO: [3.99]}},
    }


def test_selects_attachments_and_empty_cells(send, watch: Watch) -> None:
    read = watch({"includePreviousCellValues": True})
    change(send, f"Products/{HAMMER}", {"Kind": None, "Tags": ["new", "sale"], "Online": False, "Notes": "x"})
    [payload] = read()
    record = records(payload)[HAMMER]
    new = {"id": "selnew00000000000", "name": "new", "color": "blueLight2"}
    sale = {"id": "selsale0000000000", "name": "sale", "color": "blueLight2"}
    tool = {"id": "selTool0000000000", "name": "Tool", "color": "blueLight2"}
    tags, online, notes = "fldProductTags001", "fldProductOnline1", "fldProductNotes01"
    assert record["current"]["cellValuesByFieldId"] == {KIND: None, tags: [new, sale], online: None, notes: "x"}
    assert record["previous"]["cellValuesByFieldId"] == {KIND: tool, tags: [sale], online: True, notes: None}
    assert "unchanged" not in record


def test_the_other_side_of_a_link_and_what_is_computed_from_it_change_too(send, watch: Watch) -> None:
    read = watch({"includePreviousCellValues": True})
    change(send, f"Orders/{THIRD}", {"Products": [APPLE]})
    change(send, f"Products/{APPLE}", {"Price": 0.75})
    linked, priced = read()
    hammer = current(linked, APPLE)
    assert hammer == {PRODUCT_ORDERS: [{"id": THIRD, "name": "A-3"}], SOLD: 1}
    assert records(linked)[APPLE]["previous"]["cellValuesByFieldId"] == {PRODUCT_ORDERS: None, SOLD: 0}
    order = current(linked, THIRD, ORDERS)
    assert order.keys() == {ORDER_PRODUCTS, PRICES, CHANGED}
    assert order[PRICES] == {"linkedRecordIds": [APPLE], "valuesByLinkedRecordId": {APPLE: [0.5]}}
    assert current(priced, APPLE) == {PRICE: 0.75}
    assert current(priced, THIRD, ORDERS) == {
        PRICES: {"linkedRecordIds": [APPLE], "valuesByLinkedRecordId": {APPLE: [0.75]}}
    }
    previous = records(priced, ORDERS)[THIRD]["previous"]["cellValuesByFieldId"]
    assert previous == {PRICES: {"linkedRecordIds": [APPLE], "valuesByLinkedRecordId": {APPLE: [0.5]}}}


def test_a_deleted_record_leaves_the_cells_that_named_it(send, watch: Watch) -> None:
    read = watch()
    send("DELETE", f"Products?records[]={HAMMER}&records[]={SAW}")
    [payload] = read()
    assert payload["changedTablesById"][PRODUCTS] == {"destroyedRecordIds": [HAMMER, SAW]}
    changed = records(payload, ORDERS)
    assert changed.keys() == {FIRST, SECOND}
    assert current(payload, SECOND, ORDERS)[ORDER_PRODUCTS] is None
    assert current(payload, FIRST, ORDERS)[ORDER_PRODUCTS] == [{"id": YOYO, "name": "Yo-yo"}]


def test_a_write_of_what_is_there_already_is_no_payload(send, watch: Watch) -> None:
    read = watch()
    change(send, f"Products/{HAMMER}", {"Name": "Hammer", "Tags": ["sale"]})
    assert read() == []


def test_an_upsert_is_one_payload_with_created_and_changed_records(send, watch: Watch) -> None:
    read = watch(recordChangeScope=PRODUCTS)
    rows = [{"fields": {"Name": "Saw", "Stock": 9}}, {"fields": {"Name": "Chisel", "Kind": "Edge"}}]
    body = {"records": rows, "performUpsert": {"fieldsToMergeOn": ["Name"]}, "typecast": True}
    answer = send("PATCH", "Products", json=body).json()
    [payload] = read()
    [created] = answer["createdRecords"]
    assert current(payload, SAW) == {STOCK: 9}
    cells = records(payload, group="createdRecordsById")[created]["cellValuesByFieldId"]
    assert cells[KIND]["name"] == "Edge"
    assert cells[KIND]["id"].startswith("sel")


def test_change_types_choose_between_new_changed_and_deleted_records(send, watch: Watch) -> None:
    reads = {kind: watch(changeTypes=[kind], recordChangeScope=PRODUCTS) for kind in ("add", "update", "remove")}
    made = change(send, "Products", {"Name": "New"}, "POST")["id"]
    change(send, f"Products/{made}", {"Name": "Newer"})
    send("DELETE", f"Products/{made}")
    seen = {kind: [list(payload["changedTablesById"][PRODUCTS]) for payload in read()] for kind, read in reads.items()}
    assert seen == {
        "add": [["createdRecordsById"]],
        "update": [["changedRecordsById"]],
        "remove": [["destroyedRecordIds"]],
    }


def test_a_table_as_scope_keeps_other_tables_out(send, watch: Watch) -> None:
    read = watch(recordChangeScope=ORDERS)
    change(send, f"Products/{SAW}", {"Stock": 1})
    change(send, f"Orders/{THIRD}", {"Products": [APPLE]})
    [payload] = read()
    assert payload["changedTablesById"].keys() == {ORDERS}


def test_a_view_as_scope_reports_what_comes_into_it_stays_and_leaves(
    shop: AirtableEmulator, send, watch: Watch
) -> None:
    seed = small_seed()
    view = {"id": "viwCheap000000001", "name": "Cheap", "type": "grid", "filterByFormula": "{Price} < 10"}
    seed["bases"][0]["tables"][0]["views"].append(view)
    shop.seed(seed)
    read = watch(recordChangeScope=view["id"])
    change(send, f"Products/{HAMMER}", {"Price": 5})
    change(send, f"Products/{HAMMER}", {"Price": 6})
    change(send, f"Products/{HAMMER}", {"Price": 50})
    change(send, f"Products/{SAW}", {"Stock": 5})
    change(send, "Products", {"Name": "Pin", "Price": 1}, "POST")
    change(send, "Products", {"Name": "Anvil", "Price": 900}, "POST")
    send("DELETE", f"Products/{APPLE}")
    views = [payload["changedTablesById"] for payload in read()]
    assert all(view.keys() == {PRODUCTS} and view[PRODUCTS].keys() == {"changedViewsById"} for view in views)
    groups = [changed[PRODUCTS]["changedViewsById"][view["id"]] for changed in views]
    assert [list(group) for group in groups] == [
        ["createdRecordsById"],
        ["changedRecordsById"],
        ["destroyedRecordIds"],
        ["createdRecordsById"],
        ["destroyedRecordIds"],
    ]
    assert groups[0]["createdRecordsById"][HAMMER]["cellValuesByFieldId"][NAME] == "Hammer"
    assert groups[2]["destroyedRecordIds"] == [HAMMER]
    assert groups[4]["destroyedRecordIds"] == [APPLE]


def test_watched_fields_decide_what_is_reported_and_shown(send, watch: Watch) -> None:
    read = watch({"includeCellValuesInFieldIds": [NAME, STOCK]}, watchDataInFieldIds=[PRICE])
    change(send, f"Products/{HAMMER}", {"Stock": 1, "Notes": "unseen"})
    change(send, f"Products/{HAMMER}", {"Price": 13, "Stock": 2, "Notes": "unseen too"})
    change(send, "Products", {"Name": "No price"}, "POST")
    change(send, "Products", {"Name": "Priced", "Price": 1, "Notes": "unseen"}, "POST")
    change(send, "Orders", {"Number": "Elsewhere"}, "POST")
    send("DELETE", f"Products/{APPLE}")
    changed, created, deleted = read()
    assert records(changed)[HAMMER] == {
        "current": {"cellValuesByFieldId": {PRICE: 13, STOCK: 2}},
        "unchanged": {"cellValuesByFieldId": {NAME: "Hammer"}},
    }
    [record] = records(created, group="createdRecordsById").values()
    assert record["cellValuesByFieldId"] == {NAME: "Priced", PRICE: 1}
    assert records(deleted, group="destroyedRecordIds") == [APPLE]


def test_a_computed_field_can_be_watched(send, watch: Watch) -> None:
    read = watch(watchDataInFieldIds=[PRICES])
    change(send, f"Products/{HAMMER}", {"Price": 99})
    change(send, f"Products/{HAMMER}", {"Stock": 99})
    [payload] = read()
    assert payload["changedTablesById"].keys() == {ORDERS}
    assert records(payload, ORDERS).keys() == {FIRST, SECOND}


def test_all_cells_can_be_included(send, watch: Watch) -> None:
    read = watch({"includeCellValuesInFieldIds": "all"})
    change(send, f"Products/{SAW}", {"Stock": 7})
    [payload] = read()
    record = records(payload)[SAW]
    assert record["current"]["cellValuesByFieldId"] == {STOCK: 7}
    assert record["unchanged"]["cellValuesByFieldId"] == {
        NAME: "Saw",
        PRICE: 30,
        KIND: {"id": "selTool0000000000", "name": "Tool", "color": "blueLight2"},
        "fldProductSince01": "2024-02-29",
        "fldProductNotes01": "Two\nlines",
        SOLD: 0,
    }


def test_sources_choose_by_who_did_it(send, watch: Watch) -> None:
    api, client = watch(fromSources=["publicApi", "client"]), watch(fromSources=["client", "formSubmission", "sync"])
    change(send, f"Products/{SAW}", {"Stock": 7})
    assert len(api()) == 1
    assert client() == []


def test_data_types_without_records_report_no_records(send, watch: Watch) -> None:
    read = watch(dataTypes=["tableFields", "tableMetadata"])
    change(send, f"Products/{SAW}", {"Stock": 7})
    assert read() == []


def test_an_action_can_be_split_over_payloads_that_share_its_heading(
    shop: AirtableEmulator, send, watch: Watch
) -> None:
    shop.emulator.knobs.turn({"payload_records_max": 4})
    try:
        read = watch(recordChangeScope=PRODUCTS)
        send("POST", "Products", json={"records": [{"fields": {"Name": str(number)}} for number in range(10)]})
        payloads = read()
    finally:
        shop.emulator.knobs.turn({"payload_records_max": None})
    created = [records(payload, group="createdRecordsById") for payload in payloads]
    assert [len(part) for part in created] == [4, 4, 2]
    names = [record["cellValuesByFieldId"][NAME] for part in created for record in part.values()]
    assert names == [str(number) for number in range(10)]
    keys = ("timestamp", "baseTransactionNumber", "actionMetadata", "payloadFormat")
    assert all(payload[key] == payloads[0][key] for payload in payloads for key in keys)


BAD_SPECIFICATIONS: list[tuple[Any, str]] = [
    (None, "INVALID_REQUEST_UNKNOWN"),
    ([], "INVALID_REQUEST_UNKNOWN"),
    ({"options": {}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {}}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {"dataTypes": []}}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {"dataTypes": ["tableDatum"]}}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {"dataTypes": ["tableData"] * 1_000}}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {"dataTypes": "tableData"}}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {"dataTypes": ["tableData"], "changeTypes": ["drop"]}}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {"dataTypes": ["tableData"], "fromSources": ["me"]}}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {"dataTypes": ["tableData"], "watchDataInFieldIds": NAME}}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {"dataTypes": ["tableData"], "colour": "red"}}}, "INVALID_REQUEST_UNKNOWN"),
    ({"options": {"filters": {"dataTypes": ["tableData"], "recordChangeScope": "Products"}}}, "INVALID_FILTERS"),
    (
        {"options": {"filters": {"dataTypes": ["tableData"], "recordChangeScope": "tblNone0000000000"}}},
        "INVALID_FILTERS",
    ),
    (
        {"options": {"filters": {"dataTypes": ["tableData"], "recordChangeScope": "viwNone0000000000"}}},
        "INVALID_FILTERS",
    ),
    ({"options": {"filters": {"dataTypes": ["tableData"], "watchDataInFieldIds": ["Name"]}}}, "INVALID_FILTERS"),
    ({"options": {"filters": {"dataTypes": ["tableData"], "watchDataInFieldIds": ["fld\u0000"]}}}, "INVALID_FILTERS"),
    (
        {
            "options": {
                "filters": {"dataTypes": ["tableData"], "recordChangeScope": ORDERS, "watchDataInFieldIds": [NAME]},
            }
        },
        "INVALID_FILTERS",
    ),
    (
        {"options": {"filters": {"dataTypes": ["tableFields"], "watchSchemasOfFieldIds": ["fldNone0000000000"]}}},
        "INVALID_FILTERS",
    ),
    (
        {
            "options": {
                "filters": {"dataTypes": ["tableData"]},
                "includes": {"includeCellValuesInFieldIds": ["fldNone0000000000"]},
            }
        },
        "INVALID_FILTERS",
    ),
    (
        {
            "options": {
                "filters": {"dataTypes": ["tableData"]},
                "includes": {"includeCellValuesInFieldIds": "some"},
            }
        },
        "INVALID_REQUEST_UNKNOWN",
    ),
    (
        {
            "options": {
                "filters": {
                    "dataTypes": ["tableData"],
                    "sourceOptions": {"formSubmission": {"viewId": "viwNone0000000000"}},
                },
            }
        },
        "INVALID_FILTERS",
    ),
]


@pytest.mark.parametrize(("specification", "kind"), BAD_SPECIFICATIONS)
def test_a_specification_that_cannot_be_is_refused(*, shared_send, specification: Any, kind: str) -> None:
    response = shared_send("POST", HOOKS, json={"specification": specification})
    assert (response.status_code, response.json()["error"]["type"]) == (422, kind)


@pytest.mark.parametrize("url", [7, "", "nowhere", "ftp://example.com", "http://", "http://[", "http://a\x00b/"])
def test_a_notification_url_that_cannot_be_is_refused(*, shared_send, url: Any) -> None:
    specification = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    response = shared_send("POST", HOOKS, json={"notificationUrl": url, "specification": specification})
    assert (response.status_code, response.json()["error"]["type"]) == (422, "INVALID_REQUEST_UNKNOWN")


def test_a_base_has_at_most_ten_webhooks(send, watch: Watch) -> None:
    for _ in range(10):
        watch()
    specification = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    response = send("POST", HOOKS, json={"specification": specification})
    assert (response.status_code, response.json()["error"]["type"]) == (422, "TOO_MANY_WEBHOOKS_IN_BASE")
    assert len(send("GET", HOOKS).json()["webhooks"]) == 10


@pytest.mark.parametrize("query", ["cursor=0", "cursor=-1", "cursor=x", "cursor=1.5", "limit=0", "limit=51", "limit="])
def test_a_cursor_or_limit_that_cannot_be_is_refused(*, shared_send, query: str) -> None:
    specification = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    hook_id = shared_send("POST", HOOKS, json={"specification": specification}).json()["id"]
    response = shared_send("GET", f"{HOOKS}/{hook_id}/payloads?{query}")
    shared_send("DELETE", f"{HOOKS}/{hook_id}")
    assert (response.status_code, response.json()["error"]["type"]) == (422, "INVALID_REQUEST_UNKNOWN")


@pytest.mark.parametrize("body", [{}, {"enable": "yes"}, {"enable": True, "more": 1}])
def test_a_switch_takes_true_or_false(*, shared_send, body: Json) -> None:
    specification = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    hook_id = shared_send("POST", HOOKS, json={"specification": specification}).json()["id"]
    response = shared_send("POST", f"{HOOKS}/{hook_id}/enableNotifications", json=body)
    shared_send("DELETE", f"{HOOKS}/{hook_id}")
    assert (response.status_code, response.json()["error"]["type"]) == (422, "INVALID_REQUEST_UNKNOWN")


@pytest.mark.parametrize("hook_id", ["achNone0000000000", "whk", "ach%00", "tblProducts000001"])
def test_an_unknown_webhook_is_not_found(*, shared_send, hook_id: str) -> None:
    for method, path in (("DELETE", ""), ("POST", "/refresh"), ("GET", "/payloads"), ("POST", "/enableNotifications")):
        response = shared_send(method, f"{HOOKS}/{hook_id}{path}")
        assert (response.status_code, response.json()) == (404, {"error": "NOT_FOUND"})


def test_only_a_creator_of_the_base_has_webhooks(airtable_emulator, plain_http) -> None:
    seed = small_seed()
    seed["bases"][0]["permissionLevel"] = "edit"
    send = plain_http(airtable_emulator(seed=seed))
    specification = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    for response in (send("POST", HOOKS, json={"specification": specification}), send("GET", HOOKS)):
        assert (response.status_code, response.json()["error"]["type"]) == (403, "INVALID_PERMISSIONS")
