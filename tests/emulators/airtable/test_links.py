"""Links are the same from both sides, whatever is done, and survive a restart as they were."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from smeboost_emulators.testing.airtable import AirtableEmulator, running_emulator

BASE = "appLinks000000001"
SEED: dict[str, Any] = {
    "bases": [
        {
            "id": BASE,
            "name": "Links",
            "tables": [
                {
                    "name": "Left",
                    "fields": [
                        {"name": "Name", "type": "singleLineText"},
                        {
                            "name": "Right",
                            "type": "multipleRecordLinks",
                            "options": {"linkedTableId": "Right", "inverseLinkFieldId": "Left"},
                        },
                        {"name": "Peers", "type": "multipleRecordLinks", "options": {"linkedTableId": "Left"}},
                        {"name": "How many", "type": "count", "options": {"recordLinkFieldId": "Right"}},
                    ],
                },
                {
                    "name": "Right",
                    "fields": [
                        {"name": "Name", "type": "singleLineText"},
                        {"name": "Left", "type": "multipleRecordLinks", "options": {"linkedTableId": "Left"}},
                        {"name": "Changed", "type": "lastModifiedTime"},
                        {"name": "Serial", "type": "autoNumber"},
                        {
                            "name": "Names",
                            "type": "multipleLookupValues",
                            "options": {"recordLinkFieldId": "Left", "fieldIdInLinkedTable": "Name"},
                        },
                    ],
                },
            ],
        }
    ]
}
LINK_FIELDS = {("Left", "Right"): "Right", ("Left", "Peers"): "Left", ("Right", "Left"): "Left"}
# More targets than a cell keeps as a tuple, so that both of its forms are met.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["create", "update", "update", "update", "delete"]),
        st.sampled_from(list(LINK_FIELDS)),
        st.integers(0, 30),
        st.lists(st.integers(0, 30), max_size=25),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def emulator() -> Iterator[AirtableEmulator]:
    with running_emulator() as running:
        yield running


def connect(emulator: AirtableEmulator) -> httpx.Client:
    return httpx.Client(base_url=f"{emulator.url}/v0/{BASE}", headers={"Authorization": f"Bearer {emulator.token}"})


def rows(client: httpx.Client, table: str) -> dict[str, dict[str, Any]]:
    return {record["id"]: record["fields"] for record in client.get(f"/{table}").json()["records"]}


def fill(client: httpx.Client) -> None:
    for table in ("Left", "Right"):
        for _ in range(2):
            body = {"records": [{"fields": {"Name": f"{table} {index}"}} for index in range(10)]}
            assert client.post(f"/{table}", json=body).status_code == 200


def perform(client: httpx.Client, step: tuple[str, tuple[str, str], int, list[int]]) -> None:
    action, (table, field), which, targets = step
    ids, far_ids = list(rows(client, table)), list(rows(client, LINK_FIELDS[table, field]))
    links = {field: [far_ids[index % len(far_ids)] for index in targets]}
    chosen = ids[which % len(ids)]
    if action == "create":
        response = client.post(f"/{table}", json={"fields": links})
    elif action == "update":
        response = client.patch(f"/{table}/{chosen}", json={"fields": links})
        # What was written is what is there, in that order.
        assert response.json()["fields"].get(field, []) == list(dict.fromkeys(links[field]))
    else:
        response = client.delete(f"/{table}/{chosen}")
    assert response.status_code == 200, response.text


def assert_in_step(client: httpx.Client) -> None:
    left, right = rows(client, "Left"), rows(client, "Right")
    from_left = {(own, far) for own, row in left.items() for far in row.get("Right", [])}
    from_right = {(far, own) for own, row in right.items() for far in row.get("Left", [])}
    assert from_left == from_right
    assert {far for _, far in from_left} <= right.keys()
    assert {peer for row in left.values() for peer in row.get("Peers", [])} <= left.keys()
    assert all(row["How many"] == len(row.get("Right", [])) for row in left.values())
    for row in right.values():
        assert row.get("Names", []) == [left[own]["Name"] for own in row.get("Left", []) if "Name" in left[own]]


@settings(max_examples=15, deadline=None)
@given(steps=STEPS)
def test_both_sides_name_each_other_after_any_changes(emulator: AirtableEmulator, steps: list[Any]) -> None:
    emulator.seed(SEED)
    with connect(emulator) as client:
        fill(client)
        for step in steps:
            perform(client, step)
        assert_in_step(client)


@settings(max_examples=5, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(steps=STEPS, more=STEPS)
def test_what_is_opened_again_is_what_was_closed(steps: list[Any], more: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before: Any = None
        for part in (steps, more, []):
            # A short journal, so that some of the state is in a snapshot and some is not.
            opened = running_emulator(seed=SEED, data=Path(folder), journal_rows_max=7)
            with opened as emulator, connect(emulator) as client:
                if before is None:
                    fill(client)
                else:
                    assert everything(client, emulator) == before
                for step in part:
                    perform(client, step)
                assert_in_step(client)
                before = everything(client, emulator)


def everything(client: httpx.Client, emulator: AirtableEmulator) -> list[Any]:
    schema = client.get(f"{emulator.url}/v0/meta/bases/{BASE}/tables?include=visibleFieldIds").json()
    return [schema, *(client.get(f"/{table}").json() for table in ("Left", "Right"))]


def test_a_seed_may_name_only_one_side(emulator: AirtableEmulator) -> None:
    records = {
        "Left": [{"id": "recLeft0000000001", "fields": {"Name": "L", "Right": ["recRight000000001"]}}],
        "Right": [{"id": "recRight000000001", "fields": {"Name": "R"}}],
    }
    emulator.seed({"bases": [SEED["bases"][0] | {"records": records}]})
    with connect(emulator) as client:
        assert rows(client, "Right")["recRight000000001"]["Left"] == ["recLeft0000000001"]
        assert_in_step(client)
