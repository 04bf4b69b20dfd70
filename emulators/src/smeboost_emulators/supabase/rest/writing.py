"""Answer a POST, PUT, PATCH or DELETE on a relation.

An answer that the caller cannot take (not one row, too many rows) undoes the write.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote

from psycopg import sql
from starlette.responses import Response

from smeboost_emulators.supabase.rest import writes
from smeboost_emulators.supabase.rest.answers import Asked, Result, Statement, require_one, response_of
from smeboost_emulators.supabase.rest.errors import RestFailure, invalid_body
from smeboost_emulators.supabase.rest.media import Form
from smeboost_emulators.supabase.rest.payloads import Payload, parse_payload
from smeboost_emulators.supabase.rest.preferences import content_range
from smeboost_emulators.supabase.rest.query.compositions import Binder
from smeboost_emulators.supabase.rest.query.grammar import Filter, Item
from smeboost_emulators.supabase.rest.query.targets import Target
from smeboost_emulators.supabase.rest.query.trees import Tree, tree_of
from smeboost_emulators.supabase.rest.reads import SOURCE


async def insert(statement: Statement, asked: Asked, target: Target) -> Response:
    """Insert or upsert the rows of the body: 201, or 200 when an upsert found every row there.

    Raises:
        RestFailure: the body or a preference cannot be met.
        psycopg.Error: PostgreSQL refuses.
    """
    payload = _payload(asked)
    binder = Binder()
    change = writes.insert(target, asked.query, payload, binder, asked.preferences.chosen)
    result = await _changed(statement, asked, target, change, binder)
    counted = result.rows if "count" in asked.preferences.chosen else None
    merged = asked.preferences.chosen.get("resolution") == "merge-duplicates" and result.inserted == 0
    response = response_of(asked, 200 if merged else 201, result, content_range(0, 0, counted))
    if asked.preferences.representation == "headers-only":
        _locate(response, asked, result)
    return response


async def put(statement: Statement, asked: Asked, target: Target) -> Response:
    """Insert or replace the row whose whole primary key the address gives.

    Raises:
        RestFailure: PGRST105, PGRST114, PGRST115.
        psycopg.Error: PostgreSQL refuses.
    """
    key = _key_of_address(asked, target)
    payload = _payload(asked)
    disagreed = RestFailure(400, "PGRST115", "Payload values do not match URL in primary key column(s)")
    if payload.rows != 1 or not set(key) <= set(payload.columns):
        raise disagreed
    binder = Binder()
    result = await _changed(statement, asked, target, writes.put(target, key, payload, binder), binder)
    if result.rows != 1:
        raise disagreed
    counted = result.rows if "count" in asked.preferences.chosen else None
    return response_of(asked, 201 if result.inserted else 200, result, content_range(0, 0, counted))


async def update(statement: Statement, asked: Asked, target: Target) -> Response:
    """Set the body's members on the rows that the filters let through.

    Raises:
        RestFailure: the body or a preference cannot be met.
        psycopg.Error: PostgreSQL refuses.
    """
    payload = _payload(asked)
    if payload.rows != 1:
        raise invalid_body("The body of an update is one object")
    writes.require_filters(asked.query, "UPDATE")
    result = Result(None, 0, "[]")
    if payload.columns:
        binder = Binder()
        change = writes.update(target, asked.query, payload, binder)
        result = await _changed(statement, asked, target, change, binder)
    counted = result.rows if "count" in asked.preferences.chosen else None
    return response_of(asked, 200, result, content_range(0, result.rows, counted))


async def delete(statement: Statement, asked: Asked, target: Target) -> Response:
    """Remove the rows that the filters let through.

    Raises:
        RestFailure: a preference cannot be met, or there is no filter.
        psycopg.Error: PostgreSQL refuses.
    """
    writes.require_filters(asked.query, "DELETE")
    binder = Binder()
    change = writes.delete(target, asked.query, binder)
    result = await _changed(statement, asked, target, change, binder)
    counted = result.rows if "count" in asked.preferences.chosen else None
    return response_of(asked, 200, result, content_range(0, 0, counted))


def require_affordable(asked: Asked, rows: int) -> None:
    """Refuse to touch more rows than `Prefer: max-affected` allows.

    Raises:
        RestFailure: PGRST124.
    """
    limit = asked.preferences.max_affected
    if limit is not None and rows > limit:
        message = "Query result exceeds max-affected preference constraint"
        raise RestFailure(400, "PGRST124", message, details=f"The query affects {rows} rows")


def _payload(asked: Asked) -> Payload:
    return parse_payload(asked.body, asked.request.headers, asked.query.columns)


async def _changed(
    statement: Statement, asked: Asked, target: Target, change: sql.Composable, binder: Binder
) -> Result:
    items, form = None, asked.form
    if asked.preferences.representation == "representation":
        items = asked.query.select
    elif asked.preferences.representation == "headers-only" and asked.method == "POST" and target.relation.primary_key:
        items, form = writes.key_items(target), Form()
    returning = writes.returning(change, _returned_tree(statement, asked, target, items), binder, form)
    result = await statement.result(returning, binder, asked.form.plan)
    require_one(asked.form, result.rows)
    if asked.method in {"PATCH", "DELETE"}:
        require_affordable(asked, result.total or 0)
    return result


def _returned_tree(statement: Statement, asked: Asked, target: Target, items: Sequence[Item] | None) -> Tree | None:
    """What to show of the rows that were written; what a filter says about the written rows themselves is done."""
    if items is None:
        return None
    written = replace(target, source=SOURCE, typed=False)
    return tree_of(written, items, asked.query.scoped, statement.limits)


def _key_of_address(asked: Asked, target: Target) -> dict[str, str]:
    """The primary key that the filters give, one `eq` for each column of it."""
    if {"limit", "offset"} & set(asked.request.query_params):
        raise RestFailure(400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT")
    plain = [node for node in asked.query.filters if isinstance(node, Filter) and _is_plain(node)]
    key = {node.field.name: node.value for node in plain}
    keys = target.relation.primary_key
    if not keys or set(key) != set(keys) or len(asked.query.filters) != len(keys):
        message = "Filters must include all and only primary key columns with 'eq' operators"
        raise RestFailure(405, "PGRST105", message)
    return key


def _is_plain(node: Filter) -> bool:
    return node.operator == "eq" and not (node.negated or node.quantifier or node.field.path)


def _locate(response: Response, asked: Asked, result: Result) -> None:
    """Name the one row that was inserted."""
    rows = json.loads(result.body or "[]")
    if len(rows) == 1 and not asked.form.plan:
        named = "&".join(f"{quote(name)}=eq.{quote(str(value))}" for name, value in rows[0].items())
        response.headers["Location"] = f"/{quote(asked.relation)}?{named}"
