"""The main job, against the emulator: find a base, read its tables, list, write and delete records."""

import json
from pathlib import Path

import pytest
from fastmcp import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from smeboost_emulators.testing.airtable import running_emulator, small_seed
from smeboost_shared.listing import tokens_about

BASE = "appSmallShop00001"
PRODUCTS = "tblProducts000001"
HAMMER = "recProduct0000001"
NOWHERE = "recNowhere0000000"
TOOLS = Path(__file__).parent / "tools.json"
TOOLS_MAX, LISTING_TOKENS_MAX = 25, 6_000
"""What a host may be asked to put before its model."""


@pytest.fixture
def shop(airtable_emulator, connect):
    """An MCP client of a server whose Airtable holds the small shop."""

    def open_shop(*, emulator: dict | None = None, **options):
        airtable = airtable_emulator(seed=small_seed(), **(emulator or {}))
        return connect(airtable.url, **({"api_key": airtable.token} | options))

    return open_shop


@pytest.fixture(scope="module")
def shop_window():
    """One small shop for all tests that change nothing."""
    with running_emulator(seed=small_seed()) as running:
        yield running


@pytest.fixture
def viewed_shop(shop_window, connect):
    """As `shop`, but the shop is shared: for tests that read, or are refused."""

    def open_shop(**options):
        return connect(shop_window.url, **({"api_key": shop_window.token} | options))

    return open_shop


@pytest.fixture
def ask(call):
    """Call a tool on the shop's products."""

    async def run(client, tool: str, **arguments) -> dict:
        return await call(client, tool, **({"base_id": BASE, "table_id": PRODUCTS} | arguments))

    return run


def names(answer: dict) -> list[str]:
    return [record["fields"].get("Name") for record in answer["records"]]


async def test_a_newcomer_finds_the_way_from_bases_to_records(viewed_shop, call, ask):
    async with viewed_shop() as client:
        bases = (await call(client, "list_bases"))["bases"]
        tables = (await call(client, "list_tables", base_id=bases[0]["id"]))["tables"]
        page = await ask(client, "list_records", table_id=tables[0]["id"], fields=["Name"])
    assert bases == [{"id": BASE, "name": "Small shop", "permission_level": "create"}]
    assert [(table["id"], table["name"], table["primary_field_id"]) for table in tables] == [
        (PRODUCTS, "Products", "fldProductName001"),
        ("tblOrders00000001", "Orders", "fldOrderNumber001"),
    ]
    kind = next(field for field in tables[0]["fields"] if field["name"] == "Kind")
    assert [choice["name"] for choice in kind["options"]["choices"]] == ["Tool", "Toy", "Food"]
    assert tables[0]["views"][0] == {"id": "viwProductsGrid01", "name": "Grid view", "type": "grid"}
    assert names(page) == ["Hammer", "Saw", "Yo-yo", "Apple", "Gift card"]
    assert page["cursor"] is None


async def test_created_record_is_read_changed_replaced_and_deleted(shop, ask):
    async with shop() as client:
        made = await ask(client, "create_records", records=[{"fields": {"Name": "Rope", "Price": 2, "Stock": 7}}])
        record_id = made["records"][0]["id"]
        read = await ask(client, "get_record", record_id=record_id)
        changed = await ask(client, "update_records", records=[{"id": record_id, "fields": {"Stock": None}}])
        replaced = await ask(
            client, "update_records", records=[{"id": record_id, "fields": {"Name": "Cord"}}], replace=True
        )
        deleted = await ask(client, "delete_records", record_ids=[record_id])
        gone = await ask(client, "get_record", record_id=record_id)
    assert read == made["records"][0]
    assert {"Name", "Price", "Stock"} <= read["fields"].keys()
    assert "Stock" not in changed["records"][0]["fields"]
    assert changed["records"][0]["fields"]["Price"] == 2
    assert "Price" not in replaced["records"][0]["fields"]
    assert deleted == {"deleted": [record_id], "failed": [], "unknown": []}
    assert gone["error"]["code"] == "not_found"


async def test_upsert_changes_what_matches_and_creates_the_rest(shop, ask):
    records = [{"fields": {"Name": "Saw", "Stock": 5}}, {"fields": {"Name": "Rope", "Stock": 7}}]
    async with shop() as client:
        answer = await ask(client, "upsert_records", records=records, merge_on=["Name"])
    assert names(answer) == ["Saw", "Rope"]
    assert answer["updated"] == ["recProduct0000002"]
    assert answer["created"] == [answer["records"][1]["id"]]
    assert answer["records"][0]["fields"]["Price"] == 30


async def test_pages_of_a_sorted_list_hold_every_record_once(viewed_shop, ask):
    async with viewed_shop() as client:
        pages = [await ask(client, "list_records", sort=[{"field": "Name"}], page_size=2)]
        while pages[-1]["cursor"]:
            cursor = pages[-1]["cursor"]
            pages.append(await ask(client, "list_records", sort=[{"field": "Name"}], page_size=2, cursor=cursor))
    assert [len(page["records"]) for page in pages] == [2, 2, 1]
    assert [name for page in pages for name in names(page)] == ["Apple", "Gift card", "Hammer", "Saw", "Yo-yo"]


async def test_list_takes_view_sort_fields_and_formula(viewed_shop, ask):
    async with viewed_shop() as client:
        by_view = await ask(client, "list_records", view="By price", fields=["Name"])
        by_sort = await ask(client, "list_records", sort=[{"field": "Price", "direction": "desc"}], page_size=1)
        filtered = await ask(client, "list_records", formula="{Price}>10", table_id="products")
    assert names(by_view)[0] == "Saw"
    assert {key for record in by_view["records"] for key in record["fields"]} == {"Name"}
    assert names(by_sort) == ["Saw"]
    assert names(filtered) == ["Hammer", "Saw"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("HAM", ["Hammer"]),
        ("two", ["Saw"]),
        ("tool", ["Hammer", "Saw"]),
        ("sale", ["Hammer"]),
        ("a-2", ["Hammer"]),
        ("example.com/YO", ["Yo-yo"]),
        ("12.5", []),
        ('") OR (1="1', []),
    ],
)
async def test_search_looks_into_every_text_field_in_any_case(viewed_shop, ask, search, found):
    async with viewed_shop() as client:
        answer = await ask(client, "list_records", search=search)
        both = await ask(client, "list_records", search=search, formula="{Stock}>0")
    assert names(answer) == found
    assert names(both) == [name for name in found if name == "Hammer"]


async def test_search_finds_exactly_what_was_typed_whatever_it_is(shop, ask):
    text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
    awkward = st.text(st.sampled_from("\\\"'{}()\n\t ,&"), min_size=1, max_size=8)
    typed: list[str] = []

    @settings(max_examples=25, database=None)
    @given((text | awkward).map(str.strip).filter(bool))
    def collect(found: str) -> None:
        typed.append(found)

    collect()
    async with shop() as client:
        for needle in typed:
            made = await ask(client, "create_records", records=[{"fields": {"Notes": f"x{needle}y"}}])
            answer = await ask(client, "list_records", search=f"x{needle}y", fields=["Notes"])
            assert made["records"][0]["id"] in {record["id"] for record in answer.get("records", [])}, repr(needle)


async def test_bad_record_in_the_middle_of_25_fails_alone(shop, ask):
    records = [{"fields": {"Name": f"Item {number}", "Stock": number}} for number in range(25)]
    records[12]["fields"]["Stock"] = "many"
    seen: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total))

    async with shop() as client:
        result = await client.call_tool(
            "create_records",
            {"base_id": BASE, "table_id": PRODUCTS, "records": records},
            progress_handler=note,
        )
        listed = await ask(client, "list_records", formula="FIND('Item', {Name})", fields=["Name"])
    answer = result.structured_content
    assert names(answer) == [f"Item {number}" for number in range(25) if number != 12]
    assert sorted(names(listed)) == sorted(names(answer))
    (failure,) = answer["failed"]
    assert (failure["index"], failure["error"]["code"]) == (12, "invalid_input")
    assert [problem["field"] for problem in failure["error"]["errors"]] == ["records.12.fields.Stock"]
    assert answer["unknown"] == []
    assert seen == [(10, 25), (11, 25), (20, 25), (25, 25)]


async def test_a_link_that_is_no_list_is_named_although_airtable_names_no_field(shop, ask):
    async with shop() as client:
        answer = await ask(client, "create_records", records=[{"fields": {"Name": "Lamp", "Orders": "abc"}}])
    error = answer["error"]
    assert error["code"] == "invalid_input"
    assert [problem["field"] for problem in error["errors"]] == ["records.0.fields.Orders"]


async def test_record_that_is_not_there_is_changed_and_deleted_without_the_others(shop, ask):
    async with shop() as client:
        made = await ask(client, "create_records", records=[{"fields": {"Name": f"Item {n}"}} for n in range(25)])
        ids = [record["id"] for record in made["records"]]
        ids[14] = NOWHERE
        changes = [{"id": record_id, "fields": {"Stock": 1}} for record_id in ids]
        updated = await ask(client, "update_records", records=changes)
        deleted = await ask(client, "delete_records", record_ids=ids)
    assert [record["id"] for record in updated["records"]] == ids[:14] + ids[15:]
    assert [failure["index"] for failure in updated["failed"]] == [14]
    assert updated["failed"][0]["error"]["errors"][0]["field"] == "records.14.id"
    assert deleted["deleted"] == ids[:14] + ids[15:]
    assert [failure["index"] for failure in deleted["failed"]] == [14]
    assert deleted["failed"][0]["error"]["errors"][0]["field"] == "record_ids.14"


async def test_thousand_records_are_written_in_one_call_and_one_more_is_refused(shop, ask):
    records = [{"fields": {"Name": f"Item {number}"}} for number in range(1001)]
    async with shop() as client:
        written = await ask(client, "create_records", records=records[:1000])
        refused = await ask(client, "create_records", records=records)
    assert len(written["records"]) == 1000
    assert refused["error"]["code"] == "invalid_input"
    assert refused["error"]["errors"][0]["field"] == "records"


async def test_long_cell_arrives_whole(shop, ask):
    text = "Grüße, 世界 \N{ROCKET}\n" * 5000
    async with shop() as client:
        made = await ask(client, "create_records", records=[{"fields": {"Notes": text}}])
        read = await ask(client, "get_record", record_id=made["records"][0]["id"])
    assert read["fields"]["Notes"] == text


BAD_INPUT = [
    ("list_records", {"fields": ["Nmae"]}, "fields.0", "'Name'"),
    ("list_records", {"sort": [{"field": "Prize"}]}, "sort.0.field", "'Price'"),
    ("list_records", {"sort": [{"field": "Price", "direction": "down"}]}, "sort.0.direction", ""),
    ("list_records", {"view": "By prize"}, "view", "'By price'"),
    ("list_records", {"formula": "{Prize}>1"}, "formula", "'Price'"),
    ("list_records", {"formula": "AND("}, "formula", ""),
    ("list_records", {"page_size": 101}, "page_size", ""),
    ("list_records", {"page_size": "many"}, "page_size", ""),
    ("list_records", {"cursor": "garbage"}, "cursor", ""),
    ("list_records", {"search": "  "}, "search", ""),
    ("list_records", {"limit": 5}, "limit", ""),
    ("list_records", {"filter": {"field": "Prize", "op": "equals", "value": 1}}, "filter.field", ""),
    ("list_records", {"filter": {}}, "filter", ""),
    ("list_records", {"filter": "Price > 5"}, "filter", ""),
    ("list_records", {"size_max": 0}, "size_max", ""),
    ("list_records", {"cell_characters_max": -1}, "cell_characters_max", ""),
    ("list_records", {"cell_format": "xml"}, "cell_format", ""),
    ("list_records", {"fields": ["Name"] * 501}, "fields", ""),
    ("list_records", {"search": "x" * 501}, "search", ""),
    ("get_record", {"record_id": "nonsense"}, "record_id", ""),
    ("get_record", {"record_id": "../../meta/bases"}, "record_id", ""),
    ("create_records", {"records": []}, "records", ""),
    ("create_records", {"records": [{"Name": "flat"}]}, "records.0.fields", ""),
    ("create_records", {"records": [{"fields": {"Nmae": "x"}}]}, "records.0.fields.Nmae", "'Name'"),
    ("create_records", {"records": [{"fields": {"Stock": "x"}}]}, "records.0.fields.Stock", ""),
    ("create_records", {"records": [{"fields": {"Times sold": 1}}]}, "records.0.fields.Times sold", ""),
    ("create_records", {"records": [{"fields": {"Kind": "Drink"}}]}, "records.0.fields.Kind", "typecast"),
    ("create_records", {"records": [{"fields": {"Kind": "Tol"}}]}, "records.0.fields.Kind", "'Tool'"),
    ("create_records", {"records": [{"fields": {"fldProductStock01": "x"}}]}, "records.0.fields.fldProductStock01", ""),
    ("create_records", {"records": [{"fields": {"Orders": [NOWHERE]}}]}, "records.0.fields.Orders", ""),
    ("update_records", {"records": [{"id": NOWHERE, "fields": {}}]}, "records.0.id", ""),
    ("update_records", {"records": [{"id": "x", "fields": {}}]}, "records.0.id", ""),
    ("update_records", {"records": [{"id": HAMMER, "fields": {}}] * 2}, "records.1.id", ""),
    ("upsert_records", {"records": [{"fields": {"Stock": 1}}], "merge_on": ["Name"]}, "records.0.fields.Name", ""),
    ("upsert_records", {"records": [{"fields": {"Name": "x"}}] * 2, "merge_on": ["Name"]}, "records.1", ""),
    ("upsert_records", {"records": [{"fields": {"Nmae": "x"}}], "merge_on": ["Nmae"]}, "merge_on.0", "'Name'"),
    ("upsert_records", {"records": [{"fields": {}}], "merge_on": ["a", "b", "c", "d"]}, "merge_on", ""),
    ("upsert_records", {"records": [{"fields": {"Name": "x"}}], "merge_on": ["Name", "Name"]}, "merge_on.1", ""),
    ("delete_records", {"record_ids": []}, "record_ids", ""),
    ("delete_records", {"record_ids": [HAMMER, HAMMER]}, "record_ids.1", ""),
    ("delete_records", {"record_ids": ["?"]}, "record_ids.0", ""),
    ("delete_records", {"record_ids": [HAMMER], "dry_run": "perhaps"}, "dry_run", ""),
    ("delete_records", {"record_ids": "\x00"}, "record_ids", ""),
]


@pytest.mark.parametrize(("tool", "arguments", "field", "hint"), BAD_INPUT)
async def test_bad_input_names_the_field_and_the_fix(*, viewed_shop, ask, tool, arguments, field, hint):
    async with viewed_shop() as client:
        answer = await ask(client, tool, **arguments)
    assert answer["error"]["code"] == "invalid_input"
    assert field in [problem["field"] for problem in answer["error"]["errors"]]
    assert hint in answer["error"].get("hint", "")
    assert "Traceback" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("arguments", "field", "hint"),
    [
        ({"table_id": "Prodcts"}, "table_id", "'Products'"),
        ({"table_id": "tblProducts000002"}, "table_id", "'tblProducts000001'"),
        ({"base_id": "appSmallShop00002"}, "base_id", "'appSmallShop00001'"),
        ({"base_id": "small shop"}, "base_id", "appSmallShop00001"),
        ({"base_id": ".."}, "base_id", "list_bases"),
        ({"base_id": "meta", "table_id": "bases"}, "base_id", ""),
    ],
)
async def test_unknown_base_or_table_is_not_found_with_the_closest(viewed_shop, ask, arguments, field, hint):
    async with viewed_shop() as client:
        listed = await ask(client, "list_records", **arguments)
        searched = await ask(client, "list_records", search="x", **arguments)
        written = await ask(client, "create_records", records=[{"fields": {}}], **arguments)
    for answer in (listed, searched, written):
        assert answer["error"]["code"] == "not_found"
        assert answer["error"]["errors"][0]["field"] == field
        assert hint in answer["error"]["hint"]


async def test_table_cannot_be_a_way_out_of_the_base(viewed_shop, ask):
    async with viewed_shop() as client:
        for table_id in ("", ".", "..", "a\nb", "x" * 300):
            answer = await ask(client, "list_records", table_id=table_id)
            assert answer["error"]["errors"][0]["field"] == "table_id"


async def test_unknown_record_is_not_found(viewed_shop, ask):
    async with viewed_shop() as client:
        answer = await ask(client, "get_record", record_id=NOWHERE)
    assert answer["error"]["code"] == "not_found"


async def test_wrong_token_is_our_fault_and_never_shown(viewed_shop, call):
    token = "patWrongWrongWr00." + "f" * 64
    async with viewed_shop(api_key=token) as client:
        answer = await call(client, "list_bases")
    assert answer["error"]["code"] == "vendor_credentials"
    assert token not in json.dumps(answer)


async def test_typecast_adds_a_choice(shop, ask):
    async with shop() as client:
        answer = await ask(client, "create_records", records=[{"fields": {"Kind": "Drink"}}], typecast=True)
    assert answer["records"][0]["fields"]["Kind"] == "Drink"


async def test_iterator_that_died_asks_to_start_again(shop, ask):
    async with shop(emulator={"iterator_seconds": 0.0}) as client:
        page = await ask(client, "list_records", page_size=2)
        answer = await ask(client, "list_records", page_size=2, cursor=page["cursor"])
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("cursor_expired", True)


async def test_own_pace_never_meets_the_limit_of_airtable(shop, ask):
    records = [{"fields": {"Name": f"Item {number}"}} for number in range(110)]
    limit = {"rate_limit": 5, "penalty_seconds": 30.0}
    async with shop(emulator=limit, requests_per_second=5) as client:
        answer = await ask(client, "create_records", records=records)
    assert len(answer["records"]) == 110
    assert answer["failed"] == []


async def test_too_fast_pace_fails_clearly_and_reports_what_was_written(shop, ask):
    records = [{"fields": {"Name": f"Item {number}"}} for number in range(200)]
    async with shop(emulator={"rate_limit": 5, "penalty_seconds": 30.0}) as client:
        answer = await ask(client, "create_records", records=records)
    written, failed = len(answer["records"]), len(answer["failed"])
    assert written + failed == 200
    assert 50 <= written < 200
    assert {failure["error"]["code"] for failure in answer["failed"]} == {"rate_limited"}


async def test_batches_are_written_for_a_caller_in_the_same_process(airtable_emulator, make_server):
    airtable = airtable_emulator(seed=small_seed())
    server = make_server(airtable.url, api_key=airtable.token)
    records = [{"fields": {"Name": f"Item {number}"}} for number in range(25)]
    async with Client(server):
        result = await server.call_tool("create_records", {"base_id": BASE, "table_id": PRODUCTS, "records": records})
    assert len(result.structured_content["records"]) == 25


async def test_tools_match_the_snapshot_and_stay_small(make_server, assert_tools_match):
    server = make_server("http://127.0.0.1:1")
    await assert_tools_match(server, TOOLS)
    listing = [tool.to_mcp_tool().model_dump(by_alias=True, exclude_none=True) for tool in await server.list_tools()]
    assert tokens_about(listing) <= LISTING_TOKENS_MAX
    assert len(listing) <= TOOLS_MAX
