"""Jobs: acknowledged work is run once, and a worker's death loses and repeats nothing."""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from smeboost_shared.errors import InvalidInput, StoreUnavailable
from smeboost_sync.job_queue import install_queue
from smeboost_sync.jobs import Jobs, TakenOver
from smeboost_sync.models import Job, JobState
from smeboost_sync.run import Run
from smeboost_sync.settings import JobSettings
from smeboost_sync.worker import Ended, Handler, Worker

USER = uuid4()
DYING_WORKER = Path(__file__).with_name("dying_worker.py")


async def count(run: Run) -> Ended:
    """Note a step for each number up to `total`, skipping those that are noted as begun."""
    steps = await run.steps()
    for number in range(run.job.total):
        if number not in steps:
            await run.begin_step(number)
            await run.finish_step(number, {"number": number}, done=number + 1)
    return Ended(JobState.SUCCEEDED, {"counted": run.job.total})


async def ended(jobs: Jobs, job_id: UUID) -> Job:
    async with asyncio.timeout(10):
        while True:
            job = await jobs.read(job_id)
            assert job is not None
            if job.state not in (JobState.QUEUED, JobState.RUNNING):
                return job
            await asyncio.sleep(0.02)


def enqueue(jobs: Jobs, workspace: UUID, kind: str = "count", total: int = 3, **arguments: Any):
    return jobs.enqueue(workspace_id=workspace, user_id=USER, kind=kind, arguments=arguments, total=total)


@asynccontextmanager
async def working(settings: JobSettings, jobs: Jobs, handlers: dict[str, Handler], *, stop_seconds: float = 2):
    stop = asyncio.Event()
    task = asyncio.create_task(Worker(settings, jobs, handlers, stop_seconds=stop_seconds).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)


async def test_job_is_run_and_its_result_and_progress_are_kept(
    settings: JobSettings, jobs: Jobs, workspace: UUID
) -> None:
    job = await enqueue(jobs, workspace, total=3)
    assert (job.state, job.done, job.total) == (JobState.QUEUED, 0, 3)
    async with working(settings, jobs, {"count": count}):
        finished = await ended(jobs, job.id)
    assert (finished.state, finished.done, finished.result) == (JobState.SUCCEEDED, 3, {"counted": 3})
    assert finished.started_at is not None
    assert finished.finished_at is not None
    assert await jobs.start(job.id) is None


async def test_job_is_not_visible_in_another_workspace(jobs: Jobs, workspace: UUID) -> None:
    job = await enqueue(jobs, workspace)
    assert await jobs.read(job.id, uuid4()) is None
    assert (await jobs.read(job.id, workspace)) == job
    assert [listed.id for listed in await jobs.list(workspace)] == [job.id]


async def refuse(_run: Run) -> Ended:
    raise InvalidInput("the third record is wrong")


async def break_down(_run: Run) -> Ended:
    raise ValueError("a secret detail")


@pytest.mark.parametrize(
    ("kind", "code"), [("refuse", "invalid_input"), ("break", "internal_error"), ("unheard of", "not_supported")]
)
async def test_job_that_cannot_be_done_ends_with_a_clear_error(
    settings: JobSettings, jobs: Jobs, workspace: UUID, kind: str, code: str
) -> None:
    job = await enqueue(jobs, workspace, kind)
    async with working(settings, jobs, {"refuse": refuse, "break": break_down}):
        finished = await ended(jobs, job.id)
    assert finished.state is JobState.FAILED
    assert finished.error is not None
    assert finished.error["code"] == code
    assert "secret" not in str(finished.error)


async def test_many_jobs_are_each_run_once_by_two_workers(settings: JobSettings, jobs: Jobs, workspace: UUID) -> None:
    runs: list[UUID] = []

    async def note(run: Run) -> Ended:
        runs.append(run.job.id)
        return Ended(JobState.SUCCEEDED, {})

    queued = [(await enqueue(jobs, workspace, "note")).id for _ in range(20)]
    async with working(settings, jobs, {"note": note}), working(settings, jobs, {"note": note}):
        for job_id in queued:
            await ended(jobs, job_id)
    assert sorted(runs) == sorted(queued)


async def test_job_of_a_killed_worker_is_taken_up_again_with_its_steps(
    settings: JobSettings, jobs: Jobs, workspace: UUID
) -> None:
    job = await enqueue(jobs, workspace, total=3)
    url = settings.database_url.get_secret_value()
    process = await asyncio.create_subprocess_exec(sys.executable, str(DYING_WORKER), url)
    assert await asyncio.wait_for(process.wait(), 20) == -9
    seen: list[dict[int, Any]] = []

    async def resume(run: Run) -> Ended:
        seen.append({number: step.outcome for number, step in (await run.steps()).items()})
        return await count(run)

    async with working(settings, jobs, {"count": resume}):
        finished = await ended(jobs, job.id)
    assert finished.state is JobState.SUCCEEDED
    assert seen == [{0: {}, 1: None}]


async def test_worker_goes_on_after_its_database_connections_were_cut(
    settings: JobSettings, jobs: Jobs, workspace: UUID
) -> None:
    async with working(settings, jobs, {"count": count}):
        await ended(jobs, (await enqueue(jobs, workspace)).id)
        url = settings.database_url.get_secret_value()
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()"""
            )
        assert (await ended(jobs, (await enqueue(jobs, workspace)).id)).state is JobState.SUCCEEDED


async def test_a_stopped_worker_gives_its_waiting_job_back(settings: JobSettings, jobs: Jobs, workspace: UUID) -> None:
    job = await enqueue(jobs, workspace)
    waiting = asyncio.Event()

    async def wait(run: Run) -> Ended:
        await run.begin_step(0)
        await run.finish_step(0, {}, done=1)
        waiting.set()
        await run.pause(600)
        return Ended(JobState.SUCCEEDED, {})

    async with working(settings, jobs, {"count": wait}):
        await asyncio.wait_for(waiting.wait(), 5)
        stopped_at = time.monotonic()
    assert time.monotonic() - stopped_at < 2
    async with working(settings, jobs, {"count": count}):
        finished = await ended(jobs, job.id)
    assert (finished.state, finished.done) == (JobState.SUCCEEDED, 3)


async def test_a_stopped_worker_gives_up_what_does_not_end(settings: JobSettings, jobs: Jobs, workspace: UUID) -> None:
    job = await enqueue(jobs, workspace)
    sent = asyncio.Event()

    async def hang(run: Run) -> Ended:
        await run.begin_step(0)
        sent.set()
        await asyncio.sleep(600)
        return Ended(JobState.SUCCEEDED, {})

    async with working(settings, jobs, {"count": hang}, stop_seconds=0.2):
        await asyncio.wait_for(sent.wait(), 5)
    assert {number: step.outcome for number, step in (await jobs.steps(job.id)).items()} == {0: None}
    async with working(settings, jobs, {"count": count}):
        assert (await ended(jobs, job.id)).state is JobState.SUCCEEDED


async def test_an_older_run_may_note_nothing(jobs: Jobs, workspace: UUID) -> None:
    job_id = (await enqueue(jobs, workspace)).id
    old = await jobs.start(job_id)
    assert old is not None
    await jobs.begin_step(old, 0)
    new = await jobs.start(job_id)
    assert new is not None
    for refused in (
        jobs.begin_step(old, 1),
        jobs.finish_step(old, 0, {}, done=1),
        jobs.finish(old, JobState.SUCCEEDED, result={}),
    ):
        with pytest.raises(TakenOver):
            await refused
    await jobs.forget_step(old, 0)
    assert {number: step.outcome for number, step in (await jobs.steps(job_id)).items()} == {0: None}
    await jobs.finish(new, JobState.SUCCEEDED, result={})


async def test_a_worker_that_lost_the_queue_does_not_go_on_beside_the_next_one(
    settings: JobSettings, jobs: Jobs, workspace: UUID
) -> None:
    """The connection that its heartbeats travel on is cut; that of its notes is not."""
    job = await enqueue(jobs, workspace, total=30)
    sent: list[int] = []
    under_way = asyncio.Event()

    async def send(run: Run) -> Ended:
        steps = await run.steps()
        for number in range(run.job.total):
            if number not in steps:
                await run.begin_step(number)
                sent.append(number)
                if number == 3:
                    under_way.set()
                await asyncio.sleep(0.02)
                await run.finish_step(number, {}, done=number + 1)
        return Ended(JobState.SUCCEEDED, {})

    handlers: dict[str, Handler] = {"count": send}
    async with working(settings, jobs, handlers), working(settings, jobs, handlers):
        await asyncio.wait_for(under_way.wait(), 5)
        async with await psycopg.AsyncConnection.connect(
            settings.database_url.get_secret_value(), autocommit=True
        ) as connection:
            await connection.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
                   and query not like '%smeboost.job%' and pid <> pg_backend_pid()"""
            )
        assert (await ended(jobs, job.id)).state is JobState.SUCCEEDED
    assert sorted(sent) == list(range(30))


async def test_a_taken_over_entry_is_left_to_its_new_worker(settings: JobSettings, jobs: Jobs, workspace: UUID) -> None:
    """The late worker must not end the entry: were the new one to die, nobody would take the job up."""
    job = await enqueue(jobs, workspace)
    resumed = asyncio.Event()

    async def overtaken(run: Run) -> Ended:
        if resumed.is_set():
            return Ended(JobState.SUCCEEDED, {})
        await jobs.start(job.id)
        resumed.set()
        await run.begin_step(0)
        raise AssertionError("the older run goes on")

    async with working(settings, jobs, {"count": overtaken}):
        assert (await ended(jobs, job.id)).state is JobState.SUCCEEDED


async def test_what_a_step_did_is_noted_when_the_database_is_back(
    settings: JobSettings, jobs: Jobs, workspace: UUID
) -> None:
    job = await enqueue(jobs, workspace, total=1)
    url = settings.database_url.get_secret_value()
    database = conninfo_to_dict(url)["dbname"]
    over = asyncio.Event()
    async with await psycopg.AsyncConnection.connect(url, dbname="postgres", autocommit=True) as server:

        async def allow(connections: bool) -> None:
            name = sql.Identifier(str(database))
            answer = sql.SQL("true" if connections else "false")
            await server.execute(sql.SQL("alter database {} allow_connections {}").format(name, answer))

        async def outage(run: Run) -> Ended:
            await run.begin_step(0)
            await allow(connections=False)
            await server.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (database,)
            )
            noted = asyncio.create_task(run.finish_step(0, {"written": 10}, done=1))
            await asyncio.sleep(0.3)
            await allow(connections=True)
            await noted
            over.set()
            return Ended(JobState.SUCCEEDED, (await run.steps())[0].outcome or {})

        async with working(settings, jobs, {"count": outage}, stop_seconds=20):
            # Who asks during the outage is told that the store is unavailable, so ask afterwards.
            await asyncio.wait_for(over.wait(), 10)
            assert (await ended(jobs, job.id)).result == {"written": 10}


async def test_any_text_of_a_cell_can_be_kept(jobs: Jobs, workspace: UUID) -> None:
    job = await enqueue(jobs, workspace, text="a\x00b")
    started = await jobs.start(job.id)
    assert started is not None
    assert started.arguments == {"text": "a\x00b"}


async def test_queue_can_be_installed_again_and_by_two_at_once(settings: JobSettings) -> None:
    url = settings.database_url.get_secret_value()
    await asyncio.gather(install_queue(url), install_queue(url))


async def test_unreachable_database_is_a_retryable_error(unused_tcp_port_factory: Callable[[], int]) -> None:
    url = f"postgresql://nobody@127.0.0.1:{unused_tcp_port_factory()}/none"
    settings = JobSettings.model_validate({"SMEBOOST_DATABASE_URL": url, "pool_timeout_seconds": 0.3})
    opened: AbstractAsyncContextManager[Jobs] = Jobs(settings)
    async with opened as jobs:
        with pytest.raises(StoreUnavailable):
            await enqueue(jobs, uuid4())
