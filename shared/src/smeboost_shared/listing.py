"""What a tool listing costs its reader: schemas without what says nothing.

Every host puts the whole listing into its model's context, so each word of it is paid for in each conversation. Rules
of this room (JSON Schema 2020-12 terms):

- Dropped: `title`; a class's docstring, written for us (fields have descriptions of their own); `additionalProperties`
  where it describes nothing (no tool takes unknown arguments, and its error names the nearest); a default of `null` or
  `false`, which is what an absent argument means;
  every default, and which parts are always there, in what a tool gives; how long a text or list may be, which an error
  says to those whom it concerns; FastMCP's note that a tool has no tags.
- `null` beside one other type is dropped from what a tool takes (leaving the argument out says the same, and strict
  hosts refuse `anyOf`) and becomes a list of types in what it gives.
- What a tool accepts stays as it is, wider than what is said: arguments are checked by the function's own types.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastmcp.server.transforms import Transform
from fastmcp.tools import Tool
from fastmcp.utilities.json_schema import dereference_refs
from mcp.types import Tool as McpTool

Schema = dict[str, Any]
_NAMED = ("properties", "$defs", "patternProperties")
_SCHEMAS = ("items", "additionalProperties", "not")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_LENGTHS = ("minLength", "maxLength", "minItems", "maxItems")
_NULL = {"type": "null"}


class LeanListing(Transform):
    """Shows tools with lean schemas; what is called is untouched."""

    def __init__(self) -> None:
        """Each tool is made lean once."""
        self._known: dict[str, tuple[Tool, Tool]] = {}

    async def list_tools(self, tools: Sequence[Tool]) -> Sequence[Tool]:
        """See `Transform.list_tools`."""
        return [self._lean(tool) for tool in tools]

    def _lean(self, tool: Tool) -> Tool:
        known = self._known.get(tool.name)
        if known is None or known[0] is not tool:
            output = tool.output_schema and lean_output(tool.output_schema)
            lean = {"parameters": lean_input(tool.parameters), "output_schema": output}
            said = {name: getattr(tool, name) for name in Tool.model_fields}
            known = self._known[tool.name] = (tool, _ListedTool.model_validate(said | lean))
        return known[1]


class _ListedTool(Tool):
    """A tool as it is shown, and no more: what is called is the tool itself."""

    def to_mcp_tool(self, **overrides: Any) -> McpTool:
        meta = {key: value for key, value in self.get_meta().items() if (key, value) != ("fastmcp", {"tags": []})}
        return super().to_mcp_tool(**({"_meta": meta or None} | overrides))


def lean_input(schema: Schema) -> Schema:
    """A schema of what a tool takes, without what says nothing."""
    return _lean(_resolved(schema), gives=False)


def lean_output(schema: Schema) -> Schema:
    """A schema of what a tool gives, without what says nothing."""
    return _undescribed(_lean(_resolved(schema), gives=True))


def _resolved(schema: Schema) -> Schema:
    """The schema without references, as FastMCP shows it in the end: what they stand for may say nothing."""
    definitions = cast(dict[str, Schema], schema.get("$defs", {}))
    undescribed = {name: _undescribed(definition) for name, definition in definitions.items()}
    return dereference_refs(schema | {"$defs": undescribed}) if definitions else schema


def _lean(schema: Schema, *, gives: bool) -> Schema:
    said = {key: _part(key, value, gives=gives) for key, value in schema.items()}
    return _without_null({key: value for key, value in said.items() if not _is_noise(key, value, gives=gives)}, gives)


def _part(key: str, value: object, *, gives: bool) -> object:
    if key in _NAMED and isinstance(value, dict):
        return {name: _lean(part, gives=gives) for name, part in cast(dict[str, Schema], value).items()}
    if key in _SCHEMAS and isinstance(value, dict):
        return _lean(cast(Schema, value), gives=gives)
    if key in _LISTS and isinstance(value, list):
        return [_lean(part, gives=gives) for part in cast(list[Schema], value)]
    return value


def _is_noise(key: str, value: object, *, gives: bool) -> bool:
    if key == "default":
        return gives or value is None or value is False
    if key == "additionalProperties":
        return value in (True, False, {})
    return key in (("title", "required") if gives else ("title", *_LENGTHS))


def _undescribed(definition: Schema) -> Schema:
    return {key: value for key, value in definition.items() if key != "description"}


def _without_null(schema: Schema, gives: bool) -> Schema:
    choices = cast(list[Schema], schema.get("anyOf", []))
    if len(choices) != 2 or _NULL not in choices:
        return schema
    other = next(choice for choice in choices if choice != _NULL)
    merged = other | {key: value for key, value in schema.items() if key != "anyOf"}
    if not gives:
        return merged
    if not isinstance(other.get("type"), str) or "const" in other:
        return schema
    choices_too = {"enum": [*other["enum"], None]} if "enum" in other else {}
    return merged | {"type": [other["type"], "null"]} | choices_too


def tokens_about(listing: Sequence[Mapping[str, Any]]) -> int:
    """How many tokens a listing costs, counted as a fourth of its characters as JSON without spaces.

    The cl100k vocabulary counts about a tenth fewer for our listings.
    """
    return len(json.dumps(listing, separators=(",", ":"), ensure_ascii=False)) // 4
