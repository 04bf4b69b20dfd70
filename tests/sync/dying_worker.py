"""A worker process that is killed in the middle of the second step of its job; argument: the database's URL."""

import asyncio
import os
import sys

from smeboost_sync.jobs import Jobs
from smeboost_sync.models import Job, JobState
from smeboost_sync.settings import JobSettings
from smeboost_sync.worker import Ended, Worker


async def die_in_step(job: Job, jobs: Jobs) -> Ended:
    await jobs.begin_step(job.id, 0)
    await jobs.finish_step(job.id, 0, {}, done=1)
    await jobs.begin_step(job.id, 1)
    os.kill(os.getpid(), 9)
    return Ended(JobState.SUCCEEDED, {})


async def run(url: str) -> None:
    settings = JobSettings.model_validate({"SMEBOOST_DATABASE_URL": url})
    async with Jobs(settings) as jobs:
        await Worker(settings, jobs, {"count": die_in_step}).run(asyncio.Event())


asyncio.run(run(sys.argv[1]))
