"""Tools of administrators: access, CSV sync, and operations as data."""

import pytest
from smeboost_airtable.calls.csv_sync import check_csv
from smeboost_airtable.calls.operations import CHANGING, READING
from smeboost_emulators.testing.airtable import small_seed
from smeboost_shared.errors import InvalidInput

BASE = "appSmallShop00001"


@pytest.fixture
async def ask(airtable_emulator, connect):
    airtable = airtable_emulator(seed=small_seed())
    async with connect(airtable.url, api_key=airtable.token) as client:

        async def run(tool: str, **arguments) -> dict:
            return (await client.call_tool(tool, arguments, raise_on_error=False)).structured_content

        yield run


async def test_access_says_whose_token_it_is_and_what_works(ask) -> None:
    seen = await ask("check_access", base_id=BASE)
    assert seen["user"]["id"].startswith("usr")
    assert (seen["bases"], seen["role"]) == (1, "create")
    assert set(seen["scopes"].values()) == {"ok"}
    assert seen["usage"]["calls"] >= 4
    assert seen["usage"]["calls_by_base"][BASE] >= 3
    assert set(seen["scopes"]) == {"schema.bases:read", "data.records:read", "webhook:manage"}


async def test_access_says_why_a_base_is_closed(ask) -> None:
    seen = await ask("check_access", base_id="appNobody00000000")
    assert "role" not in seen
    assert seen["scopes"]["schema.bases:read"].startswith("not_found")


async def test_a_base_is_read_with_its_collaborators(ask) -> None:
    answer = (await ask("read_admin", operation="get_base", ids={"base_id": BASE}))["answer"]
    assert (answer["id"], answer["name"]) == (BASE, "Small shop")
    with_people = await ask(
        "read_admin", operation="get_base", ids={"base_id": BASE}, query={"include": ["collaborators"]}
    )
    assert "individualCollaborators" in with_people["answer"]


async def test_an_operation_about_a_base_counts_as_a_request_to_it(ask) -> None:
    await ask("read_admin", operation="get_base", ids={"base_id": BASE})
    await ask("change_admin", operation="delete_view", ids={"base_id": BASE, "view_id": "viwNobody00000000"})
    assert (await ask("check_access"))["usage"]["calls_by_base"] == {BASE: 2}


async def test_an_operation_about_a_base_that_is_not_there_names_the_base(ask) -> None:
    error = (await ask("read_admin", operation="get_base", ids={"base_id": "appSmallShop00002"}))["error"]
    assert error["code"] == "not_found"
    assert BASE in error["hint"]


async def test_a_base_whose_month_was_spent_is_asked_again_when_somebody_says_so(airtable_emulator, connect) -> None:
    airtable = airtable_emulator(seed=small_seed(), billing_calls_left=0)
    records = {"base_id": BASE, "table_id": "Products"}
    async with connect(airtable.url, api_key=airtable.token) as client:

        async def run(tool: str, **arguments) -> dict:
            return (await client.call_tool(tool, arguments, raise_on_error=False)).structured_content

        assert (await run("list_records", **records))["error"]["code"] == "quota_exhausted"
        airtable.emulator.knobs.billing_calls_left = None
        assert (await run("list_records", **records))["error"]["code"] == "quota_exhausted"
        assert (await run("check_access"))["usage"]["spent_bases"] == [BASE]
        assert "error" not in await run("change_admin", operation="resume_calls", ids={"base_id": BASE})
        assert len((await run("list_records", **records))["records"]) == 5
        wrong = await run("change_admin", operation="resume_calls")
        assert wrong["error"]["code"] == "not_found"


async def test_an_operation_of_another_plan_says_so(ask) -> None:
    error = (await ask("read_admin", operation="get_enterprise", ids={"enterprise_id": "entUbl00000000001"}))["error"]
    assert error["code"] == "not_found"
    assert "Enterprise" in error["hint"]


@pytest.mark.parametrize(
    ("arguments", "field", "said"),
    [
        ({"operation": "get_bse"}, "operation", "'get_base'"),
        ({"operation": "get_base"}, "ids", "base_id"),
        ({"operation": "get_base", "ids": {"base_id": BASE, "view_id": "viw1"}}, "ids", "base_id"),
        ({"operation": "get_base", "ids": {"base_id": "../whoami"}}, "ids.base_id", "id"),
        ({"operation": "get_base", "ids": {"base_id": ".."}}, "ids.base_id", "id"),
        ({"operation": "get_views", "ids": {}}, "ids", "base_id or base_id, view_id"),
    ],
)
async def test_a_wrong_operation_or_id_is_named(ask, arguments, field, said) -> None:
    error = (await ask("read_admin", **arguments))["error"]
    assert (error["code"], error["errors"][0]["field"]) == ("invalid_input", field)
    assert said in error["errors"][0]["message"]


def test_reading_and_changing_share_no_name_and_name_their_ids() -> None:
    assert not READING.keys() & CHANGING.keys()
    for operation in (READING | CHANGING).values():
        assert operation.paths
        for path in operation.paths:
            assert all(segment.count("{") == segment.count("}") for segment in path.split("/"))
    assert {operation.method for operation in READING.values()} <= {"GET", "POST"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line"),
        ("a,a\n1,2\n", "first line"),
        ("a, \n1,2\n", "first line"),
        ("a,b\n1\n", "row 2"),
        ('a,b\n"1,2\n', "cannot be read"),
        ("a\n" + "1\n" * 10_001, "10000 rows"),
        (",".join(f"c{number}" for number in range(501)), "500 columns"),
        ("a\n" + "x" * (2 * 1024 * 1024), "bytes"),
        ("name\nhalf \ud800\n", "half a character"),
    ],
)
def test_a_csv_that_airtable_would_not_take_is_refused_before(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_csv(text)
    assert refused.value.errors[0].field == "csv"
    assert said in refused.value.errors[0].message


def test_a_csv_with_quoted_lines_counts_its_rows() -> None:
    assert check_csv('name,note\nAda,"two\nlines"\n"Bob, jr",x\n') == 2


def test_a_csv_has_only_the_lines_that_csv_knows_and_empty_ones_are_no_rows() -> None:
    assert check_csv("name,note\nAda,one\u2028two\x0bthree\x85four\n\nBob,x\r\n\r\n") == 2
