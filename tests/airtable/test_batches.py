"""What a caller learns of each item when some of the batches of a call fail. The server talks to a misbehaving wire."""

import asyncio

import pytest
import structlog
from fastmcp import Client

BASE_ID, TABLE_ID = "app" + "B" * 14, "tbl" + "T" * 14
CUT = {"fate": "cut"}


def refusal(status, kind, message):
    return {"status": status, "payload": {"error": {"type": kind, "message": message}}}


def created(seen):
    made = [
        {"id": f"rec{record['fields']['n']:014}", "createdTime": "2026-01-01T00:00:00.000Z", "fields": record["fields"]}
        for record in seen.body["records"]
    ]
    return {"payload": {"records": made}}


def numbered(count):
    return [{"fields": {"n": number}} for number in range(count)]


def fails_at(batch, fault):
    """Create what is asked for, except in one batch."""

    def answer(seen):
        if seen.path.startswith("/v0/meta/"):
            return {"payload": {"tables": []}}
        return fault if seen.body["records"][0]["fields"]["n"] == batch * 10 else created(seen)

    return answer


async def test_bad_item_that_airtable_does_not_name_is_found_by_halving(wire, connect, call):
    def answer(seen):
        bad = any(record["fields"]["n"] == 13 for record in seen.body["records"])
        return refusal(422, "INVALID_RECORDS", "no") if bad else created(seen)

    airtable = await wire(answer=answer)
    async with connect(airtable.url) as client:
        answered = await call(client, "create_records", records=numbered(25))
    assert [record["fields"]["n"] for record in answered["records"]] == [*range(13), *range(14, 25)]
    (failure,) = answered["failed"]
    assert (failure["index"], failure["error"]["code"]) == (13, "invalid_input")
    assert [problem["field"] for problem in failure["error"]["errors"]] == ["records.13"]
    assert answered["unknown"] == []
    assert len(airtable.seen) <= 3 + 6


async def test_progress_only_ever_increases_also_while_a_bad_item_is_looked_for(wire, connect):
    def answer(seen):
        bad = any(record["fields"]["n"] == 3 for record in seen.body["records"])
        return refusal(422, "INVALID_RECORDS", "no") if bad else created(seen)

    told = []

    async def note(progress, total, message):
        told.append(progress)

    airtable = await wire(answer=answer)
    async with connect(airtable.url) as client:
        arguments = {"base_id": BASE_ID, "table_id": TABLE_ID, "records": numbered(12)}
        await client.call_tool("create_records", arguments, progress_handler=note)
    assert told == sorted(set(told))
    assert told[-1] == 12


async def test_field_that_nobody_has_is_asked_about_once(wire, connect, call):
    def answer(seen):
        if seen.path.startswith("/v0/meta/"):
            return {"payload": {"tables": []}}
        bad = any("Nmae" in record["fields"] for record in seen.body["records"])
        return refusal(422, "UNKNOWN_FIELD_NAME", 'Unknown field name: "Nmae"') if bad else created(seen)

    records = numbered(100)
    for item in (5, 17, *range(50, 100)):
        records[item]["fields"]["Nmae"] = 1
    airtable = await wire(answer=answer)
    async with connect(airtable.url) as client:
        answered = await call(client, "create_records", records=records)
    assert [failure["index"] for failure in answered["failed"]] == [5, 17, *range(50, 100)]
    assert answered["failed"][1]["error"]["errors"][0]["field"] == "records.17.fields.Nmae"
    assert len(answered["records"]) == 48
    assert len([seen for seen in airtable.seen if "meta" not in seen.path]) == 1 + 5


async def test_request_without_an_answer_is_unknown_and_the_rest_is_not_sent(wire, connect, call):
    airtable = await wire(answer=fails_at(1, CUT))
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=numbered(35))
    assert [record["fields"]["n"] for record in answer["records"]] == [*range(10)]
    assert answer["unknown"] == [*range(10, 20)]
    assert [failure["index"] for failure in answer["failed"]] == [*range(20, 35)]
    assert len([seen for seen in airtable.seen if "meta" not in seen.path]) == 2


async def test_failure_that_is_not_about_the_items_stops_the_rest(wire, connect, call):
    airtable = await wire(answer=fails_at(1, refusal(429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "limit")))
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=numbered(35))
    assert len(answer["records"]) == 10
    assert [failure["index"] for failure in answer["failed"]] == [*range(10, 35)]
    assert {failure["error"]["code"] for failure in answer["failed"]} == {"quota_exhausted"}
    assert len(airtable.seen) == 2


async def test_call_in_which_nothing_was_written_is_a_failure_and_asks_little(wire, connect, call):
    airtable = await wire(refusal(422, "INVALID_RECORDS", "no"))
    async with connect(airtable.url) as client:
        refused = await call(client, "create_records", records=numbered(25))
    places = [problem["field"] for problem in refused["error"]["errors"]]
    assert places[:2] == ["records.0", "records.1"]
    assert len(places) == 20
    assert len(airtable.seen) < 10


async def test_missing_permission_is_asked_about_once(wire, connect, call):
    airtable = await wire(refusal(403, "INVALID_PERMISSIONS", "no"))
    async with connect(airtable.url) as client:
        refused = await call(client, "create_records", records=numbered(100))
    assert refused["error"]["code"] == "not_permitted"
    assert [seen.method for seen in airtable.seen] == ["POST", "GET"], (
        "the write, and a look at the bases to explain it"
    )


async def test_first_request_without_an_answer_says_which_items_it_concerns(wire, connect, call):
    airtable = await wire(CUT)
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=numbered(25))
    assert answer["error"]["code"] == "outcome_unknown"
    assert "0-9" in answer["error"]["message"]


async def test_answer_about_another_number_of_records_has_an_unknown_outcome(wire, connect, call):
    airtable = await wire(
        answer=lambda seen: {"payload": {"records": []}} if "meta" not in seen.path else {"payload": {}}
    )
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=numbered(2))
    assert answer["error"]["code"] == "outcome_unknown"


@pytest.mark.parametrize("through", ["protocol", "process"])
async def test_cancelled_call_lets_its_request_end_sends_no_other_and_accounts_for_all(wire, make_server, through):
    asked, may_answer = asyncio.Event(), asyncio.Event()

    def answer(seen):
        if seen.body["records"][0]["fields"]["n"] == 10:
            asked.set()
            return created(seen) | {"after": may_answer}
        return created(seen)

    airtable = await wire(answer=answer)
    server = make_server(airtable.url)
    arguments = {"base_id": BASE_ID, "table_id": TABLE_ID, "records": numbered(35)}
    with structlog.testing.capture_logs() as logged:
        async with Client(server) as client:
            call = client.call_tool if through == "protocol" else server.call_tool
            calling = asyncio.create_task(call("create_records", arguments))
            await asyncio.wait_for(asked.wait(), 5)
            calling.cancel()
            # In the same process the task itself stays until its request has ended.
            await asyncio.wait([calling], timeout=0.3)
            may_answer.set()
            await until(lambda: any(line["event"] == "write_cancelled" for line in logged))
    (line,) = [line for line in logged if line["event"] == "write_cancelled"]
    assert (line["written"], line["failed"], line["unknown"]) == ("0-19", "20-34", "")
    assert len(airtable.seen) == 2


async def test_call_that_is_cancelled_while_it_looks_says_what_it_does_not_know(wire, make_server):
    looking = asyncio.Event()

    def answer(seen):
        if seen.path.startswith("/v0/meta/"):
            looking.set()
            return {"fate": "hang"}
        return CUT if seen.body["records"][0]["fields"]["n"] == 10 else created(seen)

    airtable = await wire(answer=answer)
    server = make_server(airtable.url)
    arguments = {"base_id": BASE_ID, "table_id": TABLE_ID, "records": numbered(35)}
    with structlog.testing.capture_logs() as logged:
        async with Client(server):
            calling = asyncio.create_task(server.call_tool("create_records", arguments))
            await asyncio.wait_for(looking.wait(), 5)
            calling.cancel()
            await asyncio.wait([calling], timeout=5)
    (line,) = [line for line in logged if line["event"] == "write_cancelled"]
    assert (line["written"], line["failed"], line["unknown"]) == ("0-9", "20-34", "10-19")


async def until(happened):
    async with asyncio.timeout(5):
        while True:
            if happened():
                return
            await asyncio.sleep(0.01)
