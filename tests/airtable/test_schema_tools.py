"""Making and changing bases, tables and fields, against the emulator."""

import pytest
from smeboost_emulators.testing.airtable import small_seed

BASE, PRODUCTS, ORDERS = "appSmallShop00001", "tblProducts000001", "tblOrders00000001"
NUMBER = {"name": "Rooms", "type": "number", "options": {"precision": 0}}


@pytest.fixture
async def shop(airtable_emulator, connect):
    airtable = airtable_emulator(seed=small_seed())
    async with connect(airtable.url, api_key=airtable.token) as client:
        yield client


@pytest.fixture
def ask(shop):
    async def run(tool: str, **arguments) -> dict:
        return (await shop.call_tool(tool, arguments, raise_on_error=False)).structured_content

    return run


async def tables_of(ask) -> dict[str, dict]:
    return {table["name"]: table for table in (await ask("list_tables", base_id=BASE))["tables"]}


async def test_a_table_is_made_and_takes_records_at_once(ask) -> None:
    fields = [{"name": "City", "type": "singleLineText"}, NUMBER]
    made = await ask("create_table", base_id=BASE, name="Shops", fields=fields, description="Ours")
    assert list(made["fields"]) == ["City", "Rooms"]
    table = (await tables_of(ask))["Shops"]
    assert (table["id"], table["description"], table["primary_field_id"]) == (
        made["id"],
        "Ours",
        made["fields"]["City"],
    )
    written = await ask(
        "create_records", base_id=BASE, table_id="Shops", records=[{"fields": {"City": "Oslo", "Rooms": 3}}]
    )
    assert written["records"][0]["fields"] == {"City": "Oslo", "Rooms": 3}


async def test_a_link_field_has_its_inverse_and_is_known_at_once(ask) -> None:
    await ask("create_table", base_id=BASE, name="Shops", fields=[{"name": "City", "type": "singleLineText"}])
    shops = (await tables_of(ask))["Shops"]
    made = await ask(
        "create_field",
        base_id=BASE,
        table_id="Shops",
        name="Sells",
        type="multipleRecordLinks",
        options={"linkedTableId": PRODUCTS},
    )
    assert (made["type"], made["options"]["linkedTableId"]) == ("multipleRecordLinks", PRODUCTS)
    inverse = made["options"]["inverseLinkFieldId"]
    products = (await tables_of(ask))["Products"]
    assert (
        next(field for field in products["fields"] if field["id"] == inverse)["options"]["linkedTableId"]
        == (shops["id"])
    )


async def test_a_table_and_a_field_are_renamed_and_described(ask) -> None:
    table = await ask("update_schema", base_id=BASE, table_id="products", name="Goods", description="For sale")
    assert (table["id"], table["name"], table["description"]) == (PRODUCTS, "Goods", "For sale")
    field = await ask("update_schema", base_id=BASE, table_id="Goods", field="Price", name="Net price")
    assert (field["id"], field["name"], field["type"]) == ("fldProductPrice01", "Net price", "currency")
    listed = await ask("list_records", base_id=BASE, table_id="Goods", fields=["Net price"], page_size=1)
    assert listed["records"][0]["fields"] == {"Net price": 12.5}


async def test_a_base_is_made_with_its_tables(ask) -> None:
    tables = [{"name": "People", "fields": [{"name": "Name", "type": "singleLineText"}, NUMBER]}]
    made = await ask("create_base", workspace_id="wspHome0000000001", name="Club", tables=tables)
    assert list(made["fields"]) == ["People"]
    assert made["id"] in {base["id"] for base in (await ask("list_bases"))["bases"]}


@pytest.mark.parametrize(
    ("tool", "arguments", "refusal", "said"),
    [
        ("create_table", {"name": "Shops", "fields": []}, ("invalid_input", "fields"), ""),
        ("create_table", {"name": "", "fields": [NUMBER]}, ("invalid_input", "name"), ""),
        ("create_table", {"name": "orders", "fields": [NUMBER]}, ("invalid_input", "name"), ""),
        (
            "create_table",
            {"name": "Shops", "fields": [NUMBER, {"name": "A", "type": "singleLinetext"}]},
            ("invalid_input", "fields.1.type"),
            "'singleLineText'",
        ),
        ("create_field", {"table_id": PRODUCTS, "name": "Sum", "type": "formula"}, ("invalid_input", "type"), "app"),
        (
            "create_field",
            {"table_id": PRODUCTS, "name": "price", "type": "singleLineText"},
            ("invalid_input", "name"),
            "",
        ),
        ("create_field", {"table_id": "Product", **NUMBER}, ("not_found", "table_id"), "'Products'"),
        ("update_schema", {"table_id": PRODUCTS}, ("invalid_input", "name"), ""),
        (
            "update_schema",
            {"table_id": PRODUCTS, "field": "Prise", "name": "Cost"},
            ("not_found", "field"),
            "'Price'",
        ),
        ("update_schema", {"table_id": PRODUCTS, "options": {}}, ("invalid_input", "options"), "field"),
        ("create_table", {"name": "Shops", "fields": "City"}, ("invalid_input", "fields"), ""),
    ],
)
async def test_what_cannot_be_made_is_refused_by_its_place(ask, tool, arguments, refusal, said) -> None:
    error = (await ask(tool, base_id=BASE, **arguments))["error"]
    assert (error["code"], error["errors"][0]["field"]) == refusal
    assert said in error["errors"][0]["message"] + error.get("hint", "")
    assert list(await tables_of(ask)) == ["Products", "Orders"]
