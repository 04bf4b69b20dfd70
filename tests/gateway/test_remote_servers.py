"""A server elsewhere, named by its URL: the same answers over a kept connection, without the caller's token."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import uvicorn
from smeboost_airtable.server import create_server
from smeboost_shared.serving import LOOPBACK, http_app
from starlette.types import ASGIApp, Receive, Scope, Send

PRODUCTS = "/api/airtable/records/appSmallShop00001/tblProducts000001"
PLACE = {"base_id": "appSmallShop00001", "table_id": "Products"}


class Listening:
    """Notes the headers of every request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.header_names: set[bytes] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.header_names |= {name for name, _ in scope.get("headers", [])}
        await self.app(scope, receive, send)


@asynccontextmanager
async def serving(settings, port: int = 0) -> AsyncGenerator[tuple[str, Listening]]:
    listener = socket.create_server(("127.0.0.1", port))
    hosts = [f"{name}:*" for name in LOOPBACK]
    app = Listening(http_app(create_server(settings), allowed_hosts=hosts))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(5):
            while not server.started:
                assert not task.done(), task
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp", app
    finally:
        server.should_exit = True
        await task
        listener.close()


async def test_a_server_elsewhere_answers_over_rest_and_mcp(start_gateway, gateway):
    async with serving(gateway.settings.airtable) as (url, remote):
        far = await start_gateway(airtable=None, airtable_mcp_url=url, records_cache_seconds=0)
        near = (await gateway.ask("GET", PRODUCTS)).json()
        assert (await far.ask("GET", PRODUCTS)).json() == near
        missing = await far.ask("GET", f"{PRODUCTS}/recUnknown0000001")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
        refused = await far.ask("POST", PRODUCTS, who="viewer", json={"fields": {}})
        assert refused.status_code == 403
        async with await far.mcp("viewer") as client:
            names = {tool.name for tool in await client.list_tools()}
            assert "airtable_list_records" in names
            assert "airtable_create_records" not in names
            listed = await client.call_tool("airtable_list_records", PLACE)
        assert listed.structured_content == near
        assert b"authorization" not in remote.header_names


async def test_a_server_elsewhere_that_goes_away_is_said_so_and_found_again(start_gateway, gateway):
    async with serving(gateway.settings.airtable) as (url, _):
        far = await start_gateway(airtable=None, airtable_mcp_url=url, records_cache_seconds=0)
        assert (await far.ask("GET", PRODUCTS)).status_code == 200
        await far.token("viewer")
    write = await far.ask("POST", PRODUCTS, json={"fields": {"Name": "Lost in transit"}})
    assert (write.status_code, write.json()["code"], write.json()["retryable"]) == (504, "outcome_unknown", False)
    lost = await far.ask("GET", PRODUCTS)
    assert (lost.status_code, lost.json()["code"], lost.json()["retryable"]) == (503, "vendor_unavailable", True)
    async with serving(gateway.settings.airtable, int(url.split(":")[2].split("/")[0])):
        assert (await far.ask("GET", PRODUCTS)).status_code == 200


async def test_a_server_that_is_not_there_yet_does_not_keep_the_gateway_from_starting(start_gateway):
    far = await start_gateway(airtable=None, airtable_mcp_url="http://127.0.0.1:9/mcp")
    assert (await far.http.get("/healthz")).status_code == 200
    lost = await far.ask("GET", PRODUCTS)
    assert (lost.status_code, lost.json()["code"]) == (503, "vendor_unavailable")
