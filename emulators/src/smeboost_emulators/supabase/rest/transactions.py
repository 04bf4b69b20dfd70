"""One transaction for one request: it becomes the caller, runs what the project wants first, and ends as it should.

Rules of this room (PostgREST, "Transactions"):

- The pool logs in as `authenticator`; each transaction first takes the token's role, and says who and what it is in
  settings that policies and functions can read.
- Settings of a role, of a function (`statement_timeout`) and of the request (its time zone) end with the transaction.
"""

from collections.abc import Awaitable, Callable

import psycopg
from psycopg import AsyncRawCursor, sql
from starlette.responses import Response

from smeboost_emulators.supabase.callers import Caller, Circumstances, become
from smeboost_emulators.supabase.pools import Pool
from smeboost_emulators.supabase.rest.answers import Asked, Statement
from smeboost_emulators.supabase.rest.configuration import RestConfiguration
from smeboost_emulators.supabase.rest.settings import RestSettings
from smeboost_emulators.supabase.rest.trees import Limits


class Transactions:
    """Where requests get their transactions."""

    def __init__(self, pool: Pool, configuration: RestConfiguration) -> None:
        self._pool = pool
        self._configuration = configuration

    async def run(
        self,
        asked: Asked,
        caller: Caller,
        perform: Callable[[Statement], Awaitable[Response]],
        *,
        path: str,
        read_only: bool,
        statement_timeout: str | None = None,
    ) -> Response:
        """The answer of `perform`, made in the caller's transaction; `statement_timeout` is a function's own.

        Raises:
            RestFailure: what `perform` refuses.
            DatabaseDown, PoolBusy, psycopg.Error: the database.
        """
        settings = self._configuration.current
        async with self._pool.connection() as connection:
            cursor = AsyncRawCursor(connection)
            circumstances = self._circumstances(asked, caller, path, statement_timeout)
            await become(cursor, caller, circumstances, read_only=read_only)
            if settings.db_pre_request:
                name = sql.Identifier(*settings.db_pre_request.split("."))
                await cursor.execute(sql.SQL("select {}()").format(name))
            limits = Limits(settings.db_max_rows, settings.db_aggregates_enabled)
            response = await perform(Statement(connection, cursor, limits))
            if asked.preferences.chosen.get("tx", settings.tx_default) == "rollback":
                raise psycopg.Rollback
        return response

    def _circumstances(self, asked: Asked, caller: Caller, path: str, statement_timeout: str | None) -> Circumstances:
        settings = self._configuration.current
        chosen = {**_app_settings(settings), **self._configuration.roles.get(caller.role, {})}
        if statement_timeout is not None:
            chosen["statement_timeout"] = statement_timeout
        if "timezone" in asked.preferences.chosen:
            chosen["timezone"] = asked.preferences.chosen["timezone"]
        return Circumstances(
            method=asked.method,
            path=path,
            search_path=(asked.schema, *settings.extra_search_path),
            headers=asked.request.headers,
            cookies=asked.request.cookies,
            settings=chosen,
        )


def _app_settings(settings: RestSettings) -> dict[str, str]:
    return {f"app.settings.{name}": value.get_secret_value() for name, value in settings.app_settings.items()}
