"""A request that is understood, the way to the database for it, and the answer that comes of a result.

Shared by reading, writing and calling functions.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
from psycopg import AsyncRawCursor, sql
from starlette.requests import Request
from starlette.responses import Response

from smeboost_emulators.supabase.exchanges import BEGIN, Order, exchange
from smeboost_emulators.supabase.pools import Connection
from smeboost_emulators.supabase.rest.errors import RestFailure
from smeboost_emulators.supabase.rest.media import Form, Plan
from smeboost_emulators.supabase.rest.preferences import Page, Preferences
from smeboost_emulators.supabase.rest.query.compositions import Binder
from smeboost_emulators.supabase.rest.query.trees import Limits
from smeboost_emulators.supabase.rest.requests import Query
from smeboost_emulators.supabase.rest.steering import steered

READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Result:
    """What a statement gave: all rows there are (if counted), the rows of this answer, their text.

    `status` and `headers` are what functions and triggers asked for; `inserted` counts what an upsert did not merge.
    """

    total: int | None
    rows: int
    body: str | None
    status: str | None = None
    headers: str | None = None
    inserted: int | None = None


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


class Statement:
    """One transaction's way to the database; `opening` goes with the first statement, `ending` with the last one."""

    def __init__(
        self,
        connection: Connection,
        cursor: "AsyncRawCursor[Any]",
        limits: Limits,
        *,
        opening: Sequence[Order],
        ending: Order | None,
    ) -> None:
        self._connection = connection
        self._cursor = cursor
        self._opening = [BEGIN, *opening]
        self._ending = ending
        self.limits = limits

    @property
    def rows_max(self) -> int:
        """How many rows an answer may have."""
        return self.limits.rows_max

    async def begin(self) -> None:
        """Begin the transaction, if no statement has done so."""
        opening, self._opening = self._opening, []
        if opening:
            await exchange(self._connection, opening)

    async def result(self, statement: sql.Composable, binder: Binder, plan: Plan | None = None) -> Result:
        """Run a statement that gives the row of `bodies.outcome`, or only show its plan."""
        if plan:
            return Result(None, 1, await self._plan(statement, binder, plan))
        return await self.ordered(Order(self.text(statement), binder.values))

    def text(self, statement: sql.Composable) -> bytes:
        """A statement as it travels."""
        return statement.as_bytes(self._connection)

    async def ordered(self, order: Order, *, last: bool = False) -> Result:
        """Run a statement that gives the row of `bodies.outcome`.

        With `last` nothing that the result says can undo it, so a transaction that may end with it does.
        """
        opening, self._opening = self._opening, []
        ending = [self._ending] if last and self._ending else []
        rows = await exchange(self._connection, [*opening, order, *ending])
        return _result_of(rows[len(opening)])

    async def _plan(self, statement: sql.Composable, binder: Binder, plan: Plan) -> str:
        await self.begin()
        explain = sql.SQL("explain ({}) {}").format(sql.SQL(cast(LiteralString, plan.words)), statement)
        await self._cursor.execute(sql.Composed([explain]), binder.values)
        lines = [line for (line,) in await self._cursor.fetchall()]
        return json.dumps(lines[0]) if plan.structure == "json" else "\n".join(str(line) for line in lines)

    async def value(self, statement: sql.Composable, binder: Binder) -> Any:
        """Run a statement that gives one value."""
        return (await self._row(statement, binder))[0]

    async def number(self, statement: sql.Composable, binder: Binder) -> int:
        """Run a statement that gives one number."""
        return int((await self._row(statement, binder))[0])

    async def planned_rows(self, statement: sql.Composable, binder: Binder) -> int:
        """How many rows the planner thinks that a statement gives."""
        row = await self._row(sql.SQL("explain (format json) {}").format(statement), binder)
        return int(row[0][0]["Plan"]["Plan Rows"])

    async def _row(self, statement: sql.Composable, binder: Binder) -> Sequence[Any]:
        await self.begin()
        await self._cursor.execute(sql.Composed([statement]), binder.values)
        row = await self._cursor.fetchone()
        if row is None:
            raise psycopg.InternalError("a statement that always gives a row gave none")
        return row


def _result_of(row: Sequence[str | None]) -> Result:
    """The row of `bodies.outcome`."""
    total, rows, body, status, headers, inserted = row
    return Result(_number(total), int(rows or 0), body, status, headers, _number(inserted))


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def require_one(form: Form, rows: int) -> None:
    """Refuse a result that is not the one row which the form asks for.

    Raises:
        RestFailure: PGRST116.
    """
    if form.singular and not form.plan and rows != 1:
        message = "Cannot coerce the result to a single JSON object"
        raise RestFailure(406, "PGRST116", message, details=f"The result contains {rows} rows")


def response_of(asked: Asked, status: int, result: Result, shown: str) -> Response:
    """The answer of a read or a write; `shown` is the value of `Content-Range`.

    Raises:
        RestFailure: PGRST111, PGRST112: what a function set as status or headers is neither.
    """
    silent = asked.method not in READS and asked.preferences.representation != "representation"
    if silent and not asked.form.plan:
        return steered_response(asked, 201 if status == 201 else 204, None, result, shown)
    return steered_response(asked, status, (result.body or "").encode(), result, shown)


def steered_response(asked: Asked, status: int, content: bytes | None, result: Result, shown: str) -> Response:
    """The answer with its headers, and with the status and headers that the database wants.

    Raises:
        RestFailure: PGRST111, PGRST112.
    """
    headers = {"Content-Range": shown}
    if asked.preferences.applied:
        headers["Preference-Applied"] = asked.preferences.applied
    if {"accept-profile", "content-profile"} & set(asked.request.headers):
        headers["Content-Profile"] = asked.schema
    if content is not None:
        headers["Content-Type"] = asked.form.media_type
    return steered(Response(content, 200 if asked.form.plan else status, headers=headers), result)
