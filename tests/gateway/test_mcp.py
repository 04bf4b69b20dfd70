"""The same tools at `/mcp`, in both protocol eras, behind the same gate."""

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from mcp.shared.exceptions import MCPError

PLACE = {"base_id": "appSmallShop00001", "table_id": "Products"}
PRODUCTS = "/api/airtable/records/appSmallShop00001/Products"
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])
ROLES = pytest.mark.parametrize("role", ["admin", "editor", "viewer"])


@ERAS
async def test_the_life_of_a_record(own_gateway, mode):
    async with await own_gateway.mcp(mode=mode) as client:
        created = await client.call_tool("airtable_create_records", PLACE | {"records": [{"fields": {"Name": "Lamp"}}]})
        record_id = created.structured_content["records"][0]["id"]
        where = PLACE | {"record_id": record_id}
        read = await client.call_tool("airtable_get_record", where)
        assert read.structured_content["fields"]["Name"] == "Lamp"
        change = PLACE | {"records": [{"id": record_id, "fields": {"Name": "Torch"}}]}
        await client.call_tool("airtable_update_records", change)
        listed = await client.call_tool("airtable_list_records", PLACE)
        assert "Torch" in [record["fields"]["Name"] for record in listed.structured_content["records"]]
        await client.call_tool("airtable_delete_records", PLACE | {"record_ids": [record_id]})
        gone = await client.call_tool("airtable_get_record", where, raise_on_error=False)
        assert gone.structured_content["error"]["code"] == "not_found"


@ERAS
async def test_rest_and_mcp_give_the_same_answer(gateway, mode):
    over_rest = (await gateway.ask("GET", PRODUCTS)).json()
    async with await gateway.mcp(mode=mode) as client:
        fresh = await client.call_tool("airtable_list_records", PLACE | {"page_size": 100})
        again = await client.call_tool("airtable_list_records", PLACE | {"page_size": 100})
    assert fresh.structured_content == again.structured_content == over_rest


@ERAS
@ROLES
async def test_what_is_listed_may_be_called_and_nothing_else(gateway, role, mode):
    """Every tool of the house is called without arguments: only those that are listed may be found."""
    async with await gateway.mcp("admin", mode=mode) as admin:
        everything = {tool.name for tool in await admin.list_tools()}
    async with await gateway.mcp(role, mode=mode) as client:
        listed = {tool.name: tool for tool in await client.list_tools()}
        for name in sorted(everything):
            called = await client.call_tool(name, {"surely_not_an_argument": 1}, raise_on_error=False)
            code = (called.structured_content or {})["error"]["code"]
            assert code == ("invalid_input" if name in listed else "not_found"), name
    assert set(listed) <= everything
    assert {name.split("_")[0] for name in everything} == {"airtable", "supabase", "redis", "bedrock"}


async def test_a_viewer_sees_only_tools_that_change_nothing(gateway):
    async with await gateway.mcp("viewer") as client:
        tools = await client.list_tools()
    assert tools
    assert all(tool.annotations.read_only_hint for tool in tools)
    assert {tool.name.split("_")[0] for tool in tools} == {"airtable"}


async def test_an_editor_writes_records_and_does_not_reach_the_stores(gateway):
    async with await gateway.mcp("editor") as client:
        names = {tool.name for tool in await client.list_tools()}
    assert {"airtable_create_records", "bedrock_converse"} <= names
    assert not {name for name in names if name.startswith(("redis_", "supabase_"))}


async def test_only_an_administrator_is_offered_the_tools_that_are_about_all(gateway):
    for tool in ("airtable_change_admin", "airtable_read_admin", "airtable_create_field", "airtable_list_webhooks"):
        for who in ("admin", "editor", "viewer"):
            async with await gateway.mcp(who) as client:
                assert (tool in {each.name for each in await client.list_tools()}) is (who == "admin")
                if who != "admin":
                    refused = await client.call_tool(tool, {}, raise_on_error=False)
                    assert refused.structured_content["error"]["code"] == "not_found"


async def test_the_same_writes_are_refused_to_a_viewer_over_rest(gateway):
    body = {"fields": {"Name": "x"}}
    for method, path in (("POST", PRODUCTS), ("PATCH", f"{PRODUCTS}/recProduct0000001")):
        refused = await gateway.ask(method, path, who="viewer", json=body)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert (await gateway.ask("DELETE", f"{PRODUCTS}/recProduct0000001", who="viewer")).status_code == 403


async def test_a_tool_of_every_server_answers(gateway):
    credentials = {"email": "viewer@example.com", "password": gateway.password}
    async with await gateway.mcp("admin") as client:
        assert (await client.call_tool("airtable_list_bases", {})).structured_content["bases"]
        assert (await client.call_tool("supabase_sign_in", credentials)).structured_content["user"]["email"]
        assert (await client.call_tool("bedrock_list_models", {})).structured_content
        assert (await client.call_tool("redis_set_key", {"key": "k", "value": "v"})).structured_content


@ERAS
async def test_a_mistake_names_the_argument(gateway, mode):
    async with await gateway.mcp(mode=mode) as client:
        refused = await client.call_tool("airtable_list_records", PLACE | {"page_size": 1000}, raise_on_error=False)
    assert refused.is_error
    error = refused.structured_content["error"]
    assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", "page_size")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nonsense"}])
async def test_without_a_valid_token_there_is_a_challenge(gateway, headers):
    refused = await gateway.http.post("/mcp", json={}, headers=headers)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.json()["code"] == "not_authenticated"


@ERAS
async def test_a_session_that_ended_is_refused_in_the_middle(own_gateway, mode):
    async with await own_gateway.mcp(mode=mode) as client:
        await client.call_tool("airtable_list_bases", {})
        await own_gateway.ask("POST", "/api/auth/logout")
        with pytest.raises((MCPError, httpx2.HTTPStatusError, RuntimeError)):
            await client.call_tool("airtable_list_bases", {})


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://good.example"}, 200),
        ({"Host": "good.example"}, 200),
    ],
)
async def test_foreign_hosts_and_origins_are_refused(start_gateway, headers, status):
    gateway = await start_gateway(allowed_hosts=("good.example",), allowed_origins=("https://good.example",))
    initialize = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    accept = {"Accept": "application/json, text/event-stream"}
    answer = await gateway.ask("POST", "/mcp", json=initialize, headers=accept | headers)
    assert answer.status_code == status


async def test_a_call_counts_once_against_the_limit(start_gateway):
    gateway = await start_gateway(requests_per_minute=20)
    headers = {"Authorization": f"Bearer {await gateway.token()}"}
    transport = StreamableHttpTransport(f"{gateway.url}/mcp", headers=headers)
    async with Client(transport, mode="2026-07-28") as client:
        await client.call_tool("airtable_list_records", PLACE)  # the client's first call lists the tools
        before = await remaining(gateway)
        await client.call_tool("airtable_list_records", PLACE)
        assert before - await remaining(gateway) == 2  # the call, and looking


async def remaining(gateway) -> int:
    return int((await gateway.ask("GET", "/api/auth/me")).headers["ratelimit-remaining"])


async def test_too_many_calls_are_refused_at_the_door(start_gateway):
    gateway = await start_gateway(requests_per_minute=1)
    await gateway.ask("GET", "/api/auth/me")
    refused = await gateway.ask("POST", "/mcp", json={})
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
