"""How a job stands: `/api/jobs`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from smeboost_shared.errors import ErrorBody, NotFound
from smeboost_sync.jobs import LIST_LIMIT_MAX, Jobs
from smeboost_sync.models import Job, JobState
from starlette.responses import Response

from smeboost_gateway.operations import AnyOperation, Ask, Nothing, Operation


class JobStatus(BaseModel):
    """A job of your workspace; `done` of `total` records are dealt with."""

    job_id: UUID
    kind: str
    state: JobState
    done: int
    total: int
    result: dict[str, Any] | None = None
    error: ErrorBody | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None


class JobList(BaseModel):
    """The newest jobs first."""

    jobs: list[JobStatus]


class JobsQuery(BaseModel):
    """How many."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(default=50, ge=1, le=LIST_LIMIT_MAX, description="most jobs of the answer")


class JobRoutes:
    """Reading jobs; they are made by the requests that need them."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def operations(self) -> list[AnyOperation]:
        """What there is at `/api/jobs`."""
        one = "/api/jobs/{jobId}"
        return [
            Operation("GET", "/api/jobs", "List jobs", self.list_jobs, JobsQuery, Nothing, {200: JobList}),
            Operation("GET", one, "Get a job", self.get_job, Nothing, Nothing, {200: JobStatus}),
        ]

    async def list_jobs(self, ask: Ask[JobsQuery, Nothing]) -> Response:
        """GET the jobs of the workspace."""
        found = await self._jobs.list(UUID(ask.identity.workspace_id), limit=ask.query.limit)
        return answer(JobList(jobs=[status_of(job) for job in found]))

    async def get_job(self, ask: Ask[Nothing, Nothing]) -> Response:
        """GET one job."""
        try:
            job_id = UUID(ask.path["jobId"])
        except ValueError:
            raise _no_job() from None
        job = await self._jobs.read(job_id, UUID(ask.identity.workspace_id))
        if job is None:
            raise _no_job()
        return answer(status_of(job))


def _no_job() -> NotFound:
    return NotFound("There is no such job in your workspace.", hint="GET /api/jobs lists them.")


def status_of(job: Job) -> JobStatus:
    """What is said of a job."""
    return JobStatus.model_validate({"job_id": job.id, **job.model_dump()})


def answer(body: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that nobody keeps."""
    return Response(
        body.model_dump_json(exclude_none=True),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        "application/json",
    )
