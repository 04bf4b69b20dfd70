"""Answer one REST request: who asks, what is asked, one transaction, one statement, one answer.

Rules of this room (PostgREST, "Transactions" and "Authentication"):

- The pool logs in as `authenticator`; each transaction first becomes the token's role, and says who and what it is
  in settings that policies and functions can read. A GET or HEAD runs in a read-only transaction.
- An answer that the caller cannot take (not one row, too many rows) undoes the write.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import AsyncRawCursor, sql
from starlette.requests import Request
from starlette.responses import Response

from smeboost_emulators.intake import BodyRefused, read_body
from smeboost_emulators.supabase.callers import ANONYMOUS, Caller, Circumstances, become, caller_of
from smeboost_emulators.supabase.pools import Connection, DatabaseDown, Pool, PoolBusy
from smeboost_emulators.supabase.rest import writes
from smeboost_emulators.supabase.rest.errors import (
    RestFailure,
    UnknownName,
    database_down,
    from_database,
    invalid_body,
    not_built,
    pool_busy,
)
from smeboost_emulators.supabase.rest.preferences import (
    Form,
    Page,
    Preferences,
    accepted_form,
    chosen_page,
    chosen_schema,
    content_range,
    preferences,
    unsatisfiable,
)
from smeboost_emulators.supabase.rest.requests import Query, parse_payload, parse_query, query_params, refuse_nul
from smeboost_emulators.supabase.rest.schema import SchemaCache
from smeboost_emulators.supabase.rest.statements import Binder, Target
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.tokens import Keyring, TokenRejected

SKEW_SECONDS = 30
READS = frozenset({"GET", "HEAD"})
NOBODY = Caller(ANONYMOUS, {})


@dataclass(frozen=True)
class Result:
    """What a statement gave: all rows there are (if counted), the rows of this answer, their JSON."""

    total: int | None
    rows: int
    body: str | None


@dataclass(frozen=True)
class Asked:
    """A request, understood."""

    request: Request
    method: str
    schema: str
    relation: str
    query: Query
    page: Page
    preferences: Preferences
    form: Form
    body: bytes


class RestService:
    """The endpoint of `/{relation}`."""

    def __init__(self, settings: SupabaseBackendSettings, pool: Pool, keyring: Keyring, cache: SchemaCache) -> None:
        self._settings = settings
        self._pool = pool
        self._keyring = keyring
        self._cache = cache

    async def answer(self, request: Request) -> Response:
        """Any request for a relation; every refusal in PostgREST's form."""
        caller = NOBODY
        try:
            caller = self._caller(request)
            return await self._run(await self._asked(request), caller)
        except RestFailure as exc:
            return exc.response()
        except BodyRefused as exc:
            return RestFailure(exc.status, "PGRST102", str(exc)).response()
        except DatabaseDown:
            return database_down().response()
        except PoolBusy:
            return pool_busy().response()
        except psycopg.Error as exc:
            return from_database(exc, role=caller.role).response()

    def _caller(self, request: Request) -> Caller:
        try:
            return caller_of(request.headers.get("authorization"), self._keyring, leeway_seconds=SKEW_SECONDS)
        except TokenRejected as exc:
            code = "PGRST303" if exc.reason == "claims" else "PGRST301"
            challenge = f'Bearer error="invalid_token", error_description="{exc}"'
            raise RestFailure(401, code, str(exc), headers={"WWW-Authenticate": challenge}) from None

    async def _asked(self, request: Request) -> Asked:
        method = request.method
        params = query_params(request.scope["query_string"])
        refuse_nul(request.url.path)
        refuse_nul(request.path_params["relation"])
        exposed = self._settings.schemas
        return Asked(
            request=request,
            method=method,
            schema=chosen_schema(request.headers, method, exposed),
            relation=request.path_params["relation"],
            query=parse_query(params),
            page=chosen_page(params, request.headers, method, rows_max=self._settings.db_max_rows),
            preferences=preferences(request.headers),
            form=accepted_form(request.headers),
            body=await read_body(request, limit_bytes=self._settings.rest_body_max_bytes),
        )

    async def _run(self, asked: Asked, caller: Caller) -> Response:
        try:
            return await self._in_transaction(asked, caller)
        except UnknownName as exc:
            if not await self._cache.knows_database(exc.schema, exc.relation, exc.column):
                raise
            await self._cache.reload()
        return await self._in_transaction(asked, caller)

    async def _in_transaction(self, asked: Asked, caller: Caller) -> Response:
        target = self._target(asked)
        perform = {"POST": _insert, "PATCH": _update, "DELETE": _delete}.get(asked.method, _read)
        async with self._pool.connection() as connection:
            cursor = AsyncRawCursor(connection)
            await become(cursor, caller, self._circumstances(asked), read_only=asked.method in READS)
            return await perform(_Statement(connection, cursor, self._settings.db_max_rows), asked, target)

    def _target(self, asked: Asked) -> Target:
        schema = self._cache.schema
        relation = schema.relations.get((asked.schema, asked.relation))
        if relation is None:
            names = [name for owner, name in schema.relations if owner == asked.schema]
            close = get_close_matches(asked.relation[:100], names, n=1)
            hint = f"Perhaps you meant the table '{asked.schema}.{close[0]}'" if close else None
            message = f"Could not find the table '{asked.schema}.{asked.relation}' in the schema cache"
            failure = RestFailure(404, "PGRST205", message, hint=hint)
            raise UnknownName(failure, schema=asked.schema, relation=asked.relation)
        return Target(relation, schema)

    def _circumstances(self, asked: Asked) -> Circumstances:
        return Circumstances(
            method=asked.method,
            path=f"/{asked.relation}",
            search_path=(asked.schema, *self._settings.extra_search_path),
            headers=asked.request.headers,
            cookies=asked.request.cookies,
        )


class _Statement:
    """One transaction's way to the database."""

    def __init__(self, connection: Connection, cursor: "AsyncRawCursor[Any]", rows_max: int) -> None:
        self._connection = connection
        self._cursor = cursor
        self.rows_max = rows_max

    async def result(self, statement: sql.Composable, binder: Binder) -> Result:
        row = await self._row(statement, binder)
        return Result(total=row[0], rows=row[1], body=row[2])

    async def number(self, statement: sql.Composable, binder: Binder) -> int:
        return int((await self._row(statement, binder))[0])

    async def planned_rows(self, statement: sql.Composable, binder: Binder) -> int:
        row = await self._row(sql.SQL("explain (format json) {}").format(statement), binder)
        return int(row[0][0]["Plan"]["Plan Rows"])

    async def _row(self, statement: sql.Composable, binder: Binder) -> Sequence[Any]:
        await self._cursor.execute(sql.Composed([statement]), binder.values)
        row = await self._cursor.fetchone()
        if row is None:
            raise psycopg.InternalError("a statement that always gives a row gave none")
        return row


async def _read(statement: _Statement, asked: Asked, target: Target) -> Response:
    how = asked.preferences.chosen.get("count")
    binder = Binder()
    composed = writes.read(
        target,
        asked.query,
        asked.page,
        binder,
        form=asked.form,
        with_body=asked.method != "HEAD",
        counted=how == "exact",
    )
    result = await statement.result(composed, binder)
    total = result.total if how in {None, "exact"} else await _estimate(statement, asked, target, how or "")
    _require_one(asked.form, result.rows)
    offset = asked.page.offset
    if total is not None and offset > total:
        raise unsatisfiable(f"An offset of {offset} was requested, but there are only {total} rows.")
    partial = total is not None and result.rows < total
    return _response(asked, 206 if partial else 200, result, content_range(offset, result.rows, total))


async def _estimate(statement: _Statement, asked: Asked, target: Target, how: str) -> int:
    """`planned` asks the planner; `estimated` counts as far as the row limit and asks the planner beyond it."""
    if how == "estimated":
        binder = Binder()
        limit = statement.rows_max + 1
        counted = await statement.number(writes.count(target, asked.query, binder, at_most=limit), binder)
        if counted < limit:
            return counted
    binder = Binder()
    planned = await statement.planned_rows(writes.matching(target, asked.query, binder), binder)
    return planned if how == "planned" else max(planned, statement.rows_max + 1)


async def _insert(statement: _Statement, asked: Asked, target: Target) -> Response:
    payload = parse_payload(asked.body, asked.request.headers, asked.query.columns)
    binder = Binder()
    change = writes.insert(target, asked.query, payload, binder, asked.preferences.chosen)
    result = await _changed(statement, asked, target, change, binder)
    counted = result.rows if "count" in asked.preferences.chosen else None
    response = _response(asked, 201, result, content_range(0, 0, counted))
    if asked.preferences.representation == "headers-only":
        _locate(response, asked, result)
    return response


async def _update(statement: _Statement, asked: Asked, target: Target) -> Response:
    payload = parse_payload(asked.body, asked.request.headers, asked.query.columns)
    if payload.rows != 1:
        raise invalid_body("The body of an update is one object")
    writes.require_filters(asked.query, "UPDATE")
    result = Result(None, 0, "[]")
    if payload.columns:
        binder = Binder()
        change = writes.update(target, asked.query, payload, binder)
        result = await _changed(statement, asked, target, change, binder)
    counted = result.rows if "count" in asked.preferences.chosen else None
    return _response(asked, 200, result, content_range(0, result.rows, counted))


async def _delete(statement: _Statement, asked: Asked, target: Target) -> Response:
    writes.require_filters(asked.query, "DELETE")
    binder = Binder()
    change = writes.delete(target, asked.query, binder)
    result = await _changed(statement, asked, target, change, binder)
    counted = result.rows if "count" in asked.preferences.chosen else None
    return _response(asked, 200, result, content_range(0, 0, counted))


async def _changed(
    statement: _Statement, asked: Asked, target: Target, change: sql.Composable, binder: Binder
) -> Result:
    items, form = None, asked.form
    if asked.preferences.representation == "representation":
        items = asked.query.select
    elif asked.preferences.representation == "headers-only" and asked.method == "POST" and target.relation.primary_key:
        items, form = writes.key_items(target), Form()
    result = await statement.result(writes.returning(target, change, items, binder, form), binder)
    _require_one(asked.form, result.rows)
    limit = asked.preferences.max_affected
    if limit is not None and result.rows > limit and asked.method != "POST":
        message = "Query result exceeds max-affected preference constraint"
        raise RestFailure(400, "PGRST124", message, details=f"The query affects {result.rows} rows")
    return result


def _require_one(form: Form, rows: int) -> None:
    if form.singular and rows != 1:
        message = "Cannot coerce the result to a single JSON object"
        raise RestFailure(406, "PGRST116", message, details=f"The result contains {rows} rows")


def _response(asked: Asked, status: int, result: Result, shown: str) -> Response:
    headers = {"Content-Range": shown}
    if asked.preferences.applied:
        headers["Preference-Applied"] = asked.preferences.applied
    if {"accept-profile", "content-profile"} & set(asked.request.headers):
        headers["Content-Profile"] = asked.schema
    if asked.method not in READS and asked.preferences.representation != "representation":
        return Response(status_code=201 if status == 201 else 204, headers=headers)
    headers["Content-Type"] = asked.form.media_type
    return Response(result.body or "", status, headers=headers)


def _locate(response: Response, asked: Asked, result: Result) -> None:
    """Name the one row that was inserted."""
    rows = json.loads(result.body or "[]")
    if len(rows) == 1:
        named = "&".join(f"{quote(name)}=eq.{quote(str(value))}" for name, value in rows[0].items())
        response.headers["Location"] = f"/{quote(asked.relation)}?{named}"


async def refuse_unbuilt(request: Request) -> Response:
    """The root, /rpc and other paths of PostgREST's that are not built."""
    path = request.path_params.get("path", "")
    what = "Calling functions (rpc) is" if path.startswith("rpc") else "The OpenAPI description is"
    if path and not path.startswith("rpc"):
        return RestFailure(404, "PGRST125", "Invalid path specified in request URL").response()
    return not_built(what).response()
