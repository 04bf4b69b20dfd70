"""What is left out of a listed schema, and that what is called stays as strict as it was."""

from typing import Annotated

import pytest
from fastmcp import Client, FastMCP
from pydantic import BaseModel, Field
from smeboost_shared.listing import lean_input, lean_output, tokens_about
from smeboost_shared.toolkit import READ, tool_server


class Row(BaseModel):
    """A row, as we explain it to each other."""

    title: str
    note: Annotated[str | None, Field(description="what somebody wrote")] = None
    cells: dict[str, object] = {}
    counts: dict[str, int] = {}


class Page(BaseModel):
    rows: list[Row]
    cursor: str | None = None


@pytest.fixture
def server() -> FastMCP:
    mcp = tool_server("shared", instructions="A server of the tests.")

    @mcp.tool(annotations=READ)
    async def get_page(
        row: Row, *, title: str | None = None, size: int = 10, all_of_it: bool = False, either: int | str | None = None
    ) -> Page:
        """A page."""
        return Page(rows=[row], cursor=title)

    return mcp


async def test_a_listed_schema_says_what_matters_and_nothing_else(server: FastMCP) -> None:
    async with Client(server) as client:
        (tool,) = await client.list_tools()
    row = {
        "type": "object",
        "properties": {
            "title": {"type": "string"},
            "note": {"type": "string", "description": "what somebody wrote"},
            "cells": {"type": "object", "default": {}},
            "counts": {"type": "object", "additionalProperties": {"type": "integer"}, "default": {}},
        },
        "required": ["title"],
    }
    assert tool.input_schema == {
        "type": "object",
        "properties": {
            "row": row,
            "title": {"type": "string"},
            "size": {"type": "integer", "default": 10},
            "all_of_it": {"type": "boolean"},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}]},
        },
        "required": ["row"],
        "additionalProperties": False,
    }
    assert tool.output_schema is not None
    listed_row = tool.output_schema["properties"]["rows"]["items"]
    assert listed_row["properties"]["note"] == {"type": ["string", "null"], "description": "what somebody wrote"}
    assert listed_row["properties"]["cells"] == {"type": "object"}
    assert "description" not in listed_row
    assert tool.output_schema["properties"]["cursor"] == {"type": ["string", "null"]}


async def test_a_call_is_checked_by_the_whole_schema_and_its_answer_fits_the_listed_one(server: FastMCP) -> None:
    async with Client(server) as client:
        answer = await client.call_tool("get_page", {"row": {"title": "A", "note": None}, "title": None})
        refused = await client.call_tool("get_page", {"row": {}, "colour": 1}, raise_on_error=False)
    assert answer.structured_content is not None
    assert answer.structured_content["cursor"] is None
    assert refused.structured_content is not None
    fields = [problem["field"] for problem in refused.structured_content["error"]["errors"]]
    assert sorted(fields) == ["colour", "row.title"]


def test_a_property_called_like_a_keyword_stays() -> None:
    schema = {"type": "object", "properties": {"title": {"title": "Title", "type": "string"}, "default": {}}}
    for lean in (lean_input(schema), lean_output(schema)):
        assert lean == {"type": "object", "properties": {"title": {"type": "string"}, "default": {}}}


def test_what_allows_nothing_and_what_allows_something_are_told_apart() -> None:
    assert lean_input({"type": "object", "additionalProperties": False}) == {
        "type": "object",
        "additionalProperties": False,
    }
    assert lean_output({"type": "object", "additionalProperties": {"title": "X"}}) == {"type": "object"}


def test_tokens_are_a_fourth_of_the_characters() -> None:
    assert tokens_about([{"name": "x" * 85}]) == 24
