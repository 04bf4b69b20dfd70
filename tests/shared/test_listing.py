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
    }
    assert tool.meta is None
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


def test_what_other_properties_hold_is_said_where_it_says_something() -> None:
    anything = {"$defs": {"Any": {"description": "Anything."}}, "additionalProperties": {"$ref": "#/$defs/Any"}}
    for says_nothing in ({"additionalProperties": False}, {"additionalProperties": {"title": "X"}}, anything):
        assert lean_input({"type": "object", **says_nothing}) == {"type": "object"}
    numbers = {"type": "object", "additionalProperties": {"type": "integer"}}
    assert lean_output(numbers) == numbers


def test_lengths_are_left_to_the_error_and_numbers_have_their_bounds() -> None:
    text = {"type": "string", "minLength": 1, "maxLength": 5}
    schema = {"properties": {"text": text, "size": {"type": "integer", "maximum": 9}}, "required": ["text"]}
    properties = {"text": {"type": "string"}, "size": {"type": "integer", "maximum": 9}}
    assert lean_input(schema) == {"properties": properties, "required": ["text"]}


def test_null_is_one_of_the_choices_where_a_choice_may_be_absent() -> None:
    kind = {"anyOf": [{"type": "string", "enum": ["table", "view"]}, {"type": "null"}]}
    assert lean_output({"properties": {"kind": kind}})["properties"]["kind"] == {
        "type": ["string", "null"],
        "enum": ["table", "view", None],
    }


def test_tokens_are_a_fourth_of_the_characters() -> None:
    assert tokens_about([{"name": "x" * 85}]) == 24
