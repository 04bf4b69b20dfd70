"""The root's answer: an OpenAPI 2.0 document of what the caller may use.

Source: PostgREST, "OpenAPI"; clients that generate types read its `definitions`, with the notes on keys.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from smeboost_emulators.supabase.rest.description.descriptions import (
    DescribedColumn,
    DescribedFunction,
    DescribedRelation,
    DescribedType,
    Description,
)

MEDIA_TYPE = "application/openapi+json"
Node = dict[str, Any]

_MEDIA = [
    "application/json",
    "application/vnd.pgrst.object+json;nulls=stripped",
    "application/vnd.pgrst.object+json",
    "text/csv",
]
_JSON_TYPES = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "numeric": "number",
    "float4": "number",
    "float8": "number",
    "bool": "boolean",
}
_PLAIN_DEFAULT = re.compile(r"(?:'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?)|(true|false))(?:::[\w .,\"\[\]()]+)?")
_PARAMETERS: Node = {
    "preferParams": ("Prefer", "header", "Preference", ["params=single-object"]),
    "preferReturn": ("Prefer", "header", "Preference", ["return=representation", "return=minimal", "return=none"]),
    "preferCount": ("Prefer", "header", "Preference", ["count=none"]),
    "preferPost": (
        "Prefer",
        "header",
        "Preference",
        [
            "return=representation",
            "return=minimal",
            "return=none",
            "resolution=ignore-duplicates",
            "resolution=merge-duplicates",
        ],
    ),
    "select": ("select", "query", "Filtering Columns", None),
    "on_conflict": ("on_conflict", "query", "On Conflict", None),
    "order": ("order", "query", "Ordering", None),
    "range": ("Range", "header", "Limiting and Pagination", None),
    "rangeUnit": ("Range-Unit", "header", "Limiting and Pagination", None),
    "offset": ("offset", "query", "Limiting and Pagination", None),
    "limit": ("limit", "query", "Limiting and Pagination", None),
}


@dataclass(frozen=True)
class Place:
    """Where the API is found."""

    scheme: str
    host: str
    path: str


def place_of(url: str) -> Place:
    """The parts of a url that the document names."""
    parts = urlsplit(url)
    return Place(parts.scheme or "http", parts.netloc, parts.path or "/")


def document(description: Description, schema: str, place: Place) -> Node:
    """The OpenAPI document."""
    title, text = _comment(description.comment)
    paths: Node = {"/": _root()}
    paths |= {f"/{relation.name}": _relation_paths(relation) for relation in description.relations}
    paths |= {f"/rpc/{function.name}": _function_paths(function) for function in description.functions}
    return {
        "swagger": "2.0",
        "info": {
            "title": title or f"{schema} schema",
            "description": text or "This is a dynamic API in the manner of PostgREST",
            "version": "14",
        },
        "host": place.host,
        "basePath": place.path,
        "schemes": [place.scheme],
        "consumes": _MEDIA,
        "produces": _MEDIA,
        "paths": paths,
        "definitions": {relation.name: _definition(relation) for relation in description.relations},
        "parameters": _parameters(description.relations),
        "externalDocs": {
            "description": "PostgREST Documentation",
            "url": "https://postgrest.org/en/v14/references/api.html",
        },
    }


def _root() -> Node:
    return {
        "get": {
            "tags": ["Introspection"],
            "summary": "OpenAPI description (this document)",
            "produces": [MEDIA_TYPE, "application/json"],
            "responses": {"200": {"description": "OK"}},
        }
    }


def _comment(text: str | None) -> tuple[str | None, str | None]:
    """The first line of a comment, and the rest of it."""
    first, _, rest = (text or "").partition("\n")
    return first.strip() or None, rest.strip() or None


def _told(node: Node, comment: str | None) -> Node:
    summary, text = _comment(comment)
    return {**node, **({"summary": summary} if summary else {}), **({"description": text} if text else {})}


def _refs(*names: str) -> list[Node]:
    return [{"$ref": f"#/parameters/{name}"} for name in names]


def _relation_paths(relation: DescribedRelation) -> Node:
    name = relation.name
    filters = [f"rowFilter.{name}.{column.name}" for column in relation.columns]
    rows = {"type": "array", "items": {"$ref": f"#/definitions/{name}"}}
    paging = ("select", "order", "range", "rangeUnit", "offset", "limit", "preferCount")
    done = {"204": {"description": "No Content"}}
    methods: Node = {}
    if relation.reads:
        responses = {"200": {"description": "OK", "schema": rows}, "206": {"description": "Partial Content"}}
        methods["get"] = {"parameters": _refs(*filters, *paging), "responses": responses}
    if relation.inserts:
        parameters = _refs(f"body.{name}", "select", "on_conflict", "preferPost")
        methods["post"] = {"parameters": parameters, "responses": {"201": {"description": "Created"}}}
    if relation.deletes:
        methods["delete"] = {"parameters": _refs(*filters, "preferReturn"), "responses": done}
    if relation.updates:
        methods["patch"] = {"parameters": _refs(*filters, f"body.{name}", "preferReturn"), "responses": done}
    return {method: _told({"tags": [name], **node}, relation.comment) for method, node in methods.items()}


def _function_paths(function: DescribedFunction) -> Node:
    shared = {"tags": [f"(rpc) {function.name}"], "produces": _MEDIA[:3], "responses": {"200": {"description": "OK"}}}
    properties = {one.name: _json_type(one.type) for one in function.arguments}
    body: Node = {"type": "object", "properties": properties}
    required = [one.name for one in function.arguments if one.required]
    if required:
        body["required"] = required
    if function.comment:
        body["description"] = function.comment
    posted = [{"name": "args", "in": "body", "required": True, "schema": body}, *_refs("preferParams")]
    paths = {"post": _told({**shared, "parameters": posted}, function.comment)}
    if not function.volatile:
        asked = [
            {"name": one.name, "in": "query", "required": one.required, **_query_type(one.type, many=one.variadic)}
            for one in function.arguments
        ]
        paths = {"get": _told({**shared, "parameters": asked}, function.comment), **paths}
    return paths


def _json_type(described: DescribedType) -> Node:
    """JSON's type, and PostgreSQL's as the format."""
    if described.category == "A":
        return {
            "format": described.shown,
            "type": "array",
            "items": {"type": _JSON_TYPES.get(described.element, "string")},
        }
    if described.base in {"json", "jsonb"}:
        return {"format": described.shown}
    return {"format": described.shown, "type": _JSON_TYPES.get(described.base, "string")}


def _query_type(described: DescribedType, *, many: bool) -> Node:
    """The type of a parameter in an address: arrays are texts there, unless the argument is given many times."""
    if many:
        return {**_json_type(described), "collectionFormat": "multi"}
    kind = _json_type(described)
    return {"format": described.shown, "type": "string" if kind.get("type", "array") == "array" else kind["type"]}


def _definition(relation: DescribedRelation) -> Node:
    node: Node = {"type": "object", "properties": {column.name: _property(column) for column in relation.columns}}
    required = [column.name for column in relation.columns if column.required or column.key]
    if required:
        node["required"] = required
    return {**node, "description": relation.comment} if relation.comment else node


def _property(column: DescribedColumn) -> Node:
    node = _json_type(column.type)
    if column.length is not None:
        node["maxLength"] = column.length
    if column.values:
        node["enum"] = list(column.values)
    default = _default(column)
    if default is not None:
        node["default"] = default
    text = _described(column)
    return {"description": text, **node} if text else node


def _described(column: DescribedColumn) -> str | None:
    notes: list[str] = []
    if column.key:
        notes.append("This is a Primary Key.<pk/>")
    if column.reference:
        table, name = column.reference
        notes.append(f"This is a Foreign Key to `{table}.{name}`.<fk table='{table}' column='{name}'/>")
    parts = [column.comment] if column.comment else []
    if notes:
        parts.append("\n".join(["Note:", *notes]))
    return "\n\n".join(parts) or None


def _default(column: DescribedColumn) -> object:
    """The default if it is a plain value, in JSON's type."""
    match = _PLAIN_DEFAULT.fullmatch(column.default or "")
    if not match:
        return None
    text, number, truth = match.groups()
    if text is not None:
        return text.replace("''", "'")
    if truth is not None:
        return truth == "true"
    return float(number) if "." in number else int(number)


def _parameters(relations: Sequence[DescribedRelation]) -> Mapping[str, Node]:
    fixed: dict[str, Node] = {}
    for key, (name, where, text, choices) in _PARAMETERS.items():
        node = {"name": name, "description": text, "required": False, "in": where, "type": "string"}
        fixed[key] = {**node, "enum": choices} if choices else node
    fixed["rangeUnit"]["default"] = "items"
    for relation in relations:
        body = {"name": relation.name, "required": False, "in": "body"}
        described = {"description": relation.comment} if relation.comment else {}
        fixed[f"body.{relation.name}"] = {**body, **described, "schema": {"$ref": f"#/definitions/{relation.name}"}}
        for column in relation.columns:
            node = {"name": column.name, "required": False, "in": "query", "type": "string"}
            comment = {"description": column.comment} if column.comment else {}
            fixed[f"rowFilter.{relation.name}.{column.name}"] = {**node, **comment, "format": column.type.shown}
    return fixed
