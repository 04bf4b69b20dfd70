"""What a caller sees when the project refuses, fails, hangs, or is not a project at all."""

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import pytest

Call = tuple[str, dict[str, Any]]
ONE = [{"column": "id", "operator": "eq", "value": 1}]
READ: Call = ("select_rows", {"table": "orders"})
INSERT: Call = ("insert_rows", {"table": "orders", "rows": [{"total": 1}]})
UPDATE: Call = ("update_rows", {"table": "orders", "values": {"total": 1}, "filters": ONE})
DELETE: Call = ("delete_rows", {"table": "orders", "filters": ONE})
SIGN_IN: Call = ("sign_in", {"email": "ada@example.com", "password": "correct horse"})
HTML = "<html><body>Bad gateway</body></html>"
SAFE_TO_REPEAT: list[Call] = [READ, SIGN_IN]
WRITES: list[Call] = [INSERT, UPDATE, DELETE]
EVERYTHING: list[Call] = [*SAFE_TO_REPEAT, *WRITES]


def always(**told: Any) -> Callable[[Any], dict[str, Any]]:
    return lambda _asked: told


async def errors_of(tools: Any, calls: list[Call]) -> dict[str, dict[str, Any]]:
    """The errors that calls, all made at once, fail with, by tool."""
    errors = await asyncio.gather(*(tools.fails(tool, **arguments) for tool, arguments in calls))
    return {tool: error for (tool, _), error in zip(calls, errors, strict=True)}


def the_same(what: Any, calls: list[Call]) -> dict[str, Any]:
    return {tool: what for tool, _ in calls}


def codes(errors: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {tool: (error["code"], error["retryable"]) for tool, error in errors.items()}


async def test_a_gateways_rate_limit_says_when_to_try_again(scripted_project, tools_of):
    project = await scripted_project(always(status=429, body={"message": "slow down"}, headers={"retry-after": "7"}))
    errors = await errors_of(await tools_of(project.url), EVERYTHING)
    assert codes(errors) == the_same(("rate_limited", True), EVERYTHING)
    assert {error["retry_after_seconds"] for error in errors.values()} == {7}


async def test_the_rate_limit_of_auth_says_when_to_try_again(scripted_project, tools_of):
    answer = always(
        status=429,
        body={"code": "over_request_rate_limit", "message": "Request rate limit reached"},
        headers={"x-supabase-api-version": "2024-01-01", "retry-after": "11"},
    )
    error = await (await tools_of((await scripted_project(answer)).url)).fails(SIGN_IN[0], **SIGN_IN[1])
    assert (error["code"], error["retry_after_seconds"]) == ("rate_limited", 11)


@pytest.mark.parametrize("status", [500, 502, 503, 521])
async def test_a_failing_project_is_unavailable_for_a_read(scripted_project, tools_of, status):
    project = await scripted_project(always(status=status, body=HTML))
    errors = await errors_of(await tools_of(project.url), SAFE_TO_REPEAT)
    assert codes(errors) == the_same(("vendor_unavailable", True), SAFE_TO_REPEAT)


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "outcome_unknown"), (502, "outcome_unknown"), (504, "outcome_unknown"), (503, "vendor_unavailable")],
)
async def test_a_write_is_unknown_unless_it_was_not_delivered(scripted_project, tools_of, status, code):
    project = await scripted_project(always(status=status, body=HTML))
    errors = await errors_of(await tools_of(project.url), WRITES)
    assert codes(errors) == the_same((code, code != "outcome_unknown"), WRITES)
    assert len(project.asked) == len(WRITES)


async def test_a_read_that_hangs_times_out(scripted_project, tools_of):
    project = await scripted_project(always(hang=True))
    errors = await errors_of(await tools_of(project.url, request_timeout_seconds=0.2), SAFE_TO_REPEAT)
    assert codes(errors) == the_same(("vendor_timeout", True), SAFE_TO_REPEAT)


@pytest.mark.parametrize("fault", [{"hang": True}, {"status": 0}])
async def test_a_write_that_hangs_or_is_cut_is_unknown_and_not_repeated(scripted_project, tools_of, fault):
    project = await scripted_project(always(**fault))
    errors = await errors_of(await tools_of(project.url, request_timeout_seconds=0.2), WRITES)
    assert codes(errors) == the_same(("outcome_unknown", False), WRITES)
    assert len(project.asked) == len(WRITES)


async def test_a_read_that_is_cut_once_is_repeated_at_once(scripted_project, tools_of):
    answers = iter([{"status": 0}, {"body": [{"id": 1}]}])
    project = await scripted_project(lambda _asked: next(answers))
    assert (await (await tools_of(project.url))("select_rows", table="orders"))["rows"] == [{"id": 1}]


async def test_a_read_that_is_always_cut_is_repeated_only_once(scripted_project, tools_of):
    project = await scripted_project(always(status=0))
    error = await (await tools_of(project.url)).fails("select_rows", table="orders")
    assert error["code"] == "vendor_unavailable"
    assert len(project.asked) == 2


async def test_a_project_that_nobody_serves_is_unavailable(tools_of, unused_url):
    errors = await errors_of(await tools_of(unused_url), EVERYTHING)
    assert codes(errors) == the_same(("vendor_unavailable", True), EVERYTHING)


@pytest.mark.parametrize("body", [HTML, '"text"', '[1, "no row"]', "", "{"])
async def test_an_answer_that_is_no_answer_of_supabase_is_told_apart(scripted_project, tools_of, body):
    project = await scripted_project(always(body=body))
    errors = await errors_of(await tools_of(project.url), [READ, SIGN_IN, UPDATE])
    assert {tool: error["code"] for tool, error in errors.items()} == {
        "select_rows": "vendor_bad_answer",
        "sign_in": "vendor_bad_answer",
        "update_rows": "outcome_unknown",
    }


@pytest.mark.parametrize(
    ("status", "code"),
    [(301, "misconfigured"), (404, "misconfigured"), (401, "vendor_credentials"), (413, "too_large")],
)
async def test_a_gateways_refusal_names_the_setting_to_fix(scripted_project, tools_of, status, code):
    project = await scripted_project(
        always(status=status, body={"message": "no"}, headers={"location": "http://127.0.0.1:9/elsewhere"})
    )
    errors = await errors_of(await tools_of(project.url), EVERYTHING)
    assert {tool: error["code"] for tool, error in errors.items()} == the_same(code, EVERYTHING)
    if code != "too_large":
        assert all("SUPABASE_" in error["message"] + error["hint"] for error in errors.values())


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_beyond_the_limit_is_not_read_to_its_end(scripted_project, tools_of, packed):
    body = b'[{"text":"' + b"x" * 500_000 + b'"}]'
    headers = {"content-encoding": "gzip"} if packed else {}
    project = await scripted_project(always(body=gzip.compress(body) if packed else body, headers=headers))
    error = await (await tools_of(project.url, answer_max_bytes=10_000)).fails("select_rows", table="orders")
    assert error["code"] == "too_large"


async def test_a_write_whose_rows_are_too_large_to_show_says_that_it_was_done(scripted_project, tools_of):
    project = await scripted_project(always(status=201, body=[{"text": "x" * 20_000}]))
    tools = await tools_of(project.url, answer_max_bytes=10_000)
    error = await tools.fails("insert_rows", table="orders", rows=[{"total": 1}])
    assert error["code"] == "too_large"
    assert "were written" in error["message"]


async def test_a_packed_answer_is_read(scripted_project, tools_of):
    packed = gzip.compress(b'[{"id":1}]')
    project = await scripted_project(always(body=packed, headers={"content-encoding": "gzip"}))
    assert (await (await tools_of(project.url))("select_rows", table="orders"))["rows"] == [{"id": 1}]


@pytest.mark.parametrize(
    ("fault", "code", "field"),
    [
        (
            ("23505", 'duplicate key value violates unique constraint "o"', "Key (email, x)=(a, 1) already exists."),
            "conflict",
            "email",
        ),
        (("23503", "...", 'Key (shop_id)=(9) is not present in table "shops".'), "invalid_input", "shop_id"),
        (("23503", "...", 'Key (id)=(1) is still referenced from table "lines".'), "conflict", None),
        (
            ("23502", 'null value in column "total" of relation "orders" violates not-null', ""),
            "invalid_input",
            "total",
        ),
        (("22P02", 'invalid input syntax for type integer: "1"', ""), "invalid_input", "id"),
        (("23514", 'new row violates check constraint "orders_total_check"', ""), "invalid_input", "total"),
        (("428C9", 'cannot insert a non-DEFAULT value into column "id"', ""), "invalid_input", "id"),
        (("PGRST204", "Could not find the 'totl' column of 'orders' in the schema cache", ""), "invalid_input", "totl"),
        (("42703", 'column "totl" does not exist', ""), "invalid_input", "totl"),
        (("42703", "column orders.totl does not exist", ""), "invalid_input", "totl"),
        (("PGRST205", "Could not find the table 'public.ordrs' in the schema cache", ""), "not_found", None),
        (("PGRST106", "Invalid schema: x", ""), "invalid_input", "schema"),
        (("42883", "operator does not exist: integer ~~ unknown", ""), "invalid_input", "filters"),
        (("42501", "permission denied for table orders", ""), "not_permitted", None),
        (("57014", "canceling statement due to statement timeout", ""), "vendor_timeout", None),
        (("40P01", "deadlock detected", ""), "vendor_unavailable", None),
        (("53300", "too many connections", ""), "vendor_unavailable", None),
        (("08006", "server closed the connection", ""), "outcome_unknown", None),
        (("25006", "cannot execute UPDATE in a read-only transaction", ""), "not_permitted", None),
        (("P0001", "closed for the day", ""), "vendor_rejected", None),
        (("XX000", "cache lookup failed", ""), "vendor_bad_answer", None),
        (("PGRST301", "JWSError", ""), "vendor_credentials", None),
        (("PGRST200", "Could not find a relationship between 'a' and 'b'", ""), "invalid_input", "columns"),
        (("PGRST122", "Invalid preferences given with handling=strict", ""), "not_supported", None),
        (("PGRST127", "Feature not implemented", ""), "not_supported", None),
        (("PGRST999", "something new", ""), "vendor_rejected", None),
    ],
)
async def test_a_database_error_has_a_code_and_names_the_column(scripted_project, tools_of, fault, code, field):
    body = dict(zip(("code", "message", "details"), fault, strict=True))
    project = await scripted_project(always(status=400, body=body))
    error = await (await tools_of(project.url)).fails(UPDATE[0], **UPDATE[1])
    assert error["code"] == code
    assert [problem["field"] for problem in error.get("errors", [])][:1] == ([field] if field else [])


@pytest.mark.parametrize(
    ("auth_code", "status", "code"),
    [
        ("invalid_credentials", 400, "not_authenticated"),
        ("user_banned", 400, "not_permitted"),
        ("email_not_confirmed", 400, "not_permitted"),
        ("email_provider_disabled", 422, "not_permitted"),
        ("validation_failed", 400, "invalid_input"),
        ("no_authorization", 401, "vendor_credentials"),
        ("request_timeout", 504, "vendor_timeout"),
        ("unexpected_failure", 500, "vendor_unavailable"),
        ("something_new", 400, "vendor_rejected"),
    ],
)
async def test_an_error_of_auth_has_a_code(scripted_project, tools_of, auth_code, status, code):
    answer = always(
        status=status, body={"code": auth_code, "message": "no"}, headers={"x-supabase-api-version": "2024-01-01"}
    )
    error = await (await tools_of((await scripted_project(answer)).url)).fails(SIGN_IN[0], **SIGN_IN[1])
    assert error["code"] == code


async def test_a_misspelt_name_is_answered_with_the_nearest_one(scripted_project, tools_of):
    described = {"definitions": {"orders": {"properties": {"total": {"format": "numeric", "type": "number"}}}}}

    def answer(asked: Any) -> dict[str, Any]:
        if asked.path == "/rest/v1/":
            return {"body": described}
        if asked.path == "/rest/v1/ordrs":
            return {"status": 404, "body": {"code": "PGRST205", "message": "Could not find the table 'public.ordrs'"}}
        return {"status": 400, "body": {"code": "PGRST204", "message": "Could not find the 'totl' column of 'orders'"}}

    tools = await tools_of((await scripted_project(answer)).url)
    assert "'orders'" in (await tools.fails("select_rows", table="ordrs"))["hint"]
    assert "'total'" in (await tools.fails("insert_rows", table="orders", rows=[{"totl": 1}]))["hint"]
