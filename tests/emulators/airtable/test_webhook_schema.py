"""Webhooks on the schema: tables and fields that come and change, and what ends a webhook."""

from collections.abc import Callable
from typing import Any

import pytest
from smeboost_emulators.airtable.state.commits import Actor
from smeboost_emulators.airtable.state.schema_changes import ViewDeleted
from smeboost_emulators.testing.airtable import AirtableEmulator

BASE, PRODUCTS, ORDERS = "appSmallShop00001", "tblProducts000001", "tblOrders00000001"
NAME, PRICE = "fldProductName001", "fldProductPrice01"
BY_PRICE = "viwProductsPrice1"
HOOKS, TABLES = f"/v0/bases/{BASE}/webhooks", f"/v0/meta/bases/{BASE}/tables"
SCHEMA = ["tableFields", "tableMetadata"]
Json = dict[str, Any]
Read = Callable[[], list[Json]]


@pytest.fixture
def watch(send) -> Callable[..., Read]:
    """Make a webhook with these filters; the result reads all its payloads."""

    def make(includes: Json | None = None, **filters: Any) -> Read:
        options: Json = {"filters": filters} | ({"includes": includes} if includes else {})
        response = send("POST", HOOKS, json={"specification": {"options": options}})
        assert response.status_code == 200, response.text
        return lambda: send("GET", f"{HOOKS}/{response.json()['id']}/payloads").json()["payloads"]

    return make


def did(send, method: str, path: str, **body: Any) -> Json:
    response = send(method, path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def parts(payloads: list[Json]) -> list[Json]:
    return [payload.get("changedTablesById", {}) for payload in payloads]


def test_a_renamed_table_says_what_it_was(send, watch) -> None:
    read, data = watch(dataTypes=["tableMetadata"]), watch(dataTypes=["tableData", "tableFields"])
    did(send, "PATCH", f"{TABLES}/{PRODUCTS}", name="Goods", description="All we sell")
    [payload] = read()
    assert payload["actionMetadata"]["source"] == "publicApi"
    assert payload["changedTablesById"] == {
        PRODUCTS: {
            "changedMetadata": {
                "current": {"name": "Goods", "description": "All we sell"},
                "previous": {"name": "Products", "description": ""},
            }
        }
    }
    assert data() == []


def test_new_and_renamed_fields(send, watch) -> None:
    read = watch({"includePreviousFieldDefinitions": True}, dataTypes=SCHEMA)
    plain, added = watch(dataTypes=SCHEMA), watch(dataTypes=SCHEMA, changeTypes=["add"])
    weight = did(send, "POST", f"{TABLES}/{PRODUCTS}/fields", name="Weight", type="number", options={"precision": 1})
    did(send, "PATCH", f"{TABLES}/{PRODUCTS}/fields/{PRICE}", name="Cost")
    created = {PRODUCTS: {"createdFieldsById": {weight["id"]: {"name": "Weight", "type": "number"}}}}
    renamed = {"current": {"name": "Cost"}}
    assert parts(plain()) == [created, {PRODUCTS: {"changedFieldsById": {PRICE: renamed}}}]
    assert parts(read()) == [
        created,
        {PRODUCTS: {"changedFieldsById": {PRICE: renamed | {"previous": {"name": "Price"}}}}},
    ]
    assert parts(added()) == [created]


def test_a_new_link_creates_a_field_on_both_sides(send, watch) -> None:
    read = watch(dataTypes=["tableFields"])
    options = {"linkedTableId": ORDERS}
    gift = did(send, "POST", f"{TABLES}/{PRODUCTS}/fields", name="Gift of", type="multipleRecordLinks", options=options)
    [changed] = parts(read())
    inverse = {"name": "Products 2", "type": "multipleRecordLinks"}
    here = {gift["id"]: {"name": "Gift of", "type": "multipleRecordLinks"}}
    assert changed[PRODUCTS] == {"createdFieldsById": here}
    [(inverse_id, shown)] = changed[ORDERS]["createdFieldsById"].items()
    assert inverse_id == gift["options"]["inverseLinkFieldId"]
    assert shown["type"] == inverse["type"]


def test_schemas_of_fields_can_be_watched(send, watch) -> None:
    read = watch(dataTypes=SCHEMA, watchSchemasOfFieldIds=[PRICE])
    did(send, "PATCH", f"{TABLES}/{PRODUCTS}/fields/{NAME}", name="Title")
    did(send, "POST", f"{TABLES}/{PRODUCTS}/fields", name="Weight", type="singleLineText")
    did(send, "PATCH", f"{TABLES}/{PRODUCTS}/fields/{PRICE}", name="Cost")
    assert parts(read()) == [{PRODUCTS: {"changedFieldsById": {PRICE: {"current": {"name": "Cost"}}}}}]


def test_a_new_table_is_told_in_parts_by_data_type(send, watch) -> None:
    whole, fields = watch(dataTypes=["tableData", *SCHEMA]), watch(dataTypes=["tableFields"])
    elsewhere = watch(dataTypes=SCHEMA, recordChangeScope=ORDERS)
    table = did(send, "POST", TABLES, name="Shelves", fields=[{"name": "Code", "type": "singleLineText"}])
    shown = {table["fields"][0]["id"]: {"name": "Code", "type": "singleLineText"}}
    [payload] = whole()
    assert payload["createdTablesById"] == {
        table["id"]: {"metadata": {"name": "Shelves", "description": ""}, "fieldsById": shown, "recordsById": {}}
    }
    assert [payload["createdTablesById"] for payload in fields()] == [{table["id"]: {"fieldsById": shown}}]
    assert elsewhere() == []
    record = did(send, "POST", table["id"], fields={"Code": "A1"})
    assert list(whole()[1]["changedTablesById"][table["id"]]["createdRecordsById"]) == [record["id"]]


def test_a_scope_keeps_the_schema_of_other_tables_out(send, watch) -> None:
    read = watch(dataTypes=SCHEMA, recordChangeScope=ORDERS)
    did(send, "PATCH", f"{TABLES}/{PRODUCTS}", name="Goods")
    did(send, "PATCH", f"{TABLES}/{ORDERS}", name="Sales")
    assert [list(part) for part in parts(read())] == [[ORDERS]]


def test_a_view_that_goes_ends_the_webhooks_on_it(shop: AirtableEmulator, send, watch) -> None:
    """The vendor has no way to delete a table or a field by its API, but a view."""
    doomed = watch(dataTypes=["tableData"], recordChangeScope=BY_PRICE)
    read = watch(dataTypes=["tableData"], recordChangeScope=PRODUCTS)
    did(send, "PATCH", "Products/recProduct0000001", fields={"Name": "Mallet"})
    shop.emulator.commit(BASE, [ViewDeleted(PRODUCTS, BY_PRICE)], Actor({"id": "usrSomebody000001"}, "client"))
    did(send, "PATCH", "Products/recProduct0000001", fields={"Name": "Sledge"})
    first, last = doomed()
    assert list(first["changedTablesById"]) == [PRODUCTS]
    assert (last["error"], last["code"], last["payloadFormat"]) == (True, "INVALID_FILTERS", "v0")
    assert last["baseTransactionNumber"] == first["baseTransactionNumber"] + 1
    assert last["actionMetadata"]["source"] == "client"
    assert "changedTablesById" not in last
    assert len(read()) == 2
    dead, alive = send("GET", HOOKS).json()["webhooks"]
    assert (dead["isHookEnabled"], dead["cursorForNextPayload"]) == (False, 3)
    assert alive["isHookEnabled"]
    assert send("POST", f"{HOOKS}/{dead['id']}/refresh").status_code == 422
