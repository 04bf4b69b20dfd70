"""The worker: takes jobs from the queue and runs the handler of their kind until it is told to stop.

A worker that dies leaves its job in the queue; another one takes it when its heartbeat is older than
`stale_seconds`, and the job's noted steps tell its handler what was done already. A worker that is told to stop, or
that lost its connection to the queue, gives its jobs back: see `run.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
from pgqueuer import Job as QueueEntry
from pgqueuer import QueueManager, RetryRequested
from pgqueuer.types import Channel
from smeboost_shared.errors import NotSupported, SmeBoostError, StoreUnavailable
from smeboost_shared.logs import get_logger

from smeboost_sync.job_queue import CHANNEL, WorkerQueries, connect_worker, worker_queries_on
from smeboost_sync.jobs import ENTRYPOINT, Jobs, TakenOver
from smeboost_sync.models import JobState
from smeboost_sync.run import Interrupted, Run
from smeboost_sync.settings import JobSettings

RECONNECT_SECONDS_MAX = 5.0
RETRY_AFTER = timedelta(seconds=1)
STOP_SECONDS = 5.0
LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
)
"""What a database that is away, or going away, looks like; a connection cut amid a call may also mix its states up."""
log = get_logger("worker")


@dataclass(frozen=True)
class Ended:
    """How a handler says that its job ended."""

    state: JobState
    result: dict[str, Any]


Handler = Callable[[Run], Coroutine[None, None, Ended]]


class Worker:
    """Runs jobs of the kinds that `handlers` names."""

    def __init__(
        self, settings: JobSettings, jobs: Jobs, handlers: Mapping[str, Handler], *, stop_seconds: float = STOP_SECONDS
    ) -> None:
        """`stop_seconds`: how long a job may go on when the worker stops; then what is under way is given up."""
        self._settings = settings
        self._jobs = jobs
        self._handlers = handlers
        self._stop_seconds = stop_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; a lost database is waited for."""
        wait = 0.1
        while not stop.is_set():
            try:
                await self._work(stop)
            except LOST as exc:
                log.warning("queue_lost", error=type(exc).__name__, wait_seconds=wait)
                await _sleep_unless(stop, wait)
                wait = min(wait * 2, RECONNECT_SECONDS_MAX)
            else:
                wait = 0.1

    async def _work(self, stop: asyncio.Event) -> None:
        connection = await connect_worker(self._settings.database_url.get_secret_value())
        queries = worker_queries_on(connection)
        manager = QueueManager(queries, Channel(CHANNEL))
        manager.entrypoint(ENTRYPOINT)(self._taker(queries, manager.shutdown))
        connection.add_termination_listener(_stopper(manager))
        stopping = asyncio.create_task(_forward(stop, manager.shutdown))
        try:
            await manager.run(
                dequeue_timeout=timedelta(seconds=self._settings.stale_seconds),
                batch_size=max(self._settings.concurrent_jobs // 2, 1),
                max_concurrent_tasks=self._settings.concurrent_jobs,
                heartbeat_timeout=timedelta(seconds=self._settings.stale_seconds),
            )
        finally:
            stopping.cancel()
            connection.terminate()

    def _taker(self, queries: WorkerQueries, stopping: asyncio.Event) -> Callable[[QueueEntry], Awaitable[None]]:
        async def take(entry: QueueEntry) -> None:
            queries.left.discard(entry.id)
            try:
                job = await self._jobs.start(UUID((entry.payload or b"").decode()))
                if job is not None:
                    await self.run_job(Run(self._jobs, job, stopping))
            except TakenOver:
                log.warning("job_taken_over", entry=entry.id)
                queries.left.add(entry.id)
            except Interrupted as exc:
                raise RetryRequested(delay=timedelta(0), reason="interrupted") from exc
            except StoreUnavailable as exc:
                # The job is taken up again from its noted steps.
                raise RetryRequested(delay=RETRY_AFTER, reason=exc.code) from exc

        return take

    async def run_job(self, run: Run) -> None:
        """Run one started job to its end and record it.

        Raises:
            Interrupted: it was left, because the worker stops.
            TakenOver: another worker has it.
            StoreUnavailable: the end, or a step, could not be recorded.
        """
        job = run.job
        try:
            ended = await _until_stopped(self._handler_of(job.kind)(run), run.stopping, self._stop_seconds)
        except (StoreUnavailable, TakenOver, Interrupted):
            raise
        except SmeBoostError as exc:
            await self._jobs.finish(job, JobState.FAILED, error=exc.body())
        except Exception:  # the outermost handler of a job: a bug ends the job, not the worker
            log.exception("job_failed", job_id=str(job.id), kind=job.kind)
            await self._jobs.finish(job, JobState.FAILED, error=SmeBoostError().body())
        else:
            await self._jobs.finish(job, ended.state, result=ended.result)

    def _handler_of(self, kind: str) -> Handler:
        handler = self._handlers.get(kind)
        if handler is None:
            raise NotSupported(f"This worker does not know jobs of kind {kind!r}.")
        return handler


async def _until_stopped(work: Coroutine[None, None, Ended], stopping: asyncio.Event, stop_seconds: float) -> Ended:
    """Do the work; after `stopping` it has `stop_seconds` to come to a place where it can be left."""
    task = asyncio.create_task(work)
    told = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait((task, told), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((task,), timeout=stop_seconds)
        if not task.done():
            raise Interrupted
        return task.result()
    finally:
        told.cancel()
        task.cancel()
        await asyncio.wait((task,))


def _stopper(manager: QueueManager) -> Callable[[asyncpg.Connection], None]:
    """Stops the manager when its connection ends: it would wait for notifications that cannot come."""
    return lambda _connection: manager.shutdown.set()


async def _forward(stop: asyncio.Event, shutdown: asyncio.Event) -> None:
    await stop.wait()
    shutdown.set()


async def _sleep_unless(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
