"""What a caller learns when Airtable, or the way to it, fails. The server talks to a misbehaving wire."""

import asyncio
import json

import pytest
from fastmcp import Client

BASE_ID = "app" + "B" * 14
TABLE_ID = "tbl" + "T" * 14
RECORD_ID = "rec" + "R" * 14
TOKEN = "pat" + "A" * 14 + "." + "0123456789abcdef" * 4
RECORD = {"id": RECORD_ID, "createdTime": "2026-01-01T00:00:00.000Z", "fields": {"Name": "Ann"}}
PAGE = {"payload": {"records": [RECORD]}}
HANG, CUT = {"fate": "hang"}, {"fate": "cut"}
BASES = {"bases": [{"id": BASE_ID, "name": "Shop", "permissionLevel": "create"}]}
FIELDS = [
    {"id": "fld1", "name": "Name", "type": "singleLineText"},
    {"id": "fld2", "name": "Amount", "type": "number", "options": {"precision": 0}},
    {"id": "fld3", "name": "Total", "type": "formula", "options": {"result": {"type": "number"}}},
    {"id": "fld4", "name": "La}bel", "type": "formula", "options": {"result": {"type": "singleLineText"}}},
]
VIEWS = [{"id": "viw1", "name": "Grid view", "type": "grid"}]
TABLES = {"tables": [{"id": TABLE_ID, "name": "People", "primaryFieldId": "fld1", "fields": FIELDS, "views": VIEWS}]}


def refusal(status, kind, message="", **headers):
    return {
        "status": status,
        "payload": {"error": {"type": kind, "message": message}},
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
    }


RATE_LIMIT = {"status": 429, "payload": {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Slow down"}]}}


def with_schema(refused):
    """Answer the meta API as it should be, and everything else with the refusal."""

    def answer(seen):
        if seen.path == "/v0/meta/bases":
            return {"payload": BASES}
        return {"payload": TABLES} if seen.path.startswith("/v0/meta/") else refused

    return answer


def writes_of(airtable):
    """The requests that change something; a look at what became of one does not."""
    return [seen for seen in airtable.seen if seen.method != "GET" and not seen.path.endswith("/listRecords")]


WRITES = [
    ("create_records", {"records": [{"fields": {"Name": "Ann"}}]}),
    ("update_records", {"records": [{"id": RECORD_ID, "fields": {"Name": "Ann"}}]}),
    ("upsert_records", {"records": [{"fields": {"Name": "Ann"}}], "merge_on": ["Name"]}),
    ("delete_records", {"record_ids": [RECORD_ID]}),
]
each_write = pytest.mark.parametrize(("tool", "arguments"), WRITES, ids=[tool for tool, _ in WRITES])


async def test_hidden_model_that_the_schema_shows_is_not_permitted(wire, connect, call):
    airtable = await wire(answer=with_schema(refusal(403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", "no")))
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=[{"fields": {}}])
    assert answer["error"]["code"] == "not_permitted"


async def test_unknown_table_is_plain_not_found_when_the_schema_is_unreadable(wire, connect, call):
    airtable = await wire({"status": 404, "payload": {"error": "NOT_FOUND"}})
    async with connect(airtable.url) as client:
        answer = await call(client, "list_records", table_id="Nope")
    assert answer["error"]["code"] == "not_found"


async def test_read_is_repeated_once_after_a_short_pause(wire, connect, call):
    airtable = await wire(RATE_LIMIT | {"headers": {"Retry-After": "0"}}, PAGE)
    async with connect(airtable.url) as client:
        answer = await call(client, "list_records")
    assert [record["id"] for record in answer["records"]] == [RECORD_ID]
    assert len(airtable.seen) == 2


async def test_write_that_was_refused_as_too_fast_is_repeated_once_and_no_more(wire, connect, call):
    airtable = await wire(RATE_LIMIT | {"headers": {"Retry-After": "0"}})
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=[{"fields": {}}])
    assert answer["error"]["code"] == "rate_limited"
    assert len(airtable.seen) == 2


async def test_long_pause_fails_at_once_and_stops_that_base_only(wire, connect, call):
    airtable = await wire(RATE_LIMIT, PAGE)
    async with connect(airtable.url) as client:
        first = await call(client, "list_records")
        second = await call(client, "list_records")
        other = await call(client, "list_records", base_id="app" + "C" * 14)
    assert (first["error"]["code"], first["error"]["retry_after_seconds"]) == ("rate_limited", 30)
    assert second["error"]["code"] == "rate_limited"
    assert 25 < second["error"]["retry_after_seconds"] <= 30
    assert other["records"]
    assert len(airtable.seen) == 2


async def test_spent_quota_is_told_apart_and_not_asked_for_again_this_month(wire, connect, call):
    airtable = await wire(refusal(429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "limit"), PAGE)
    async with connect(airtable.url) as client:
        answer = await call(client, "list_records")
        assert len(airtable.seen) == 1
        again = await call(client, "list_records")
        assert len(airtable.seen) == 1
        other = await call(client, "list_records", base_id="app" + "C" * 14)
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("quota_exhausted", False)
    assert again == answer
    assert other["records"]


async def test_read_is_repeated_once_after_a_503(wire, connect, call):
    airtable = await wire(refusal(503, "RETRIABLE_ERROR", Retry_After="0"), PAGE)
    async with connect(airtable.url) as client:
        assert (await call(client, "list_records"))["records"]
    assert len(airtable.seen) == 2


@each_write
async def test_write_is_never_repeated_after_a_503(wire, connect, call, tool, arguments):
    airtable = await wire(refusal(503, "RETRIABLE_ERROR", Retry_After="0"))
    async with connect(airtable.url) as client:
        answer = await call(client, tool, **arguments)
    assert answer["error"]["code"] == "outcome_unknown"
    assert len(writes_of(airtable)) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (302, "vendor_bad_answer"),
        (400, "vendor_rejected"),
        (413, "too_large"),
        (418, "vendor_rejected"),
        (500, "vendor_unavailable"),
        (502, "vendor_unavailable"),
        (504, "vendor_unavailable"),
    ],
)
async def test_status_without_a_readable_body_has_its_code(wire, connect, call, status, code):
    airtable = await wire({"status": status, "raw": b"<html>", "headers": {"Location": "http://127.0.0.1:1/stolen"}})
    async with connect(airtable.url) as client:
        answer = await call(client, "get_record", record_id=RECORD_ID)
    assert answer["error"]["code"] == code
    assert len(airtable.seen) == 1


async def test_502_after_a_create_may_be_repeated(wire, connect, call):
    airtable = await wire({"status": 502, "raw": b"restarting"})
    async with connect(airtable.url) as client:
        answer = await call(client, "create_records", records=[{"fields": {}}])
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("vendor_unavailable", True)


@pytest.mark.parametrize("fault", [HANG, CUT], ids=["hang", "cut"])
async def test_read_without_an_answer_is_retryable(wire, connect, call, fault):
    airtable = await wire(fault)
    async with connect(airtable.url, read_timeout_seconds=0.2) as client:
        answer = await call(client, "list_records")
    assert answer["error"]["code"] == ("vendor_timeout" if fault is HANG else "vendor_unavailable")
    assert answer["error"]["retryable"]


@pytest.mark.parametrize("fault", [HANG, CUT], ids=["hang", "cut"])
@each_write
async def test_write_without_an_answer_has_an_unknown_outcome_and_is_sent_once(
    *, wire, connect, call, fault, tool, arguments
):
    airtable = await wire(fault)
    async with connect(airtable.url, read_timeout_seconds=0.2) as client:
        answer = await call(client, tool, **arguments)
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("outcome_unknown", False)
    assert len(writes_of(airtable)) == 1


async def test_answer_that_never_ends_is_given_up(wire, connect, call):
    airtable = await wire(HANG)
    async with connect(airtable.url, read_timeout_seconds=1, answer_timeout_seconds=0.2) as client:
        answer = await call(client, "list_records")
    assert answer["error"]["code"] == "vendor_timeout"


async def test_answer_that_drips_in_is_given_up_and_its_slot_is_free_again(wire, connect, call):
    airtable = await wire({"fate": "drip"}, PAGE)
    async with connect(airtable.url, threads_max=1, answer_timeout_seconds=0.1) as client:
        assert (await call(client, "list_records"))["error"]["code"] == "vendor_timeout"
        async with asyncio.timeout(5):
            while "error" in (answer := await call(client, "list_records")):
                assert answer["error"]["code"] == "rate_limited"
                await asyncio.sleep(0.02)
    assert answer["records"]


async def test_connection_refused_before_a_write_is_sent_is_retryable(connect, call, closed_port):
    async with connect(f"http://127.0.0.1:{closed_port}") as client:
        answer = await call(client, "create_records", records=[{"fields": {}}])
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("vendor_unavailable", True)


@pytest.mark.parametrize(
    "raw",
    [b"{", b"", b"5", b"[]", b"<html>", b'{"records": 5}', b'{"records":[{"id":1}]}', b"[" * 100_000, b"\xff\xfe\x00"],
)
async def test_answer_that_makes_no_sense_is_bad_for_a_read_and_unknown_for_a_write(wire, connect, call, raw):
    airtable = await wire({"raw": raw})
    async with connect(airtable.url) as client:
        read = await call(client, "list_records")
        write = await call(client, "create_records", records=[{"fields": {}}])
    assert read["error"]["code"] == "vendor_bad_answer"
    assert write["error"]["code"] == "outcome_unknown"


async def test_answer_larger_than_the_limit_is_not_read(wire, connect, call):
    airtable = await wire({"payload": {"records": [], "padding": "x" * 5000}})
    async with connect(airtable.url, answer_bytes_max=1000) as client:
        answer = await call(client, "list_records")
    assert answer["error"]["code"] == "vendor_bad_answer"


async def test_half_an_answer_to_a_write_has_an_unknown_outcome(wire, connect, call):
    airtable = await wire({"raw": b'{"records": [', "headers": {"Content-Length": "500", "Connection": "close"}})
    async with connect(airtable.url, read_timeout_seconds=0.2) as client:
        answer = await call(client, "create_records", records=[{"fields": {}}])
    assert answer["error"]["code"] == "outcome_unknown"


async def test_too_many_requests_in_flight_fail_at_once(wire, connect, call):
    airtable = await wire(HANG)
    async with connect(airtable.url, threads_max=2, read_timeout_seconds=0.5) as client:
        answers = await asyncio.gather(*(call(client, "list_records") for _ in range(3)))
    assert sorted(answer["error"]["code"] for answer in answers) == ["rate_limited", "vendor_timeout", "vendor_timeout"]


async def test_what_an_emulator_does_not_support_is_not_supported(wire, connect, call):
    airtable = await wire(refusal(501, "EMULATOR_NOT_SUPPORTED", "comments are not built"))
    async with connect(airtable.url) as client:
        answer = await call(client, "list_records")
    assert answer["error"]["code"] == "not_supported"


async def test_expired_cursor_says_to_start_again(wire, connect, call):
    airtable = await wire(
        {"payload": {"records": [RECORD], "offset": "itr1/rec1"}},
        {"status": 422, "payload": {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}},
    )
    async with connect(airtable.url) as client:
        page = await call(client, "list_records", fields=["Name"])
        answer = await call(client, "list_records", fields=["Name"], cursor=page["cursor"])
    assert airtable.seen[1].body["offset"] == "itr1/rec1"
    assert (answer["error"]["code"], answer["error"]["retryable"]) == ("cursor_expired", True)
    assert "without cursor" in answer["error"]["hint"]


async def test_cursor_is_refused_when_it_is_garbage_or_of_another_list(wire, connect, call):
    airtable = await wire({"payload": {"records": [RECORD], "offset": "itr1/rec1"}})
    async with connect(airtable.url) as client:
        cursor = (await call(client, "list_records"))["cursor"]
        bad = ["", "garbage", "é", "A" * 5000, cursor[:-4], cursor + "AAAA", "itr1/rec1"]
        answers = [await call(client, "list_records", cursor=text) for text in bad]
        answers.append(await call(client, "list_records", cursor=cursor, view="Grid view"))
    assert {answer["error"]["code"] for answer in answers} == {"invalid_input"}
    assert answers[0]["error"]["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(
    ("refused", "field", "hint"),
    [
        (refusal(422, "UNKNOWN_FIELD_NAME", 'Unknown field name: "Nmae"'), "fields.1", "'Name'"),
        (refusal(422, "VIEW_NAME_NOT_FOUND", "View Grid viwe not found"), "view", "'Grid view'"),
        (
            refusal(
                422,
                "INVALID_FILTER_BY_FORMULA",
                "The formula for filtering records is invalid: Unknown field names: ammount",
            ),
            "formula",
            "'Amount'",
        ),
        (refusal(422, "INVALID_OFFSET_VALUE", "The value of offset x is invalid"), "cursor", ""),
    ],
)
async def test_refused_list_names_our_argument_and_the_closest_name(*, wire, connect, call, refused, field, hint):
    airtable = await wire(answer=with_schema(refused))
    async with connect(airtable.url) as client:
        answer = await call(
            client, "list_records", fields=["Name", "Nmae"], view="Grid viwe", formula="{ammount}>1", table_id="people"
        )
    assert answer["error"]["code"] == "invalid_input"
    assert [problem["field"] for problem in answer["error"]["errors"]] == [field]
    assert hint in answer["error"].get("hint", "")


@pytest.mark.parametrize(
    ("kind", "message", "field"),
    [
        ("UNKNOWN_FIELD_NAME", 'Unknown field name: "Nmae"', "records.1.fields.Nmae"),
        ("INVALID_VALUE_FOR_COLUMN", 'Field "Amount" cannot accept the provided value', "records.1.fields.Amount"),
        (
            "INVALID_MULTIPLE_CHOICE_OPTIONS",
            'Insufficient permissions to create new select option ""Blue""',
            "records.1.fields.Color",
        ),
        ("ROW_DOES_NOT_EXIST", f"Record ID {RECORD_ID} does not exist in this table", "records.1.fields.Link"),
        ("INVALID_RECORDS", "You must provide an array", "records.1"),
    ],
)
async def test_refused_record_names_its_place_in_our_arguments(*, wire, connect, call, kind, message, field):
    good, bad = (
        {"fields": {"Name": "Bob"}},
        {"fields": {"Nmae": "Ann", "Amount": "x", "Color": "Blue", "Link": [RECORD_ID]}},
    )

    def answer(seen):
        if seen.path.startswith("/v0/meta/"):
            return {"payload": TABLES}
        return refusal(422, kind, message) if bad in seen.body["records"] else PAGE

    airtable = await wire(answer=answer)
    async with connect(airtable.url) as client:
        answered = await call(client, "create_records", records=[good, bad])
    assert [record["id"] for record in answered["records"]] == [RECORD_ID]
    (failure,) = answered["failed"]
    assert (failure["index"], failure["error"]["code"]) == (1, "invalid_input")
    assert [problem["field"] for problem in failure["error"]["errors"]] == [field]


async def test_unknown_type_of_refusal_is_quoted_and_shortened(wire, connect, call):
    airtable = await wire(refusal(422, "SOMETHING_NEW", "word " * 1000))
    async with connect(airtable.url) as client:
        answer = await call(client, "list_records")
    assert answer["error"]["code"] == "vendor_rejected"
    assert len(answer["error"]["message"]) < 400


@pytest.mark.parametrize("text", ["\ud83d", "a\udc00b", "\U0001f680", "\x00", "\u2028"])
async def test_any_text_in_a_cell_arrives_as_json(wire, connect, call, text):
    airtable = await wire({"payload": {"records": [RECORD | {"fields": {"Name": text}}]}})
    async with connect(airtable.url) as client:
        answer = await call(client, "list_records")
    seen = answer["records"][0]["fields"]["Name"]
    assert seen == "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)


async def test_number_that_json_does_not_have_is_refused_before_anything_is_sent(wire, make_server):
    airtable = await wire(PAGE)
    server = make_server(airtable.url)
    arguments = {"base_id": BASE_ID, "table_id": TABLE_ID, "records": [{"fields": {"n": float("nan")}}]}
    async with Client(server):
        result = await server.call_tool("create_records", arguments)
    assert result.structured_content["error"]["code"] == "invalid_input"
    assert airtable.seen == []


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e400", b"9" * 400, b"9" * 5000])
async def test_number_that_is_no_number_does_not_break_the_answer(wire, connect, call, number):
    page = json.dumps({"records": [RECORD]}).encode().replace(b'"Ann"', number)
    airtable = await wire({"raw": page})
    async with connect(airtable.url) as client:
        answer = await call(client, "list_records")
    assert answer.get("error", {"code": "vendor_bad_answer"})["code"] == "vendor_bad_answer"


async def test_search_is_compiled_by_field_id_with_everything_escaped(wire, connect, call):
    def answer(seen):
        return {"payload": TABLES} if seen.path.startswith("/v0/meta/") else PAGE

    airtable = await wire(answer=answer)
    async with connect(airtable.url) as client:
        await call(client, "list_records", search=' a"b\\c\nd ', formula="{La\\}bel}='(x'")
    assert airtable.seen[-1].path == f"/v0/{BASE_ID}/{TABLE_ID}/listRecords"
    needle = '"a\\"b\\\\c\\nd"'
    assert airtable.seen[-1].body["filterByFormula"] == (
        "AND({La\\}bel}='(x', OR("
        f'FIND(LOWER({needle}), LOWER({{fld1}} & "")), '
        f'FIND(LOWER({needle}), LOWER(IF(ISERROR({{fld4}}), "", {{fld4}} & "")))))'
    )


@pytest.mark.parametrize("formula", ["{Name", "1) , OR(1", "'a", '"', "}", "((1)", "{Name}='a\\'"])
async def test_formula_that_could_break_out_of_a_search_is_refused(wire, connect, call, formula):
    airtable = await wire({"payload": TABLES})
    async with connect(airtable.url) as client:
        answer = await call(client, "list_records", search="ann", formula=formula)
    assert answer["error"]["code"] == "invalid_input"
    assert answer["error"]["errors"][0]["field"] == "formula"


async def test_schema_is_asked_once_for_many_searches_and_always_for_list_tables(wire, connect, call):
    airtable = await wire(answer=lambda seen: {"payload": TABLES} if "/meta/" in seen.path else PAGE)
    async with connect(airtable.url) as client:
        for _ in range(3):
            await call(client, "list_records", search="ann")
        for _ in range(2):
            await call(client, "list_tables", base_id=BASE_ID)
    assert sum("/meta/" in seen.path for seen in airtable.seen) == 3


async def test_all_pages_of_bases_are_read(wire, connect, call):
    second = {"bases": [{"id": "app" + "C" * 14, "name": "Other", "permissionLevel": "read"}]}
    airtable = await wire({"payload": BASES | {"offset": "itr/app"}}, {"payload": second})
    async with connect(airtable.url) as client:
        answer = await call(client, "list_bases")
    assert [base["name"] for base in answer["bases"]] == ["Shop", "Other"]
    assert airtable.seen[1].query == {"offset": ["itr/app"]}


async def test_awkward_table_name_stays_one_path_segment(wire, connect, call):
    airtable = await wire(PAGE)
    async with connect(airtable.url) as client:
        await call(client, "get_record", table_id="../a/b?c#é", record_id=RECORD_ID)
    assert airtable.seen[0].path == f"/v0/{BASE_ID}/..%2Fa%2Fb%3Fc%23%C3%A9/{RECORD_ID}"


async def test_server_works_again_after_it_was_closed(wire, make_server, call):
    airtable = await wire(PAGE)
    server = make_server(airtable.url)
    for _ in range(2):
        async with Client(server) as client:
            assert (await call(client, "list_records"))["records"]


async def test_a_refused_address_takes_no_place_from_those_that_follow(wire, connect, call):
    airtable = await wire({"payload": {"records": []}})
    upload = {"base_id": "app" + "B" * 14, "record_id": "rec" + "R" * 14, "field": "..", "text": "a", "filename": "a"}
    async with connect(airtable.url, threads_max=1) as client:
        for _ in range(3):
            refused = await client.call_tool("upload_attachment", upload, raise_on_error=False)
            assert refused.structured_content["error"]["code"] == "invalid_input"
        assert (await call(client, "list_records"))["records"] == []
