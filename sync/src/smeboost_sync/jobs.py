"""The port to long work: put a job in, ask how it stands, note its steps.

Rules of this room:

- A job and its place in the queue are written in one transaction: what was acknowledged will be run.
- A step is noted before its outside effect (`begin_step`) and after it (`finish_step`). After a crash the steps that
  were begun and not finished have an unknown outcome; only the handler can say whether repeating them is safe.
- Each start of a job is a new run, and only the newest may note anything: a worker that was cut off and comes back
  hears `TakenOver` before it does what another one does already.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from pgqueuer import Queries
from psycopg.rows import class_row
from psycopg.types.json import Json
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from smeboost_shared.errors import Conflict, ErrorBody, StoreUnavailable

from smeboost_sync.job_queue import queries_on
from smeboost_sync.models import Job, JobState, StartedJob, Step
from smeboost_sync.settings import JobSettings

ENTRYPOINT = "job"
"""The one kind of entry that we put into the queue; its payload is the job's id."""

LIST_LIMIT_MAX = 200

# Not `*`: the arguments of a job may be a megabyte, and who asks how it stands does not want them.
COLUMNS: LiteralString = """id, workspace_id, user_id, kind, state, done, total, result, error,
    created_at, started_at, finished_at"""


class TakenOver(Conflict):
    """Another worker has taken the job over."""


class Jobs:
    """Jobs in PostgreSQL; an async context manager that owns its connections."""

    def __init__(self, settings: JobSettings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._pool: AsyncConnectionPool[psycopg.AsyncConnection] | None = None

    async def __aenter__(self) -> "Jobs":
        pool = AsyncConnectionPool[psycopg.AsyncConnection](
            self._settings.database_url.get_secret_value(),
            min_size=0,
            max_size=self._settings.pool_size,
            timeout=self._settings.pool_timeout_seconds,
            kwargs={"autocommit": True, "connect_timeout": 3},
            check=AsyncConnectionPool.check_connection,
            open=False,
        )
        self._pool = await self._stack.enter_async_context(pool)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._stack.aclose()

    async def enqueue(
        self, *, workspace_id: UUID, user_id: UUID, kind: str, arguments: dict[str, Any], total: int
    ) -> Job:
        """Store a job and queue it.

        Raises:
            StoreUnavailable: the database cannot be reached; nothing was stored.
        """
        query: LiteralString = f"""insert into smeboost.jobs (workspace_id, user_id, kind, arguments, total)
            values (%s, %s, %s, %s, %s) returning {COLUMNS}"""  # noqa: S608  # COLUMNS is ours
        async with self._connection() as connection, connection.transaction():
            job = await self._one(connection, query, workspace_id, user_id, kind, Json(arguments), total)
            queue: Queries = queries_on(connection)
            await queue.enqueue(ENTRYPOINT, str(job.id).encode())
        return job

    async def read(self, job_id: UUID, workspace_id: UUID | None = None) -> Job | None:
        """The job, or None when there is none of that id in that workspace."""
        query: LiteralString = f"""select {COLUMNS} from smeboost.jobs
            where id = %s and workspace_id = coalesce(%s, workspace_id)"""  # noqa: S608  # COLUMNS is ours
        async with self._connection() as connection, connection.cursor(row_factory=class_row(Job)) as cursor:
            await cursor.execute(query, (job_id, workspace_id))
            return await cursor.fetchone()

    async def list(self, workspace_id: UUID, *, limit: int = 50) -> list[Job]:
        """The newest jobs of a workspace, at most `limit` (and at most 200)."""
        query: LiteralString = f"""select {COLUMNS} from smeboost.jobs
            where workspace_id = %s order by created_at desc limit %s"""  # noqa: S608  # COLUMNS is ours
        async with self._connection() as connection, connection.cursor(row_factory=class_row(Job)) as cursor:
            await cursor.execute(query, (workspace_id, min(limit, LIST_LIMIT_MAX)))
            return await cursor.fetchall()

    async def start(self, job_id: UUID) -> StartedJob | None:
        """Begin a new run of the job; None when it has ended already or does not exist."""
        query: LiteralString = f"""update smeboost.jobs
            set state = 'running', run = run + 1, started_at = coalesce(started_at, now())
            where id = %s and state in ('queued', 'running') returning {COLUMNS}, arguments, run"""  # noqa: S608  # COLUMNS is ours
        async with self._connection() as connection, connection.cursor(row_factory=class_row(StartedJob)) as cursor:
            await cursor.execute(query, (job_id,))
            return await cursor.fetchone()

    async def finish(
        self,
        job: StartedJob,
        state: JobState,
        *,
        result: dict[str, Any] | None = None,
        error: ErrorBody | None = None,
    ) -> None:
        """Record how the job ended.

        Raises:
            TakenOver: a newer run will.
        """
        body = error.model_dump(mode="json", exclude_none=True) if error else None
        query = """update smeboost.jobs set state = %s, result = %s, error = %s, finished_at = now()
            where id = %s and run = %s"""
        values = (state.value, Json(result) if result is not None else None, Json(body) if body else None)
        async with self._connection() as connection:
            await _change(connection, query, *values, job.id, job.run)

    async def steps(self, job_id: UUID) -> dict[int, Step]:
        """The steps noted so far, by number."""
        query = "select number, outcome from smeboost.job_steps where job_id = %s order by number"
        async with self._connection() as connection, connection.cursor(row_factory=class_row(Step)) as cursor:
            await cursor.execute(query, (job_id,))
            return {step.number: step async for step in cursor}

    async def begin_step(self, job: StartedJob, number: int) -> None:
        """Note that the step's outside effect is about to happen.

        Raises:
            TakenOver: it must not happen here.
        """
        query = """insert into smeboost.job_steps (job_id, number)
            select id, %s from smeboost.jobs where id = %s and run = %s for share
            on conflict (job_id, number) do update set begun_at = now()"""
        async with self._connection() as connection:
            await _change(connection, query, number, job.id, job.run)

    async def forget_step(self, job: StartedJob, number: int) -> None:
        """Note that the step was begun, but surely had no effect."""
        query = """delete from smeboost.job_steps using smeboost.jobs
            where job_id = %s and number = %s and outcome is null and id = job_id and run = %s"""
        async with self._connection() as connection:
            await connection.execute(query, (job.id, number, job.run))

    async def finish_step(self, job: StartedJob, number: int, outcome: dict[str, Any], *, done: int) -> None:
        """Note what the step did, and that `done` units of the job are finished. Safe to repeat.

        Raises:
            TakenOver: a newer run has to say what it can about the step.
        """
        async with self._connection() as connection, connection.transaction():
            query = "update smeboost.jobs set done = %s where id = %s and run = %s"
            await _change(connection, query, done, job.id, job.run)
            await connection.execute(
                "update smeboost.job_steps set outcome = %s, finished_at = now() where job_id = %s and number = %s",
                (Json(outcome), job.id, number),
            )

    @staticmethod
    async def _one(connection: psycopg.AsyncConnection, query: LiteralString, *values: object) -> Job:
        async with connection.cursor(row_factory=class_row(Job)) as cursor:
            await cursor.execute(query, values)
            job = await cursor.fetchone()
        if job is None:
            raise StoreUnavailable("the database did not return the job it stored")
        return job

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[psycopg.AsyncConnection]:
        if self._pool is None:
            raise RuntimeError("Jobs is used outside its context")
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as exc:
            raise StoreUnavailable("The database that holds the jobs cannot be reached.") from exc


async def _change(connection: psycopg.AsyncConnection, query: LiteralString, *values: object) -> None:
    """Run a statement that changes nothing when the run in its condition is not the newest."""
    if (await connection.execute(query, values)).rowcount == 0:
        raise TakenOver
