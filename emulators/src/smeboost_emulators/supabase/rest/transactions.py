"""One transaction for one request: it becomes the caller, runs what the project wants first, and ends as it should.

Rules of this room (PostgREST, "Transactions"):

- The pool logs in as `authenticator`; each transaction first takes the token's role, and says who and what it is in
  settings that policies and functions can read.
- Settings of a role, of a function (`statement_timeout`) and of the request (its time zone) end with the transaction.
"""

from collections.abc import Awaitable, Callable, Sequence

import psycopg
from psycopg import AsyncRawCursor, sql
from starlette.responses import Response

from smeboost_emulators.supabase.callers import Caller, Circumstances, becoming
from smeboost_emulators.supabase.exchanges import COMMIT, ROLLBACK, Order
from smeboost_emulators.supabase.pools import Connection, Pool, lost
from smeboost_emulators.supabase.rest.answers import READS, Asked, Statement
from smeboost_emulators.supabase.rest.configuration import RestConfiguration
from smeboost_emulators.supabase.rest.query.trees import Limits
from smeboost_emulators.supabase.rest.settings import RestSettings

# What a function has set for the whole session would else speak into other people's answers.
_UNSAID = {"response.status": "", "response.headers": "", "pgrst.inserted": ""}


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
        circumstances = self._circumstances(asked, caller, path, statement_timeout)
        statement, values = becoming(caller, circumstances, read_only=read_only)
        opening = [Order(statement.encode(), values), *self._wanted_first()]
        tx = asked.preferences.chosen.get("tx", self._configuration.current.tx_default)
        ending = ROLLBACK if tx == "rollback" else COMMIT
        reads = read_only and asked.method in READS

        async def once(*, trusting: bool) -> Response:
            async with self._pool.connection(trusting=trusting, lazily=True) as connection:
                statement = self._statement(connection, opening, ending if reads else None)
                response = await perform(statement)
                await statement.begin()
                if ending is ROLLBACK:
                    raise psycopg.Rollback
            return response

        try:
            return await once(trusting=reads)
        except psycopg.OperationalError as exc:
            if not (reads and lost(exc)):
                raise
        # Nothing was changed and nothing was answered: it may be asked again, on a connection that works.
        return await once(trusting=False)

    def _wanted_first(self) -> list[Order]:
        """What the project runs before every request."""
        name = self._configuration.current.db_pre_request
        return [Order(sql.SQL("select {}()").format(sql.Identifier(*name.split("."))).as_bytes())] if name else []

    def _statement(self, connection: Connection, opening: Sequence[Order], ending: Order | None) -> Statement:
        settings = self._configuration.current
        limits = Limits(settings.db_max_rows, settings.db_aggregates_enabled)
        return Statement(connection, AsyncRawCursor(connection), limits, opening=opening, ending=ending)

    def _circumstances(self, asked: Asked, caller: Caller, path: str, statement_timeout: str | None) -> Circumstances:
        settings = self._configuration.current
        chosen = {**_UNSAID, **_app_settings(settings), **self._configuration.roles.get(caller.role, {})}
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
