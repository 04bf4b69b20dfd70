"""Answer a GET, HEAD or POST on `/rpc/{function}`.

Rules of this room (PostgREST, "Functions as RPC"):

- A GET or HEAD gives its arguments in the address and runs in a read-only transaction, whatever the function says of
  itself: one that writes after all is refused by PostgreSQL (25006, status 405).
- A POST gives them in its body; functions that are `stable` or `immutable` run read-only too.
"""

from typing import cast

from starlette.datastructures import QueryParams
from starlette.responses import Response

from smeboost_emulators.supabase.rest.answers import (
    READS,
    Asked,
    Result,
    Statement,
    require_one,
    steered_response,
)
from smeboost_emulators.supabase.rest.errors import RestFailure, invalid_body
from smeboost_emulators.supabase.rest.functions.calls import Call, statement_of
from smeboost_emulators.supabase.rest.functions.catalogue import Function
from smeboost_emulators.supabase.rest.functions.overloads import WHOLE_BODIES, Wanted, takes_whole
from smeboost_emulators.supabase.rest.payloads import FORM_KIND, content_kind, form_fields, json_value
from smeboost_emulators.supabase.rest.preferences import content_range, unsatisfiable
from smeboost_emulators.supabase.rest.query.compositions import Binder
from smeboost_emulators.supabase.rest.requests import parse_query
from smeboost_emulators.supabase.rest.schema import Schema
from smeboost_emulators.supabase.rest.writing import require_affordable

_STEERING = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict"})
_RAW_MEDIA = {"bytea": "application/octet-stream", "xml": "text/xml"}


def split_address(params: QueryParams) -> tuple[QueryParams, QueryParams]:
    """The parameters of a GET that steer the result, and those that are arguments: what is no filter."""
    steering, arguments = list[tuple[str, str]](), list[tuple[str, str]]()
    for name, value in params.multi_items():
        steers = name in _STEERING or _is_filter(name, value)
        (steering if steers else arguments).append((name, value))
    return QueryParams(steering), QueryParams(arguments)


def _is_filter(name: str, value: str) -> bool:
    try:
        parse_query(QueryParams([(name, value)]))
    except RestFailure:
        return False
    return True


def wanted_by(asked: Asked, arguments: QueryParams) -> Wanted:
    """The call as the request spells it.

    Raises:
        RestFailure: PGRST102 for a body that has no arguments in it.
    """
    if asked.method in READS:
        return Wanted(asked.schema, asked.relation, frozenset(arguments.keys()), None)
    kind = content_kind(asked.request.headers)
    if kind == FORM_KIND:
        names = frozenset(name for name, _ in form_fields(asked.body))
        return Wanted(asked.schema, asked.relation, names, kind)
    if kind not in WHOLE_BODIES:
        raise invalid_body(f"Content-Type not acceptable: {kind[:100]}")
    keys = frozenset(asked.query.columns or ())
    if kind == "application/json" and asked.query.columns is None:
        value = json_value(asked.body) if asked.body.strip() else None
        keys = frozenset(cast(dict[str, object], value)) if isinstance(value, dict) else keys
    return Wanted(asked.schema, asked.relation, keys, kind)


def call_of(function: Function, wanted: Wanted, asked: Asked, arguments: QueryParams) -> Call:
    """The function with the values that the request gives it.

    Raises:
        RestFailure: 22021 for a text that is no UTF-8.
    """
    if takes_whole(function, wanted.kind):
        return Call(function, whole=_whole(asked.body, wanted.kind or ""))
    if wanted.kind == "application/json":
        return Call(function, wanted.keys, object_text=asked.body.decode() if asked.body.strip() else "{}")
    pairs = arguments.multi_items() if wanted.kind is None else form_fields(asked.body)
    texts: dict[str, list[str]] = {}
    for name, value in pairs:
        texts.setdefault(name, []).append(value)
    return Call(function, wanted.keys, texts=texts)


def raw_media(function: Function) -> frozenset[str]:
    """The media types in which the function's one value is sent as it is; a domain's name can be one."""
    if function.returns != "scalar" or function.many:
        return frozenset()
    own = {function.returned.name} if "/" in function.returned.name else set[str]()
    return frozenset({_RAW_MEDIA.get(function.base, "text/plain"), *own})


async def call(statement: Statement, asked: Asked, called: Call, schema: Schema) -> Response:
    """Call the function and answer with what it gives.

    Raises:
        RestFailure: PGRST103, PGRST116, PGRST124, PGRST128, and names that the result has not.
        psycopg.Error: PostgreSQL refuses, or the function does.
    """
    function = called.function
    if asked.preferences.max_affected is not None and not function.many:
        message = "Function must return SETOF or TABLE when max-affected preference is used with handling=strict"
        raise RestFailure(400, "PGRST128", message)
    if function.returns != "composite":
        _refuse_names(asked, function)
    binder = Binder()
    composed = statement_of(
        called,
        schema,
        asked.query,
        asked.page,
        binder,
        limits=statement.limits,
        form=asked.form,
        counted="count" in asked.preferences.chosen,
        with_body=asked.method != "HEAD",
    )
    result = await statement.result(composed, binder, asked.form.plan)
    if function.many:
        require_one(asked.form, result.rows)
    require_affordable(asked, result.rows)
    return _response(asked, function, result)


def _response(asked: Asked, function: Function, result: Result) -> Response:
    offset, total = asked.page.offset, result.total
    if total is not None and offset > total:
        raise unsatisfiable(f"An offset of {offset} was requested, but there are only {total} rows.")
    status = 206 if total is not None and result.rows < total else 200
    shown = content_range(offset, result.rows, total)
    if function.returns == "void" and not asked.form.plan:
        return steered_response(asked, 204, None, result, shown)
    body = result.body or ""
    raw = asked.form.raw and not asked.form.plan
    content = bytes.fromhex(body) if raw and function.base == "bytea" else body.encode()
    return steered_response(asked, status, content, result, shown)


def _refuse_names(asked: Asked, function: Function) -> None:
    """A value has no columns that could be selected, filtered or ordered by."""
    query = asked.query
    if query.filters or query.order or "select" in asked.request.query_params:
        message = f"{function.schema}.{function.name} returns no columns to select, filter or order by"
        raise RestFailure(400, "42703", message)


def _whole(body: bytes, kind: str) -> str:
    if kind == "application/octet-stream":
        return f"\\x{body.hex()}"
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise RestFailure(400, "22021", "The body is not valid UTF-8") from None
