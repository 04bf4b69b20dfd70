"""The worker as a process: the gateway's tools without its doors, fed by the job queue."""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack

from smeboost_redis.client import RedisClient
from smeboost_shared.errors import Misconfigured
from smeboost_shared.logs import configure_logs
from smeboost_shared.settings import load
from smeboost_sync.jobs import Jobs
from smeboost_sync.settings import JobSettings
from smeboost_sync.worker import Worker

from smeboost_gateway.bulk import BulkWrites
from smeboost_gateway.callpath import call_path
from smeboost_gateway.mcp_endpoint import aggregate
from smeboost_gateway.metrics import Metrics
from smeboost_gateway.settings import GatewaySettings
from smeboost_gateway.tools import Tools

STOPPING_SIGNALS = (signal.SIGTERM, signal.SIGINT)
TURN_SECONDS_MAX = 2.0
"""Less than a worker's `stop_seconds`."""


def run() -> int:
    """Work until a signal ends it; the exit status is returned."""
    configure_logs(level=os.environ.get("SMEBOOST_LOG_LEVEL", "WARNING"))
    try:
        settings, job_settings = load(GatewaySettings), load(JobSettings)
    except Misconfigured as exc:
        sys.stderr.write(f"smeboost worker: {exc.message}\n")
        return 2
    asyncio.run(_until_signal(settings, job_settings))
    return 0


async def _until_signal(settings: GatewaySettings, job_settings: JobSettings) -> None:
    stop = asyncio.Event()
    for number in STOPPING_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await work(settings, job_settings, stop)


async def work(settings: GatewaySettings, job_settings: JobSettings, stop: asyncio.Event) -> None:
    """Take jobs until `stop` is set; those that run then are given back, to be taken up again."""
    store, tools = RedisClient(settings.redis), Tools(_in_background(settings))
    path = call_path(tools, store, settings, Metrics())
    # The servers live as long as the app that shows them; this one is never served.
    servers = aggregate(tools, path).http_app()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(store)
        await stack.enter_async_context(tools.connections())
        await stack.enter_async_context(servers.lifespan(servers))
        jobs = await stack.enter_async_context(Jobs(job_settings))
        await Worker(job_settings, jobs, BulkWrites(path).handlers()).run(stop)


def _in_background(settings: GatewaySettings) -> GatewaySettings:
    """Nobody waits for a single call of a job, so people go first.

    Long waits belong to the job, which can be left there; inside a call nobody knows what is under way.
    """
    airtable = settings.airtable
    if airtable is None:
        return settings
    wait = min(airtable.wait_seconds_max, TURN_SECONDS_MAX)
    changes = {"wait_seconds_max": wait, "priority": "background"}
    return settings.model_copy(update={"airtable": airtable.model_copy(update=changes)})
