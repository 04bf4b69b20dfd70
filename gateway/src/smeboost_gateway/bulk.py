"""More records than one batch of Airtable's holds: a job, one step a batch.

Rules of this room:

- A step is noted before its batch is sent and again with what became of it, so a worker that takes the job over knows
  what was done. A batch that was begun and never finished has an unknown outcome: an upsert is sent again, because it
  finds what it wrote; a create is not, and the result names its records for a person to look at.
- A failure that can pass (too fast, not reachable) wrote nothing, and is waited out, up to `PATIENCE_SECONDS`; one that
  concerns all batches (no permission, no such table, quota) ends the job; one that concerns a batch is noted and the
  next is sent.
"""

import math
import re
import time
from collections.abc import Callable
from typing import Any, Literal
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from smeboost_shared.errors import ErrorBody, InvalidInput, OutcomeUnknown, SmeBoostError, VendorRejected
from smeboost_sync.jobs import Jobs
from smeboost_sync.models import Job, JobState
from smeboost_sync.run import Run
from smeboost_sync.worker import Ended, Handler

from smeboost_gateway.callpath import Answer, Call, CallPath
from smeboost_gateway.identity import Identity, Role

BATCH_RECORDS_MAX = 10
"""Records in one of Airtable's own write requests (Airtable Web API, create records)."""
KIND = "airtable.write_records"
PATIENCE_SECONDS = 600.0
WAIT_SECONDS_MIN, WAIT_SECONDS_MAX = 1.0, 30.0
RECORD_PLACE = re.compile(r"^records\.(\d+)")


class BulkWrite(BaseModel):
    """What a job of this kind has to do, and for whom."""

    model_config = ConfigDict(frozen=True)

    tool: Literal["create_records", "upsert_records"]
    base_id: str
    table_id: str
    records: list[dict[str, Any]]
    merge_on: list[str] | None = None
    typecast: bool = False
    email: str
    role: Role

    def places(self, number: int) -> tuple[int, int]:
        """The first and the last record of that batch."""
        first = number * BATCH_RECORDS_MAX
        return first, min(first + BATCH_RECORDS_MAX, len(self.records)) - 1

    def batch(self, first: int) -> dict[str, Any]:
        """The tool's arguments for the batch that begins at that record."""
        records = self.records[first : first + BATCH_RECORDS_MAX]
        arguments = {"base_id": self.base_id, "table_id": self.table_id, "records": records, "typecast": self.typecast}
        return arguments if self.merge_on is None else arguments | {"merge_on": self.merge_on}


class BulkFailure(BaseModel):
    """Records that were not written, and why; the index counts from the start of the request."""

    first: int
    last: int
    error: ErrorBody


class BulkResult(BaseModel):
    """What became of every record."""

    written: int = 0
    record_ids: list[str] = Field(default_factory=list[str])
    created: list[str] = Field(default_factory=list[str])
    updated: list[str] = Field(default_factory=list[str])
    failed: list[BulkFailure] = Field(default_factory=list[BulkFailure])
    unknown: list[int] = Field(default_factory=list[int])

    def add(self, other: "BulkResult") -> None:
        """Take in what became of one more batch."""
        self.written += other.written
        for name in ("record_ids", "created", "updated", "failed", "unknown"):
            getattr(self, name).extend(getattr(other, name))


class BulkWrites:
    """Runs jobs of this kind through the call path, as the person who asked."""

    def __init__(self, path: CallPath, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock

    def handlers(self) -> dict[str, Handler]:
        """For the worker."""
        return {KIND: self.run}

    async def run(self, run: Run) -> Ended:
        """Write all batches that no earlier worker has written.

        Raises:
            SmeBoostError: nothing was written for certain, and nothing is unknown.
        """
        request = BulkWrite.model_validate(run.job.arguments)
        steps = await run.steps()
        result = BulkResult()
        for number in range(math.ceil(len(request.records) / BATCH_RECORDS_MAX)):
            step = steps.get(number)
            if step is not None and step.outcome is not None:
                result.add(BulkResult.model_validate(step.outcome))
                continue
            first, last = request.places(number)
            stopping: SmeBoostError | None = None
            if step is not None and request.tool == "create_records":
                outcome = BulkResult(unknown=list(range(first, last + 1)))
            else:
                outcome, stopping = await self._write(run, request, number)
            await run.finish_step(number, outcome.model_dump(mode="json"), done=last + 1)
            result.add(outcome)
            if stopping is not None:
                result.failed += _not_sent(stopping, last + 1, len(request.records))
                break
        return _ended(result)

    async def _write(self, run: Run, request: BulkWrite, number: int) -> tuple[BulkResult, SmeBoostError | None]:
        """What became of one batch, and the error that ends the whole job, if it does."""
        job = run.job
        identity = Identity(str(job.user_id), request.email, request.role, str(job.workspace_id), session_id="")
        first, last = request.places(number)
        call = Call(identity, "airtable", request.tool, request.batch(first))
        answer = await self._patiently(call, run, number)
        if isinstance(answer, OutcomeUnknown):
            return BulkResult(unknown=list(range(first, last + 1))), None
        if isinstance(answer, SmeBoostError):
            failure = BulkFailure(first=first, last=last, error=_placed(answer.body(), first))
            concerns_batch = isinstance(answer, InvalidInput | VendorRejected)
            return BulkResult(failed=[failure]), None if concerns_batch else answer
        return _written(msgspec.json.decode(answer.body), first), None

    async def _patiently(self, call: Call, run: Run, number: int) -> Answer | SmeBoostError:
        """The answer, or the error with which we give up; those of `run` itself are raised."""
        give_up_at = self._clock() + PATIENCE_SECONDS
        wait = WAIT_SECONDS_MIN
        while True:
            await run.begin_step(number)
            try:
                return await self._path(call)
            except SmeBoostError as exc:
                pause = max(wait, exc.retry_after_seconds or 0)
                if not exc.retryable or self._clock() + pause > give_up_at:
                    return exc
            await run.forget_step(number)
            await run.pause(pause)
            wait = min(wait * 2, WAIT_SECONDS_MAX)


def _written(answer: dict[str, Any], first: int) -> BulkResult:
    """What became of a batch of which something was written; of a probable record nobody can be sure."""
    ids = [record["id"] for record in answer["records"]]
    failures = [(failure["index"] + first, ErrorBody.model_validate(failure["error"])) for failure in answer["failed"]]
    unsure = [*answer["unknown"], *(each["index"] for each in answer.get("probable", []))]
    return BulkResult(
        written=len(ids),
        record_ids=ids,
        created=answer.get("created", []),
        updated=answer.get("updated", []),
        failed=[BulkFailure(first=place, last=place, error=_placed(error, first)) for place, error in failures],
        unknown=sorted(item + first for item in unsure),
    )


def _not_sent(error: SmeBoostError, first: int, total: int) -> list[BulkFailure]:
    return [BulkFailure(first=first, last=total - 1, error=error.body())] if first < total else []


def _placed(body: ErrorBody, first: int) -> ErrorBody:
    """The error with its places counted from the start of the request instead of the batch."""

    def moved(field: str) -> str:
        return RECORD_PLACE.sub(lambda found: f"records.{int(found[1]) + first}", field)

    problems = [problem.model_copy(update={"field": moved(problem.field)}) for problem in body.errors]
    return body.model_copy(update={"errors": problems})


def _ended(result: BulkResult) -> Ended:
    if not result.failed and not result.unknown:
        return Ended(JobState.SUCCEEDED, result.model_dump(mode="json"))
    if not result.written and not result.unknown:
        raise SmeBoostError.from_body(result.failed[0].error)
    return Ended(JobState.INCOMPLETE, result.model_dump(mode="json"))


async def enqueue(jobs: Jobs, identity: Identity, write: BulkWrite) -> Job:
    """Store the write as a job of the person's workspace."""
    return await jobs.enqueue(
        workspace_id=UUID(identity.workspace_id),
        user_id=UUID(identity.user_id),
        kind=KIND,
        arguments=write.model_dump(mode="json"),
        total=len(write.records),
    )
