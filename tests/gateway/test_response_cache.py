"""The response cache: the same bytes sooner, and never what a write has changed."""

import asyncio
from contextlib import asynccontextmanager

from pydantic import SecretStr
from smeboost_emulators.testing.airtable import small_seed

PLACE = {"base_id": "appSmallShop00001", "table_id": "Products"}
PRODUCTS = "/api/airtable/records/appSmallShop00001/tblProducts000001"
ORDERS = "/api/airtable/records/appSmallShop00001/tblOrders00000001"
TABLES = "/api/airtable/tables/appSmallShop00001"


async def test_a_second_answer_is_the_same_to_the_byte(own_gateway):
    for path in ("/api/airtable/bases", TABLES, PRODUCTS, f"{PRODUCTS}/recProduct0000001"):
        first, second = await own_gateway.ask("GET", path), await own_gateway.ask("GET", path)
        assert (first.headers["x-cache"], second.headers["x-cache"]) == ("miss", "hit")
        assert first.content == second.content
        assert first.headers["etag"] == second.headers["etag"]


async def test_the_same_question_in_another_order_is_the_same_entry(own_gateway):
    await own_gateway.ask("GET", f"{PRODUCTS}?limit=2&sort=Name")
    assert (await own_gateway.ask("GET", f"{PRODUCTS}?sort=Name&limit=2")).headers["x-cache"] == "hit"
    assert (await own_gateway.ask("GET", f"{PRODUCTS}?sort=-Name&limit=2")).headers["x-cache"] == "miss"


async def test_another_role_has_another_entry(own_gateway):
    await own_gateway.ask("GET", PRODUCTS, who="editor")
    assert (await own_gateway.ask("GET", PRODUCTS, who="viewer")).headers["x-cache"] == "miss"


async def test_who_has_the_answer_already_is_not_sent_it_again(own_gateway):
    tag = (await own_gateway.ask("GET", PRODUCTS)).headers["etag"]
    same = await own_gateway.ask("GET", PRODUCTS, headers={"If-None-Match": f'"old", W/{tag}'})
    assert (same.status_code, same.content) == (304, b"")
    assert (await own_gateway.ask("GET", PRODUCTS, headers={"If-None-Match": '"old"'})).status_code == 200


async def test_a_write_is_seen_by_the_next_read_under_every_name_of_the_table(own_gateway):
    by_name = PRODUCTS.replace("tblProducts000001", "Products")
    lists = (PRODUCTS, by_name, f"{PRODUCTS}?sort=Name")
    writes = (
        ("POST", PRODUCTS, {"fields": {"Name": "Lamp"}}),
        ("PATCH", f"{by_name}/recProduct0000001", {"fields": {"Name": "Mallet"}}),
        ("PUT", f"{PRODUCTS}/recProduct0000002", {"fields": {"Name": "Fret saw"}}),
        ("DELETE", f"{PRODUCTS}/recProduct0000003", None),
    )
    for method, path, body in writes:
        before = [(await own_gateway.ask("GET", one)).content for one in lists]
        assert (await own_gateway.ask(method, path, json=body)).is_success
        after = [await own_gateway.ask("GET", one) for one in lists]
        assert [answer.headers["x-cache"] for answer in after] == ["miss", "miss", "miss"]
        assert all(answer.content != old for answer, old in zip(after, before, strict=True))


async def test_a_write_is_seen_in_the_tables_that_it_links_to(own_gateway):
    await own_gateway.ask("GET", f"{PRODUCTS}/recProduct0000005")
    linked = {"fields": {"Number": "A-9", "Products": ["recProduct0000005"]}}
    order = (await own_gateway.ask("POST", ORDERS, json=linked)).json()
    product = (await own_gateway.ask("GET", f"{PRODUCTS}/recProduct0000005")).json()
    assert product["fields"]["Orders"] == [order["id"]]


async def test_a_write_over_mcp_is_seen_over_rest(own_gateway):
    await own_gateway.ask("GET", PRODUCTS)
    async with await own_gateway.mcp() as client:
        arguments = {"base_id": "appSmallShop00001", "table_id": "Products", "records": [{"fields": {"Name": "Vase"}}]}
        await client.call_tool("airtable_create_records", arguments)
    names = [one["fields"]["Name"] for one in (await own_gateway.ask("GET", PRODUCTS)).json()["records"]]
    assert "Vase" in names


async def test_a_write_whose_caller_leaves_is_seen_when_it_happens(start_gateway, gateway, airtable_emulator):
    airtable = airtable_emulator(seed=small_seed())
    async with held_back(airtable.url, b"PATCH ") as (url, arrived, let_go):
        settings = gateway.settings.airtable.model_copy(
            update={"endpoint_url": url, "api_key": SecretStr(airtable.token)}
        )
        slow = await start_gateway(airtable=settings, records_cache_seconds=60)
        await slow.ask("GET", PRODUCTS)
        change = PLACE | {"records": [{"id": "recProduct0000001", "fields": {"Name": "Mallet"}}]}
        async with await slow.mcp() as client:
            calling = asyncio.create_task(client.call_tool("airtable_update_records", change))
            await asyncio.wait_for(arrived.wait(), 5)
            calling.cancel()
            await asyncio.wait([calling])
        let_go.set()
        async with asyncio.timeout(5):
            while True:
                if "Mallet" in (await slow.ask("GET", PRODUCTS)).text:
                    break
                await asyncio.sleep(0.05)


@asynccontextmanager
async def held_back(url: str, beginning: bytes):
    """A URL that leads to `url`, but holds requests of that beginning back until they are let go."""
    host, _, port = url.removeprefix("http://").partition(":")
    arrived, let_go = asyncio.Event(), asyncio.Event()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if data.startswith(beginning):
                arrived.set()
                await let_go.wait()
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pass_on(reader, out), pass_on(there, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", arrived, let_go
    finally:
        server.close()


async def test_a_new_option_is_seen_in_the_schema(own_gateway):
    await own_gateway.ask("GET", TABLES)
    body = {"fields": {"Name": "Robot", "Kind": "Machine"}, "typecast": True}
    assert (await own_gateway.ask("POST", PRODUCTS, json=body)).status_code == 201
    assert "Machine" in (await own_gateway.ask("GET", TABLES)).text


async def test_errors_are_not_kept(own_gateway):
    missing = f"{PRODUCTS}/recUnknown0000001"
    for _ in range(2):
        answer = await own_gateway.ask("GET", missing)
        assert (answer.status_code, "x-cache" in answer.headers) == (404, False)


async def test_no_time_to_keep_means_no_cache(start_gateway):
    gateway = await start_gateway(records_cache_seconds=0)
    for _ in range(2):
        answer = await gateway.ask("GET", PRODUCTS)
        assert (answer.status_code, "x-cache" in answer.headers) == (200, False)


async def test_many_who_ask_at_once_are_one_question_to_airtable(own_gateway):
    await own_gateway.token()
    answers = await asyncio.gather(*(own_gateway.ask("GET", PRODUCTS) for _ in range(20)))
    assert len({answer.content for answer in answers}) == 1
    numbers = (await own_gateway.http.get("/metrics")).text
    assert 'smeboost_tool_calls_total{outcome="ok",server="airtable",tool="list_records"} 1.0' in numbers
