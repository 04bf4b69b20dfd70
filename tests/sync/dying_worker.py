"""A worker process that is killed in the middle of the second step of its job; argument: the database's URL."""

import asyncio
import os
import sys

from smeboost_sync.jobs import Jobs
from smeboost_sync.models import JobState
from smeboost_sync.run import Run
from smeboost_sync.settings import JobSettings
from smeboost_sync.worker import Ended, Worker


async def die_in_step(run: Run) -> Ended:
    await run.begin_step(0)
    await run.finish_step(0, {}, done=1)
    await run.begin_step(1)
    os.kill(os.getpid(), 9)
    return Ended(JobState.SUCCEEDED, {})


async def work(url: str) -> None:
    settings = JobSettings.model_validate({"SMEBOOST_DATABASE_URL": url})
    async with Jobs(settings) as jobs:
        await Worker(settings, jobs, {"count": die_in_step}).run(asyncio.Event())


asyncio.run(work(sys.argv[1]))
