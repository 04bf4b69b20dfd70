"""The main job over REST: bases, tables, and the life of a record."""

from typing import Any
from urllib.parse import quote

import pytest

ORDERS = "/api/airtable/records/appSmallShop00001/tblOrders00000001"
PRODUCTS = "/api/airtable/records/appSmallShop00001/tblProducts000001"


async def test_a_new_user_lists_the_bases_and_their_tables(gateway):
    bases = await gateway.ask("GET", "/api/airtable/bases", who="viewer")
    assert bases.json()["bases"][0]["id"] == "appSmallShop00001"
    tables = await gateway.ask("GET", "/api/airtable/tables/appSmallShop00001", who="viewer")
    assert {table["name"] for table in tables.json()["tables"]} == {"Products", "Orders"}


async def test_pages_sorted_by_a_field_show_every_record_once(gateway):
    names: list[str] = []
    cursor = None
    for _ in range(3):
        parameters: dict[str, Any] = {"sort": "-Name", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await gateway.ask("GET", PRODUCTS, params=parameters)).json()
        names += [record["fields"]["Name"] for record in page["records"]]
        cursor = page["cursor"]
    assert cursor is None
    assert names == ["Yo-yo", "Saw", "Hammer", "Gift card", "Apple"]


async def test_a_list_takes_filter_fields_view_and_search(gateway):
    tools = (await gateway.ask("GET", PRODUCTS, params={"filter": "{Kind} = 'Tool'", "fields": "Name,Kind"})).json()
    assert [record["fields"] for record in tools["records"]] == [
        {"Name": "Hammer", "Kind": "Tool"},
        {"Name": "Saw", "Kind": "Tool"},
    ]
    dear = (await gateway.ask("GET", PRODUCTS, params={"view": "By price", "limit": 1})).json()
    assert dear["records"][0]["fields"]["Name"] == "Saw"
    found = (await gateway.ask("GET", PRODUCTS, params={"search": "yoyo"})).json()
    assert [record["fields"]["Name"] for record in found["records"]] == ["Yo-yo"]


async def test_the_life_of_a_record(own_gateway):
    created = await own_gateway.ask("POST", PRODUCTS, json={"fields": {"Name": "Lamp", "Price": 9, "Stock": 3}})
    assert created.status_code == 201
    assert set(created.json()) == {"id", "created_time", "fields"}
    where = f"{PRODUCTS}/{created.json()['id']}"
    assert (await own_gateway.ask("GET", where)).json()["fields"]["Name"] == "Lamp"

    updated = await own_gateway.ask("PATCH", where, json={"fields": {"Price": 8}})
    assert updated.json()["fields"]["Price"] == 8
    assert updated.json()["fields"]["Stock"] == 3

    replaced = await own_gateway.ask("PUT", where, json={"fields": {"Name": "Torch"}})
    assert replaced.json()["fields"]["Name"] == "Torch"
    assert "Stock" not in (await own_gateway.ask("GET", where)).json()["fields"]

    deleted = await own_gateway.ask("DELETE", where)
    assert deleted.json() == {"id": created.json()["id"], "deleted": True}
    gone = await own_gateway.ask("GET", where)
    assert (gone.status_code, gone.json()["code"]) == (404, "not_found")


async def test_ten_records_are_one_answer_and_eleven_ask_to_wait(own_gateway):
    ten = await own_gateway.ask("POST", PRODUCTS, json={"records": [{"fields": {"Name": f"P{i}"}} for i in range(10)]})
    assert (ten.status_code, len(ten.json()["records"])) == (201, 10)
    eleven = {"records": [{"fields": {"Name": f"Q{i}"}} for i in range(11)]}
    refused = await own_gateway.ask("POST", PRODUCTS, json=eleven)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "records")
    assert "wait=true" in refused.json()["errors"][0]["message"]
    waited = await own_gateway.ask("POST", PRODUCTS, params={"wait": "true"}, json=eleven)
    assert (waited.status_code, len(waited.json()["records"])) == (201, 11)


async def test_more_records_than_a_request_may_wait_for_are_refused(start_gateway):
    gateway = await start_gateway(wait_records_max=20)
    many = {"records": [{"fields": {"Name": f"Q{i}"}} for i in range(21)]}
    refused = await gateway.ask("POST", PRODUCTS, params={"wait": "true"}, json=many)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")


async def test_an_upsert_updates_what_is_there_and_creates_the_rest(own_gateway):
    body = {
        "records": [{"fields": {"Name": "Hammer", "Price": 13}}, {"fields": {"Name": "Rope", "Price": 2}}],
        "upsert": {"mergeOn": ["Name"]},
    }
    answer = await own_gateway.ask("POST", PRODUCTS, json=body)
    assert answer.status_code == 201
    assert (answer.json()["updated"], len(answer.json()["created"])) == (["recProduct0000001"], 1)
    again = await own_gateway.ask("POST", PRODUCTS, json=body)
    assert (again.status_code, again.json()["created"]) == (200, [])


@pytest.mark.parametrize("name", ["Products", "tblProducts000001"])
async def test_a_table_answers_to_its_name_and_its_id(gateway, name):
    assert len((await gateway.ask("GET", f"/api/airtable/records/appSmallShop00001/{name}")).json()["records"]) == 5


async def test_a_table_name_may_hold_anything_when_it_is_encoded(start_gateway, airtable_emulator):
    names = ["In/Out", "Größe & Co", "100 %", "a?b#c", "日本語", "a+b", "%2F"]
    tables = [_table(f"tblName{number:010}", name) for number, name in enumerate(names)]
    base = {"id": "appNames000000001", "name": "N", "permissionLevel": "create", "tables": tables}
    gateway = await start_gateway(airtable_emulator=airtable_emulator(seed={"bases": [base]}))
    for name in names:
        where = f"/api/airtable/records/appNames000000001/{quote(name, safe='')}"
        created = await gateway.ask("POST", where, json={"fields": {"Name": name}})
        assert created.status_code == 201, created.text
        assert (await gateway.ask("GET", f"{where}/{created.json()['id']}")).json()["fields"] == {"Name": name}
        assert len((await gateway.ask("GET", where)).json()["records"]) == 1


def _table(table_id: str, name: str) -> dict[str, Any]:
    field = {"id": f"fld{table_id[3:]}", "name": "Name", "type": "singleLineText"}
    return {"id": table_id, "name": name, "primaryFieldId": field["id"], "fields": [field]}
