"""A database with our tables, and jobs in it."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from smeboost_emulators.supabase.bootstrap import bootstrap
from smeboost_sync.job_queue import install_queue
from smeboost_sync.jobs import Jobs
from smeboost_sync.settings import JobSettings

MIGRATIONS = Path(__file__).parents[2] / "supabase" / "migrations"


@pytest.fixture
async def settings(new_database: Callable[[], str]) -> JobSettings:
    url = new_database()
    await bootstrap(url)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for file in sorted(MIGRATIONS.glob("*.sql")):
            await connection.execute(file.read_bytes())
    await install_queue(url)
    return JobSettings.model_validate({"SMEBOOST_DATABASE_URL": url, "stale_seconds": 0.5})


@pytest.fixture
async def jobs(settings: JobSettings) -> AsyncGenerator[Jobs]:
    async with Jobs(settings) as opened:
        yield opened


@pytest.fixture
async def workspace(settings: JobSettings) -> UUID:
    workspace_id = uuid4()
    async with await psycopg.AsyncConnection.connect(settings.database_url.get_secret_value()) as connection:
        await connection.execute("insert into public.workspaces (id, name) values (%s, 'Shop')", (workspace_id,))
    return workspace_id
