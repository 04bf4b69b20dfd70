"""The OpenAPI 3.1 document, made from the operations that also make the routes."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from smeboost_gateway.operations import AnyOperation, Nothing
from smeboost_gateway.problems import MEDIA_TYPE, Problem

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]
Schemas = Mapping[tuple[type[BaseModel], Mode], Schema]

DESCRIPTION = (
    "Log in at `POST /api/auth/login`, then send `Authorization: Bearer <access_token>`. Errors are problem details "
    "(RFC 9457) with a stable `code`. In names inside a path write `/` as `%2F`."
)


def openapi_document(operations: Sequence[AnyOperation]) -> Schema:
    """All operations with their models."""
    schemas, definitions = _schemas(operations)
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.1",
        "info": {"title": "SME Boost", "version": version("smeboost-gateway"), "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"bearer": []}],
    }


def _schemas(operations: Sequence[AnyOperation]) -> tuple[Schemas, Schema]:
    wanted = list(dict.fromkeys(_models(operations)))
    found, definitions = models_json_schema(wanted, ref_template="#/components/schemas/{model}")
    return {key: found[key] for key in wanted}, definitions.get("$defs", {})


def _models(operations: Sequence[AnyOperation]) -> Iterable[tuple[type[BaseModel], Mode]]:
    yield Problem, "serialization"
    for operation in operations:
        if operation.body is not Nothing:
            yield operation.body, "validation"
        for model in operation.answers.values():
            if model is not None:
                yield model, "serialization"


def _operation(operation: AnyOperation, schemas: Schemas) -> Schema:
    described: Schema = {
        "operationId": operation.handler.__name__,
        "summary": operation.summary,
        "tags": [_tag(operation.path)],
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation.query)],
        "responses": _responses(operation, schemas),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.body is not Nothing:
        content = {"application/json": {"schema": schemas[operation.body, "validation"]}}
        described["requestBody"] = {"required": True, "content": content}
    if operation.public:
        described["security"] = []
    return described


def _tag(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if parts[0] == "api" else "operations"


def _path_parameters(path: str) -> list[Schema]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(model: type[BaseModel]) -> list[Schema]:
    properties: dict[str, Schema] = model.model_json_schema().get("properties", {})
    return [_query_parameter(name, dict(schema)) for name, schema in properties.items()]


def _query_parameter(name: str, schema: Schema) -> Schema:
    description = schema.pop("description", "")
    schema.pop("title", None)
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _responses(operation: AnyOperation, schemas: Schemas) -> Schema:
    found: Schema = {str(status): _good(status, model, schemas) for status, model in operation.answers.items()}
    problem = {"content": {MEDIA_TYPE: {"schema": schemas[Problem, "serialization"]}}}
    found["4XX"] = {"description": "The request cannot be served as it is", **problem}
    found["5XX"] = {"description": "Something behind the gateway, or in it, does not work now", **problem}
    return found


def _good(status: int, model: type[BaseModel] | None, schemas: Schemas) -> Schema:
    answer: Schema = {"description": HTTPStatus(status).phrase}
    if model is not None:
        answer["content"] = {"application/json": {"schema": schemas[model, "serialization"]}}
    return answer
