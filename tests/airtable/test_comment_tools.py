"""Comments through the tools: write, answer, change, delete, page."""

import pytest
from smeboost_emulators.testing.airtable import small_seed

HAMMER = {"base_id": "appSmallShop00001", "table_id": "Products", "record_id": "recProduct0000001"}


@pytest.fixture
async def ask(airtable_emulator, connect):
    airtable = airtable_emulator(seed=small_seed())
    async with connect(airtable.url, api_key=airtable.token) as client:

        async def run(tool: str, **arguments) -> dict:
            given = HAMMER | arguments
            return (await client.call_tool(tool, given, raise_on_error=False)).structured_content

        yield run


async def test_a_comment_is_written_answered_changed_and_deleted(ask) -> None:
    first = await ask("write_comment", text="Is it sold, @[ada@example.com]?")
    assert [person["email"] for person in first["mentioned"].values()] == ["ada@example.com"]
    answer = await ask("write_comment", text="Nö 🙂", answer_to=first["id"])
    assert answer["parent_comment_id"] == first["id"]
    changed = await ask("write_comment", comment_id=answer["id"], text="No")
    assert (changed["id"], changed["text"]) == (answer["id"], "No")
    assert changed["last_updated_time"] >= changed["created_time"]
    page = await ask("list_comments", page_size=1)
    assert [comment["text"] for comment in page["comments"]] == ["No"]
    rest = await ask("list_comments", page_size=1, cursor=page["cursor"])
    assert ([comment["id"] for comment in rest["comments"]], rest["cursor"]) == ([first["id"]], None)
    assert (await ask("delete_comment", comment_id=answer["id"]))["deleted"] is True
    assert [comment["id"] for comment in (await ask("list_comments"))["comments"]] == [first["id"]]


@pytest.mark.parametrize(
    ("tool", "arguments", "refusal"),
    [
        ("write_comment", {"text": ""}, ("invalid_input", "text")),
        ("write_comment", {"text": "x" * 10_001}, ("invalid_input", "text")),
        ("write_comment", {"text": "Hi", "record_id": "hammer"}, ("invalid_input", "record_id")),
        ("write_comment", {"text": "Hi", "record_id": "recNobody00000000"}, ("not_found", "record_id")),
        ("write_comment", {"text": "Hi", "table_id": "Product"}, ("not_found", "table_id")),
        ("write_comment", {"text": "Hi", "comment_id": "comNobody00000000"}, ("not_found", "comment_id")),
        ("delete_comment", {"comment_id": "comNobody00000000"}, ("not_found", "comment_id")),
        ("delete_comment", {"comment_id": ".."}, ("invalid_input", "comment_id")),
        ("write_comment", {"text": "Hi", "answer_to": "first"}, ("invalid_input", "answer_to")),
        ("list_comments", {"page_size": 101}, ("invalid_input", "page_size")),
        ("list_comments", {"cursor": "nonsense"}, ("invalid_input", "cursor")),
    ],
)
async def test_what_is_wrong_with_a_comment_is_named(ask, tool, arguments, refusal) -> None:
    error = (await ask(tool, **arguments))["error"]
    assert (error["code"], error["errors"][0]["field"]) == refusal
