"""What a host may offer beside tools: resources, prompts for common jobs, completions; in both protocol eras."""

import json

import pytest
from fastmcp import Client
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference
from smeboost_airtable.completions import VALUES_MAX, matching
from smeboost_emulators.testing.airtable import running_emulator, small_seed
from smeboost_shared.toolkit import keep_read_only_tools

BASE, PRODUCTS = "appSmallShop00001", "tblProducts000001"
SCHEMA = ResourceTemplateReference(type="ref/resource", uri="airtable://{base_id}/{table_id}/schema")
DUPLICATES = PromptReference(type="ref/prompt", name="clean_duplicates")
PLACE = {"base": "Small shop", "table": "Products"}


@pytest.fixture(scope="module")
def shop():
    with running_emulator(seed=small_seed()) as running:
        yield running


@pytest.fixture(params=["auto", "legacy"])
def client(request, shop, make_server) -> Client:
    return Client(make_server(shop.url, api_key=shop.token), mode=request.param)


async def test_bases_and_the_schema_of_a_table_are_resources(client):
    async with client:
        listed = [str(resource.uri) for resource in await client.list_resources()]
        templates = [template.uri_template for template in await client.list_resource_templates()]
        bases = await client.read_resource("airtable://bases")
        schema = await client.read_resource(f"airtable://{BASE}/{PRODUCTS}/schema")
    assert listed == ["airtable://bases"]
    assert templates == ["airtable://{base_id}/{table_id}/schema"]
    assert json.loads(bases[0].text)["bases"][0]["id"] == BASE
    assert json.loads(schema[0].text)["name"] == "Products"


async def test_schema_of_an_unknown_table_is_a_clear_resource_error(client):
    async with client:
        with pytest.raises(MCPError, match=r"\[not_found\] There is no table 'Prodcts'.*'Products'"):
            await client.read_resource(f"airtable://{BASE}/Prodcts/schema")


@pytest.mark.parametrize(
    ("reference", "name", "typed", "known", "values"),
    [
        (SCHEMA, "base_id", "", {}, [BASE]),
        (SCHEMA, "base_id", "small", {}, [BASE]),
        (SCHEMA, "base_id", "appS", {}, [BASE]),
        (SCHEMA, "base_id", "zzz", {}, []),
        (SCHEMA, "table_id", "", {"base_id": BASE}, ["Products", "Orders"]),
        (SCHEMA, "table_id", "ord", {"base_id": BASE}, ["Orders"]),
        (SCHEMA, "table_id", "tblProd", {"base_id": BASE}, ["Products"]),
        (SCHEMA, "table_id", "ord", {}, []),
        (SCHEMA, "table_id", "ord", {"base_id": "appNowhere0000001"}, []),
        (DUPLICATES, "base", "SHOP", {}, ["Small shop"]),
        (DUPLICATES, "table", "r", {"base": "small SHOP"}, ["Products", "Orders"]),
        (DUPLICATES, "field", "s", PLACE, ["Stock", "Since", "Site", "Stars", "Tags", "Notes", "Orders", "Times sold"]),
        (DUPLICATES, "field", "s", {"base": "Small shop"}, []),
        (DUPLICATES, "question", "s", PLACE, []),
    ],
)
async def test_names_are_completed_from_the_schema(*, client, reference, name, typed, known, values):
    async with client:
        found = await client.complete(reference, {"name": name, "value": typed}, context_arguments=known)
    assert found.values == values


async def test_what_cannot_be_read_completes_to_nothing(make_server, closed_port):
    async with Client(make_server(f"http://127.0.0.1:{closed_port}")) as client:
        found = await client.complete(SCHEMA, {"name": "base_id", "value": ""})
    assert found.values == []


async def test_completions_ask_airtable_once(wire, make_server):
    bases = {"bases": [{"id": BASE, "name": "Shop", "permissionLevel": "create"}]}
    airtable = await wire({"payload": bases})
    async with Client(make_server(airtable.url)) as client:
        for typed in ("", "s", "sh"):
            await client.complete(SCHEMA, {"name": "base_id", "value": typed})
    assert len(airtable.seen) == 1


PROMPTS = [
    ("summarise_table", {"base": "Shop", "table": 'Pro"ducts', "question": "What sells?"}),
    ("clean_duplicates", {"base": "Shop", "table": 'Pro"ducts', "field": "Name"}),
    ("import_csv", {"base": "Shop", "table": 'Pro"ducts', "key": "Name"}),
    ("plan_schema", {"purpose": 'Pro"ducts', "base": "Shop"}),
]


@pytest.mark.parametrize(("name", "arguments"), PROMPTS)
async def test_prompt_quotes_what_was_filled_in_and_names_tools_that_there_are(client, name, arguments):
    async with client:
        tools = {tool.name for tool in await client.list_tools()}
        prompt = await client.get_prompt(name, arguments)
    text = prompt.messages[0].content.text
    assert '"Pro\\"ducts"' in text
    named = {word.strip(".,;:()") for word in text.split() if "_" in word}
    assert named & tools
    assert named - tools <= {"merge_on", "dry_run"}


async def test_read_only_server_has_only_the_prompts_that_write_nothing(shop, make_server):
    server = make_server(shop.url, api_key=shop.token)
    await keep_read_only_tools(server)
    async with Client(server) as client:
        assert [prompt.name for prompt in await client.list_prompts()] == ["summarise_table"]


async def test_prompts_come_with_their_toolset(shop, make_server):
    async with Client(make_server(shop.url, api_key=shop.token, toolsets="schema")) as client:
        assert [prompt.name for prompt in await client.list_prompts()] == ["plan_schema"]


@given(st.text(max_size=3), st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=150))
def test_a_completion_holds_what_matches_and_no_more_than_an_answer_may(typed, candidates):
    found = matching(typed, candidates)
    wanted = typed.strip().casefold()
    matches = [value for value, label in candidates if wanted in value.casefold() or wanted in label.casefold()]
    assert found.total == len(matches)
    assert len(found.values) == min(len(matches), VALUES_MAX)
    assert set(found.values) <= set(matches)
    assert found.has_more is (len(matches) > VALUES_MAX)
