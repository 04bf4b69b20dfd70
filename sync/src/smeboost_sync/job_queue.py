"""PgQueuer on our terms: its tables in a schema of their own, on a connection of ours.

Jobs are put in over psycopg, in the caller's transaction. The worker takes them over asyncpg: the library's psycopg
driver holds its connection for up to a second while it waits for notifications, and every query waits with it.
"""

from typing import cast

import asyncpg
import psycopg
from pgqueuer import Queries
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.db import AsyncpgDriver, PsycopgDriver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.driver import Driver

SCHEMA = "smeboost_queue"
CHANNEL = "smeboost_queue"
CONNECT_TIMEOUT_SECONDS = 5


def queries_on(connection: psycopg.AsyncConnection) -> Queries:
    """The queue's operations on that connection, which must be in autocommit mode."""
    return _queries(PsycopgDriver(connection))


async def connect_worker(database_url: str) -> asyncpg.Connection:
    """A connection for `worker_queries_on`."""
    return cast(asyncpg.Connection, await asyncpg.connect(database_url, timeout=CONNECT_TIMEOUT_SECONDS))


def worker_queries_on(connection: asyncpg.Connection) -> Queries:
    """The queue's operations as a worker needs them: queries go on while it listens."""
    return _queries(AsyncpgDriver(connection))


def _queries(driver: Driver) -> Queries:
    names = DBSettings(db_schema=SCHEMA, channel=CHANNEL)  # pyright: ignore[reportCallIssue, reportArgumentType]  # populate_by_name, which pyright does not see
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(settings=names),
        qbq=QueryQueueBuilder(settings=names),
        qbs=QuerySchedulerBuilder(settings=names),
    )


async def install_queue(database_url: str) -> None:
    """Make the queue's tables, or bring them up to the installed version of the library. Safe to repeat."""
    async with await psycopg.AsyncConnection.connect(
        database_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS
    ) as connection:
        queue = queries_on(connection)
        # The library's install statements cannot be repeated; two starters at once must not both run them.
        await connection.execute("select pg_advisory_lock(hashtext(%s))", (SCHEMA,))
        try:
            if await queue.schema_is_installed():
                await queue.upgrade()
            else:
                await queue.install()
        finally:
            await connection.execute("select pg_advisory_unlock(hashtext(%s))", (SCHEMA,))
