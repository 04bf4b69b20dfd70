"""One process of `bench_airtable_budget.py`: says `"ready"`, makes calls as it is told on stdin (JSON), prints each.

A call is `[kind, when it was begun, when it ended, error]`; the last line is the number of 429s that were met.
"""

import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pyairtable
import requests
from pyairtable.api.retrying import DEFAULT_BACKOFF_FACTOR, DEFAULT_MAX_RETRIES, DEFAULT_RETRIABLE_STATUS_CODES
from smeboost_airtable.budget import RequestBudget
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.models import RecordChange
from smeboost_airtable.places import Nowhere
from smeboost_airtable.settings import AirtableSettings
from smeboost_shared.errors import SmeBoostError
from smeboost_shared.logs import configure_logs
from smeboost_shared.pacing.priority import background
from smeboost_shared.settings import load
from urllib3 import Retry

KINDS = ("list", "get", "create", "update")
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Order:
    """What to do: so many background calls from so many tasks, and so many interactive ones one by one beside them."""

    way: str
    url: str
    redis_url: str | None
    requests_per_second: float
    base: str
    table: str
    record: str
    calls: int
    tasks: int
    seconds: float
    interactive: int


def say(kind: str, began: float, error: str = "") -> None:
    sys.stdout.write(json.dumps([kind, began, time.time(), error]) + "\n")


def kinds(calls: int) -> Iterator[str]:
    """A mix of calls; the tasks of a process share one."""
    for number in range(calls):
        yield KINDS[number % len(KINDS)]


async def with_our_client(order: Order) -> int:
    settings = load(
        AirtableSettings,
        api_key="pat",
        endpoint_url=order.url,
        redis_url=order.redis_url,
        requests_per_second=order.requests_per_second,
        wait_seconds_max=PATIENCE_SECONDS,
    )
    budget = RequestBudget(settings)
    async with AirtableClient(settings, budget) as client:

        async def call(kind: str, name: str) -> None:
            began = time.time()
            try:
                await _one(client, kind, order)
            except SmeBoostError as error:
                say(name, began, error.code)
            else:
                say(name, began)

        async def work(left: Iterator[str]) -> None:
            with background():
                for kind in left:
                    await call(kind, "background")

        async def person() -> None:
            for _ in range(order.interactive):
                await asyncio.sleep(random.uniform(0.3, 1.5))
                await call(random.choice(KINDS), "interactive")

        left = kinds(order.calls)
        tasks = [asyncio.create_task(work(left)) for _ in range(order.tasks)]
        tasks.append(asyncio.create_task(person()))
        _, late = await asyncio.wait(tasks, timeout=order.seconds)
        for task in late:
            task.cancel()
    await budget.close()
    return budget.met_429


async def _one(client: AirtableClient, kind: str, order: Order) -> None:
    place = (order.base, order.table)
    if kind == "list":
        await client.list_records(*place, {"pageSize": 100}, places=Nowhere())
    elif kind == "get":
        await client.get_record(*place, order.record)
    elif kind == "create":
        await client.create_records(*place, [{"Name": "One"}, {"Name": "Two"}], typecast=False, places=Nowhere())
    else:
        change = RecordChange(id=order.record, fields={"Stock": random.randrange(100)})
        await client.update_records(*place, [change], replace=False, typecast=False, places=Nowhere())


class CountingRetry(Retry):
    """pyairtable's own way of retrying, which also counts."""

    met_429 = 0

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        CountingRetry.met_429 += status_code == 429
        return super().is_retry(method, status_code, has_retry_after)


def with_pyairtable(order: Order) -> int:
    """As its documentation shows; it repeats after a 429 by itself."""
    strategy = CountingRetry(
        total=DEFAULT_MAX_RETRIES,
        backoff_factor=DEFAULT_BACKOFF_FACTOR,
        status_forcelist=DEFAULT_RETRIABLE_STATUS_CODES,
        allowed_methods=None,
    )

    def work(left: Iterator[str]) -> None:
        api = pyairtable.Api("pat", endpoint_url=order.url, retry_strategy=strategy)
        table = api.table(order.base, order.table)
        for kind in left:
            began = time.time()
            try:
                _one_by_pyairtable(table, kind, order)
            except requests.RequestException as error:
                say("background", began, type(error).__name__)
            else:
                say("background", began)

    left = kinds(order.calls)
    threads = [threading.Thread(target=work, args=(left,), daemon=True) for _ in range(order.tasks)]
    ends = time.monotonic() + order.seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, ends - time.monotonic()))
    return CountingRetry.met_429


def _one_by_pyairtable(table: pyairtable.Table, kind: str, order: Order) -> None:
    if kind == "list":
        table.all(max_records=100)
    elif kind == "get":
        table.get(order.record)
    elif kind == "create":
        table.batch_create([{"Name": "One"}, {"Name": "Two"}])
    else:
        table.update(order.record, {"Stock": random.randrange(100)})


def main() -> None:
    configure_logs(level="ERROR")
    sys.stdout.write('"ready"\n')
    sys.stdout.flush()
    order = Order(**json.loads(sys.stdin.read()))
    met = with_pyairtable(order) if order.way == "pyairtable" else asyncio.run(with_our_client(order))
    sys.stdout.write(json.dumps(met) + "\n")


if __name__ == "__main__":
    main()
