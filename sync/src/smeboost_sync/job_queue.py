"""PgQueuer on our terms: its tables in a schema of their own, on a connection of ours.

Jobs are put in over psycopg, in the caller's transaction. The worker takes them over asyncpg: the library's psycopg
driver holds its connection for up to a second while it waits for notifications, and every query waits with it.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar, cast

import asyncpg
import psycopg
from pgqueuer import Job as QueueEntry
from pgqueuer import Queries
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.db import AsyncpgDriver, PsycopgDriver
from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import JOB_STATUS, JobId
from pgqueuer.ports.driver import Driver

SCHEMA = "smeboost_queue"
CHANNEL = "smeboost_queue"
CONNECT_TIMEOUT_SECONDS = 5


def queries_on(connection: psycopg.AsyncConnection) -> Queries:
    """The queue's operations on that connection, which must be in autocommit mode."""
    return _queries(Queries, PsycopgDriver(connection))


async def connect_worker(database_url: str) -> asyncpg.Connection:
    """A connection for `worker_queries_on`."""
    return cast(asyncpg.Connection, await asyncpg.connect(database_url, timeout=CONNECT_TIMEOUT_SECONDS))


@dataclass
class WorkerQueries(Queries):
    """The queue's operations, for a worker that may leave an entry alone.

    The library ends every entry whose function returned or failed, by its number, also when another worker has it
    by now. An entry that is left stays as it is; when nobody's heart beats for it, it is taken up again.
    """

    left: set[JobId] = field(default_factory=set[JobId])

    async def log_jobs(self, job_status: list[tuple[QueueEntry, JOB_STATUS, TracebackRecord | None]]) -> None:
        """End the entries that were not left."""
        ended = [one for one in job_status if one[0].id not in self.left]
        if ended:
            await super().log_jobs(ended)

    async def retry_job(self, job: QueueEntry, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        """Give the entry back; one that cannot be given back now is left."""
        self.left.add(job.id)
        await super().retry_job(job, delay, traceback_record)


def worker_queries_on(connection: asyncpg.Connection) -> WorkerQueries:
    """The queue's operations as a worker needs them: queries go on while it listens."""
    return _queries(WorkerQueries, AsyncpgDriver(connection))


SomeQueries = TypeVar("SomeQueries", bound=Queries)


def _queries(kind: type[SomeQueries], driver: Driver) -> SomeQueries:
    names = DBSettings(db_schema=SCHEMA, channel=CHANNEL)  # pyright: ignore[reportCallIssue, reportArgumentType]  # populate_by_name, which pyright does not see
    return kind(
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
