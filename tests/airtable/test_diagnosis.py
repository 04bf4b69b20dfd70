"""What those learn whom Airtable lets not through: what is wrong with token, scopes, bases, role or host."""

import json

import pytest
from smeboost_emulators.airtable.state.access import TokenOwner
from smeboost_emulators.testing.airtable import running_emulator, small_seed

BASE, PRODUCTS = "appSmallShop00001", "tblProducts000001"
TOKEN = "pat" + "A" * 14 + "." + "0123456789abcdef" * 4
ALL = frozenset({"data.records:read", "data.records:write", "schema.bases:read"})


def token(letter: str) -> str:
    return "pat" + letter * 14 + "." + "0123456789abcdef" * 4


OWNERS = {
    "reads": TokenOwner(token("a"), scopes=ALL - {"data.records:write"}),
    "writes only": TokenOwner(token("b"), scopes=frozenset({"data.records:write", "data.records:read"})),
    "no records": TokenOwner(token("c"), scopes=frozenset({"schema.bases:read"})),
    "viewer": TokenOwner(token("d"), id="usrViewer00000001", scopes=ALL),
    "elsewhere": TokenOwner(token("e"), scopes=ALL, bases=frozenset({"appOther000000001"})),
    "nowhere": TokenOwner(token("f"), scopes=ALL, bases=frozenset()),
}


@pytest.fixture(scope="module")
def airtable():
    seed = small_seed()
    viewer = {"userId": "usrViewer00000001", "permissionLevel": "read"}
    seed["bases"][0]["access"] = {"individualCollaborators": [viewer]}
    seed["bases"].append({"id": "appOther000000001", "name": "Other", "permissionLevel": "create", "tables": []})
    with running_emulator(seed=seed, owners=tuple(OWNERS.values())) as running:
        yield running


@pytest.fixture
def error_of(airtable, connect, call):
    async def run(who: str, tool: str, **arguments) -> dict:
        async with connect(airtable.url, api_key=OWNERS[who].token) as client:
            place = {} if tool == "list_bases" else {"base_id": BASE}
            answer = await call(client, tool, **(place | arguments))
        assert OWNERS[who].token not in json.dumps(answer)
        return answer["error"]

    return run


CREATE = {"table_id": PRODUCTS, "records": [{"fields": {"Name": "Rope"}}]}


@pytest.mark.parametrize(
    ("who", "tool", "arguments", "code", "said"),
    [
        ("reads", "create_records", CREATE, "not_permitted", "lacks the scope data.records:write"),
        ("viewer", "create_records", CREATE, "not_permitted", "the role 'read'"),
        ("no records", "list_records", {"table_id": PRODUCTS}, "not_permitted", "lacks the scope data.records:read"),
        ("writes only", "list_bases", {}, "not_permitted", "lacks the scope schema.bases:read"),
        ("writes only", "list_tables", {}, "not_permitted", "schema.bases:read"),
        ("elsewhere", "list_records", {"table_id": PRODUCTS}, "not_found", "sees one base, not this one"),
        ("nowhere", "list_records", {"table_id": PRODUCTS}, "not_found", "no base at all"),
    ],
)
async def test_what_the_token_lacks_is_named(*, error_of, who, tool, arguments, code, said):
    error = await error_of(who, tool, **arguments)
    assert error["code"] == code
    assert said in error["hint"]


async def test_missing_scope_is_named_also_when_nothing_can_be_looked_up(wire, connect, call):
    refused = {"status": 403, "payload": {"error": {"type": "INVALID_PERMISSIONS", "message": "no"}}}
    airtable = await wire(refused)
    async with connect(airtable.url) as client:
        read = await call(client, "list_records")
        write = await call(client, "create_records", records=[{"fields": {}}])
    assert (read["error"]["code"], write["error"]["code"]) == ("not_permitted", "not_permitted")
    assert "data.records:read" in read["error"]["hint"]
    assert "data.records:write" in write["error"]["hint"]


@pytest.mark.parametrize(
    ("given", "diagnosis"),
    [
        ("key0123456789abcd", "old API key"),
        ("patAAAAAAAAAAAAAA", "before the dot"),
        (TOKEN[:60], "cut off"),
        (TOKEN[20:], "cut off"),
        (TOKEN[3:] + "abc", "beginning"),
        (f'"{TOKEN}"', "quotes"),
        ("appSmallShop00001", "an id (app...)"),
        ("oaa" + "x" * 90, "OAuth"),
        (TOKEN, "revoked"),
    ],
)
async def test_refused_token_is_diagnosed_and_never_shown(airtable, connect, call, given, diagnosis):
    async with connect(airtable.url, api_key=given) as client:
        answer = await call(client, "list_bases")
    assert answer["error"]["code"] == "vendor_credentials"
    assert diagnosis in answer["error"]["hint"]
    assert given not in json.dumps(answer)


@pytest.mark.parametrize("status", [200, 302, 401, 403, 404, 405])
async def test_host_that_is_not_airtable_is_recognised_by_what_it_answers(wire, connect, call, status):
    elsewhere = await wire({"status": status, "raw": b"<!doctype html><title>Sign in</title>"})
    async with connect(elsewhere.url) as client:
        answer = await call(client, "list_bases")
    assert "AIRTABLE_ENDPOINT_URL" in answer["error"]["hint"]


async def test_host_that_cannot_be_reached_names_the_setting(connect, call, closed_port):
    async with connect(f"http://127.0.0.1:{closed_port}") as client:
        answer = await call(client, "list_bases")
    assert answer["error"]["code"] == "vendor_unavailable"
    assert "AIRTABLE_ENDPOINT_URL" in answer["error"]["hint"]
