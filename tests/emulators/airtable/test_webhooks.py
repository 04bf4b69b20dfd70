"""Webhooks through pyairtable: made, read, paged, refreshed, switched, deleted; they survive a restart."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyairtable import Api
from pyairtable.models.webhook import Webhook, WebhookPayload
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, small_seed

BASE, PRODUCTS, ORDERS = "appSmallShop00001", "tblProducts000001", "tblOrders00000001"
HAMMER = "recProduct0000001"
HOOKS = f"/v0/bases/{BASE}/webhooks"
Connect = Callable[[AirtableEmulator], Api]


def everything(**filters: Any) -> dict[str, Any]:
    return {"options": {"filters": {"dataTypes": ["tableData"], **filters}}}


def moments(emulator: AirtableEmulator, **apart: float) -> datetime:
    return emulator.emulator.clock.now() + timedelta(**apart)


@pytest.fixture
def clocked_shop(airtable_emulator: StartAirtable) -> AirtableEmulator:
    """An emulator of this test's own, whose clock it may move."""
    return airtable_emulator(seed=small_seed())


def test_a_new_webhook_is_listed_as_it_was_asked_for(api: Api) -> None:
    base = api.base(BASE)
    made = base.add_webhook("http://127.0.0.1:9/nobody", everything(recordChangeScope=ORDERS))
    assert made.id.startswith("ach")
    assert len(made.id) == 17
    [hook] = base.webhooks()
    assert hook.id == made.id
    assert hook.expiration_time == made.expiration_time
    assert (hook.notification_url, hook.cursor_for_next_payload) == ("http://127.0.0.1:9/nobody", 1)
    assert (hook.is_hook_enabled, hook.are_notifications_enabled) == (True, True)
    assert (hook.last_notification_result, hook.last_successful_notification_time) == (None, None)
    assert hook.specification.options.filters.data_types == ["tableData"]
    assert hook.specification.options.filters.record_change_scope == ORDERS


def test_one_request_is_one_payload_with_who_and_in_which_transaction(api: Api) -> None:
    base = api.base(BASE)
    hook, table = _poll(api), base.table("Products")
    created = table.batch_create([{"Name": "Nail", "Kind": "Tool"}, {"Name": "Nut"}])
    for name in ("A", "B", "C"):
        table.update(HAMMER, {"Name": name})
    table.delete(created[1]["id"])
    payloads = list(hook.payloads())
    assert [payload.cursor for payload in payloads] == [1, 2, 3, 4, 5]
    numbers = [payload.base_transaction_number for payload in payloads]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    made = payloads[0].changed_tables_by_id[PRODUCTS].created_records_by_id
    assert list(made) == [record["id"] for record in created]
    assert made[created[0]["id"]].cell_values_by_field_id == {
        "fldProductName001": "Nail",
        "fldProductKind001": {"id": "selTool0000000000", "name": "Tool", "color": "blueLight2"},
        "fldProductSold001": 0,
    }
    changed = [payload.changed_tables_by_id[PRODUCTS].changed_records_by_id[HAMMER] for payload in payloads[1:4]]
    assert [change.current.cell_values_by_field_id["fldProductName001"] for change in changed] == ["A", "B", "C"]
    assert payloads[4].changed_tables_by_id[PRODUCTS].destroyed_record_ids == [created[1]["id"]]
    action = payloads[0].action_metadata
    assert action is not None
    assert action.source == "publicApi"
    assert action.source_metadata["user"]["id"] == api.whoami()["id"]
    assert action.source_metadata["user"]["permissionLevel"] == "create"


def _poll(api: Api, **filters: Any) -> Webhook:
    """A webhook without a URL, which pyairtable cannot ask for."""
    made = api.post(api.build_url("bases", BASE, "webhooks"), json={"specification": everything(**filters)})
    return api.base(BASE).webhook(made["id"])


def test_a_mirror_reads_pages_until_there_is_no_more_and_misses_nothing(api: Api) -> None:
    """The way of airtable-pg-sync and its like: keep the cursor, ask until `mightHaveMore` is false."""
    hook, table = _poll(api), api.base(BASE).table("Products")
    url = api.build_url("bases", BASE, "webhooks", hook.id, "payloads")
    names = {record["id"]: record["fields"].get("Name") for record in table.all()}

    def catch_up(cursor: int) -> tuple[int, list[int]]:
        sizes: list[int] = []
        while True:
            page = api.get(url, params={"cursor": cursor})
            sizes.append(len(page["payloads"]))
            for payload in page["payloads"]:
                changes = payload["changedTablesById"][PRODUCTS]
                for record_id, made in changes.get("createdRecordsById", {}).items():
                    names[record_id] = made["cellValuesByFieldId"].get("fldProductName001")
                for record_id, change in changes.get("changedRecordsById", {}).items():
                    names[record_id] = change["current"]["cellValuesByFieldId"]["fldProductName001"]
                for record_id in changes.get("destroyedRecordIds", []):
                    del names[record_id]
            cursor = page["cursor"]
            if not page["mightHaveMore"]:
                return cursor, sizes

    for number in range(55):
        table.create({"Name": f"Item {number}"})
    table.update(HAMMER, {"Name": None})
    cursor, sizes = catch_up(1)
    assert (cursor, sizes) == (57, [50, 6])
    assert catch_up(cursor) == (57, [0])
    table.delete("recProduct0000002")
    assert catch_up(cursor) == (58, [1])
    assert names == {record["id"]: record["fields"].get("Name") for record in table.all()}


def test_notifications_are_switched_and_payloads_go_on(api: Api) -> None:
    base = api.base(BASE)
    hook = base.webhook(base.add_webhook("http://127.0.0.1:9/nobody", everything()).id)
    hook.disable_notifications()
    base.table("Products").create({"Name": "Quiet"})
    again = base.webhook(hook.id)
    assert (again.are_notifications_enabled, again.cursor_for_next_payload) == (False, 2)
    again.enable_notifications()
    assert base.webhook(hook.id).are_notifications_enabled


def test_a_deleted_webhook_is_gone(api: Api, send) -> None:
    hook = _poll(api)
    hook.delete()
    assert api.base(BASE).webhooks() == []
    response = send("GET", f"{HOOKS}/{hook.id}/payloads")
    assert (response.status_code, response.json()) == (404, {"error": "NOT_FOUND"})


def test_refreshing_and_reading_payloads_extend_the_life(
    clocked_shop: AirtableEmulator, pyairtable_api: Connect
) -> None:
    api, clock = pyairtable_api(clocked_shop), clocked_shop.emulator.clock
    hook = _poll(api)
    for extend in (hook.extend_expiration, lambda: list(hook.payloads())):
        clock.advance(6 * 86_400)
        extend()
        expiration = api.base(BASE).webhook(hook.id).expiration_time
        assert expiration is not None
        assert abs(expiration - moments(clocked_shop, days=7)) < timedelta(seconds=60)


def test_an_expired_webhook_is_readable_for_a_week_and_then_gone(
    clocked_shop: AirtableEmulator, pyairtable_api: Connect, plain_http
) -> None:
    api, clock, send = pyairtable_api(clocked_shop), clocked_shop.emulator.clock, plain_http(clocked_shop)
    hook, table = _poll(api), api.base(BASE).table("Products")
    clock.advance(6 * 86_400)
    table.create({"Name": "Kept"})
    clock.advance(2 * 86_400)
    table.create({"Name": "Unseen"})
    described = api.base(BASE).webhook(hook.id)
    assert (described.is_hook_enabled, described.cursor_for_next_payload) == (False, 2)
    assert len(list(hook.payloads())) == 1
    assert send("POST", f"{HOOKS}/{hook.id}/refresh").status_code == 422
    assert send("POST", f"{HOOKS}/{hook.id}/enableNotifications", json={"enable": True}).status_code == 422
    clock.advance(6 * 86_400 + 1)
    assert send("GET", f"{HOOKS}/{hook.id}/payloads").status_code == 404
    assert api.base(BASE).webhooks() == []


def test_payloads_are_dropped_after_seven_days_and_numbers_go_on(
    clocked_shop: AirtableEmulator, pyairtable_api: Connect
) -> None:
    api, clock = pyairtable_api(clocked_shop), clocked_shop.emulator.clock
    hook, table = _poll(api), api.base(BASE).table("Products")
    for name in ("One", "Two"):
        table.create({"Name": name})
        clock.advance(5 * 86_400)
        hook.extend_expiration()
    table.create({"Name": "Three"})
    page = api.get(api.build_url("bases", BASE, "webhooks", hook.id, "payloads"))
    assert [_names(payload) for payload in page["payloads"]] == [["Two"], ["Three"]]
    assert (page["cursor"], page["mightHaveMore"]) == (4, False)


def _names(payload: dict[str, Any]) -> list[str]:
    made = payload["changedTablesById"][PRODUCTS]["createdRecordsById"].values()
    return [record["cellValuesByFieldId"]["fldProductName001"] for record in made]


@pytest.mark.parametrize("journal_rows_max", [0, 1_000])
def test_webhooks_payloads_and_numbers_survive_a_restart(
    airtable_emulator: StartAirtable, pyairtable_api: Connect, tmp_path: Path, journal_rows_max: int
) -> None:
    first = airtable_emulator(seed=small_seed(), data=tmp_path, journal_rows_max=journal_rows_max)
    api = pyairtable_api(first)
    api.base(BASE).add_webhook("http://127.0.0.1:9/nobody", everything(fromSources=["publicApi"]))
    hook, table = _poll(api), api.base(BASE).table("Products")
    doomed = _poll(api)
    doomed.delete()
    for name in ("One", "Two"):
        table.create({"Name": name})
    seen, listed = _dumped(hook), [_fixed(known) for known in api.base(BASE).webhooks()]
    first.stop()
    second = pyairtable_api(airtable_emulator(data=tmp_path, journal_rows_max=journal_rows_max))
    again = second.base(BASE).webhook(hook.id)
    assert [_fixed(known) for known in second.base(BASE).webhooks()] == listed
    assert _dumped(again) == seen
    second.base(BASE).table("Products").create({"Name": "Three"})
    assert [payload.cursor for payload in again.payloads(cursor=3)] == [3]


def _dumped(hook: Webhook) -> list[dict[str, Any]]:
    def dump(payload: WebhookPayload) -> dict[str, Any]:
        return payload.model_dump()

    return [dump(payload) for payload in hook.payloads()]


def _fixed(hook: Webhook) -> dict[str, Any]:
    """What does not depend on pings."""
    names = ("id", "cursor_for_next_payload", "notification_url", "is_hook_enabled", "specification")
    return {name: getattr(hook, name) for name in names}


@pytest.mark.parametrize("fields", [{"Name": "x" * 90_000}, {"Stock": 1}], ids=["write", "payload only"])
def test_a_write_whose_payload_cannot_be_stored_is_not_made(
    airtable_emulator: StartAirtable, pyairtable_api: Connect, plain_http, tmp_path: Path, fields: dict[str, Any]
) -> None:
    running = airtable_emulator(seed=small_seed(), data=tmp_path)
    send, store = plain_http(running), running.emulator.store
    assert store is not None
    # With all its cells a payload of this record is far larger than the change.
    send("PATCH", f"Products/{HAMMER}", json={"fields": {"Notes": "x" * 90_000}})
    specification = {"options": {**everything()["options"], "includes": {"includeCellValuesInFieldIds": "all"}}}
    hook_id = send("POST", HOOKS, json={"specification": specification}).json()["id"]
    before = send("GET", "Products").json()
    # A full disk: the file may not grow.
    store._database.execute("pragma max_page_count=1")
    assert send("PATCH", f"Products/{HAMMER}", json={"fields": fields}).status_code == 503
    store._database.execute("pragma max_page_count=1000000")
    assert send("GET", "Products").json() == before
    assert send("GET", f"{HOOKS}/{hook_id}/payloads").json()["payloads"] == []
    assert send("PATCH", f"Products/{HAMMER}", json={"fields": fields}).status_code == 200
    assert send("GET", f"{HOOKS}/{hook_id}/payloads").json()["cursor"] == 2
