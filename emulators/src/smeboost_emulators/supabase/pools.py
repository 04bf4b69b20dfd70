"""Bounded connection pools that mend themselves.

Rules of this room:

- A connection is checked before it is lent, so a restart of PostgreSQL costs waiting requests some time and no error.
  Who only reads and will ask again may take one on trust that was in use a moment ago and has not been hung up on: the
  check is a round trip.
- Who waits in vain learns why: `DatabaseDown` as soon as nobody answers, `PoolBusy` when others were faster too long.
- Nothing is prepared on the server: a prepared statement outlives the schema it was made for.
"""

import select
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection, OperationalError
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from smeboost_emulators.supabase.bootstrap import login_url
from smeboost_emulators.supabase.settings import SupabaseBackendSettings

Connection = AsyncConnection[TupleRow]
CONNECT_TIMEOUT_SECONDS = 3
# The pool's own patience doubles its pauses up to minutes; giving up at once lets the next request try again.
RECONNECT_SECONDS = 0.1
WAIT_SECONDS = 0.5
IDLE_SECONDS = 300.0
FRESH_SECONDS = 1.0


class DatabaseDown(Exception):
    """PostgreSQL does not answer."""


class PoolBusy(Exception):
    """All connections are in use."""


class Pool:
    """Connections of one service log-in."""

    def __init__(self, settings: SupabaseBackendSettings, database_url: str, role: str) -> None:
        timeout_milliseconds = round(settings.statement_timeout_seconds * 1000)
        self.url = make_conninfo(
            login_url(database_url, role),
            options=f"-c statement_timeout={timeout_milliseconds}"
            f" -c idle_in_transaction_session_timeout={timeout_milliseconds}",
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name=f"smeboost-supabase-{role}",
        )
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self.url,
            min_size=1,
            max_size=settings.db_pool,
            open=False,
            reconnect_timeout=RECONNECT_SECONDS,
            max_idle=IDLE_SECONDS,
            kwargs={"prepare_threshold": None},
            name=role,
        )
        self._patience_seconds = settings.db_pool_acquisition_timeout_seconds
        self._purging = False
        self._used: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()

    async def open(self) -> None:
        """Start filling the pool; does not wait for it."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close(timeout=CONNECT_TIMEOUT_SECONDS)

    @asynccontextmanager
    async def connection(self, *, trusting: bool = False, lazily: bool = False) -> AsyncGenerator[Connection]:
        """A working connection, with a transaction that is committed at the end and rolled back on an error.

        `trusting` leaves out the check of one that worked a moment ago. `lazily` begins the transaction with its first
        statement, which may also end it (`exchanges.py`).

        Raises:
            DatabaseDown, PoolBusy: none could be had in time.
        """
        connection = await self._borrow(trusting=trusting)
        try:
            async with _lazily(connection) if lazily else connection.transaction():
                yield connection
            self._used[connection] = time.monotonic()
        finally:
            # A broken one is replaced by the pool, which is why it goes back even then.
            await self._pool.putconn(connection)

    async def _check(self, connection: Connection) -> None:
        """One broken connection means that the others broke too; found one by one they would cost seconds."""
        try:
            await AsyncConnectionPool.check_connection(connection)
        except psycopg.Error:
            await self._purge()
            raise

    async def _purge(self) -> None:
        if self._purging:
            return
        self._purging = True
        try:
            await self._pool.check()
        finally:
            self._purging = False

    async def _borrow(self, *, trusting: bool) -> Connection:
        """A connection that works, or is trusted to."""
        deadline = time.monotonic() + self._patience_seconds
        while True:
            connection = await self._lent(deadline)
            if trusting and self._is_fresh(connection):
                return connection
            try:
                await self._check(connection)
            except psycopg.Error:
                await self._pool.putconn(connection)
            except BaseException:
                await self._pool.putconn(connection)
                raise
            else:
                return connection

    def _is_fresh(self, connection: Connection) -> bool:
        """Whether it worked a moment ago, and nothing has come since: a server that hangs up says so."""
        used = self._used.get(connection)
        if used is None or time.monotonic() - used > FRESH_SECONDS or connection.closed:
            return False
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        return not poll.poll(0)

    async def _lent(self, deadline: float) -> Connection:
        """A connection of the pool; asked for again and again, because asking is what makes the pool reconnect."""
        while True:
            remaining = deadline - time.monotonic()
            try:
                return await self._pool.getconn(timeout=max(0.0, min(remaining, WAIT_SECONDS)))
            except PoolTimeout:
                if self._pool.get_stats().get("pool_size", 0) == 0:
                    await self._require_database()
                if remaining <= WAIT_SECONDS:
                    raise PoolBusy from None

    async def _require_database(self) -> None:
        try:
            connection = await AsyncConnection.connect(self.url)
        except OperationalError:
            raise DatabaseDown from None
        await connection.close()


@asynccontextmanager
async def _lazily(connection: Connection) -> AsyncGenerator[None]:
    """A transaction if one is begun inside; psycopg's own would wait for the server at its begin."""
    try:
        yield
        await connection.commit()
    except psycopg.Rollback:
        await connection.rollback()
    except BaseException:
        # What went wrong matters more than that a broken connection cannot roll back.
        with suppress(psycopg.Error):
            await connection.rollback()
        raise


def lost(exc: psycopg.Error) -> bool:
    """Whether the connection broke (SQLSTATE classes 08, 57P0x, or none because nobody was left to send one)."""
    return isinstance(exc, OperationalError) and (
        exc.sqlstate is None or exc.sqlstate.startswith("08") or exc.sqlstate in {"57P01", "57P02", "57P03"}
    )
