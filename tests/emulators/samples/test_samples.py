"""The samples are whole, linked on both sides, and the same on every run."""

from collections import defaultdict
from typing import Any

import pytest
from smeboost_emulators.samples import flights, superstore


def base_of(seed: dict[str, Any]) -> dict[str, Any]:
    (base,) = seed["bases"]
    return base


def rows_of(base: dict[str, Any], table: str) -> list[dict[str, Any]]:
    found = next(entry for entry in base["tables"] if entry["name"] == table)
    return base["records"][found["id"]]


@pytest.fixture(scope="module")
def shop() -> dict[str, Any]:
    return base_of(superstore.seed())


def test_superstore_holds_every_order_line_with_its_figures(shop: dict[str, Any]) -> None:
    lines = rows_of(shop, "Order lines")
    assert len(lines) == 9_994
    assert round(sum(line["fields"]["Sales"] for line in lines), 2) == 2_297_200.86
    assert sum(line["fields"]["Quantity"] for line in lines) == 37_873
    assert [len(rows_of(shop, name)) for name in ("Products", "Categories", "States")] == [17, 3, 49]


def test_superstore_keeps_cities_of_one_name_in_two_states_apart(shop: dict[str, Any]) -> None:
    names = [city["fields"]["Name"] for city in rows_of(shop, "Cities")]
    assert len(names) == len(set(names)) == 604
    assert {"Columbus, Ohio", "Columbus, Georgia"} <= set(names)


def assert_links_are_symmetric(base: dict[str, Any]) -> None:
    tables = {table["id"]: table for table in base["tables"]}
    names = {field["id"]: field["name"] for table in base["tables"] for field in table["fields"]}
    for table_id, table in tables.items():
        for field in table["fields"]:
            if field["type"] != "multipleRecordLinks":
                continue
            inverse = names[field["options"]["inverseLinkFieldId"]]
            other = base["records"][field["options"]["linkedTableId"]]
            # Both fields of a pair say the same about it; the longer table is asked, which makes fewer sets.
            if len(base["records"][table_id]) < len(other):
                continue
            forward: defaultdict[str, set[str]] = defaultdict(set)
            for row in base["records"][table_id]:
                for to in row["fields"].get(field["name"], ()):
                    forward[to].add(row["id"])
            back = {row["id"]: set(row["fields"][inverse]) for row in other if inverse in row["fields"]}
            assert forward == back


def test_superstore_links_are_kept_on_both_sides(shop: dict[str, Any]) -> None:
    assert_links_are_symmetric(shop)


def test_seed_is_the_same_on_every_run(shop: dict[str, Any]) -> None:
    assert base_of(superstore.seed()) == shop


def test_flights_holds_every_flight_and_leaves_out_what_is_not_known() -> None:
    base = base_of(flights.seed())
    rows = rows_of(base, "Flights")
    assert len(rows) == 336_776
    assert sum(1 for row in rows if row["fields"].get("Cancelled")) == 8_255
    assert [len(rows_of(base, name)) for name in ("Airlines", "Planes", "Airports")] == [16, 3_322, 1_458]
    first = rows[0]["fields"]
    assert (first["Flight"], first["Date"], first["Distance (mi)"]) == ("UA1545 EWR-IAH 2013-01-01", "2013-01-01", 1400)
    assert_links_are_symmetric(base)
