"""New tables and fields, what may be changed of them, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyairtable import Api
from smeboost_emulators.airtable.state.store import Store
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, small_seed

BASE, PRODUCTS, ORDERS = "appSmallShop00001", "tblProducts000001", "tblOrders00000001"
TABLES = f"/v0/meta/bases/{BASE}/tables"
RATING = {"icon": "heart", "max": 10, "color": "redBright"}
CHECKBOX = {"icon": "xCheckbox", "color": "grayBright"}
ISO = {"name": "iso", "format": "YYYY-MM-DD"}

# The options of a new field, and how the Meta API shows them.
CREATABLE: list[tuple[str, dict[str, Any] | None, dict[str, Any] | None]] = [
    ("singleLineText", None, None),
    ("multilineText", None, None),
    ("richText", None, None),
    ("email", {}, None),
    ("url", None, None),
    ("phoneNumber", None, None),
    ("barcode", None, None),
    ("singleCollaborator", None, None),
    ("multipleCollaborators", {}, None),
    ("multipleAttachments", None, {"isReversed": False}),
    ("number", {"precision": 8}, {"precision": 8}),
    ("percent", {"precision": 0}, {"precision": 0}),
    ("currency", {"precision": 7, "symbol": "€"}, {"precision": 7, "symbol": "€"}),
    ("duration", {"durationFormat": "h:mm:ss.SS"}, {"durationFormat": "h:mm:ss.SS"}),
    ("rating", RATING, RATING),
    ("checkbox", CHECKBOX, CHECKBOX),
    ("date", {"dateFormat": {"name": "iso"}}, {"dateFormat": ISO}),
    (
        "dateTime",
        {"timeZone": "Europe/Berlin", "dateFormat": ISO, "timeFormat": {"name": "12hour"}},
        {"timeZone": "Europe/Berlin", "dateFormat": ISO, "timeFormat": {"name": "12hour", "format": "h:mma"}},
    ),
]


@pytest.mark.parametrize(("kind", "options", "shown"), CREATABLE, ids=[row[0] for row in CREATABLE])
def test_a_field_is_made_and_shown_in_the_schema(api: Api, kind: str, options: Any, shown: Any) -> None:
    table = api.table(BASE, PRODUCTS)
    made = table.create_field("New", kind, "What it is for", options)
    schema: Any = api.base(BASE).schema(force=True).table(PRODUCTS).field(made.id)
    assert (schema.name, schema.type, schema.description) == ("New", kind, "What it is for")
    seen = table.api.get(f"{api.endpoint_url}{TABLES}")["tables"][0]["fields"][-1]
    assert seen.get("options") == shown


def test_a_new_field_holds_values_of_old_and_new_records(api: Api) -> None:
    table = api.table(BASE, PRODUCTS)
    choices = {"choices": [{"name": "A"}, {"name": "B", "color": "pinkDark1"}]}
    made: Any = table.create_field("Shelf", "singleSelect", options=choices)
    assert [choice.name for choice in made.options.choices] == ["A", "B"]
    assert [choice.color for choice in made.options.choices] == ["blueLight2", "pinkDark1"]
    assert all(choice.id.startswith("sel") for choice in made.options.choices)
    assert table.update("recProduct0000001", {"Shelf": "B"})["fields"]["Shelf"] == "B"
    assert table.create({made.id: "A"})["fields"] == {"Shelf": "A", "Times sold": 0}
    assert [record["fields"]["Stock"] for record in table.all(formula="{Shelf}='B'")] == [40]


def test_a_link_makes_its_other_side_named_after_the_table(api: Api) -> None:
    products, orders = api.table(BASE, PRODUCTS), api.table(BASE, ORDERS)
    made: Any = products.create_field("Returned in", "multipleRecordLinks", options={"linkedTableId": ORDERS})
    schema = api.base(BASE).schema(force=True)
    inverse: Any = schema.table(ORDERS).fields[-1]
    # The name of the table is taken by the link that was there.
    assert (inverse.name, inverse.type) == ("Products 2", "multipleRecordLinks")
    assert inverse.options.linked_table_id == PRODUCTS
    assert (made.options.inverse_link_field_id, inverse.options.inverse_link_field_id) == (inverse.id, made.id)
    products.update("recProduct0000002", {"Returned in": ["recOrder000000003"]})
    assert orders.get("recOrder000000003")["fields"]["Products 2"] == ["recProduct0000002"]
    orders.update("recOrder000000003", {"Products 2": []})
    assert "Returned in" not in products.get("recProduct0000002")["fields"]


def test_a_link_of_a_table_to_itself_has_one_side(api: Api) -> None:
    products = api.table(BASE, PRODUCTS)
    before = len(api.base(BASE).schema().table(PRODUCTS).fields)
    made: Any = products.create_field("Part of", "multipleRecordLinks", options={"linkedTableId": PRODUCTS})
    assert made.options.inverse_link_field_id is None
    assert len(api.base(BASE).schema(force=True).table(PRODUCTS).fields) == before + 1
    products.update("recProduct0000002", {"Part of": ["recProduct0000001"]})
    products.delete("recProduct0000001")
    assert "Part of" not in products.get("recProduct0000002")["fields"]


def test_a_table_is_made_with_its_view_links_and_description(api: Api) -> None:
    fields: list[dict[str, Any]] = [
        {"name": "Code", "type": "singleLineText", "description": "Ours"},
        {"name": "Items", "type": "multipleRecordLinks", "options": {"linkedTableId": PRODUCTS}},
        {"name": "Due", "type": "date", "options": {"dateFormat": {"name": "european"}}},
    ]
    table = api.base(BASE).create_table("Größe/1", fields, description="Sizes")
    schema = table.schema()
    assert (schema.name, schema.description) == ("Größe/1", "Sizes")
    assert [field.name for field in schema.fields] == ["Code", "Items", "Due"]
    assert schema.primary_field_id == schema.fields[0].id
    assert [(view.name, view.type) for view in schema.views] == [("Grid view", "grid")]
    record = table.create({"Code": "XL", "Items": ["recProduct0000001"], "Due": "2026-01-02"})
    assert table.all(view="Grid view") == [record]
    assert api.table(BASE, PRODUCTS).get("recProduct0000001")["fields"]["Größe/1"] == [record["id"]]


def test_a_table_is_renamed_and_described(api: Api) -> None:
    schema = api.base(BASE).schema().table(PRODUCTS)
    schema.name, schema.description = "Goods", "What we sell"
    schema.save()
    again = api.base(BASE).schema(force=True).table(PRODUCTS)
    assert (again.name, again.description) == ("Goods", "What we sell")
    assert len(api.table(BASE, "goods").all()) == 5
    again.name = "GOODS"
    again.save()
    assert api.base(BASE).schema(force=True).table(PRODUCTS).name == "GOODS"


def test_a_description_is_taken_away_by_null(send) -> None:
    path = f"{TABLES}/Products"
    assert send("PATCH", path, json={"description": "x"}).json()["description"] == "x"
    assert "description" not in send("PATCH", path, json={"description": None}).json()


def test_date_dependencies_are_kept_and_shown(api: Api) -> None:
    table = api.table(BASE, ORDERS)
    table.create_field("Until", "date", options={"dateFormat": {"name": "iso"}})
    schema = api.base(BASE).schema(force=True).table(ORDERS)
    schema.set_date_dependency("Placed", "Until", "Packing time", "fixed", holidays=["2026-12-25"])
    schema.save()
    again = api.base(BASE).schema(force=True).table(ORDERS).date_dependency
    assert again is not None
    assert (again.is_enabled, again.rescheduling_mode, again.holidays) == (True, "fixed", ["2026-12-25"])
    assert (again.start_date_field_id, again.duration_field_id) == ("fldOrderPlaced001", "fldOrderPacking01")


def test_a_field_is_renamed_and_its_cells_are_found_by_the_new_name(api: Api) -> None:
    field = api.base(BASE).schema().table(PRODUCTS).field("Price")
    field.name, field.description = "Net price", "Without tax"
    field.save()
    again = api.base(BASE).schema(force=True).table(PRODUCTS).field("fldProductPrice01")
    assert (again.name, again.description, again.type) == ("Net price", "Without tax", "currency")
    table = api.table(BASE, PRODUCTS)
    assert table.get("recProduct0000001")["fields"]["Net price"] == 12.5
    assert [record["id"] for record in table.all(formula="{Net price}>20")] == ["recProduct0000002"]


def seed_with_formulas() -> dict[str, Any]:
    seed = small_seed()
    seed["bases"][0]["tables"][0]["fields"] += [
        {"id": "fldProductTwice01", "name": "Twice", "type": "formula", "options": {"formula": "{Price} * 2"}},
        {"id": "fldProductFour001", "name": "Four", "type": "formula", "options": {"formula": "{Twice} * 2"}},
    ]
    return seed


def test_a_view_goes_on_filtering_by_a_field_that_is_renamed(airtable_emulator: StartAirtable, plain_http) -> None:
    seed: Any = small_seed()
    views = seed["bases"][0]["tables"][0].setdefault("views", [])
    views.append({"name": "In stock", "type": "grid", "filterByFormula": "{Stock} > 0"})
    send = plain_http(airtable_emulator(seed=seed))
    before = send("GET", "Products?view=In stock").json()["records"]
    assert send("PATCH", f"{TABLES}/{PRODUCTS}/fields/fldProductStock01", json={"name": "On shelf"}).status_code == 200
    after = send("GET", "Products?view=In stock").json()["records"]
    assert [record["id"] for record in after] == [record["id"] for record in before] != []


def test_the_formula_of_a_formula_field_changes_and_so_does_all_that_is_computed_from_it(
    tmp_path: Path, airtable_emulator: StartAirtable, plain_http
) -> None:
    first = airtable_emulator(seed=seed_with_formulas(), data=tmp_path)
    send, path = plain_http(first), f"{TABLES}/Products/fields/fldProductTwice01"
    hammer = "Products/recProduct0000001"
    assert send("GET", hammer).json()["fields"]["Four"] == 50
    changed = send("PATCH", path, json={"options": {"formula": "{Stock} & '/' & {fldProductName001}"}}).json()
    assert changed["options"]["formula"] == "{fldProductStock01} & '/' & {fldProductName001}"
    assert changed["options"]["referencedFieldIds"] == ["fldProductStock01", "fldProductName001"]
    assert (changed["options"]["isValid"], changed["options"]["result"]) == (True, {"type": "singleLineText"})
    assert send("GET", hammer).json()["fields"]["Twice"] == "40/Hammer"
    assert send("PATCH", path, json={"name": "Label"}).json()["options"] == changed["options"]
    send("PATCH", f"{TABLES}/Products/fields/fldProductFour001", json={"options": {"formula": "LEN({Label})"}})
    assert send("GET", hammer).json()["fields"]["Four"] == 9
    seen = send("GET", TABLES).json()
    first.stop()
    again = plain_http(airtable_emulator(data=tmp_path))
    assert again("GET", hammer).json()["fields"]["Four"] == 9
    assert again("GET", TABLES).json() == seen


@pytest.mark.parametrize(
    ("field_id", "formula"),
    [
        ("fldProductTwice01", "{Price} +"),
        ("fldProductTwice01", "{Nowhere}"),
        ("fldProductTwice01", ""),
        ("fldProductTwice01", "x" * 100_001),
        ("fldProductTwice01", "{Four}"),
        ("fldProductTwice01", "{Twice}"),
        ("fldProductTwice01", 1),
        ("fldProductPrice01", "1"),
    ],
)
def test_a_formula_that_cannot_be_is_refused(
    airtable_emulator: StartAirtable, plain_http, field_id: str, formula: object
) -> None:
    send = plain_http(airtable_emulator(seed=seed_with_formulas()))
    before = send("GET", TABLES).json()
    answer = send("PATCH", f"{TABLES}/Products/fields/{field_id}", json={"options": {"formula": formula}})
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "INVALID_REQUEST_UNKNOWN")
    assert send("GET", TABLES).json() == before


def link(**options: Any) -> dict[str, Any]:
    return {"name": "L", "type": "multipleRecordLinks", "options": options}


def typed(kind: str, **options: Any) -> dict[str, Any]:
    return {"name": "N", "type": kind, "options": options}


REFUSED_FIELDS: list[tuple[object, str]] = [
    ({}, "INVALID_REQUEST_UNKNOWN"),
    ([], "INVALID_REQUEST_UNKNOWN"),
    ({"name": "N"}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": 1, "type": "url"}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "N", "type": "longText"}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "N", "type": "url", "colour": 1}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "N", "type": "url", "description": ""}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "N", "type": "url", "description": None}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "N", "type": "url", "description": "x" * 20_001}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "x" * 256, "type": "url"}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "", "type": "url"}, "DUPLICATE_OR_EMPTY_FIELD_NAME"),
    ({"name": "PRICE", "type": "url"}, "DUPLICATE_OR_EMPTY_FIELD_NAME"),
    *(
        ({"name": "N", "type": kind}, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE")
        for kind in ("formula", "rollup", "multipleLookupValues", "count", "autoNumber", "createdTime", "createdBy")
    ),
    *(
        ({"name": "N", "type": kind}, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE")
        for kind in ("lastModifiedTime", "lastModifiedBy", "button", "aiText", "externalSyncSource")
    ),
    *(
        (body, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE")
        for body in (
            {"name": "N", "type": "checkbox"},
            typed("url", precision=1),
            typed("number", precision=9),
            typed("number", precision=-1),
            typed("number", precision="1"),
            typed("currency", precision=8, symbol="$"),
            typed("currency", precision=2),
            typed("duration", durationFormat="h"),
            typed("rating", icon="star", max=11, color="redBright"),
            typed("rating", icon="star", max=0, color="redBright"),
            typed("rating", icon="moon", max=5, color="redBright"),
            typed("checkbox", icon="check", color="redLight2"),
            typed("date", dateFormat={"name": "iso", "format": "D/M/YYYY"}),
            typed("date", dateFormat={"name": "short"}),
            typed("dateTime", timeZone="utc", dateFormat={"name": "iso"}),
            typed("dateTime", timeZone="UTC", dateFormat={"name": "iso"}, timeFormat={"name": "24hour"}),
            typed("dateTime", timeZone="../etc/passwd", dateFormat={"name": "iso"}, timeFormat={"name": "24hour"}),
            typed("singleSelect"),
            typed("singleSelect", choices=[{"name": "A"}, {"name": "A"}]),
            typed("singleSelect", choices=[{"name": ""}]),
            typed("multipleSelects", choices=[{"name": "A", "color": "azure"}]),
            link(),
            link(linkedTableId="tblNowhere0000001"),
            link(linkedTableId="Orders"),
            link(linkedTableId=ORDERS, isReversed=False),
            link(linkedTableId=ORDERS, prefersSingleRecordLink=True),
            link(linkedTableId=ORDERS, viewIdForRecordSelection="viwProductsGrid01"),
        )
    ),
]


@pytest.mark.parametrize(("body", "kind"), REFUSED_FIELDS, ids=[repr(row[0])[:70] for row in REFUSED_FIELDS])
def test_a_field_that_cannot_be_is_refused(shared_send, body: Any, kind: str) -> None:
    before = shared_send("GET", TABLES).json()
    answer = shared_send("POST", f"{TABLES}/{PRODUCTS}/fields", json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, kind)
    assert shared_send("GET", TABLES).json() == before


def test_the_refusal_of_a_computed_field_reads_as_the_vendor_s(shared_send) -> None:
    answer = shared_send("POST", f"{TABLES}/Orders/fields", json={"name": "Created At", "type": "createdTime"})
    message = "Invalid options for Orders.Created At: Creating createdTime fields is not supported at this time"
    assert answer.json()["error"]["message"] == message


FIELD = {"name": "A", "type": "singleLineText"}
REFUSED_TABLES: list[tuple[dict[str, Any], str]] = [
    ({"name": "T"}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "T", "fields": []}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "", "fields": [FIELD]}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "T", "fields": [FIELD], "primaryFieldId": "A"}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "T", "fields": [FIELD], "description": ""}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "T", "fields": [FIELD] * 501}, "INVALID_REQUEST_UNKNOWN"),
    ({"name": "orders", "fields": [FIELD]}, "DUPLICATE_TABLE_NAME"),
    ({"name": "T", "fields": [FIELD, {"name": "a", "type": "url"}]}, "DUPLICATE_OR_EMPTY_FIELD_NAME"),
    ({"name": "T", "fields": [{"name": "A", "type": "richText"}]}, "INVALID_PRIMARY_FIELD_TYPE"),
    ({"name": "T", "fields": [{"name": "A", "type": "autoNumber"}]}, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE"),
]


@pytest.mark.parametrize(("body", "kind"), REFUSED_TABLES, ids=[repr(row[0])[:70] for row in REFUSED_TABLES])
def test_a_table_that_cannot_be_is_refused(shared_send, body: dict[str, Any], kind: str) -> None:
    answer = shared_send("POST", TABLES, json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, kind)
    assert len(shared_send("GET", TABLES).json()["tables"]) == 2


DEPENDENCY = {
    "isEnabled": True,
    "startDateFieldId": "fldOrderPlaced001",
    "endDateFieldId": "fldOrderPlaced001",
    "durationFieldId": "fldOrderPacking01",
    "reschedulingMode": "none",
    "shouldSkipWeekendsAndHolidays": False,
    "holidays": [],
}
REFUSED_CHANGES: list[tuple[str, dict[str, Any], int, str]] = [
    (f"{TABLES}/Orders", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    (f"{TABLES}/Orders", {"id": ORDERS}, 422, "INVALID_REQUEST_UNKNOWN"),
    (f"{TABLES}/Orders", {"name": "products"}, 422, "DUPLICATE_TABLE_NAME"),
    (f"{TABLES}/Nowhere", {"name": "X"}, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    *(
        (f"{TABLES}/Orders", {"dateDependencySettings": DEPENDENCY | change}, 422, "INVALID_REQUEST_UNKNOWN")
        for change in (
            {"startDateFieldId": "fldOrderNumber001"},
            {"durationFieldId": "fldOrderPlaced001"},
            {"predecessorFieldId": "fldOrderProducts1"},
            {"reschedulingMode": "sometimes"},
            {"holidays": ["2026-02-30"]},
            {"holidays": ["20260228"]},
        )
    ),
    (f"{TABLES}/Orders/fields/fldOrderEmail0001", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    (f"{TABLES}/Orders/fields/fldOrderEmail0001", {"type": "url"}, 422, "INVALID_REQUEST_UNKNOWN"),
    (f"{TABLES}/Orders/fields/fldOrderEmail0001", {"name": "CODE"}, 422, "DUPLICATE_OR_EMPTY_FIELD_NAME"),
    (f"{TABLES}/Orders/fields/fldOrderEmail0001", {"name": ""}, 422, "DUPLICATE_OR_EMPTY_FIELD_NAME"),
    (f"{TABLES}/Orders/fields/fldOrderDiscount1", {"options": {"precision": 2}}, 422, "INVALID_REQUEST_UNKNOWN"),
    (
        f"{TABLES}/Orders/fields/fldNowhere0000001",
        {"name": "X"},
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
    ),
]


@pytest.mark.parametrize(("path", "body", "status", "kind"), REFUSED_CHANGES)
def test_a_change_that_cannot_be_is_refused(shared_send, path: str, body: object, status: int, kind: str) -> None:
    answer = shared_send("PATCH", path, json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)


def test_a_field_id_of_a_wrong_shape_is_a_missing_route(shared_send) -> None:
    answer = shared_send("PATCH", f"{TABLES}/Orders/fields/Email", json={"name": "X"})
    assert (answer.status_code, answer.json()) == (404, {"error": "NOT_FOUND"})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=40), description=st.text(min_size=1, max_size=40))
def test_any_name_that_is_accepted_comes_back_as_it_was(
    shop: AirtableEmulator, send, name: str, description: str
) -> None:
    shop.seed(small_seed())
    answer = send("POST", f"{TABLES}/{ORDERS}/fields", json={"name": name, "type": "url", "description": description})
    if answer.status_code == 422:
        assert answer.json()["error"]["type"] == "DUPLICATE_OR_EMPTY_FIELD_NAME"
        return
    assert (answer.json()["name"], answer.json()["description"]) == (name, description)
    assert answer.json() == send("GET", TABLES).json()["tables"][1]["fields"][-1]


def test_the_schema_survives_a_restart_from_the_journal_and_from_a_snapshot(
    tmp_path: Path, airtable_emulator: StartAirtable, pyairtable_api: Callable[[AirtableEmulator], Api], plain_http
) -> None:
    first = airtable_emulator(seed=small_seed(), data=tmp_path)
    api, send = pyairtable_api(first), plain_http(first)
    sizes = api.base(BASE).create_table("Sizes", [FIELD, link(linkedTableId=PRODUCTS)], description="Yes")
    api.table(BASE, PRODUCTS).create_field("Shelf", "singleSelect", options={"choices": [{"name": "A"}]})
    api.table(BASE, PRODUCTS).create_field("Part of", "multipleRecordLinks", options={"linkedTableId": PRODUCTS})
    sizes.create({"A": "XL", "L": ["recProduct0000001"]})
    api.table(BASE, PRODUCTS).update("recProduct0000001", {"Shelf": "A", "Part of": ["recProduct0000002"]})
    assert send("PATCH", f"{TABLES}/Orders", json={"dateDependencySettings": DEPENDENCY}).status_code == 200
    send("PATCH", f"{TABLES}/Orders/fields/fldOrderEmail0001", json={"name": "Mail", "description": "d"})
    paths = (TABLES, "Products", "Orders", "Sizes")
    seen = [send("GET", path).json() for path in paths]
    first.stop()
    second = airtable_emulator(data=tmp_path)
    assert [plain_http(second)("GET", path).json() for path in paths] == seen
    second.stop()
    store = Store(tmp_path)
    store.save(store.load())
    store.close()
    third = airtable_emulator(data=tmp_path)
    assert [plain_http(third)("GET", path).json() for path in paths] == seen
    fields = cast(Any, pyairtable_api(third).base(BASE).schema().table(PRODUCTS)).fields
    assert [field.name for field in fields[-3:]] == ["Sizes", "Shelf", "Part of"]
