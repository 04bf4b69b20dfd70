"""Jobs: acknowledged work is run once, and a worker's death loses and repeats nothing."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from smeboost_shared.errors import InvalidInput, StoreUnavailable
from smeboost_sync.job_queue import install_queue
from smeboost_sync.jobs import Jobs
from smeboost_sync.models import Job, JobState
from smeboost_sync.settings import JobSettings
from smeboost_sync.worker import Ended, Handler, Worker

USER = uuid4()
DYING_WORKER = Path(__file__).with_name("dying_worker.py")


async def count(job: Job, jobs: Jobs) -> Ended:
    """Note a step for each number up to `total`, skipping those that are noted as finished."""
    steps = await jobs.steps(job.id)
    for number in range(job.total):
        if number not in steps:
            await jobs.begin_step(job.id, number)
            await jobs.finish_step(job.id, number, {"number": number}, done=number + 1)
    return Ended(JobState.SUCCEEDED, {"counted": job.total})


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
async def working(settings: JobSettings, jobs: Jobs, handlers: dict[str, Handler]):
    stop = asyncio.Event()
    task = asyncio.create_task(Worker(settings, jobs, handlers).run(stop))
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


async def refuse(_job: Job, _jobs: Jobs) -> Ended:
    raise InvalidInput("the third record is wrong")


async def break_down(_job: Job, _jobs: Jobs) -> Ended:
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

    async def note(job: Job, _jobs: Jobs) -> Ended:
        runs.append(job.id)
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

    async def resume(job: Job, jobs: Jobs) -> Ended:
        seen.append({number: step.outcome for number, step in (await jobs.steps(job.id)).items()})
        return await count(job, jobs)

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
