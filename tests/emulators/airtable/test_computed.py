"""Computed fields, over HTTP: formulas, rollups, lookups, who and when, and what is only kept."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.ids import derived_id
from smeboost_emulators.airtable.seed import load_seed
from smeboost_emulators.testing.airtable import TOKEN, AirtableEmulator, Seed, StartAirtable

BASE = "appComputed000001"
ME = derived_id("usr", TOKEN)
Fields = dict[str, Any]


def seed_of(lines: list[Fields], orders: list[Fields] | None = None) -> Seed:
    """Orders with lines; more fields than the name, quantity and price of a line are computed."""
    link = {"linkedTableId": "Orders", "inverseLinkFieldId": "Lines"}
    plain: list[Fields] = [
        {"name": "Item", "type": "singleLineText"},
        {"name": "Quantity", "type": "number", "options": {"precision": 0}},
        {"name": "Price", "type": "currency", "options": {"precision": 2, "symbol": "€"}},
        {"name": "Day", "type": "date", "options": {"dateFormat": {"name": "iso"}}},
        {"name": "Order", "type": "multipleRecordLinks", "options": link},
    ]
    order_fields: list[Fields] = [
        {"name": "Number", "type": "singleLineText"},
        {"name": "Lines", "type": "multipleRecordLinks", "options": {"linkedTableId": "Lines"}},
    ]
    rows = [
        {"Item": "Hammer", "Quantity": 2, "Price": 12.5, "Day": "2024-03-01", "Order": [f"recOrder{1:09}"]},
        {"Item": "Saw", "Quantity": 1, "Price": 30, "Day": "2024-01-31", "Order": [f"recOrder{1:09}"]},
        {"Item": "Nail", "Price": 0.1, "Order": [f"recOrder{2:09}"]},
    ]
    return {
        "bases": [
            {
                "id": BASE,
                "name": "Computed",
                "collaborators": [{"id": "usrAda00000000001", "email": "ada@example.com", "name": "Ada"}],
                "tables": [
                    {"name": "Lines", "fields": [*plain, *lines]},
                    {"name": "Orders", "fields": [*order_fields, *(orders or [])]},
                ],
                "records": {
                    "Lines": [{"id": f"recLine{index:010}", "fields": row} for index, row in enumerate(rows, 1)],
                    "Orders": [
                        {"id": f"recOrder{index:09}", "fields": {"Number": f"A-{index}"}} for index in (1, 2, 3)
                    ],
                },
            }
        ]
    }


def formula(text: str, name: str = "F", **options: Any) -> Fields:
    return {"name": name, "type": "formula", "options": {"formula": text, **options}}


def rollup(text: str | None, source: str, name: str = "R") -> Fields:
    options = {"recordLinkFieldId": "Lines", "fieldIdInLinkedTable": source}
    return {"name": name, "type": "rollup", "options": options | ({"formula": text} if text else {})}


TOTAL = formula("{Quantity} * Price", "Total")


@pytest.fixture
def serve(shop: AirtableEmulator, plain_http) -> Callable[..., Any]:
    """Load a seed into the long-running emulator and talk to its base."""

    def start(lines: list[Fields], orders: list[Fields] | None = None) -> Any:
        shop.seed(seed_of(lines, orders))
        send = plain_http(shop)
        return lambda method, path, **options: send(method, f"/v0/{BASE}/{path}", **options).json()

    return start


def column(answer: dict[str, Any], name: str) -> list[Any]:
    return [record["fields"].get(name) for record in answer["records"]]


def schema_field(shop: AirtableEmulator, plain_http, table: int, name: str) -> Any:
    tables = plain_http(shop)("GET", f"/v0/meta/bases/{BASE}/tables").json()["tables"]
    return next(field for field in tables[table]["fields"] if field["name"] == name)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{Quantity} * Price", [25, 30, 0]),
        ("Item & '!'", ["Hammer!", "Saw!", "Nail!"]),
        ("IF({Quantity}, 'yes')", ["yes", "yes", None]),
        ("Price / {Quantity}", [6.25, 30, {"specialValue": "Infinity"}]),
        ("{Quantity} / {Quantity}", [1, 1, {"specialValue": "NaN"}]),
        ("IF({Quantity}, ERROR(), 1)", [{"error": "#ERROR!"}, {"error": "#ERROR!"}, "1"]),
        ("DATEADD({Day}, 1, 'month')", ["2024-04-01T00:00:00.000Z", "2024-02-29T00:00:00.000Z", {"error": "#ERROR!"}]),
        ("{Quantity} > 1", [1, 0, 0]),
        ("IF({Quantity} > 1, 'many', {Quantity})", ["many", "1", None]),
        ("{Order}", [["A-1"], ["A-1"], ["A-2"]]),
        ("RECORD_ID()", ["recLine0000000001", "recLine0000000002", "recLine0000000003"]),
    ],
)
def test_a_formula_has_the_value_that_the_vendor_would_show(serve, text: str, values: list[Any]) -> None:
    assert column(serve([formula(text)])("GET", "Lines"), "F") == values


@pytest.mark.parametrize("text", ["YEAR(NOW())", "YEAR(TODAY)", "YEAR(DATETIME_PARSE('05-01', 'MM-DD'))"])
def test_a_formula_with_a_clock_in_it_goes_by_the_clock_of_the_emulator(
    airtable_emulator: StartAirtable, plain_http, text: str
) -> None:
    emulator = airtable_emulator(seed=seed_of([formula(text), formula("{F} + 1", "Next")]))
    send, clock = plain_http(emulator), emulator.emulator.clock
    for year in (2030, 2041):
        clock.set(datetime(year, 3, 1, tzinfo=UTC))
        lines = send("GET", f"/v0/{BASE}/Lines?filterByFormula={{F}}={year}").json()
        assert (column(lines, "F"), column(lines, "Next")) == ([year] * 3, [year + 1] * 3)


def test_a_formula_is_described_with_ids_and_its_result(serve, shop, plain_http) -> None:
    serve([formula("{Quantity} * Price + Price", "Total"), formula("TODAY()", "Now"), formula("1 > 2", "Never")])
    ids = {name: schema_field(shop, plain_http, 0, name)["id"] for name in ("Quantity", "Price")}
    assert schema_field(shop, plain_http, 0, "Total")["options"] == {
        "formula": f"{{{ids['Quantity']}}} * {{{ids['Price']}}} + {{{ids['Price']}}}",
        "isValid": True,
        "referencedFieldIds": [ids["Quantity"], ids["Price"]],
        "result": {"type": "number", "options": {"precision": 2}},
    }
    assert schema_field(shop, plain_http, 0, "Now")["options"]["result"]["type"] == "dateTime"
    assert schema_field(shop, plain_http, 0, "Never")["options"]["result"] == {
        "type": "number",
        "options": {"precision": 0},
    }


def test_the_result_that_a_seed_gives_decides_how_a_value_looks(serve) -> None:
    send = serve(
        [
            formula("{Quantity} > 1", "Many", result={"type": "checkbox", "options": {}}),
            formula("{Day}", "When", result={"type": "date", "options": {"dateFormat": {"name": "iso"}}}),
        ]
    )
    records = send("GET", "Lines")
    assert column(records, "Many") == [True, None, None]
    assert column(records, "When") == ["2024-03-01", "2024-01-31", None]


@pytest.mark.parametrize("text", ["{Nothing} + 1", "1 +", "NOSUCH(1)", "LEFT('a')", "IF("])
def test_an_invalid_formula_is_an_error_cell_and_described_as_invalid(serve, shop, plain_http, text: str) -> None:
    send = serve([formula(text), formula("{F} & 'x'", "Next")])
    records = send("GET", "Lines")
    assert column(records, "F") == column(records, "Next") == [{"error": "#ERROR!"}] * 3
    options = schema_field(shop, plain_http, 0, "F")["options"]
    assert (options["isValid"], options["formula"], options["result"]) == (False, text, None)


@pytest.mark.parametrize(
    ("text", "source", "values"),
    [
        ("SUM(values)", "Total", [55, 0, 0]),
        ("AVERAGE(values)", "Price", [21.25, 0.1, {"specialValue": "NaN"}]),
        ("MAX(values)", "Price", [30, 0.1, 0]),
        ("MIN(values)", "Price", [12.5, 0.1, 0]),
        ("COUNT(values)", "Quantity", [2, 0, 0]),
        ("COUNTA(values)", "Quantity", [2, 0, 0]),
        ("COUNTALL(values)", "Quantity", [2, 1, 0]),
        ("ARRAYJOIN(values, '; ')", "Item", ["Hammer; Saw", "Nail", None]),
        ("ARRAYUNIQUE(values)", "Item", [["Hammer", "Saw"], ["Nail"], None]),
        ("MAX(values)", "Day", ["2024-03-01T00:00:00.000Z", None, None]),
        ("SUM(values) & ' in all'", "Quantity", ["3 in all", "0 in all", "0 in all"]),
        (None, "Price", [42.5, 0.1, 0]),
        (None, "Item", ["Hammer, Saw", "Nail", None]),
        ("SUM({Item})", "Price", [{"error": "#ERROR!"}] * 3),
    ],
)
def test_a_rollup_aggregates_what_is_linked(serve, text: str | None, source: str, values: list[Any]) -> None:
    assert column(serve([TOTAL], [rollup(text, source)])("GET", "Orders"), "R") == values


def test_a_rollup_is_described_without_its_formula_and_like_what_it_sums(serve, shop, plain_http) -> None:
    serve([], [rollup("SUM(values)", "Price")])
    options = schema_field(shop, plain_http, 1, "R")["options"]
    assert options.keys() == {"recordLinkFieldId", "fieldIdInLinkedTable", "isValid", "result"}
    assert options["result"] == {"type": "currency", "options": {"precision": 2, "symbol": "€"}}


def test_a_chain_of_computed_fields_is_never_stale(serve) -> None:
    share = {"recordLinkFieldId": "Order", "fieldIdInLinkedTable": "Rounded"}
    send = serve(
        [TOTAL, {"name": "Of", "type": "multipleLookupValues", "options": share}, formula("{Total} / {Of}", "Share")],
        [rollup("SUM(values)", "Total", "Sum"), formula("ROUND({Sum}, -1)", "Rounded")],
    )
    assert column(send("GET", "Lines"), "Share") == [25 / 60, 0.5, {"specialValue": "NaN"}]
    answer = send("PATCH", "Lines/recLine0000000002", json={"fields": {"Quantity": 3}})
    assert answer["fields"]["Of"] == [120]
    assert column(send("GET", "Lines"), "Share") == [25 / 120, 0.75, {"specialValue": "NaN"}]
    send("PATCH", "Orders/recOrder000000002", json={"fields": {"Lines": ["recLine0000000001"]}})
    assert column(send("GET", "Orders"), "Rounded") == [120, 30, 0]
    send("DELETE", "Lines/recLine0000000001")
    assert column(send("GET", "Orders"), "Rounded") == [90, 0, 0]


def test_errors_pass_through_lookups_and_formulas_and_can_be_tested_for(serve) -> None:
    look = {"recordLinkFieldId": "Lines", "fieldIdInLinkedTable": "Risky"}
    send = serve(
        [formula("IF({Quantity} = 1, ERROR(), {Quantity})", "Risky")],
        [
            {"name": "L", "type": "multipleLookupValues", "options": look},
            rollup("SUM(values)", "Risky"),
            formula("IF(ISERROR({R}), 'broken', 'sound')", "State"),
        ],
    )
    records = send("GET", "Orders")
    assert column(records, "L") == [["2", {"error": "#ERROR!"}], None, None]
    assert column(records, "State") == ["broken", "sound", "sound"]


def test_computed_fields_sort_and_filter_by_their_values(serve) -> None:
    send = serve([TOTAL, formula("{Quantity} / {Quantity}", "One"), formula("UPPER({Item})", "Loud")])

    def items(query: str) -> list[str]:
        return column(send("GET", f"Lines?{query}"), "Item")

    assert items("sort[0][field]=Total&sort[0][direction]=desc") == ["Saw", "Hammer", "Nail"]
    assert items("sort[0][field]=Loud") == ["Hammer", "Nail", "Saw"]
    assert items("sort[0][field]=One") == ["Hammer", "Saw", "Nail"]
    assert items("filterByFormula={Total}>0") == ["Hammer", "Saw"]
    assert items("filterByFormula={Loud}='NAIL'") == ["Nail"]


def test_a_formula_may_be_the_primary_field_and_names_its_record() -> None:
    seed = seed_of([formula("{Item} & ' x' & {Quantity}", "Label")], [formula("{Lines} & ''", "Names")])
    seed["bases"][0]["tables"][0]["primaryFieldId"] = "Label"
    [base] = load_seed(msgspec.json.encode(seed)).bases.values()
    orders = base.find_table("Orders")
    assert orders is not None
    assert [orders.fields_by_key["Names"].cell(slot) for slot in range(3)] == ["Hammer x2, Saw x1", "Nail x", None]


@pytest.mark.parametrize(
    ("lines", "orders", "primary"),
    [
        ([formula("{F} + 1")], [], None),
        ([formula("{B}", "A"), formula("{A}", "B")], [], None),
        (
            [
                {
                    "name": "L",
                    "type": "multipleLookupValues",
                    "options": {"recordLinkFieldId": "Order", "fieldIdInLinkedTable": "R"},
                }
            ],
            [rollup("SUM(values)", "L")],
            None,
        ),
        ([formula("{Order} & ''", "Label")], [rollup("ARRAYJOIN(values)", "Label"), formula("{R}", "Top")], "Top"),
    ],
)
def test_fields_that_need_themselves_are_refused(
    lines: list[Fields], orders: list[Fields], primary: str | None
) -> None:
    seed = seed_of(lines, orders)
    if primary is not None:
        seed["bases"][0]["tables"][1]["primaryFieldId"] = primary
    with pytest.raises(SeedError, match="in a circle"):
        load_seed(msgspec.json.encode(seed))


def test_a_very_long_chain_of_formulas_is_answered(serve) -> None:
    links = [formula(f"{{F{index}}} + 1" if index else "{Quantity}", f"F{index + 1}") for index in range(400)]
    records = serve(links)("GET", "Lines")
    assert column(records, "F50") == [51, 50, 49]
    assert all(isinstance(value, int | dict) for value in column(records, "F400"))


def test_a_formula_that_doubles_is_computed_once_for_a_record(serve) -> None:
    links = [formula(f"{{F{index}}} + {{F{index}}}" if index else "{Quantity}", f"F{index + 1}") for index in range(40)]
    assert column(serve(links)("GET", "Lines"), "F40") == [2**40, 2**39, 0]


def test_who_made_and_changed_a_record_and_when(serve) -> None:
    watched: Fields = {"referencedFieldIds": ["Price"]}
    send = serve(
        [
            {"name": "Maker", "type": "createdBy"},
            {"name": "Changer", "type": "lastModifiedBy"},
            {"name": "Pricer", "type": "lastModifiedBy", "options": watched},
            {"name": "Priced", "type": "lastModifiedTime", "options": watched},
            formula("LAST_MODIFIED_TIME({Price})", "Same"),
            formula("CREATED_TIME()", "Made"),
        ]
    )
    ada = {"id": "usrAda00000000001", "email": "ada@example.com", "name": "Ada"}
    before = send("GET", "Lines/recLine0000000001")
    assert [before["fields"][name] for name in ("Maker", "Changer", "Pricer")] == [ada] * 3
    after = send("PATCH", "Lines/recLine0000000001", json={"fields": {"Item": "Mallet"}})["fields"]
    assert (after["Maker"], after["Changer"]["id"], after["Pricer"]) == (ada, ME, ada)
    assert after["Priced"] == after["Same"] == after["Made"] == before["createdTime"]
    priced = send("PATCH", "Lines/recLine0000000001", json={"fields": {"Price": 13}})["fields"]
    assert priced["Pricer"]["id"] == ME
    assert priced["Priced"] == priced["Same"] > after["Priced"]
    made = send("POST", "Lines", json={"fields": {"Item": "New"}})["fields"]
    assert [made[name]["id"] for name in ("Maker", "Changer", "Pricer")] == [ME] * 3


def test_what_only_the_vendor_makes_is_kept_as_the_seed_has_it_and_cannot_be_written() -> None:
    kept: Fields = {"state": "generated", "isStale": False, "value": "A fine tool"}
    seed = seed_of(
        [
            {"name": "Words", "type": "aiText", "options": {"prompt": ["Say"], "referencedFieldIds": []}},
            {"name": "From", "type": "externalSyncSource", "options": {"choices": [{"name": "Jira"}]}},
            {"name": "Place", "type": "manualSort"},
            {"name": "Open", "type": "button", "options": {"label": "Look", "url": "'https://example.com/' & {Item}"}},
            {"name": "Plain", "type": "button"},
        ]
    )
    seed["bases"][0]["records"]["Lines"][0]["fields"] |= {"Words": kept, "From": "Jira", "Place": "a0"}
    base = next(iter(load_seed(msgspec.json.encode(seed)).bases.values()))
    lines = base.find_table("Lines")
    assert lines is not None
    cells = {name: lines.fields_by_key[name].cell(0) for name in ("Words", "From", "Place", "Open", "Plain")}
    assert cells == {
        "Words": kept,
        "From": "Jira",
        "Place": "a0",
        "Open": {"label": "Look", "url": "https://example.com/Hammer"},
        "Plain": {"label": "Plain", "url": None},
    }
    assert [lines.fields_by_key[name].writable for name in cells] == [False] * 5
    assert "options" not in lines.fields_by_key["Open"].described()


@pytest.mark.parametrize("journal_rows_max", [0, 1_000])
def test_computed_fields_are_the_same_after_a_restart(
    airtable_emulator: StartAirtable, plain_http, tmp_path: Path, journal_rows_max: int
) -> None:
    people = [{"name": "Maker", "type": "createdBy"}, {"name": "Changer", "type": "lastModifiedBy"}]
    watched: Fields = {"name": "Priced", "type": "lastModifiedTime", "options": {"referencedFieldIds": ["Price"]}}
    button: Fields = {"name": "Open", "type": "button", "options": {"label": "Look", "url": "{Item}"}}
    seed = seed_of([TOTAL, *people, watched, button], [rollup("MAX(values) & '!'", "Total")])

    def state(running: AirtableEmulator) -> list[Any]:
        send = plain_http(running)
        return [send("GET", f"/v0/{BASE}/{table}").json() for table in ("Lines", "Orders")]

    running = airtable_emulator(seed=seed, data=tmp_path, journal_rows_max=journal_rows_max)
    plain_http(running)("PATCH", f"/v0/{BASE}/Lines/recLine0000000003", json={"fields": {"Price": 4, "Quantity": 4}})
    seen = state(running)
    running.stop()
    assert column(seen[1], "R") == ["30!", "16!", "0!"]
    assert state(airtable_emulator(data=tmp_path)) == seen


def test_the_time_in_formulas_and_changes_is_the_emulators(airtable_emulator: StartAirtable, plain_http) -> None:
    running = airtable_emulator(seed=seed_of([formula("DATETIME_FORMAT(NOW(), 'YYYY')", "Year")]))
    send = plain_http(running)
    running.emulator.clock.set(datetime(2031, 5, 1, tzinfo=UTC))
    assert column(send("GET", f"/v0/{BASE}/Lines").json(), "Year") == ["2031"] * 3
    made = send("POST", f"/v0/{BASE}/Lines", json={"fields": {}}).json()
    assert made["createdTime"].startswith("2031-05-01")
    asked = {"filterByFormula": "IS_AFTER(CREATED_TIME(), '2031-01-01')"}
    assert [record["id"] for record in send("GET", f"/v0/{BASE}/Lines", params=asked).json()["records"]] == [made["id"]]
    running.emulator.clock.set(datetime(2033, 5, 1, tzinfo=UTC))
    assert column(send("GET", f"/v0/{BASE}/Lines?filterByFormula={{Year}}='2033'").json(), "Year") == ["2033"] * 4
