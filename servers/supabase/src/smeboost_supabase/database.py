"""The database over SQL: our own questions to the catalogue, and statements of others.

Rules of this room:

- One connection a call, closed after it: whatever a statement does to its session (settings, temporary tables,
  cursors, locks, listening) ends with the call. Asking is rare, and an idle connection costs its owner a slot.
- Every transaction is read-only, with a time-out, unless the call is one that writes.
- A statement of others runs under a log-in that cannot write (`logins`), is sent by the extended protocol, which takes
  one statement and no second one behind a semicolon, and stands inside a query of ours that bounds rows and bytes.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import psycopg
from psycopg.abc import QueryNoTemplate
from psycopg.rows import TupleRow, dict_row
from pydantic import JsonValue
from smeboost_shared.errors import FieldProblem, InvalidInput, Misconfigured, OutcomeUnknown
from smeboost_shared.statements import split_statements

from smeboost_supabase.database_errors import DATABASE_FAULTS, database_error, statement_error
from smeboost_supabase.logins import Logins
from smeboost_supabase.settings import SupabaseSettings

CONNECTIONS_MAX = 4
Connection = psycopg.AsyncConnection[TupleRow]
_ALONE = "explain (format json) "
_HEAD, _TAIL = (
    "select case when octet_length(j) <= {bytes} then j end from (select to_json(q)::text as j from (\n",
    "\n) as q limit {rows}) as bounded",
)


@dataclass(frozen=True)
class Actor:
    """Whom a statement runs as: a database role, with the claims of a person or without."""

    role: str
    claims: Mapping[str, JsonValue]


@dataclass(frozen=True)
class Found:
    """Rows of a statement; `truncated` says that there are more, or that they are larger than what is given."""

    rows: list[dict[str, JsonValue]]
    truncated: bool


class Database:
    """The database that SUPABASE_DB_URL names."""

    def __init__(self, settings: SupabaseSettings) -> None:
        self._settings = settings
        self._logins = Logins(settings)
        self._places = asyncio.Semaphore(CONNECTIONS_MAX)

    # --- our own questions ------------------------------------------------------------------------------------------

    async def ask(
        self, query: QueryNoTemplate, params: Mapping[str, object] | Sequence[object] = ()
    ) -> list[dict[str, Any]]:
        """The rows of a query of ours, read-only, as SUPABASE_DB_URL's log-in; as the reader where that may not look.

        Raises:
            Misconfigured: SUPABASE_DB_URL is not a connection string or its log-in is refused.
            NotPermitted: neither may see this.
            VendorTimeout, VendorUnavailable: the database is too slow or cannot be reached.
        """
        try:
            async with self.owner(writes=False) as connection:
                return await _rows(connection, query, params)
        except psycopg.errors.InsufficientPrivilege as exc:
            refused = database_error(exc)
        except DATABASE_FAULTS as exc:
            raise database_error(exc) from None
        try:
            async with self._foreign("", None, before=0) as connection:
                return await _rows(connection, query, params)
        except Misconfigured:
            # There is no reader either, so what the log-in lacks is what has to be said.
            raise refused from None

    @contextlib.asynccontextmanager
    async def owner(self, *, writes: bool) -> AsyncGenerator[Connection]:
        """A transaction of SUPABASE_DB_URL's log-in: committed when all went well, else rolled back."""
        if self._settings.db_url is None:
            raise Misconfigured(
                "SUPABASE_DB_URL is not set, which this needs.", hint="Set it to the project's connection string."
            )
        url = self._settings.db_url.get_secret_value()
        async with self._bounded(writes=writes):
            connection = await psycopg.AsyncConnection.connect(
                url, connect_timeout=max(2, round(self._settings.connect_timeout_seconds)), prepare_threshold=None
            )
            async with connection:
                await self._begin(connection, read_only=not writes)
                yield connection

    @contextlib.asynccontextmanager
    async def changing(self) -> AsyncGenerator[Connection]:
        """A transaction that writes, as SUPABASE_DB_URL's log-in.

        Raises:
            OutcomeUnknown: the connection ended, or time was up, while the change was being kept.
            Misconfigured, VendorTimeout, VendorUnavailable: as `ask` does.
        """
        begun = finished = False
        try:
            async with self.owner(writes=True) as connection:
                begun = True
                yield connection
                finished = True
        except DATABASE_FAULTS as exc:
            if not begun:
                raise database_error(exc) from None
            if finished and getattr(exc, "sqlstate", None) is None:
                raise OutcomeUnknown from None
            raise statement_error(exc, "") from None

    # --- statements of others -----------------------------------------------------------------------------------------

    async def read(self, text: str, *, actor: Actor | None, rows_max: int) -> Found:
        """The rows of one statement of others.

        Raises:
            InvalidInput: it is not one statement that gives rows, or the database does not accept it.
            NotPermitted: it tries to change something, or to see what its role may not.
            Misconfigured, VendorTimeout, VendorUnavailable: as `ask` does.
        """
        statement = one_statement(text)
        async with self._foreign(text, actor, before=len(_ALONE)) as connection:
            # A text that is a statement by itself closes no bracket of ours, so it cannot leave the bounds around it.
            await _all(connection.cursor().stream((_ALONE + statement).encode()))
            return await self._bounded_rows(connection, statement, rows_max)

    async def _bounded_rows(self, connection: Connection, statement: str, rows_max: int) -> Found:
        bytes_max = self._settings.query_bytes_max
        head = _HEAD.format(bytes=bytes_max)
        stream = connection.cursor().stream((head + statement + _TAIL.format(rows=rows_max + 1)).encode())
        rows: list[dict[str, JsonValue]] = []
        size = 0
        try:
            async with contextlib.aclosing(cast(AsyncGenerator[tuple[str | None]], stream)) as found:
                async for (row,) in found:
                    size += len(row or "")
                    if row is None or size > bytes_max or len(rows) == rows_max:
                        return Found(rows, truncated=True)
                    rows.append(json.loads(row, parse_float=_number))
        except DATABASE_FAULTS as exc:
            raise statement_error(exc, statement, before=len(head)) from None
        return Found(rows, truncated=False)

    async def explain(self, text: str, *, actor: Actor | None, analyze: bool) -> list[dict[str, Any]]:
        """Postgres's plan as JSON; `analyze` runs the statement, which cannot write. Raises as `read` does."""
        head = "explain (format json, buffers, analyze) " if analyze else "explain (format json) "
        async with self._foreign(text, actor, before=len(head)) as connection:
            rows = await _all(connection.cursor().stream((head + one_statement(text)).encode()))
        return rows[0][0]

    @contextlib.asynccontextmanager
    async def _foreign(self, text: str, actor: Actor | None, *, before: int) -> AsyncGenerator[Connection]:
        try:
            async with self._bounded():
                connection = await self._logins.connect("act" if actor else "read")
                try:
                    await self._begin(connection, read_only=True)
                    if actor:
                        await self._become(connection, actor)
                    yield connection
                finally:
                    # Not a commit, not even of nothing.
                    await connection.close()
        except DATABASE_FAULTS as exc:
            raise statement_error(exc, text, before=before) from None

    async def _become(self, connection: Connection, actor: Actor) -> None:
        claims = {"role": actor.role, **actor.claims}
        await connection.execute(
            "select set_config('request.jwt.claims', %s, true), set_config('request.jwt.claim.sub', %s, true), "
            "set_config('request.jwt.claim.role', %s, true), set_config('role', %s, true)",
            [json.dumps(claims), str(claims.get("sub", "")), actor.role, actor.role],
        )

    async def _begin(self, connection: Connection, *, read_only: bool) -> None:
        await connection.set_read_only(read_only)
        milliseconds = str(round(self._statement_seconds(writes=not read_only) * 1000))
        # A query, so that from here on no statement can make the transaction one that writes.
        await connection.execute(
            "select set_config('statement_timeout', %(time)s, true), set_config('lock_timeout', %(time)s, true), "
            "set_config('idle_in_transaction_session_timeout', %(time)s, true)",
            {"time": milliseconds},
        )

    @contextlib.asynccontextmanager
    async def _bounded(self, *, writes: bool = False) -> AsyncGenerator[None]:
        longest = 2 * self._settings.connect_timeout_seconds + 3 * self._statement_seconds(writes=writes)
        async with asyncio.timeout(longest), self._places:
            yield

    def _statement_seconds(self, *, writes: bool) -> float:
        return self._settings.change_timeout_seconds if writes else self._settings.statement_timeout_seconds


async def _all(stream: AsyncIterator[TupleRow]) -> list[TupleRow]:
    return [row async for row in stream]


async def _rows(
    connection: Connection, query: QueryNoTemplate, params: Mapping[str, object] | Sequence[object]
) -> list[dict[str, Any]]:
    return await (await connection.cursor(row_factory=dict_row).execute(query, params)).fetchall()


def one_statement(text: str) -> str:
    """The statement in `text` without its semicolon.

    Raises:
        InvalidInput: there is none, or there are several.
    """
    statements = split_statements(text)
    if len(statements) != 1:
        said = "is empty" if not statements else f"holds {len(statements)} statements; send one at a time"
        raise InvalidInput("One statement is needed.", errors=[FieldProblem(field="sql", message=said)])
    return statements[0]


def _number(text: str) -> float | str:
    """A number with a point; as text when a float cannot hold it, so that no digit is lost."""
    value = float(text)
    return value if Decimal(repr(value)) == Decimal(text) else text
