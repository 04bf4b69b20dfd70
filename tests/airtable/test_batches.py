"""What a caller learns of each item when some of the batches of a call fail. The server talks to a misbehaving wire."""

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


async def test_batch_that_is_refused_leaves_the_others_written(wire, connect, call):
    fault = refusal(422, "INVALID_VALUE_FOR_COLUMN", 'Field "n" cannot accept the provided value')
    airtable = await wire(answer=fails_at(1, fault))
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=numbered(25))
    assert [record["fields"]["n"] for record in answer["records"]] == [*range(10), *range(20, 25)]
    assert [failure["index"] for failure in answer["failed"]] == [*range(10, 20)]
    assert {failure["error"]["code"] for failure in answer["failed"]} == {"invalid_input"}
    assert answer["failed"][0]["error"]["errors"][0]["field"] == "records.10-19.fields.n"
    assert answer["unknown"] == []


async def test_batch_without_an_answer_is_unknown_and_the_rest_is_not_sent(wire, connect, call):
    airtable = await wire(answer=fails_at(1, CUT))
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=numbered(35))
    assert [record["fields"]["n"] for record in answer["records"]] == [*range(10)]
    assert answer["unknown"] == [*range(10, 20)]
    assert [failure["index"] for failure in answer["failed"]] == [*range(20, 35)]
    assert len(airtable.seen) == 2


async def test_batch_of_updates_that_met_a_500_may_have_been_written(wire, connect, call):
    ids = [f"rec{number:014}" for number in range(25)]

    def answer(seen):
        if seen.body["records"][0]["id"] == ids[10]:
            return refusal(500, "SERVER_ERROR", "")
        return {"payload": {"records": [record | {"createdTime": ""} for record in seen.body["records"]]}}

    airtable = await wire(answer=answer)
    async with connect(airtable.url) as client:
        answered = await call(client, "update_records", records=[{"id": each, "fields": {"n": 1}} for each in ids])
    assert [record["id"] for record in answered["records"]] == ids[:10]
    assert answered["unknown"] == [*range(10, 20)]
    assert [failure["index"] for failure in answered["failed"]] == [*range(20, 25)]


async def test_failure_that_is_not_about_the_batch_stops_the_rest(wire, connect, call):
    airtable = await wire(answer=fails_at(1, refusal(429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "limit")))
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=numbered(35))
    assert len(answer["records"]) == 10
    assert [failure["index"] for failure in answer["failed"]] == [*range(10, 35)]
    assert {failure["error"]["code"] for failure in answer["failed"]} == {"quota_exhausted"}
    assert len(airtable.seen) == 2


async def test_call_in_which_nothing_was_written_is_a_failure(wire, connect, call):
    airtable = await wire(refusal(422, "INVALID_RECORDS", "no"))
    async with connect(airtable.url) as client:
        refused = await call(client, "create_records", records=numbered(25))
    assert [problem["field"] for problem in refused["error"]["errors"]] == [
        "records.0-9",
        "records.10-19",
        "records.20-24",
    ]


async def test_first_batch_without_an_answer_says_which_items_it_concerns(wire, connect, call):
    airtable = await wire(CUT)
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=numbered(25))
    assert answer["error"]["code"] == "outcome_unknown"
    assert "0 to 9" in answer["error"]["message"]
