"""What pyairtable, unmodified, sees of the emulator."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import pytest
import requests
from pyairtable import Api
from smeboost_emulators.testing.airtable import AirtableEmulator

BASE, PRODUCTS, ORDERS = "appSmallShop00001", "tblProducts000001", "tblOrders00000001"


def names(records: Iterable[Mapping[str, Any]]) -> list[str]:
    return [record["fields"]["Name"] for record in records]


def test_bases_and_their_schema_are_listed(api: Api) -> None:
    [base] = api.bases()
    assert (base.id, base.name, base.permission_level) == (BASE, "Small shop", "create")
    # The type of a field's options follows from its name, which a type checker does not know.
    products, orders = cast(list[Any], base.schema().tables)
    assert (products.name, products.primary_field_id) == ("Products", "fldProductName001")
    assert [choice.name for choice in products.field("Kind").options.choices] == ["Tool", "Toy", "Food"]
    assert products.field("Orders").options.inverse_link_field_id == orders.field("Products").id
    assert orders.field("Prices").options.result.type == "currency"
    assert products.views[1].visible_field_ids == ["fldProductName001", "fldProductPrice01"]


def test_whoami_is_the_same_user_every_time(api: Api) -> None:
    assert api.whoami() == api.whoami()
    assert api.whoami()["id"].startswith("usr")


def test_all_gives_every_record_in_order_of_creation(api: Api) -> None:
    records = api.table(BASE, PRODUCTS).all()
    assert names(records) == ["Hammer", "Saw", "Yo-yo", "Apple", "Gift card"]
    assert records[0] == {
        "id": "recProduct0000001",
        "createdTime": "2024-01-01T08:00:00.000Z",
        "fields": {
            "Name": "Hammer",
            "Price": 12.5,
            "Stock": 40,
            "Kind": "Tool",
            "Tags": ["sale"],
            "Online": True,
            "Stars": 4,
            "Orders": ["recOrder000000001", "recOrder000000002"],
            "Times sold": 2,
        },
    }


def test_a_table_is_found_by_its_name_in_any_case(api: Api) -> None:
    assert len(api.table(BASE, "pRODUCTS").all()) == 5


def test_iterate_gives_pages_of_the_size_asked_for(api: Api) -> None:
    pages = list(api.table(BASE, PRODUCTS).iterate(page_size=2))
    assert [names(page) for page in pages] == [["Hammer", "Saw"], ["Yo-yo", "Apple"], ["Gift card"]]


def test_max_records_caps_all_pages_together(api: Api) -> None:
    pages = list(api.table(BASE, PRODUCTS).iterate(page_size=2, max_records=3))
    assert [len(page) for page in pages] == [2, 1]


def test_sort_puts_empty_cells_first_ascending_and_last_descending(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    assert names(table.all(sort=["Price"])) == ["Gift card", "Apple", "Yo-yo", "Hammer", "Saw"]
    assert names(table.all(sort=["-Price"])) == ["Saw", "Hammer", "Yo-yo", "Apple", "Gift card"]


def test_sort_orders_selects_by_their_choices_and_then_by_the_next_key(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    assert names(table.all(sort=["-Kind", "Name"])) == ["Apple", "Yo-yo", "Hammer", "Saw", "Gift card"]


def test_fields_and_view_restrict_and_order(api: Api) -> None:
    records = api.table(BASE, PRODUCTS).all(view="By price", fields=["Name", "fldProductStock01"])
    assert names(records) == ["Saw", "Hammer", "Yo-yo", "Apple", "Gift card"]
    assert records[1]["fields"] == {"Name": "Hammer", "Stock": 40}


def test_fields_can_be_keyed_by_id(shop: AirtableEmulator, api: Api) -> None:
    record = api.table(BASE, PRODUCTS).get("recProduct0000002", use_field_ids=True)
    assert record["fields"]["fldProductName001"] == "Saw"


def test_get_finds_a_record_of_another_table_of_the_base(api: Api) -> None:
    assert api.table(BASE, ORDERS).get("recProduct0000002")["fields"]["Name"] == "Saw"


def test_create_answers_with_computed_fields_and_links_both_ways(api: Api) -> None:
    products, orders = api.table(BASE, PRODUCTS), api.table(BASE, ORDERS)
    created = orders.create({"Number": "A-4", "fldOrderProducts1": ["recProduct0000002", "recProduct0000001"]})
    assert created["fields"]["Serial"] == 4
    assert created["fields"]["Prices"] == [30, 12.5]
    assert created["fields"]["Created"] == created["createdTime"]
    assert orders.get(created["id"]) == created
    assert products.get("recProduct0000002")["fields"]["Orders"] == [created["id"]]
    assert products.get("recProduct0000001")["fields"]["Times sold"] == 3


def test_batch_create_of_25_keeps_the_order(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    created = table.batch_create([{"Name": f"Item {index}"} for index in range(25)])
    assert names(created) == [f"Item {index}" for index in range(25)]
    assert table.all()[5:] == created


def test_update_merges_and_replace_clears_the_rest(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    merged = table.update("recProduct0000001", {"Stock": 0, "Online": False, "Tags": None})
    assert merged["fields"]["Stock"] == 0
    assert merged["fields"].keys().isdisjoint({"Online", "Tags"})
    assert merged["fields"]["Price"] == 12.5
    replaced = table.update("recProduct0000001", {"Name": "Mallet"}, replace=True)
    assert replaced["fields"] == {"Name": "Mallet", "Times sold": 0}
    assert "Products" not in api.table(BASE, ORDERS).get("recOrder000000002")["fields"]


def test_batch_update_changes_each_record(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    ids = ["recProduct0000003", "recProduct0000001"]
    updated = table.batch_update([{"id": record_id, "fields": {"Stars": 5}} for record_id in ids])
    assert [record["id"] for record in updated] == ids
    assert all(record["fields"]["Stars"] == 5 for record in updated)


def test_batch_upsert_updates_matches_and_creates_the_rest_in_request_order(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    records: list[dict[str, Any]] = [
        {"fields": {"Name": "Axe", "Kind": "Tool"}},
        {"fields": {"Name": "Saw", "Price": 31}},
        {"id": "recProduct0000004", "fields": {"Stars": 1}},
    ]
    result = table.batch_upsert(records, key_fields=["Name"])
    axe, saw, apple = result["records"]
    assert result["createdRecords"] == [axe["id"]]
    assert result["updatedRecords"] == [saw["id"], apple["id"]] == ["recProduct0000002", "recProduct0000004"]
    assert (saw["fields"]["Price"], apple["fields"]["Stars"], axe["fields"]["Kind"]) == (31, 1, "Tool")
    assert len(table.all()) == 6


def test_an_upsert_of_an_empty_merge_value_creates(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    table.create({"Notes": "nameless"})
    result = table.batch_upsert([{"fields": {"Name": None, "Stock": 1}}], key_fields=["Name"])
    assert len(result["createdRecords"]) == 1


def test_upsert_with_replace_clears_what_was_not_sent(api: Api) -> None:
    result = api.table(BASE, PRODUCTS).batch_upsert([{"fields": {"Name": "Saw"}}], key_fields=["Name"], replace=True)
    assert result["records"][0]["fields"] == {"Name": "Saw", "Times sold": 0}


def test_delete_and_batch_delete_remove_records_and_links_to_them(api: Api) -> None:
    products, orders = api.table(BASE, PRODUCTS), api.table(BASE, ORDERS)
    assert products.delete("recProduct0000001") == {"id": "recProduct0000001", "deleted": True}
    assert orders.get("recOrder000000001")["fields"]["Products"] == ["recProduct0000003"]
    assert "Products" not in orders.get("recOrder000000002")["fields"]
    orders.batch_delete(["recOrder000000001", "recOrder000000002"])
    assert "Orders" not in products.get("recProduct0000003")["fields"]
    with pytest.raises(requests.HTTPError) as gone:
        products.get("recProduct0000001")
    assert gone.value.response is not None
    assert gone.value.response.status_code == 404


def test_typecast_makes_choices_numbers_and_linked_records(api: Api) -> None:
    orders, products = api.table(BASE, ORDERS), api.table(BASE, PRODUCTS)
    order = orders.create({"Number": 77, "Products": ["Saw", "Ladder"], "Discount": "12%"}, typecast=True)
    ladder = next(record for record in products.all() if record["fields"]["Name"] == "Ladder")
    assert order["fields"]["Products"] == ["recProduct0000002", ladder["id"]]
    assert (order["fields"]["Number"], order["fields"]["Discount"]) == ("77", 0.12)
    rope = products.create({"Name": "Rope", "Kind": "Cord", "Tags": "new, wet", "Price": "1,200.50"}, typecast=True)
    assert (rope["fields"]["Kind"], rope["fields"]["Tags"], rope["fields"]["Price"]) == ("Cord", ["new", "wet"], 1200.5)
    kind: Any = api.base(BASE).schema().table("Products").field("Kind")
    assert [choice.name for choice in kind.options.choices] == ["Tool", "Toy", "Food", "Cord"]


def test_a_request_with_too_long_a_url_is_sent_as_post_and_pages(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    fields = ["Name", "Kind"] * 1_500
    pages = list(table.iterate(fields=fields, page_size=2, sort=["Name"]))
    assert [names(page) for page in pages] == [["Apple", "Gift card"], ["Hammer", "Saw"], ["Yo-yo"]]
