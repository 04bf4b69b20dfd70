"""Lists that fit where they go and lose nothing on the way: filters, rows, parts of pages, forgotten lists."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smeboost_airtable.fitting import as_rows, fitting, shortened
from smeboost_airtable.models import ListedRecord
from smeboost_emulators.testing.airtable import running_emulator, small_seed

BASE, PRODUCTS = "appSmallShop00001", "tblProducts000001"
MANY = 25


@pytest.fixture(scope="module")
def shop_window():
    with running_emulator(seed=small_seed()) as running:
        yield running


@pytest.fixture
def ask(call):
    async def run(client, **arguments) -> dict:
        return await call(client, "list_records", **({"base_id": BASE, "table_id": PRODUCTS} | arguments))

    return run


@pytest.fixture
def viewed_shop(shop_window, connect):
    return lambda: connect(shop_window.url, api_key=shop_window.token)


@pytest.fixture
async def stock(airtable_emulator):
    """A shop with 25 more products, `Item 00` to `Item 24`, in the order of their names."""
    seed = small_seed()
    seed["bases"][0]["records"][PRODUCTS] += [
        {"id": f"recItem{number:010}", "fields": {"Name": f"Item {number:02}", "Notes": "x" * 100}}
        for number in range(MANY)
    ]
    return airtable_emulator(seed=seed)


def names(*pages: dict) -> list[str]:
    return [record["fields"]["Name"] for page in pages for record in page["records"]]


async def read_all(ask, client, between=None, **arguments) -> list[dict]:
    pages = [await ask(client, **arguments)]
    while pages[-1]["cursor"] and len(pages) < 100:
        if between:
            between()
        pages.append(await ask(client, **arguments, cursor=pages[-1]["cursor"]))
    return pages


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"field": "Price", "op": "less", "value": 10}, ["Yo-yo", "Apple"]),
        (
            {
                "all": [
                    {"field": "Kind", "op": "equals", "value": "Tool"},
                    {"field": "Stock", "op": "greater", "value": 0},
                ]
            },
            ["Hammer"],
        ),
        ({"field": "Tags", "op": "is_any_of", "value": ["new", "sale"]}, ["Hammer", "Yo-yo"]),
        ({"not": {"field": "Kind", "op": "is_not_empty"}}, ["Gift card"]),
        ({"field": "Since", "op": "equals", "value": "2024-02-29"}, ["Saw"]),
        ({"field": "Orders", "op": "contains", "value": "a-2"}, ["Hammer"]),
        ({"field": "Times sold", "op": "greater_or_equal", "value": 2}, ["Hammer"]),
    ],
)
async def test_filter_keeps_what_it_says_beside_search_and_formula(viewed_shop, ask, given, found):
    async with viewed_shop() as client:
        filtered = await ask(client, filter=given)
        searched = await ask(client, filter=given, search="a", formula="{Name}!='Saw'")
    assert names(filtered) == found
    assert names(searched) == [name for name in found if name != "Saw"]


async def test_wrong_filter_names_its_place(viewed_shop, ask):
    async with viewed_shop() as client:
        answer = await ask(client, filter={"all": [{"field": "Prize", "op": "less", "value": 10}]})
    assert answer["error"]["code"] == "invalid_input"
    (problem,) = answer["error"]["errors"]
    assert problem["field"] == "filter.all.0.field"
    assert "'Price'" in problem["message"]


async def test_compact_rows_hold_the_same_in_less(viewed_shop, ask):
    async with viewed_shop() as client:
        plain = await ask(client)
        compact = await ask(client, compact=True)
    columns, rows = compact["columns"], compact["rows"]
    assert columns[:2] == ["id", "Name"]
    assert compact["records"] == []
    again = [{name: cell for name, cell in zip(columns, row, strict=False) if cell is not None} for row in rows]
    assert again == [{"id": record["id"]} | record["fields"] for record in plain["records"]]


async def test_fields_can_be_keyed_by_id_and_comments_counted(viewed_shop, ask):
    async with viewed_shop() as client:
        answer = await ask(client, by_id=True, comment_counts=True, fields=["Name"], page_size=1)
    assert answer["records"][0]["fields"] == {"fldProductName001": "Hammer"}
    assert answer["records"][0].get("comment_count", 0) == 0


async def test_text_cells_ask_for_a_time_zone_and_a_locale_in_the_address(wire, connect, call):
    airtable = await wire({"payload": {"records": []}})
    async with connect(airtable.url) as client:
        await call(client, "list_records", cell_format="string", time_zone="Europe/Berlin", locale="de")
        await call(client, "list_records")
    assert airtable.seen[0].query == {"timeZone": ["Europe/Berlin"], "userLocale": ["de"]}
    assert airtable.seen[0].body == {"pageSize": 100, "cellFormat": "string"}
    assert (airtable.seen[1].query, airtable.seen[1].body) == ({}, {"pageSize": 100})


async def test_long_cells_are_shortened_on_request_and_say_by_how_much(stock, connect, ask):
    async with connect(stock.url, api_key=stock.token) as client:
        answer = await ask(client, search="Item 07", cell_characters_max=10)
    assert answer["records"][0]["fields"]["Notes"] == "x" * 10 + "… (+90 characters)"


@pytest.mark.parametrize("page_size", [7, 100])
@pytest.mark.parametrize("size_max", [1, 700, 2_000])
async def test_page_too_large_comes_in_parts_and_nothing_is_lost(stock, connect, ask, page_size, size_max):
    async with connect(stock.url, api_key=stock.token) as client:
        pages = await read_all(ask, client, page_size=page_size, size_max=size_max, search="Item")
    assert names(*pages) == [f"Item {number:02}" for number in range(MANY)]
    assert not any("restarted" in page for page in pages)
    assert all(len(page["records"]) == 1 or len(json.dumps(page["records"])) < size_max * 1.5 for page in pages)


@pytest.mark.parametrize("size_max", [700, 100_000])
async def test_list_that_airtable_forgot_goes_on_behind_the_last_record(stock, connect, ask, size_max):
    async with connect(stock.url, api_key=stock.token) as client:
        pages = await read_all(ask, client, stock.emulator.pages.forget, page_size=10, size_max=size_max, search="Item")
    assert names(*pages) == [f"Item {number:02}" for number in range(MANY)]
    assert any(page.get("restarted") for page in pages)


async def test_forgotten_list_whose_last_record_is_gone_has_expired(stock, connect, call, ask):
    async with connect(stock.url, api_key=stock.token) as client:
        page = await ask(client, page_size=10, search="Item")
        last = page["records"][-1]["id"]
        await call(client, "delete_records", base_id=BASE, table_id=PRODUCTS, record_ids=[last])
        stock.emulator.pages.forget()
        answer = await ask(client, page_size=10, search="Item", cursor=page["cursor"])
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("cursor_expired", True)
    assert "without cursor" in answer["error"]["hint"]


async def test_list_that_was_begun_anew_in_mid_page_and_moved_says_so(stock, connect, call, ask):
    async with connect(stock.url, api_key=stock.token) as client:
        part = await ask(client, size_max=700, search="Item")
        first = part["records"][0]["id"]
        await call(client, "delete_records", base_id=BASE, table_id=PRODUCTS, record_ids=[first])
        rest = await ask(client, search="Item", cursor=part["cursor"])
    assert names(part, rest) == [f"Item {number:02}" for number in range(MANY)]
    assert rest["restarted"] is True


async def test_list_too_long_to_go_through_again_has_expired(wire, connect, call):
    pages = iter(range(1_000))

    def answer(seen):
        if seen.body.get("offset") == "itr/first" and gone:
            return {"status": 422, "payload": {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}}
        number = next(pages)
        record = {"id": f"rec{number:014}", "createdTime": "2026-01-01T00:00:00.000Z", "fields": {}}
        return {"payload": {"records": [record], "offset": "itr/first" if number == 0 else f"itr/{number}"}}

    gone = False
    airtable = await wire(answer=answer)
    async with connect(airtable.url) as client:
        page = await call(client, "list_records")
        gone = True
        expired = await call(client, "list_records", cursor=page["cursor"])
    assert expired["error"]["code"] == "cursor_expired"
    assert len(airtable.seen) <= 2 + 30


RECORDS = st.lists(
    st.builds(
        lambda number, fields: ListedRecord.model_validate(
            {"id": f"rec{number:014}", "createdTime": "2026", "fields": fields}
        ),
        st.integers(0, 10**9),
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(max_size=30) | st.integers() | st.lists(st.text())),
    ),
    max_size=8,
)


@given(RECORDS, st.integers(1, 500))
def test_what_fits_is_never_nothing_and_never_too_much(records, size_max):
    count = fitting(records, size_max)
    assert (count > 0) is bool(records)
    size = sum(len(json.dumps(record.fields, ensure_ascii=False, separators=(",", ":"))) for record in records[:count])
    assert count <= 1 or size <= size_max


@given(RECORDS)
def test_rows_hold_every_cell_in_its_column(records):
    columns, rows = as_rows(records)
    cells = [{n: c for n, c in zip(columns, row, strict=False) if c is not None} for row in rows]
    assert cells == [{"id": record.id} | record.fields for record in records]


@given(RECORDS, st.integers(1, 20))
def test_a_short_text_is_never_touched_and_a_long_one_begins_the_same(records, most):
    for record in records:
        for name, cell in shortened(record, most).fields.items():
            before = record.fields[name]
            if isinstance(before, str) and len(before) > most:
                assert isinstance(cell, str)
                assert cell.startswith(before[:most])
                assert f"+{len(before) - most} " in cell
            elif not isinstance(before, list):
                assert cell == before
