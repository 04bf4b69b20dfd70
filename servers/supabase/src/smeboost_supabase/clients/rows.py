"""Rows of tables, through PostgREST.

Rules of this room:

- A call as a person uses a light copy of the REST client with that person's token; the HTTP pool is shared.
- The SDK's own retries are off. A read is repeated once, at once, when the connection was cut; a write never is.
- A write without a known end raises `OutcomeUnknown`.
"""

import asyncio
from collections.abc import Callable
from difflib import get_close_matches
from typing import TypeVar, cast

import httpx
from postgrest import AsyncPostgrestClient, AsyncQueryRequestBuilder, CountMethod, ReturnMethod
from pydantic import JsonValue, TypeAdapter, ValidationError
from smeboost_shared.errors import (
    FieldProblem,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    SmeBoostError,
    TooLarge,
    VendorBadAnswer,
)

from smeboost_supabase.clients.acting import Acting
from smeboost_supabase.clients.project import Project
from smeboost_supabase.clients.tables import Tables
from smeboost_supabase.database_faults import DatabaseFault, Request, rest_error, suggestion
from smeboost_supabase.filters import condition, ordering, quoted
from smeboost_supabase.models import Filter, Order, RowPage, WrittenRows
from smeboost_supabase.row_requests import Row, Target, check_body, require_filters, require_same_columns, sent_values
from smeboost_supabase.service_faults import CUT, LOOK_FIRST, http_error
from smeboost_supabase.wire import AnswerTooLarge, Refused
from supabase import PostgrestAPIError, PostgrestAPIResponse

QUERY_MAX_LENGTH = 16_000
"""Common gateways refuse a longer request line."""
SUGGESTION_TIMEOUT_SECONDS = 2.0
_UNKNOWN_NAMES = ("PGRST204", "PGRST205", "42703", "42P01")

Builder = TypeVar("Builder", bound=AsyncQueryRequestBuilder)
_ROWS = TypeAdapter(list[Row])


class Rows:
    """Reads and writes rows as the configured key or as a person who has signed in."""

    def __init__(self, project: Project, acting: Acting, tables: Tables) -> None:
        self._project = project
        self._acting = acting
        self._tables = tables

    async def select_rows(
        self,
        target: Target,
        *,
        columns: str,
        filters: list[Filter],
        order: list[Order],
        limit: int,
        offset: int,
        exact_count: bool,
    ) -> RowPage:
        """One page of rows.

        Raises:
            InvalidInput: a column, filter or page is not valid.
            NotFound: no such table.
            NotPermitted: the caller may not read the table.
        """

        def build(rest: AsyncPostgrestClient) -> AsyncQueryRequestBuilder:
            count = CountMethod.exact if exact_count else None
            builder = rest.from_(target.table).select(columns, count=count).limit(limit).offset(offset)
            if order:
                builder.request.params = builder.request.params.set("order", ordering(order))
            return _filtered(builder, filters)

        answer = await self._call(target, build, writes=False, filters=filters)
        rows = _rows(answer)
        end = offset + len(rows)
        more = end < answer.count if answer.count is not None else len(rows) >= limit
        return RowPage(rows=rows, count=answer.count, next_offset=end if rows and more else None)

    async def insert_rows(
        self, target: Target, rows: list[Row], *, returning: bool, on_conflict: list[str] | None = None
    ) -> WrittenRows:
        """Insert all rows or none; a column that a row leaves out takes its default.

        A row that has the same values in the unique columns `on_conflict` as one that exists updates that one.

        Raises:
            Conflict: a value that must be unique is taken.
            InvalidInput: a column or value is not valid.
            OutcomeUnknown: the connection ended before the answer came.
        """
        check_body(rows, max_bytes=self._project.settings.body_max_bytes)
        if on_conflict:
            require_same_columns(rows, on_conflict)

        def build(rest: AsyncPostgrestClient) -> AsyncQueryRequestBuilder:
            table = rest.from_(target.table)
            if on_conflict:
                names = ",".join(map(quoted, on_conflict))
                return table.upsert(rows, count=CountMethod.exact, returning=_returning(returning), on_conflict=names)
            return table.insert(rows, count=CountMethod.exact, returning=_returning(returning), default_to_null=False)

        answer = await self._call(target, build, writes=True, rows=rows)
        return _written(answer, returning=returning, rows_sent=len(rows))

    async def update_rows(
        self, target: Target, values: Row, filters: list[Filter], *, returning: bool, rows_max: int | None = None
    ) -> WrittenRows:
        """Set `values` in the rows that match; raises as `insert_rows` does.

        Raises:
            Conflict: more than `rows_max` rows match; nothing was changed.
        """
        require_filters(filters, "updated")
        check_body(values, max_bytes=self._project.settings.body_max_bytes)

        def build(rest: AsyncPostgrestClient) -> AsyncQueryRequestBuilder:
            builder = rest.from_(target.table).update(values, count=CountMethod.exact, returning=_returning(returning))
            return _filtered(builder.max_affected(rows_max) if rows_max else builder, filters)

        answer = await self._call(target, build, writes=True, filters=filters, rows=[values])
        return _written(answer, returning=returning)

    async def delete_rows(
        self, target: Target, filters: list[Filter], *, returning: bool, rows_max: int | None = None
    ) -> WrittenRows:
        """Delete the rows that match; raises as `update_rows` does."""
        require_filters(filters, "deleted")

        def build(rest: AsyncPostgrestClient) -> AsyncQueryRequestBuilder:
            builder = rest.from_(target.table).delete(count=CountMethod.exact, returning=_returning(returning))
            return _filtered(builder.max_affected(rows_max) if rows_max else builder, filters)

        answer = await self._call(target, build, writes=True, filters=filters)
        return _written(answer, returning=returning)

    async def call_function(self, target: Target, arguments: Row) -> JsonValue:
        """What a database function gives; `target.table` is its name. It may change anything.

        Raises:
            NotFound: there is no function of this name and with these arguments.
            NotPermitted: the caller may not call it.
            OutcomeUnknown: the connection ended before the answer came.
        """
        check_body(arguments, max_bytes=self._project.settings.body_max_bytes)

        async def once(token: str | None) -> JsonValue:
            rest = self._project.supabase.schema(target.schema)
            builder = (rest.auth(token) if token else rest).rpc(target.table, cast(dict[str, str], arguments))
            try:
                return cast(JsonValue, (await builder.execute()).data)
            except (PostgrestAPIError, Refused, AnswerTooLarge, httpx.HTTPError) as exc:
                request = Request(writes=True, as_user=token is not None, values=sent_values([], [arguments]))
                raise _failure(exc, request) from exc

        return await self._acting.call(target.session, target.run_as, once)

    async def _call(
        self,
        target: Target,
        build: Callable[[AsyncPostgrestClient], AsyncQueryRequestBuilder],
        *,
        writes: bool,
        filters: list[Filter] | None = None,
        rows: list[Row] | None = None,
    ) -> PostgrestAPIResponse:
        async def once(token: str | None) -> PostgrestAPIResponse:
            rest = self._project.supabase.schema(target.schema)
            builder = build(rest.auth(token) if token else rest)
            if len(str(builder.request.params)) > QUERY_MAX_LENGTH:
                problem = FieldProblem(
                    field="filters", message=f"make a query of more than {QUERY_MAX_LENGTH} characters"
                )
                raise TooLarge("The query is too long.", errors=[problem], hint="Split the list of values.")
            try:
                return await _executed(builder, repeat_when_cut=not writes)
            except (PostgrestAPIError, Refused, AnswerTooLarge, httpx.HTTPError) as exc:
                values = sent_values(filters or [], rows or [])
                request = Request(writes=writes, as_user=token is not None, values=values)
                raise await self._explained(exc, target, request) from exc

        return await self._acting.call(target.session, target.run_as, once)

    async def _explained(self, exc: Exception, target: Target, request: Request) -> SmeBoostError:
        """The error of ours that `exc` stands for, with the nearest name when a name was unknown."""
        error = _failure(exc, request)
        named = isinstance(error, NotFound | InvalidInput) and "Did you mean" not in (error.hint or "")
        if named and isinstance(exc, PostgrestAPIError) and exc.code in _UNKNOWN_NAMES:
            error.hint = await self._nearest(target, error) or error.hint
        return error

    async def _nearest(self, target: Target, error: SmeBoostError) -> str | None:
        try:
            async with asyncio.timeout(SUGGESTION_TIMEOUT_SECONDS):
                tables = (await self._tables.list_tables(target.schema)).tables
        except (SmeBoostError, TimeoutError):
            # The error is complete without a suggestion, so a list that cannot be had is left out on purpose.
            return None
        if isinstance(error, NotFound):
            near = get_close_matches(target.table, [table.name for table in tables], n=1)
        else:
            columns = [column.name for table in tables if table.name == target.table for column in table.columns]
            near = get_close_matches(error.errors[0].field, columns, n=1) if error.errors else []
        return suggestion(near[0]) if near else None


async def _executed(builder: AsyncQueryRequestBuilder, *, repeat_when_cut: bool) -> PostgrestAPIResponse:
    try:
        return await builder.execute()
    except CUT:
        if not repeat_when_cut:
            raise
    return await builder.execute()


def _failure(exc: Exception, request: Request) -> SmeBoostError:
    """The error of ours for what the SDK or HTTP raised."""
    if isinstance(exc, PostgrestAPIError):
        return rest_error(_fault(exc.json()), request)
    return http_error(exc, writes=request.writes)


def _fault(body: dict[str, JsonValue]) -> DatabaseFault:
    texts = {name: value for name in ("code", "message", "details", "hint") if isinstance(value := body.get(name), str)}
    return DatabaseFault(**{"code": "unknown", **texts})


def _filtered(builder: Builder, filters: list[Filter]) -> Builder:
    # Not the SDK's own filter methods: they do not quote a column that is named like a parameter.
    for one in filters:
        builder.request.params = builder.request.params.add(*condition(one))
    return builder


def _returning(wanted: bool) -> ReturnMethod:
    return ReturnMethod.representation if wanted else ReturnMethod.minimal


def _rows(answer: PostgrestAPIResponse) -> list[Row]:
    try:
        return _ROWS.validate_python(answer.data)
    except ValidationError:
        # Not chained: pydantic's message repeats its input, which are somebody's rows.
        raise VendorBadAnswer("Supabase answered something else than rows.", hint="Check SUPABASE_URL.") from None


def _written(answer: PostgrestAPIResponse, *, returning: bool, rows_sent: int | None = None) -> WrittenRows:
    """What a write did; `rows_sent` is its count when the project tells none, because an insert is all or nothing."""
    try:
        rows = _rows(answer)
    except VendorBadAnswer:
        raise OutcomeUnknown("Supabase answered a write with something else than rows.", hint=LOOK_FIRST) from None
    count = answer.count if answer.count is not None else (len(rows) if returning else rows_sent)
    if count is None:
        raise OutcomeUnknown("Supabase did not tell how many rows were written.", hint=LOOK_FIRST)
    return WrittenRows(count=count, rows=rows if returning else None)
