"""Webhooks through the tools: make, list, read, change, end."""

import pytest
from smeboost_emulators.testing.airtable import small_seed

BASE, PRODUCTS = "appSmallShop00001", "tblProducts000001"


@pytest.fixture
async def ask(airtable_emulator, connect):
    airtable = airtable_emulator(seed=small_seed())
    async with connect(airtable.url, api_key=airtable.token) as client:

        async def run(tool: str, **arguments) -> dict:
            given = {"base_id": BASE} | arguments
            return (await client.call_tool(tool, given, raise_on_error=False)).structured_content

        yield run


async def test_a_webhook_tells_what_changed_and_ends(ask) -> None:
    made = await ask(
        "create_webhook",
        data_types=["tableData"],
        scope=PRODUCTS,
        filters={"changeTypes": ["update"]},
        includes={"includePreviousCellValues": True},
    )
    assert made["mac_secret_base64"]
    change = {"id": "recProduct0000001", "fields": {"Price": 13}}
    await ask("update_records", table_id=PRODUCTS, records=[change])
    await ask("create_records", table_id=PRODUCTS, records=[{"fields": {"Name": "Kite"}}])
    read = await ask("list_webhook_payloads", webhook_id=made["id"])
    (payload,) = read["payloads"]
    record = payload["changedTablesById"][PRODUCTS]["changedRecordsById"]["recProduct0000001"]
    assert record["current"]["cellValuesByFieldId"]["fldProductPrice01"] == 13
    assert record["previous"]["cellValuesByFieldId"]["fldProductPrice01"] == 12.5
    assert (read["cursor"], read["might_have_more"]) == (2, False)
    assert (await ask("list_webhook_payloads", webhook_id=made["id"], cursor=2))["payloads"] == []

    refreshed = await ask("change_webhook", webhook_id=made["id"], action="refresh")
    assert refreshed["expires_at"] >= made["expires_at"]
    assert (await ask("change_webhook", webhook_id=made["id"], action="disable"))["done"] == "disable"
    (listed,) = (await ask("list_webhooks"))["webhooks"]
    assert (listed["id"], listed["notifies"], listed["next_cursor"]) == (made["id"], False, 2)
    await ask("change_webhook", webhook_id=made["id"], action="delete")
    assert (await ask("list_webhooks"))["webhooks"] == []


@pytest.mark.parametrize(
    ("tool", "arguments", "code", "field"),
    [
        ("list_webhook_payloads", {"webhook_id": "ach00000000000000"}, "not_found", "webhook_id"),
        ("change_webhook", {"webhook_id": "hook", "action": "delete"}, "invalid_input", "webhook_id"),
        ("change_webhook", {"webhook_id": "ach00000000000000", "action": "stop"}, "invalid_input", "action"),
        ("list_webhook_payloads", {"webhook_id": "ach00000000000000", "cursor": 0}, "invalid_input", "cursor"),
        ("create_webhook", {"data_types": []}, "invalid_input", "data_types"),
        ("create_webhook", {"data_types": ["tableData"], "url": "https://["}, "invalid_input", "url"),
        ("create_webhook", {"data_types": ["tables"]}, "invalid_input", "data_types.0"),
        ("create_webhook", {"data_types": ["tableData"], "filters": {"changeType": 1}}, "invalid_input", "filters"),
        ("create_webhook", {"data_types": ["tableData"], "scope": "tblNobody00000000"}, "invalid_input", "filters"),
        ("create_webhook", {"data_types": ["tableData"], "url": "nowhere"}, "invalid_input", "url"),
        ("list_webhooks", {"base_id": "appNobody00000000"}, "not_found", "base_id"),
    ],
)
async def test_what_is_wrong_with_a_webhook_is_named(ask, tool, arguments, code, field) -> None:
    error = (await ask(tool, **arguments))["error"]
    assert (error["code"], error["errors"][0]["field"]) == (code, field)
