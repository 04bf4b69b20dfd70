"""Bad requests: each gets the right status and a problem that says what to mend, and none gets a 500."""

import asyncio
import json
import re

import pytest

BASES = "/api/airtable/bases"
PRODUCTS = "/api/airtable/records/appSmallShop00001/tblProducts000001"
REQUIRED = {"type", "title", "status", "detail", "code", "request_id", "retryable"}


def assert_problem(response, status: int, code: str) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) >= REQUIRED
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text
    return problem


async def test_an_unknown_base_is_not_found(gateway):
    assert_problem(await gateway.ask("GET", "/api/airtable/tables/appUnknown0000001"), 404, "not_found")


async def test_an_unknown_table_or_record_is_not_found(gateway):
    table = "/api/airtable/records/appSmallShop00001/tblUnknown0000001"
    assert_problem(await gateway.ask("GET", table), 404, "not_found")
    assert_problem(await gateway.ask("GET", f"{PRODUCTS}/recUnknown0000001"), 404, "not_found")


async def test_an_unknown_field_is_named(gateway):
    refused = await gateway.ask("POST", PRODUCTS, json={"fields": {"Nmae": "x"}})
    assert "Nmae" in json.dumps(assert_problem(refused, 422, "invalid_input"))


@pytest.mark.parametrize(("method", "body"), [("PATCH", {"fields": {}}), ("PUT", {"fields": {}}), ("DELETE", None)])
async def test_a_write_to_an_unknown_record_is_not_found(gateway, method, body):
    answer = await gateway.ask(method, f"{PRODUCTS}/recXXXXXXXXXXXXXX", json=body)
    problem = assert_problem(answer, 404, "not_found")
    assert [error["field"] for error in problem["errors"]] == ["recordId"]


async def test_an_error_of_a_filter_names_the_filter(gateway):
    problem = assert_problem(await gateway.ask("GET", PRODUCTS, params={"filter": "{Nope}=1"}), 422, "invalid_input")
    assert [error["field"] for error in problem["errors"]] == ["filter"]


async def test_a_wrong_type_is_named(gateway):
    refused = await gateway.ask("POST", PRODUCTS, json={"fields": {"Name": "x", "Price": "much"}})
    assert "Price" in json.dumps(assert_problem(refused, 422, "invalid_input"))


async def test_a_formula_that_is_none_is_refused(gateway):
    refused = await gateway.ask("GET", PRODUCTS, params={"filter": "{Price} >"})
    assert_problem(refused, 422, "invalid_input")


@pytest.mark.parametrize(
    ("query", "field", "hint"),
    [
        ("Limit=3", "Limit", "'limit'"),
        ("pageSize=3", "pageSize", "is unknown"),
        ("limit=0", "limit", "greater"),
        ("limit=101", "limit", "less"),
        ("limit=ten", "limit", "integer"),
        ("limit=1&limit=2", "limit", "more than once"),
        ("sort=", "sort", "empty"),
        ("fields=Name,,Price", "fields", "empty"),
        ("filter=", "filter", "at least 1"),
    ],
)
async def test_a_parameter_that_does_not_fit_is_named_with_the_fix(gateway, query, field, hint):
    problem = assert_problem(await gateway.ask("GET", f"{PRODUCTS}?{query}"), 422, "invalid_input")
    assert problem["errors"][0]["field"] == field
    assert hint in problem["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"fields": {"Name": "x"}, "records": [{"fields": {}}]}, "body"),
        ({"records": []}, "records"),
        ({"record": {}}, "record"),
        ({"records": [{"Name": "x"}]}, "records.0.fields"),
        ({"fields": "x"}, "fields"),
        ({"fields": {}, "upsert": {"mergeOn": []}}, "upsert.mergeOn"),
        ({"fields": {}, "upsert": {"merge": ["Name"]}}, "upsert.mergeOn"),
    ],
)
async def test_a_body_that_does_not_fit_names_the_field(gateway, body, field):
    problem = assert_problem(await gateway.ask("POST", PRODUCTS, json=body), 422, "invalid_input")
    assert field in [found["field"] for found in problem["errors"]]


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("body", [b"{", b"", b'{"fields": {"Name": NaN}}', b'{"fields": "\xff"}', b"{'a': 1}"])
async def test_malformed_json_is_a_malformed_request(gateway, body):
    refused = await gateway.ask("POST", PRODUCTS, content=body, headers=JSON)
    assert_problem(refused, 400, "malformed_request")


@pytest.mark.parametrize("depth", [40, 100_000])
async def test_json_that_is_nested_too_deep_is_a_malformed_request(gateway, depth):
    body = b'{"fields":{"Name":' + b"[" * depth + b"]" * depth + b"}}"
    assert_problem(await gateway.ask("POST", PRODUCTS, content=body, headers=JSON), 400, "malformed_request")


@pytest.mark.parametrize("body", [b"[]", b"null", b'"x"', b"7"])
async def test_json_that_is_no_object_is_refused(gateway, body):
    assert_problem(await gateway.ask("POST", PRODUCTS, content=body, headers=JSON), 422, "invalid_input")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_another_content_type_is_not_read(gateway, kind):
    refused = await gateway.ask("POST", PRODUCTS, content=b"{}", headers={"Content-Type": kind})
    assert_problem(refused, 415, "unsupported_media_type")


MEGABYTES_50 = 50 * 2**20


@pytest.mark.parametrize("path", [PRODUCTS, "/mcp"])
async def test_a_body_of_50_mb_is_refused_by_its_declared_length(gateway, path):
    refused = await gateway.ask("POST", path, content=b" " * MEGABYTES_50, headers=JSON)
    assert_problem(refused, 413, "too_large")


@pytest.mark.parametrize("path", [PRODUCTS, "/mcp", "/api/auth/login"])
async def test_a_body_of_50_mb_without_a_length_is_refused_while_it_is_read(gateway, path):
    sent = 0

    async def pieces():
        nonlocal sent
        for _ in range(800):
            sent += 65_536
            yield b" " * 65_536

    refused = await gateway.ask("POST", path, content=pieces(), headers=JSON)
    assert_problem(refused, 413, "too_large")


async def test_a_declared_length_that_lies_is_not_believed(gateway):
    """The rest of the body is not a second request: the server counts as the client declared, and no further."""
    url = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(url[0], int(url[1]))
    head = f"POST /api/auth/login HTTP/1.1\r\nHost: {url[0]}\r\nContent-Type: application/json\r\nContent-Length: "
    writer.write(f"{head}-5\r\n\r\n{{}}".encode())
    await writer.drain()
    async with asyncio.timeout(5):
        first_line = await reader.readline()
    assert first_line.startswith(b"HTTP/1.1 400")
    writer.close()
    await writer.wait_closed()


async def test_a_body_that_stops_arriving_is_answered(start_gateway):
    gateway = await start_gateway(body_timeout_seconds=0.2)
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100"
    writer.write(f"{head}\r\n\r\n{{".encode())
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"}")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"request_timeout"' in answer
    writer.close()


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault_of_ours(own_gateway, capfd):
    host, port = own_gateway.url.removeprefix("http://").split(":")
    _reader, writer = await asyncio.open_connection(host, int(port))
    token = await own_gateway.token()
    head = f"POST {PRODUCTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json"
    writer.write(f"{head}\r\nContent-Length: 100\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    async with asyncio.timeout(5):
        # Asking is a round trip through the gateway's loop, so there is nothing to sleep for.
        while 'status="499"' not in (await own_gateway.http.get("/metrics")).text:
            pass
    assert "bug" not in "".join(capfd.readouterr())


async def test_a_long_address_and_large_headers_are_refused(gateway):
    assert_problem(await gateway.ask("GET", f"{BASES}?a={'x' * 20_000}"), 414, "address_too_long")
    assert_problem(await gateway.ask("GET", BASES, headers={"X-Big": "x" * 40_000}), 431, "headers_too_large")


async def test_a_head_that_does_not_end_is_given_up(gateway):
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ")

    async def flood() -> None:
        for _ in range(1000):
            writer.write(b"a" * 10_000)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await flood()
    writer.close()


async def test_an_unknown_path_is_not_found(gateway):
    assert_problem(await gateway.http.get("/api/nothing"), 404, "not_found")
    assert_problem(await gateway.http.get("/api/airtable/bases/"), 404, "not_found")


async def test_another_method_names_those_that_exist(gateway):
    refused = await gateway.ask("PUT", BASES)
    assert_problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, HEAD"
    table = await gateway.ask("DELETE", PRODUCTS)
    assert set(table.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize("path", ["/api/airtable/tables/%FF", "/api/airtable/records/app%C3/x"])
async def test_a_path_that_is_not_utf_8_is_a_malformed_request(gateway, path):
    assert_problem(await gateway.ask("GET", path), 400, "malformed_request")


async def test_a_query_that_is_not_utf_8_is_a_malformed_request(gateway):
    assert_problem(await gateway.ask("GET", f"{PRODUCTS}?filter=%FF"), 400, "malformed_request")


async def test_too_many_requests_say_when_to_come_back(start_gateway):
    gateway = await start_gateway(requests_per_minute=3)
    answers = [await gateway.ask("GET", "/api/auth/me") for _ in range(4)]
    assert [answer.headers.get("ratelimit-remaining") for answer in answers[:3]] == ["2", "1", "0"]
    problem = assert_problem(answers[3], 429, "rate_limited")
    assert problem["retryable"] is True
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert (await gateway.ask("GET", "/api/auth/me", who="viewer")).status_code == 200


async def test_an_airtable_that_is_gone_is_a_retryable_problem(start_gateway):
    gateway = await start_gateway()
    await gateway.token()
    lost = await start_gateway(
        redis=gateway.settings.redis,
        airtable=gateway.settings.airtable.model_copy(update={"endpoint_url": "http://127.0.0.1:9"}),
    )
    lost._tokens = gateway._tokens
    problem = assert_problem(await lost.ask("GET", BASES), 503, "vendor_unavailable")
    assert problem["retryable"] is True


async def test_a_request_id_is_kept_when_it_is_one_and_made_when_it_is_not(gateway):
    kept = await gateway.http.get("/healthz", headers={"X-Request-Id": "trace-0123456789"})
    assert kept.headers["x-request-id"] == "trace-0123456789"
    made = await gateway.http.get("/healthz", headers={"X-Request-Id": "no spaces <allowed>"})
    assert re.fullmatch(r"[0-9a-f]{20,}", made.headers["x-request-id"])


async def test_every_answer_carries_the_security_headers(gateway):
    for path in ("/", "/healthz", BASES, "/nothing"):
        headers = (await gateway.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


async def test_pages_of_other_origins_may_not_call_unless_a_setting_names_them(start_gateway):
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    closed = await start_gateway()
    assert "access-control-allow-origin" not in (await closed.http.get("/healthz", headers=asked)).headers
    opened = await start_gateway(cors_origins=("https://app.example",))
    allowed = await opened.http.options(BASES, headers=asked)
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
