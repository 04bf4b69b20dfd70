"""Writes whose answer is lost, against the real emulator: what is looked up, what is sent again, what is said."""

from collections import Counter

import pytest
from smeboost_emulators.testing.airtable import small_seed

BASE, PRODUCTS = "appSmallShop00001", "tblProducts000001"
HAMMER, SAW, APPLE = "recProduct0000001", "recProduct0000002", "recProduct0000004"
WRITES = {"POST", "PATCH", "PUT", "DELETE"}


def is_write(seen) -> bool:
    return seen.method in WRITES and not seen.path.endswith("/listRecords")


class Losing:
    """Loses the first `asks` questions and then `answers` answers of writes."""

    def __init__(self, *, asks: int = 0, answers: int = 0) -> None:
        self.left = Counter(ask=asks, answer=answers)

    def ask(self, seen) -> bool:
        return self._lose("ask", seen)

    def answer(self, seen) -> bool:
        return self._lose("answer", seen)

    def _lose(self, what: str, seen) -> bool:
        if not is_write(seen) or not self.left[what]:
            return False
        self.left[what] -= 1
        return True


@pytest.fixture
def lossy_shop(airtable_emulator, way_to, connect):
    """A client whose way to the small shop loses something; also the way, to count what came along."""

    async def open_shop(**losses: int):
        airtable = airtable_emulator(seed=small_seed())
        losing = Losing(**losses)
        way = await way_to(airtable.url, loses_ask=losing.ask, loses_answer=losing.answer)
        return way, connect(way.url, api_key=airtable.token)

    return open_shop


@pytest.fixture
def ask(call):
    async def run(client, tool: str, **arguments) -> dict:
        return await call(client, tool, base_id=BASE, table_id=PRODUCTS, **arguments)

    return run


def writes(way) -> int:
    return sum(map(is_write, way.seen))


async def test_update_that_happened_is_found_and_not_sent_again(lossy_shop, ask):
    way, shop = await lossy_shop(answers=1)
    changes = [{"id": HAMMER, "fields": {"Stock": 7, "Tags": []}}, {"id": SAW, "fields": {"Since": "2025-01-01"}}]
    async with shop as client:
        answer = await ask(client, "update_records", records=changes)
    assert [record["id"] for record in answer["records"]] == [HAMMER, SAW]
    assert answer["records"][0]["fields"]["Stock"] == 7
    assert (answer["unknown"], writes(way)) == ([], 1)


async def test_update_that_did_not_happen_is_sent_once_more(lossy_shop, ask):
    way, shop = await lossy_shop(asks=1)
    async with shop as client:
        answer = await ask(client, "update_records", records=[{"id": HAMMER, "fields": {"Stock": 7}}])
        read = await ask(client, "get_record", record_id=HAMMER)
    assert answer["records"][0]["fields"]["Stock"] == read["fields"]["Stock"] == 7
    assert writes(way) == 2


async def test_update_that_never_gets_an_answer_is_unknown_after_two_tries(lossy_shop, ask):
    way, shop = await lossy_shop(asks=9)
    async with shop as client:
        answer = await ask(client, "update_records", records=[{"id": HAMMER, "fields": {"Stock": 7}}])
    assert answer["error"]["code"] == "outcome_unknown"
    assert writes(way) == 2


async def test_replacing_update_counts_as_happened_only_when_the_other_cells_are_empty(lossy_shop, ask):
    way, shop = await lossy_shop(asks=1)
    async with shop as client:
        answer = await ask(
            client, "update_records", records=[{"id": HAMMER, "fields": {"Name": "Hammer"}}], replace=True
        )
    assert answer["records"][0]["fields"].keys() <= {"Name", "Times sold"}
    assert writes(way) == 2


@pytest.mark.parametrize("losses", [{"answers": 1}, {"asks": 1}])
async def test_delete_is_looked_up_and_ends_deleted(lossy_shop, ask, losses):
    way, shop = await lossy_shop(**losses)
    async with shop as client:
        answer = await ask(client, "delete_records", record_ids=[HAMMER, SAW])
        left = await ask(client, "list_records", fields=["Name"])
    assert answer == {"deleted": [HAMMER, SAW], "failed": [], "unknown": []}
    assert len(left["records"]) == 3
    assert writes(way) == (1 if "answers" in losses else 2)


@pytest.mark.parametrize("losses", [{"answers": 1}, {"asks": 1}])
async def test_upsert_is_looked_up_by_its_merge_fields_and_makes_no_twin(lossy_shop, ask, losses):
    way, shop = await lossy_shop(**losses)
    records = [{"fields": {"Name": 'Rope "5" \\ m', "Stock": 3}}, {"fields": {"Name": "Saw", "Stock": 5}}]
    async with shop as client:
        answer = await ask(client, "upsert_records", records=records, merge_on=["Name"])
        listed = await ask(client, "list_records", fields=["Name"])
    assert [record["fields"]["Stock"] for record in answer["records"]] == [3, 5]
    assert answer["created"] == [answer["records"][0]["id"]]
    assert answer["updated"] == [SAW]
    assert len(listed["records"]) == 6
    assert writes(way) == (1 if "answers" in losses else 2)


async def test_upsert_on_nothing_is_not_sent_again(lossy_shop, ask):
    way, shop = await lossy_shop(asks=1)
    async with shop as client:
        answer = await ask(client, "upsert_records", records=[{"fields": {"Name": None}}], merge_on=["Name"])
    assert answer["error"]["code"] == "outcome_unknown"
    assert writes(way) == 1


async def test_create_that_happened_is_probable_and_never_sent_again(lossy_shop, ask):
    way, shop = await lossy_shop(answers=1)
    async with shop as client:
        answer = await ask(client, "create_records", records=[{"fields": {"Name": "Rope", "Stock": 3}}])
        listed = await ask(client, "list_records", formula="{Name}='Rope'")
    assert answer["error"]["code"] == "outcome_unknown"
    (problem,) = answer["error"]["errors"]
    assert problem["field"] == "records.0"
    assert listed["records"][0]["id"] in problem["message"]
    assert writes(way) == 1


async def test_create_after_written_ones_names_the_probable_twins_beside_what_is_sure(lossy_shop, ask):
    way, shop = await lossy_shop(answers=0)
    records = [{"fields": {"Name": "Rope"}} for _ in range(25)]
    losing = iter([False, True])
    way.answer = _losing_second(way.answer, losing)
    async with shop as client:
        answer = await ask(client, "create_records", records=records)
        listed = await ask(client, "list_records", formula="{Name}='Rope'")
    sure = {record["id"] for record in answer["records"]}
    probable = {each["id"] for each in answer["probable"]}
    assert len(sure) == 10
    assert [each["index"] for each in answer["probable"]] == [*range(10, 20)]
    assert sure | probable == {record["id"] for record in listed["records"]}
    assert answer["unknown"] == []
    assert [failure["index"] for failure in answer["failed"]] == [*range(20, 25)]


def _losing_second(answer, losing):
    def some_lost(seen) -> dict:
        reply = answer(seen)
        return {"fate": "cut"} if is_write(seen) and next(losing, False) else reply

    return some_lost


async def test_create_that_did_not_happen_stays_unknown(lossy_shop, ask):
    way, shop = await lossy_shop(asks=1)
    async with shop as client:
        answer = await ask(client, "create_records", records=[{"fields": {"Name": "Rope"}}])
    assert (answer["error"]["code"], answer["error"].get("errors", [])) == (
        "outcome_unknown",
        [],
    )
    assert writes(way) == 1
