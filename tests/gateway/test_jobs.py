"""More records than one batch: a job that is acknowledged, done by a worker, and accounts for every record."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from smeboost_gateway.settings import GatewaySettings
from smeboost_gateway.working import work
from smeboost_shared.settings import load
from smeboost_sync.job_queue import install_queue
from smeboost_sync.jobs import Jobs
from smeboost_sync.settings import JobSettings

PRODUCTS = "/api/airtable/records/appSmallShop00001/Products"


@pytest.fixture
async def job_settings(people: Any) -> JobSettings:
    await install_queue(people.database_url)
    return load(JobSettings, database_url=people.database_url)


@pytest.fixture
async def with_jobs(start_gateway: Any, job_settings: JobSettings) -> Any:
    return await start_gateway(jobs=job_settings)


@asynccontextmanager
async def worker(settings: GatewaySettings, job_settings: JobSettings) -> AsyncGenerator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(work(settings, job_settings, stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


def products(count: int, **more: Any) -> dict[str, Any]:
    return {"records": [{"fields": {"Name": f"Part {number:03}", "Stock": number}} for number in range(count)], **more}


async def ended(gateway: Any, job_id: str) -> dict[str, Any]:
    return await past(gateway, job_id, "queued", "running")


async def past(gateway: Any, job_id: str, *states: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            job = (await gateway.ask("GET", f"/api/jobs/{job_id}")).json()
            if job["state"] not in states:
                return job
            await asyncio.sleep(0.05)


async def count(gateway: Any) -> int:
    page = await gateway.ask("GET", PRODUCTS, params={"search": "Part", "fields": "Name"})
    return len(page.json()["records"])


async def test_many_records_become_a_job_that_writes_all_of_them(with_jobs: Any, job_settings: JobSettings) -> None:
    accepted = await with_jobs.ask("POST", PRODUCTS, json=products(25))
    assert accepted.status_code == 202
    job_id = accepted.json()["job_id"]
    assert accepted.headers["location"] == f"/api/jobs/{job_id}"
    assert await count(with_jobs) == 0
    async with worker(with_jobs.settings, job_settings):
        job = await ended(with_jobs, job_id)
    assert (job["state"], job["done"], job["total"], job["result"]["written"]) == ("succeeded", 25, 25, 25)
    assert len(set(job["result"]["record_ids"])) == 25
    assert await count(with_jobs) == 25, "the worker's writes drop what the gateway has cached"
    listed = (await with_jobs.ask("GET", "/api/jobs", params={"limit": 1})).json()["jobs"]
    assert [entry["job_id"] for entry in listed] == [job_id]


async def test_a_wrong_record_in_the_middle_fails_alone(with_jobs: Any, job_settings: JobSettings) -> None:
    body = products(25)
    body["records"][12]["fields"]["Stock"] = "many"
    accepted = await with_jobs.ask("POST", PRODUCTS, json=body)
    async with worker(with_jobs.settings, job_settings):
        job = await ended(with_jobs, accepted.json()["job_id"])
    assert (job["state"], job["done"]) == ("incomplete", 25)
    (failure,) = job["result"]["failed"]
    assert (failure["first"], failure["last"], failure["error"]["code"]) == (12, 12, "invalid_input")
    assert failure["error"]["errors"][0]["field"] == "records.12.fields.Stock"
    assert job["result"]["written"] == await count(with_jobs) == 24


async def test_upsert_of_many_updates_what_is_there(with_jobs: Any, job_settings: JobSettings) -> None:
    upsert = {"mergeOn": ["Name"]}
    async with worker(with_jobs.settings, job_settings):
        first = await with_jobs.ask("POST", PRODUCTS, json=products(12, upsert=upsert))
        assert len((await ended(with_jobs, first.json()["job_id"]))["result"]["created"]) == 12
        second = await with_jobs.ask("POST", PRODUCTS, json=products(14, upsert=upsert))
        result = (await ended(with_jobs, second.json()["job_id"]))["result"]
    assert (len(result["created"]), len(result["updated"])) == (2, 12)


async def test_unknown_table_ends_the_job_with_the_reason(with_jobs: Any, job_settings: JobSettings) -> None:
    accepted = await with_jobs.ask("POST", PRODUCTS.replace("Products", "Prodcts"), json=products(30))
    async with worker(with_jobs.settings, job_settings):
        job = await ended(with_jobs, accepted.json()["job_id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "not_found")
    assert "Products" in str(job["error"])


async def test_a_batch_of_unknown_outcome_is_not_repeated(with_jobs: Any, job_settings: JobSettings) -> None:
    accepted = await with_jobs.ask("POST", PRODUCTS, json=products(25))
    job_id = accepted.json()["job_id"]
    async with Jobs(job_settings) as jobs:
        # What a worker leaves behind that dies between sending a batch and reading the answer.
        died = await jobs.start(UUID(job_id))
        assert died is not None
        await jobs.begin_step(died, 1)
    async with worker(with_jobs.settings, job_settings):
        job = await ended(with_jobs, job_id)
    assert (job["state"], job["result"]["unknown"]) == ("incomplete", list(range(10, 20)))
    assert job["result"]["written"] == await count(with_jobs) == 15


async def test_a_worker_stopped_while_airtable_is_away_leaves_nothing_unknown(
    with_jobs: Any, job_settings: JobSettings, unused_tcp_port_factory: Any
) -> None:
    nowhere = f"http://127.0.0.1:{unused_tcp_port_factory()}"
    away = with_jobs.settings.airtable.model_copy(update={"endpoint_url": nowhere})
    accepted = await with_jobs.ask("POST", PRODUCTS, json=products(25))
    job_id = accepted.json()["job_id"]
    async with worker(with_jobs.settings.model_copy(update={"airtable": away}), job_settings):
        await past(with_jobs, job_id, "queued")
    assert (await with_jobs.ask("GET", f"/api/jobs/{job_id}")).json()["state"] == "running"
    async with worker(with_jobs.settings, job_settings):
        job = await ended(with_jobs, job_id)
    assert (job["state"], job["result"]["written"], await count(with_jobs)) == ("succeeded", 25, 25)


async def test_text_that_jsonb_cannot_hold_is_written_too(with_jobs: Any, job_settings: JobSettings) -> None:
    body = {"records": [{"fields": {"Name": f"Part \u0000{number}"}} for number in range(11)]}
    accepted = await with_jobs.ask("POST", PRODUCTS, json=body)
    assert accepted.status_code == 202, accepted.text
    async with worker(with_jobs.settings, job_settings):
        job = await ended(with_jobs, accepted.json()["job_id"])
    assert (job["state"], job["result"]["written"]) == ("succeeded", 11)


async def test_a_viewer_may_not_queue_what_a_viewer_may_not_write(with_jobs: Any) -> None:
    refused = await with_jobs.ask("POST", PRODUCTS, who="viewer", json=products(25))
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")


@pytest.mark.parametrize("job_id", ["nonsense", "00000000-0000-4000-8000-000000000000"])
async def test_unknown_job_is_not_found(with_jobs: Any, job_id: str) -> None:
    answer = await with_jobs.ask("GET", f"/api/jobs/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
