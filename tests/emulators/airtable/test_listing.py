"""Going through a list: pages, snapshots, sort order, views."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.errors import ApiError
from smeboost_emulators.airtable.ids import new_id
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.records.iterators import Iterators, Listing, Place
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, running_emulator, small_seed

CHOICES = ["zebra", "Ant", "mole"]
FIELDS: list[dict[str, Any]] = [
    {"name": "Name", "type": "singleLineText"},
    {"name": "Number", "type": "number", "options": {"precision": 2}},
    {"name": "Choice", "type": "singleSelect", "options": {"choices": [{"name": name} for name in CHOICES]}},
    {"name": "Day", "type": "date"},
    {"name": "Done", "type": "checkbox"},
    {"name": "Serial", "type": "autoNumber"},
]
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "Name": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
        "Number": st.integers(-5, 5) | st.floats(-5, 5, allow_nan=False),
        "Choice": st.sampled_from(CHOICES),
        "Day": st.dates().map(str),
        "Done": st.booleans(),
    },
)
SORTS = st.lists(
    st.tuples(st.sampled_from([field["name"] for field in FIELDS]), st.sampled_from(["asc", "desc"])),
    max_size=3,
    unique_by=lambda key: key[0],
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[AirtableEmulator]:
    with running_emulator() as running:
        yield running


@pytest.fixture(scope="module")
def client(emulator: AirtableEmulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=emulator.url, headers={"Authorization": f"Bearer {emulator.token}"}) as opened:
        yield opened


def list_path(client: httpx.Client, emulator: AirtableEmulator, rows: list[dict[str, Any]]) -> str:
    """The path of a new table with these rows, in a base of its own."""
    table = {"name": "Rows", "fields": FIELDS}
    records = {"Rows": [{"fields": row} for row in rows]}
    emulator.seed({"bases": [{"name": "Sorted", "tables": [table], "records": records}]})
    return f"/v0/{client.get('/v0/meta/bases').json()['bases'][-1]['id']}/Rows"


def pages(client: httpx.Client, path: str, *, by_post: bool, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
    """The pages of a list, following offsets as clients do."""
    offset: str | None = ""
    while offset is not None:
        asked = parameters | {"offset": offset}
        posted = client.post(f"{path}/listRecords", json=asked) if by_post else None
        response = client.get(path, params=flat(asked)) if posted is None else posted
        assert response.status_code == 200, response.text
        yield response.json()["records"]
        offset = response.json().get("offset")


def flat(parameters: dict[str, Any]) -> dict[str, Any]:
    sorts = {
        f"sort[{index}][{key}]": text
        for index, item in enumerate(parameters.get("sort", []))
        for key, text in item.items()
    }
    return {key: value for key, value in parameters.items() if key != "sort"} | sorts


def rank(name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    """How a cell compares in ascending order, said independently of the emulator."""
    value = row.get(name)
    if value is None:
        return (0,)
    if name == "Choice":
        return (1, CHOICES.index(value))
    return (1, value.casefold(), value) if name == "Name" else (1, value)


def in_order(sort: list[tuple[str, str]], before: dict[str, Any], after: dict[str, Any]) -> bool:
    for name, direction in sort:
        first, second = rank(name, before), rank(name, after)
        if first != second:
            return (first < second) == (direction == "asc")
    return before["Serial"] < after["Serial"]


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROWS, max_size=25), sort=SORTS, page_size=st.integers(1, 12), by_post=st.booleans())
def test_pages_give_each_record_once_and_in_order(
    *,
    client: httpx.Client,
    emulator: AirtableEmulator,
    rows: list[dict[str, Any]],
    sort: list[tuple[str, str]],
    page_size: int,
    by_post: bool,
) -> None:
    path = list_path(client, emulator, rows)
    wanted = [{"field": name, "direction": direction} for name, direction in sort]
    seen = list(pages(client, path, by_post=by_post, pageSize=page_size, sort=wanted))
    assert [len(page) for page in seen[:-1]] == [page_size] * (len(seen) - 1)
    records = [record["fields"] for page in seen for record in page]
    assert sorted(record["Serial"] for record in records) == list(range(1, len(rows) + 1))
    assert all(in_order(sort, before, after) for before, after in pairwise(records))


@settings(max_examples=25, deadline=None)
@given(data=st.data(), count=st.integers(0, 20), page_size=st.integers(1, 6), sorted_too=st.booleans())
def test_pages_are_of_the_records_at_the_first_page_whatever_happens_meanwhile(
    *,
    client: httpx.Client,
    emulator: AirtableEmulator,
    data: st.DataObject,
    count: int,
    page_size: int,
    sorted_too: bool,
) -> None:
    path = list_path(client, emulator, [{"Number": index % 3} for index in range(count)])
    ids = [record["id"] for record in client.get(path).json()["records"]]
    extra: dict[str, Any] = {"sort": [{"field": "Number"}]} if sorted_too else {}
    seen: list[str] = []
    deleted: set[str] = set()
    for page in pages(client, path, by_post=False, pageSize=page_size, **extra):
        seen += [record["id"] for record in page]
        assert client.post(path, json={"fields": {"Number": 1}}).status_code == 200
        # By place and not by id: ids are random, and what is drawn from must be the same when an example is repeated.
        rest = [record_id for record_id in ids if record_id not in seen and record_id not in deleted]
        if rest and data.draw(st.booleans()):
            unlucky = rest[data.draw(st.integers(0, len(rest) - 1))]
            deleted.add(unlucky)
            assert client.delete(f"{path}/{unlucky}").status_code == 200
    assert len(seen) == len(set(seen))
    assert set(seen) == set(ids) - deleted


def test_the_same_offset_gives_the_same_page_again(shared_send) -> None:
    offset = shared_send("GET", "Products?pageSize=2").json()["offset"]
    first, again = (shared_send("GET", "Products", params={"pageSize": 2, "offset": offset}) for _ in range(2))
    assert first.json()["records"] == again.json()["records"] != []


def test_an_unused_offset_expires(airtable_emulator: StartAirtable, plain_http) -> None:
    send = plain_http(airtable_emulator(seed=small_seed(), iterator_seconds=0))
    offset = send("GET", "Products?pageSize=2").json()["offset"]
    response = send("GET", "Products", params={"offset": offset})
    assert response.status_code == 422
    assert response.json() == {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}


def test_an_offset_of_one_table_is_not_available_in_another(shared_send) -> None:
    offset = shared_send("GET", "Products?pageSize=2").json()["offset"]
    assert shared_send("GET", "Orders", params={"offset": offset}).json()["error"]["type"].endswith("NOT_AVAILABLE")


@pytest.mark.parametrize(
    "query", ["fields[]=Name&fields[]=Stock", "fields=Name&fields=Stock", "fields[0]=Name&fields[1]=Stock"]
)
def test_lists_in_a_query_are_read_in_every_form_that_clients_send(shared_send, query: str) -> None:
    records = shared_send("GET", f"Products/?{query}&maxRecords=1&limit=1&method=get&timeZone=utc").json()["records"]
    assert [record["fields"] for record in records] == [{"Name": "Hammer", "Stock": 40}]


def test_keys_follow_the_order_of_the_fields_and_can_be_ids(shared_send) -> None:
    query = "fields[]=Price&fields[]=Name&maxRecords=1&returnFieldsByFieldId=1"
    [record] = shared_send("GET", f"Products?{query}").json()["records"]
    assert list(record["fields"].items()) == [("fldProductName001", "Hammer"), ("fldProductPrice01", 12.5)]


def test_a_view_restricts_and_orders_and_a_sort_replaces_only_its_order(
    airtable_emulator: StartAirtable, plain_http
) -> None:
    seed = small_seed()
    view = {"id": "viwChosen00000001", "name": "Chosen", "recordIds": ["recProduct0000004", "recProduct0000002"]}
    seed["bases"][0]["tables"][0]["views"].append(view)
    send = plain_http(airtable_emulator(seed=seed))

    def names(query: str) -> list[str]:
        return [record["fields"]["Name"] for record in send("GET", f"Products?{query}").json()["records"]]

    assert names("view=Chosen") == ["Apple", "Saw"]
    assert names("view=viwChosen00000001&sort[0][field]=Price&sort[0][direction]=desc") == ["Saw", "Apple"]
    send("DELETE", "Products/recProduct0000004")
    assert names("view=Chosen") == ["Saw"]


def test_links_and_lookups_sort_by_what_a_person_reads(send) -> None:
    send("PATCH", "Orders/recOrder000000003", json={"fields": {"Products": ["recProduct0000004"]}})
    for field in ("Products", "Prices"):
        records = send("GET", f"Orders?sort[0][field]={field}").json()["records"]
        assert [record["fields"]["Number"] for record in records] == ["A-3", "A-2", "A-1"]


def test_a_table_whose_name_holds_a_slash_is_reached(airtable_emulator: StartAirtable, plain_http) -> None:
    seed = small_seed()
    seed["bases"][0]["tables"][0]["name"] = "In/out, größer"
    send = plain_http(airtable_emulator(seed=seed))
    assert len(send("GET", "In%2Fout%2C%20gr%C3%B6%C3%9Fer").json()["records"]) == 5
    assert send("GET", "In%2Fout%2C%20gr%C3%B6%C3%9Fer/recProduct0000001").json()["id"] == "recProduct0000001"


def test_iterators_give_up_the_oldest_when_they_hold_too_many_slots() -> None:
    iterators = Iterators(Knobs(), Clock(), slots_held_max=10)
    shared = [0, 1, 2, 3]
    offsets = [iterators.offset(None, Listing("tbl", slots), new_id("rec"), Place(1, 1)) for slots in (shared, shared)]
    offsets.append(iterators.offset(None, Listing("tbl", [4, 5, 6, 7, 8]), new_id("rec"), Place(1, 1)))
    assert [iterators.resume(offset, "tbl")[2] for offset in offsets] == [Place(1, 1)] * 3
    last = iterators.offset(None, Listing("tbl", [9, 10]), new_id("rec"), Place(1, 1))
    for offset in offsets[:2]:
        with pytest.raises(ApiError, match="LIST_RECORDS_ITERATOR_NOT_AVAILABLE"):
            iterators.resume(offset, "tbl")
    assert iterators.resume(offsets[2], "tbl")[2] == iterators.resume(last, "tbl")[2]
