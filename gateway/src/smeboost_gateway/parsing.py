"""Reading requests: what does not fit is refused with the name of the field and the way to mend it."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from pydantic import BaseModel, ValidationError
from smeboost_shared.errors import FieldProblem, InvalidInput, MalformedRequest, UnsupportedMediaType
from smeboost_shared.toolkit import field_problems, unknown_name
from starlette.requests import Request
from starlette.types import Scope

from smeboost_gateway.settings import GatewaySettings

PARAMETERS_MAX = 100
QUERIES_KEPT_MAX = 1000
Model = TypeVar("Model", bound=BaseModel)


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this (lower case) name."""
    for found, value in scope["headers"]:
        if found == name:
            return value.decode("latin-1")
    return None


def read_query(request: Request, model: type[Model]) -> Model:
    """The query parameters as `model`; one that may repeat is a list there.

    Raises:
        InvalidInput: an unknown, repeated or wrong parameter.
        MalformedRequest: the query is not readable.
    """
    return _read_query(request.scope["query_string"], model)


@lru_cache(maxsize=QUERIES_KEPT_MAX)
def _read_query(query: bytes, model: type[Model]) -> Model:
    """The same few questions come again and again, and their models are frozen. What is refused is not kept."""
    given = _parameters(query)
    known = model.model_fields
    values: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, found in given.items():
        if name not in known:
            problems.append(FieldProblem(field=name[:100], message=unknown_name(name, list(known))))
        elif isinstance(known[name].default, tuple):
            values[name] = found
        elif len(found) > 1:
            problems.append(FieldProblem(field=name, message="is given more than once"))
        else:
            values[name] = found[0]
    if problems:
        raise InvalidInput("The query parameters are not valid.", errors=problems)
    return _checked(model, values, "The query parameters are not valid.")


def _parameters(query: bytes) -> Mapping[str, list[str]]:
    if not query:
        return {}
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=PARAMETERS_MAX)
    except UnicodeDecodeError:
        raise MalformedRequest("The query is not UTF-8.", hint="Percent-encode values as UTF-8.") from None
    except ValueError:
        raise InvalidInput(f"There are more than {PARAMETERS_MAX} query parameters.") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


async def read_body(request: Request, model: type[Model], settings: GatewaySettings) -> Model:
    """The JSON body as `model`.

    Raises:
        UnsupportedMediaType: the body is not declared as JSON.
        MalformedRequest: the body is not JSON, or nested too deep.
        InvalidInput: the JSON is not what belongs here.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType("The body must be JSON.", hint="Send Content-Type: application/json.")
    return _checked(model, _json_object(await request.body(), settings.json_depth_max), "The body is not valid.")


def _json_object(body: bytes, depth_max: int) -> dict[str, Any]:
    if not body:
        raise MalformedRequest("The body is empty.", hint="Send a JSON object.")
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise MalformedRequest(f"The JSON is nested deeper than {depth_max} levels.") from None
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8.") from None
    except msgspec.DecodeError as exc:
        raise MalformedRequest(f"The body is not JSON: {exc}.") from None
    if not isinstance(document, dict):
        raise InvalidInput("The body must be a JSON object.")
    found = cast("dict[str, Any]", document)
    if _deeper_than(found, depth_max):
        raise MalformedRequest(f"The JSON is nested deeper than {depth_max} levels.")
    return found


def _deeper_than(document: dict[str, Any], depth_max: int) -> bool:
    level: list[Any] = [document]
    for _ in range(depth_max):
        level = [inner for value in level for inner in _inner(value) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _inner(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _checked(model: type[Model], values: Mapping[Any, Any], message: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        raise InvalidInput(message, errors=field_problems(exc)) from None
