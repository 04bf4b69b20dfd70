"""What a write would do: against the real emulator, where it then does it, or against an expectation."""

import pytest
from smeboost_emulators.testing.airtable import running_emulator, small_seed

BASE, PRODUCTS = "appSmallShop00001", "tblProducts000001"
HAMMER, SAW, NOWHERE = "recProduct0000001", "recProduct0000002", "recNowhere0000000"


@pytest.fixture(scope="module")
def shop_window():
    with running_emulator(seed=small_seed()) as running:
        yield running


@pytest.fixture
def rehearse(shop_window, connect, call):
    """A dry run; afterwards the shop is as it was."""

    async def run(tool: str, **arguments) -> list[dict]:
        async with connect(shop_window.url, api_key=shop_window.token) as client:
            before = await call(client, "list_records", base_id=BASE, table_id=PRODUCTS)
            answer = await call(client, tool, base_id=BASE, table_id=PRODUCTS, dry_run=True, **arguments)
            assert await call(client, "list_records", base_id=BASE, table_id=PRODUCTS) == before
        assert (answer["failed"], answer["unknown"]) == ([], [])
        assert not any(answer[part] for part in ("records", "deleted", "created", "updated") if part in answer)
        return answer["changes"]

    return run


async def test_update_shows_each_cell_before_and_after(rehearse):
    changes = await rehearse(
        "update_records",
        records=[
            {
                "id": HAMMER,
                "fields": {"Stock": 41, "fldProductPrice01": 12.5, "Tags": ["sale", "new"], "Online": False},
            },
            {"id": SAW, "fields": {"Notes": "Two\nlines", "Stock": 0, "Tags": [], "Since": "2024-02-29"}},
            {"id": NOWHERE, "fields": {"Stock": 1}},
        ],
    )
    assert changes == [
        {
            "index": 0,
            "action": "update",
            "id": HAMMER,
            "fields": {
                "Stock": {"before": 40, "after": 41},
                "Tags": {"before": ["sale"], "after": ["sale", "new"]},
                "Online": {"before": True, "after": None},
            },
        },
        {"index": 1, "action": "unchanged", "id": SAW, "fields": {}},
        {"index": 2, "action": "missing", "id": NOWHERE, "fields": {}},
    ]


async def test_replacing_update_shows_what_it_would_clear(rehearse):
    (change,) = await rehearse(
        "update_records", records=[{"id": SAW, "fields": {"fldProductName001": "Saw", "Price": 31}}], replace=True
    )
    assert change["fields"] == {
        "Price": {"before": 30, "after": 31},
        "Stock": {"before": 0, "after": None},
        "Kind": {"before": "Tool", "after": None},
        "Since": {"before": "2024-02-29", "after": None},
        "Notes": {"before": "Two\nlines", "after": None},
    }


async def test_upsert_tells_new_records_from_known_ones(rehearse):
    records = [
        {"fields": {"Name": "Saw", "Stock": 5}},
        {"fields": {"Name": "Rope", "Stock": 5}},
        {"fields": {"Name": "Hammer", "Stock": 40}},
        {"fields": {"Name": None}},
    ]
    changes = await rehearse("upsert_records", records=records, merge_on=["Name"])
    assert [(change["action"], change.get("id")) for change in changes] == [
        ("update", SAW),
        ("create", None),
        ("unchanged", HAMMER),
        ("create", None),
    ]
    assert changes[0]["fields"] == {"Stock": {"before": 0, "after": 5}}
    assert changes[1]["fields"] == {
        "Name": {"before": None, "after": "Rope"},
        "Stock": {"before": None, "after": 5},
    }


async def test_upsert_that_would_match_several_is_ambiguous(rehearse):
    (change,) = await rehearse("upsert_records", records=[{"fields": {"Kind": "Tool"}}], merge_on=["Kind"])
    assert change["action"] == "ambiguous"
    assert HAMMER in change["problems"][0]["message"]
    assert SAW in change["problems"][0]["message"]


async def test_delete_shows_what_would_go_and_what_is_not_there(rehearse):
    changes = await rehearse("delete_records", record_ids=[HAMMER, NOWHERE])
    assert changes == [
        {"index": 0, "action": "delete", "id": HAMMER, "fields": {"Name": {"before": "Hammer", "after": None}}},
        {"index": 1, "action": "missing", "id": NOWHERE, "fields": {}},
    ]


PROBLEMS = [
    ({"Nmae": "x"}, "Nmae", "'Name'"),
    ({"Times sold": 1}, "Times sold", "computed"),
    ({"Stock": "many"}, "Stock", "a number"),
    ({"Stock": True}, "Stock", "a number"),
    ({"Online": "yes"}, "Online", "true or false"),
    ({"Kind": "Tol"}, "Kind", "'Tool'"),
    ({"Tags": ["new", "sael"]}, "Tags", "'sale'"),
    ({"Tags": "new"}, "Tags", "a list"),
    ({"Orders": ["A-1"]}, "Orders", "record ids"),
    ({"Stars": 6}, "Stars", "1 to 5"),
    ({"Since": "29.02.2024"}, "Since", "2026-12-31"),
    ({"Name": "a", "fldProductName001": "b"}, "fldProductName001", "'Name'"),
]


@pytest.mark.parametrize(("fields", "key", "said"), PROBLEMS)
async def test_what_the_schema_forbids_is_named_and_airtable_refuses_it_too(
    *, rehearse, shop_window, connect, call, fields, key, said
):
    (change,) = await rehearse("create_records", records=[{"fields": fields}])
    (problem,) = change["problems"]
    assert problem["field"] == f"records.0.fields.{key}"
    assert said in problem["message"]
    if key in ("Since", "Stars", "fldProductName001"):
        return
    async with connect(shop_window.url, api_key=shop_window.token) as client:
        refused = await call(client, "create_records", base_id=BASE, table_id=PRODUCTS, records=[{"fields": fields}])
    assert refused["error"]["code"] == "invalid_input"


async def test_what_typecast_would_convert_is_no_problem(rehearse):
    fields = {"Stock": "5", "Kind": "Drink", "Tags": "new", "Times sold": 1}
    (change,) = await rehearse("create_records", records=[{"fields": fields}], typecast=True)
    assert [problem["field"] for problem in change["problems"]] == ["records.0.fields.Times sold"]


@pytest.mark.parametrize("field", ["Nmae", "Orders", "Online", "Times sold"])
async def test_merge_field_that_identifies_nothing_is_an_error(shop_window, connect, call, field):
    async with connect(shop_window.url, api_key=shop_window.token) as client:
        answer = await call(
            client,
            "upsert_records",
            base_id=BASE,
            table_id=PRODUCTS,
            records=[{"fields": {field: "a"}}],
            merge_on=[field],
            dry_run=True,
        )
    assert answer["error"]["errors"][0]["field"] == "merge_on.0"
