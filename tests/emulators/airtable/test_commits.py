"""What observers of the emulator are told of each request, and fields that join a table while there are records."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from smeboost_emulators.airtable.state.blueprint import build_field
from smeboost_emulators.airtable.state.changes import CellsSet, Change, Created, Deleted
from smeboost_emulators.airtable.state.commits import Commit, Conclusion
from smeboost_emulators.airtable.state.definitions import FieldDefinition
from smeboost_emulators.airtable.state.growing import add_fields
from smeboost_emulators.airtable.state.schema import Base
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, small_seed

BASE, PRODUCTS, ORDERS = "appSmallShop00001", "tblProducts000001", "tblOrders00000001"


class Notes:
    """An observer that keeps what it sees before a request, and what it is told afterwards."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self.numbers_before: list[str | None] = []

    def look(self, base: Base, changes: Sequence[Change]) -> Conclusion:
        orders = base.tables[ORDERS]
        self.numbers_before.append(orders.fields_by_key["Number"].cell(orders.slots["recOrder000000002"]))

        def conclude(commit: Commit) -> Sequence[Change]:
            assert commit.changes == changes
            self.commits.append(commit)
            return ()

        return conclude


@pytest.fixture
def emulator(airtable_emulator: StartAirtable) -> AirtableEmulator:
    return airtable_emulator(seed=small_seed())


@pytest.fixture
def notes(emulator: AirtableEmulator) -> Notes:
    observer = Notes()
    emulator.emulator.observers.append(observer)
    return observer


def test_an_observer_sees_each_request_with_who_and_what_was_before(
    emulator: AirtableEmulator, notes: Notes, plain_http
) -> None:
    send = plain_http(emulator)
    me = send("GET", "/v0/meta/whoami").json()["id"]
    send("PATCH", "Orders/recOrder000000002", json={"fields": {"Products": ["recProduct0000002"], "Number": "B-2"}})
    [commit] = notes.commits
    [change] = commit.changes
    assert isinstance(change, CellsSet)
    assert (change.record_id, change.by, commit.actor.user["id"], commit.actor.source) == (
        "recOrder000000002",
        me,
        me,
        "publicApi",
    )
    orders = commit.base.tables[ORDERS]
    now = orders.fields_by_key["Number"].cell(orders.slots["recOrder000000002"])
    assert (notes.numbers_before, now) == (["A-2"], "B-2")


def test_a_batch_is_one_transaction_and_a_refused_request_is_none(
    emulator: AirtableEmulator, notes: Notes, plain_http
) -> None:
    send = plain_http(emulator)
    send("POST", "Products", json={"records": [{"fields": {"Name": "One"}}, {"fields": {"Name": "Two"}}]})
    send("POST", "Products", json={"records": [{"fields": {"Name": "One"}}, {"fields": {"Nme": "Two"}}]})
    send("DELETE", "Products?records[]=recProduct0000001&records[]=recProduct0000003")
    assert [[type(change) for change in commit.changes] for commit in notes.commits] == [
        [Created, Created],
        [Deleted, Deleted],
    ]
    assert [commit.number for commit in notes.commits] == [1, 2]


@pytest.mark.parametrize("journal_rows_max", [0, 1_000])
def test_transaction_numbers_go_on_after_a_restart(
    airtable_emulator: StartAirtable, plain_http, tmp_path: Path, journal_rows_max: int
) -> None:
    numbers: list[int] = []
    for _ in range(2):
        running = airtable_emulator(seed=small_seed(), data=tmp_path, journal_rows_max=journal_rows_max)
        observer = Notes()
        running.emulator.observers.append(observer)
        send = plain_http(running)
        for name in ("One", "Two"):
            assert send("POST", "Products", json={"fields": {"Name": name}}).status_code == 200
        numbers += [commit.number for commit in observer.commits]
        running.stop()
    assert numbers == [1, 2, 3, 4]


def test_a_field_joins_a_table_that_has_records(emulator: AirtableEmulator, plain_http) -> None:
    send = plain_http(emulator)
    base = emulator.emulator.state.bases[BASE]
    products, orders = base.tables[PRODUCTS], base.tables[ORDERS]

    def field(name: str, kind: str, **options: Any) -> Any:
        return build_field(FieldDefinition(name=name, type=kind, options=options or None), "here")

    gifts = field("Gifts", "multipleRecordLinks", linkedTableId=PRODUCTS)
    given = field("Given", "multipleRecordLinks", linkedTableId=ORDERS, inverseLinkFieldId=gifts.id)
    times = field("Times given", "count", recordLinkFieldId=given.id)
    add_fields(base, [(orders, gifts), (products, given), (products, times), (products, field("Shelf", "number"))])
    send("PATCH", "Orders/recOrder000000001", json={"fields": {"Gifts": ["recProduct0000005"]}})
    send("PATCH", "Products/recProduct0000005", json={"fields": {"Shelf": 4}})
    shown = send("GET", "Products/recProduct0000005").json()["fields"]
    assert shown == {"Name": "Gift card", "Given": ["recOrder000000001"], "Times sold": 0, "Times given": 1, "Shelf": 4}
    assert gifts.options["inverseLinkFieldId"] == given.id
