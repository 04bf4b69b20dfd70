"""What the job queue and its worker need to know."""

from pydantic import Field, SecretStr
from smeboost_shared.settings import Settings


class JobSettings(Settings):
    """Where jobs are kept, and how a worker takes them."""

    database_url: SecretStr = Field(
        validation_alias="SMEBOOST_DATABASE_URL",
        description="PostgreSQL that holds the jobs, as a role that may write the schema smeboost; "
        "the worker needs it, and a gateway without it has no jobs",
    )
    pool_size: int = Field(
        default=4, ge=1, le=100, validation_alias="SMEBOOST_JOBS_POOL_SIZE", description="database connections at most"
    )
    pool_timeout_seconds: float = Field(
        default=3, gt=0, validation_alias="SMEBOOST_JOBS_POOL_TIMEOUT_SECONDS", description="longest wait for one"
    )
    concurrent_jobs: int = Field(
        default=4, ge=2, le=100, validation_alias="SMEBOOST_JOBS_CONCURRENT", description="jobs of one worker at a time"
    )
    stale_seconds: float = Field(
        default=10,
        gt=0,
        validation_alias="SMEBOOST_JOBS_STALE_SECONDS",
        description="silence after which a job's worker counts as dead",
    )
