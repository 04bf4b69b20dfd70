"""What a job is, as the rest of the house sees it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    INCOMPLETE = "incomplete"
    """It ended, but some of it failed or has an unknown outcome: the result says what."""
    FAILED = "failed"


class Job(BaseModel):
    """One piece of long work, without its arguments; `done` of `total` units are finished."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    workspace_id: UUID
    user_id: UUID
    kind: str
    state: JobState
    done: int
    total: int
    result: dict[str, Any] | None
    error: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class StartedJob(Job):
    """A job as its worker has it: `arguments` say what to do, `run` how often it was taken up."""

    arguments: dict[str, Any]
    run: int


class Step(BaseModel):
    """A noted step of a job; without an outcome it was begun and never finished."""

    model_config = ConfigDict(frozen=True)

    number: int
    outcome: dict[str, Any] | None
