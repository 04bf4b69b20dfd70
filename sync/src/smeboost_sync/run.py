"""One run of a job, as its handler sees it: what to do, what was done, and when to let go.

Rules of this room:

- A worker that is told to stop lets its jobs go at the next `begin_step` or `pause`, where nothing is under way. The
  next worker goes on from the noted steps.
- What a step did is known only here until it is noted: so a database that is away for a moment is waited for.
"""

import asyncio
import time
from typing import Any

from smeboost_shared.errors import StoreUnavailable

from smeboost_sync.jobs import Jobs
from smeboost_sync.models import StartedJob, Step

NOTE_SECONDS_MAX = 20.0
NOTE_RETRY_SECONDS = 0.2


class Interrupted(Exception):
    """The worker stops: the job is to be taken up again."""


class Run:
    """A job that its worker has started."""

    def __init__(self, jobs: Jobs, job: StartedJob, stopping: asyncio.Event) -> None:
        self.job, self.stopping = job, stopping
        self._jobs = jobs

    async def steps(self) -> dict[int, Step]:
        """The steps noted so far, by number."""
        return await self._jobs.steps(self.job.id)

    async def begin_step(self, number: int) -> None:
        """Note that the step's outside effect is about to happen.

        Raises:
            Interrupted: it must not, because the worker stops.
            TakenOver: it must not, because another worker has the job.
        """
        self._check()
        await self._jobs.begin_step(self.job, number)

    async def forget_step(self, number: int) -> None:
        """Note that the step was begun, but surely had no effect."""
        await self._jobs.forget_step(self.job, number)

    async def finish_step(self, number: int, outcome: dict[str, Any], *, done: int) -> None:
        """Note what the step did, and that `done` units of the job are finished.

        Raises:
            TakenOver: another worker has the job.
            StoreUnavailable: the database was away for longer than `NOTE_SECONDS_MAX`.
        """
        give_up_at = time.monotonic() + NOTE_SECONDS_MAX
        while True:
            try:
                await self._jobs.finish_step(self.job, number, outcome, done=done)
            except StoreUnavailable:
                if time.monotonic() > give_up_at:
                    raise
                await asyncio.sleep(NOTE_RETRY_SECONDS)
            else:
                return

    async def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Interrupted: the worker stops.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            return
        self._check()

    def _check(self) -> None:
        if self.stopping.is_set():
            raise Interrupted
