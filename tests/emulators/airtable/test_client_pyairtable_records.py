"""Records through pyairtable, unmodified: computed fields, the ORM, formulas it builds, text cells, long requests."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
import requests
from pyairtable import Api, formulas
from pyairtable.orm import Model
from pyairtable.orm import fields as orm
from smeboost_emulators.testing.airtable import AirtableEmulator, small_seed

BASE, PRODUCTS, ORDERS = "appSmallShop00001", "tblProducts000001", "tblOrders00000001"
ZONE = {"time_zone": "Europe/Berlin", "user_locale": "de"}


@pytest.fixture
def api(shop: AirtableEmulator, pyairtable_api: Callable[[AirtableEmulator], Api]) -> Api:
    """A client of the small shop, whose products have a value and whose orders have a sum."""
    seed = small_seed()
    products, orders = seed["bases"][0]["tables"]
    products["fields"] += [
        {"name": "Value", "type": "formula", "options": {"formula": "{Price} * {Stock}"}},
        {"name": "Maker", "type": "createdBy"},
    ]
    through = {"recordLinkFieldId": "Products", "fieldIdInLinkedTable": "Price"}
    orders["fields"] += [
        {"name": "Sum", "type": "rollup", "options": {"formula": "SUM(values)", **through}},
        {"name": "Label", "type": "formula", "options": {"formula": "{Number} & ': ' & {Products}"}},
    ]
    shop.seed(seed)
    return pyairtable_api(shop)


def names(records: Iterable[Mapping[str, Any]]) -> list[str]:
    return [record["fields"]["Name"] for record in records]


def test_computed_fields_are_read_and_described(api: Api) -> None:
    orders = api.table(BASE, ORDERS)
    first = orders.get("recOrder000000001")["fields"]
    assert (first["Sum"], first["Label"]) == (pytest.approx(16.49), "A-1: Hammer, Yo-yo")
    schema: Any = orders.schema()
    assert schema.field("Sum").options.result.type == "currency"
    label = schema.field("Label").options
    assert (label.is_valid, label.result.type) == (True, "singleLineText")
    assert label.referenced_field_ids == ["fldOrderNumber001", "fldOrderProducts1"]
    assert label.formula == "{fldOrderNumber001} & ': ' & {fldOrderProducts1}"


def test_computed_fields_follow_what_is_written_and_cannot_be_written(api: Api) -> None:
    products, orders = api.table(BASE, PRODUCTS), api.table(BASE, ORDERS)
    changed = products.update("recProduct0000001", {"Price": 10, "Name": "Mallet"})
    assert changed["fields"]["Value"] == 400
    assert orders.get("recOrder000000001")["fields"]["Label"] == "A-1: Mallet, Yo-yo"
    assert orders.get("recOrder000000001")["fields"]["Sum"] == pytest.approx(13.99)
    with pytest.raises(requests.HTTPError) as refused:
        products.update("recProduct0000001", {"Value": 1})
    assert refused.value.response is not None
    assert "computed" in refused.value.response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("built", "found"),
    [
        (formulas.match({"Kind": "Tool", "Stock": 40}), ["Hammer"]),
        (formulas.match({"Price": (">=", 12.5)}), ["Hammer", "Saw"]),
        (formulas.match({"Name": "Saw", "Kind": "Food"}, match_any=True), ["Saw", "Apple"]),
        (formulas.Field("Value").gt(449), ["Hammer", "Apple"]),
        (formulas.AND(formulas.Field("Online"), formulas.Field("Stock").gt(100)), ["Apple"]),
        (formulas.FIND("a", formulas.Field("Name")), ["Hammer", "Saw", "Gift card"]),
        (
            formulas.OR(formulas.EQ(formulas.RECORD_ID(), f"recProduct{index:07}") for index in (1, 5)),
            ["Hammer", "Gift card"],
        ),
        (formulas.EQ(formulas.Field("Tags"), "new, last"), ["Yo-yo"]),
        (formulas.IS_AFTER(formulas.Field("Since"), formulas.to_formula("2024-01-01")), ["Saw"]),
        (formulas.NOT(formulas.Field("Stock")), ["Saw", "Yo-yo", "Gift card"]),
        (formulas.GT(formulas.LEN(formulas.Field("Name")), 6), ["Gift card"]),
        (formulas.Field("fldProductKind001").eq("Toy"), ["Yo-yo"]),
    ],
    ids=str,
)
def test_formulas_that_pyairtable_builds_find_what_they_say(api: Api, built: Any, found: list[str]) -> None:
    assert names(api.table(BASE, PRODUCTS).all(formula=built)) == found


def test_a_formula_of_hundreds_of_ids_is_posted_and_pages(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    ids = [f"recProduct{index:07}" for index in range(1, 500)]
    wanted = formulas.OR(*(formulas.EQ(formulas.RECORD_ID(), record_id) for record_id in ids))
    pages = list(table.iterate(formula=wanted, page_size=2, sort=["-Value", "Name"]))
    assert [names(page) for page in pages] == [["Hammer", "Apple"], ["Gift card", "Saw"], ["Yo-yo"]]


def test_cells_as_text_by_get_and_by_post(api: Api) -> None:
    orders = api.table(BASE, ORDERS)
    shown = orders.all(cell_format="string", **ZONE)[0]["fields"]
    assert shown["Placed"] == "2024-05-01 09:30"
    assert (shown["Products"], shown["Discount"], shown["Seller"]) == ("Hammer, Yo-yo", "10.0%", "Ada")
    assert (shown["Sum"], shown["Prices"], shown["Serial"]) == ("$16.49", "$12.50, $3.99", "1")
    posted = orders.all(cell_format="string", fields=["Number", "Sum"] * 1_500, **ZONE)
    assert [record["fields"] for record in posted] == [
        {"Number": "A-1", "Sum": "$16.49"},
        {"Number": "A-2", "Sum": "$12.50"},
        {"Number": "A-3", "Sum": "$0.00"},
    ]
    assert orders.get("recOrder000000002", cell_format="string", **ZONE)["fields"]["Packing time"] == "0:10"


def test_an_upsert_of_many_merges_on_fields_by_id_in_batches_of_ten(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    rows = [{"fields": {"fldProductName001": f"Item {index}", "Stock": index}} for index in range(23)]
    first = table.batch_upsert(rows, key_fields=["fldProductName001"])
    again = table.batch_upsert(rows, key_fields=["fldProductName001"], use_field_ids=True)
    assert (len(first["createdRecords"]), first["updatedRecords"]) == (23, [])
    assert (again["createdRecords"], again["updatedRecords"]) == ([], first["createdRecords"])
    assert again["records"][22]["fields"]["fldProductStock01"] == 22
    both = [{"fields": {"Name": "Item 3", "Stock": 3}}, {"fields": {"Name": "Item 3", "Stock": 4}}]
    assert len(table.batch_upsert(both, key_fields=["Name", "Stock"])["createdRecords"]) == 1


def test_an_upsert_that_matches_two_records_changes_nothing(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    table.create({"Name": "Saw"})
    with pytest.raises(requests.HTTPError) as refused:
        table.batch_upsert([{"fields": {"Name": "New"}}, {"fields": {"Name": "Saw"}}], key_fields=["Name"])
    assert refused.value.response is not None
    assert refused.value.response.json()["error"]["type"] == "INVALID_RECORDS"
    assert len(table.all()) == 6


def test_typecast_in_batches_makes_what_is_named(api: Api) -> None:
    orders = api.table(BASE, ORDERS)
    made = orders.batch_create(
        [{"Number": index, "Products": "Saw, Chisel", "Packing time": "1:30"} for index in range(12)], typecast=True
    )
    assert {record["fields"]["Packing time"] for record in made} == {5400}
    assert len({tuple(record["fields"]["Products"]) for record in made}) == 1
    assert names(api.table(BASE, PRODUCTS).all())[5:] == ["Chisel"]
    changed = orders.batch_update(
        [{"id": made[0]["id"], "fields": {"Seller": "Bob", "Placed": "5/1/2024 9:30pm"}}], typecast=True
    )
    assert changed[0]["fields"]["Seller"]["id"] == "usrBob00000000001"
    assert changed[0]["fields"]["Placed"] == "2024-05-01T21:30:00.000Z"


def test_the_orm_keeps_records_links_and_computed_fields_in_step(api: Api) -> None:
    class Product(Model):
        name = orm.TextField("Name")
        price = orm.CurrencyField("Price")
        stock = orm.IntegerField("Stock")
        kind = orm.SelectField("Kind")
        tags = orm.MultipleSelectField("Tags")
        since = orm.DateField("Since")
        online = orm.CheckboxField("Online")
        value = orm.NumberField("Value", readonly=True)
        sold = orm.CountField("Times sold")
        maker = orm.CreatedByField("Maker")

        class Meta:
            api_key = api.api_key
            base_id = BASE
            table_name = PRODUCTS

    class Order(Model):
        number = orm.TextField("Number")
        products = orm.LinkField("Products", Product)
        placed = orm.DatetimeField("Placed")
        seller = orm.CollaboratorField("Seller")
        total = orm.NumberField("Sum", readonly=True)
        prices = orm.LookupField[float]("Prices")
        serial = orm.AutoNumberField("Serial")
        created = orm.CreatedTimeField("Created")
        changed = orm.LastModifiedTimeField("Changed")
        packing = orm.DurationField("Packing time")

        class Meta:
            api_key = api.api_key
            base_id = BASE
            table_name = ORDERS

    # The ORM has no setting for the endpoint; its client is a cached property that is filled here beforehand.
    vars(Product.meta)["api"] = vars(Order.meta)["api"] = api
    drill: Any = Product(name="Drill", price=80, stock=2, kind="Tool", tags=["new"])
    assert drill.save().created
    drill.fetch()
    assert (drill.value, drill.sold, drill.maker["id"]) == (160, 0, api.whoami()["id"])
    order: Any = Order(number="B-1", products=[drill])
    order.save()
    order.fetch()
    assert (order.total, list(order.prices), order.serial) == (80, [80], 4)
    assert order.created <= order.changed
    saw: Any = Product.from_id("recProduct0000002")
    order.products.append(saw)
    assert order.save().updated
    order.fetch()
    assert ([product.name for product in order.products], order.total) == (["Drill", "Saw"], 110)
    drill.fetch()
    assert drill.sold == 1
    assert drill.delete()
    order.fetch()
    assert ([product.id for product in order.products], order.total) == (["recProduct0000002"], 30)
    assert [found.name for found in Product.all(formula=Product.kind.eq("Tool"))] == ["Hammer", "Saw"]
    loaded: Any = Order.from_ids(["recOrder000000002", "recOrder000000001"])
    assert [item.number for item in loaded] == ["A-2", "A-1"]
    assert loaded[0].packing.total_seconds() == 600
    assert loaded[1].placed.isoformat() == "2024-05-01T09:30:00+00:00"
    assert (loaded[1].seller["email"], [product.online for product in loaded[1].products]) == (
        "ada@example.com",
        [True, False],
    )
    assert saw.since.isoformat() == "2024-02-29"
