"""The request budget of a token, on a clock that only moves when the test says so."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

import pytest
from fastmcp import Client
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from smeboost_airtable.budget import RequestBudget
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.quota import month_ends, used_up_on
from smeboost_airtable.refusals import Refusal
from smeboost_airtable.server import create_server
from smeboost_airtable.settings import AirtableSettings
from smeboost_airtable.transport import Request
from smeboost_emulators.testing.airtable import small_seed
from smeboost_shared.errors import Misconfigured, QuotaExhausted, RateLimited, SmeBoostError
from smeboost_shared.pacing.ledger import InProcessLedger
from smeboost_shared.pacing.priority import Priority, background
from smeboost_shared.pacing.testing import SteppedClock
from smeboost_shared.settings import load

BASE, OTHER, SHOP = "appBase", "appOther", "appSmallShop00001"
LIST = Request(method="POST", path=(BASE, "Table", "listRecords"))
SCHEMA = Request(method="GET", path=("meta", "bases", BASE, "tables"))
NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)
SPENT = {"error": {"type": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "API billing plan limit exceeded"}}
TOO_FAST = {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]}


class Desk:
    """A budget on a clock of its own, and calls that are answered at once, or refused."""

    def __init__(self, **settings: object) -> None:
        self.clock, self.today = SteppedClock(), NOW
        loaded = load(AirtableSettings, api_key="pat", **settings)
        self.budget = RequestBudget(loaded, clock=self.clock, today=lambda: self.today)

    def start(self, base_id: str = BASE, request: Request = LIST) -> asyncio.Task[float]:
        return asyncio.create_task(self.call(base_id, request))

    async def call(self, base_id: str = BASE, request: Request = LIST, refusal: Refusal | None = None) -> float:
        async with self.budget.turn(base_id, request):
            if refusal:
                raise refusal
            return self.clock.now()

    async def refused(self, payload: object, retry_after: float | None = None) -> Refusal:
        refusal = Refusal(429, payload, retry_after)
        with pytest.raises(Refusal):
            await self.call(refusal=refusal)
        return refusal


async def test_a_base_has_five_turns_a_second_and_another_base_its_own():
    desk = Desk()
    tasks = [desk.start() for _ in range(6)]
    other = desk.start(OTHER)
    await desk.clock.move_to(3)
    assert [task.result() for task in tasks] == [0.0] * 5 + [pytest.approx(1.005)]
    assert other.result() == 0.0


async def test_a_token_has_fifty_turns_a_second_over_all_its_bases():
    desk = Desk()
    tasks = [desk.start(f"app{number}") for number in range(51)]
    await desk.clock.move_to(3)
    assert sorted(task.result() for task in tasks) == [0.0] * 50 + [pytest.approx(1.005)]


async def test_a_rate_below_one_is_one_turn_in_a_longer_time():
    desk = Desk(requests_per_second=0.5)
    tasks = [desk.start() for _ in range(2)]
    await desk.clock.move_to(3)
    assert [task.result() for task in tasks] == [0.0, pytest.approx(2.005)]


async def test_who_would_wait_too_long_is_told_when_to_come_back():
    desk = Desk(wait_seconds_max=0)
    for _ in range(5):
        await desk.call()
    with pytest.raises(RateLimited) as error:
        await desk.call()
    assert error.value.retry_after_seconds == 1.1


@pytest.mark.parametrize(("retry_after", "seconds"), [(None, 30), (7, 7)])
async def test_a_429_stops_the_whole_base_for_as_long_as_it_says(retry_after, seconds):
    desk = Desk(wait_seconds_max=0)
    refusal = await desk.refused(TOO_FAST, retry_after)
    assert refusal.retry_after_seconds == seconds
    with pytest.raises(RateLimited) as error:
        await desk.call(request=SCHEMA)
    assert error.value.retry_after_seconds == seconds
    assert await desk.call(OTHER) == 0.0
    await desk.budget.resume(BASE)
    assert await desk.call() == 0.0


async def test_a_spent_month_stops_the_data_of_its_base_until_the_next_month():
    desk = Desk()
    await desk.refused(SPENT)
    with pytest.raises(QuotaExhausted):
        await desk.call()
    assert await desk.call(request=SCHEMA) == 0.0
    assert await desk.call(OTHER) == 0.0
    assert (await desk.budget.usage()).spent_bases == [BASE]
    seconds = (datetime(2026, 12, 1, tzinfo=UTC) - NOW).total_seconds()
    await desk.clock.move_to(seconds - 60)
    with pytest.raises(QuotaExhausted):
        await desk.call()
    await desk.clock.move_to(seconds + 60)
    assert await desk.call() == seconds + 60


async def test_a_spent_month_ends_when_somebody_says_that_there_are_calls_again():
    desk = Desk()
    await desk.refused(SPENT)
    await desk.budget.resume(BASE)
    assert await desk.call() == 0.0
    assert (await desk.budget.usage()).spent_bases == []


async def test_calls_are_counted_by_base_and_day_in_their_month():
    desk = Desk()
    await desk.call()
    await desk.call(OTHER)
    await desk.call("", Request(method="GET", path=("meta", "bases")))
    desk.today = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    await desk.call()
    usage = await desk.budget.usage()
    assert (usage.month, usage.calls, usage.is_shared) == ("2026-11", 4, False)
    assert usage.calls_by_base == {BASE: 2, OTHER: 1}
    assert usage.calls_by_day == {date(2026, 11, 11): 3, date(2026, 11, 30): 1}
    assert usage.renewed_on == date(2026, 12, 1)
    desk.today = datetime(2026, 12, 1, tzinfo=UTC)
    assert (await desk.budget.usage()).calls == 0


async def test_a_call_that_gets_no_turn_is_not_counted():
    desk = Desk(wait_seconds_max=0, requests_per_second=1)
    await desk.call()
    with pytest.raises(RateLimited):
        await desk.call()
    assert (await desk.budget.usage()).calls == 1


async def test_a_month_that_is_nearly_spent_is_said_once(capsys):
    desk = Desk(monthly_calls=5)
    for _ in range(5):
        await desk.call()
    said = capsys.readouterr()
    assert (said.out + said.err).count("airtable_month_nearly_spent") == 1


def test_the_pace_so_far_tells_the_day_on_which_the_calls_are_used_up():
    now, begin = datetime(2026, 11, 11, tzinfo=UTC), date(2026, 11, 1)
    assert used_up_on(500, since=begin, now=now, monthly_calls=1000) == date(2026, 11, 21)
    assert used_up_on(100, since=begin, now=now, monthly_calls=1000) is None
    assert used_up_on(1000, since=begin, now=now, monthly_calls=1000) == date(2026, 11, 11)
    assert used_up_on(0, since=begin, now=now, monthly_calls=1000) is None
    assert used_up_on(999, since=begin, now=now, monthly_calls=None) is None
    assert used_up_on(1, since=begin, now=now, monthly_calls=10**9) is None


@given(
    now=st.integers(0, 10**9).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    calls=st.integers(0, 10**7),
    monthly_calls=st.integers(1, 10**7),
)
def test_a_forecast_is_never_in_the_past_nor_in_the_next_month(now, calls, monthly_calls):
    ends = month_ends(now)
    assert ends > now
    assert (ends.day, ends.hour) == (1, 0)
    found = used_up_on(calls, since=now.date().replace(day=1), now=now, monthly_calls=monthly_calls)
    assert found is None or now.date() <= found < ends.date()


async def test_background_work_gives_way():
    desk = Desk(wait_seconds_max=60)
    with background():
        crowd = []
        for number in range(20):
            await desk.clock.move_to(number / 1000)
            crowd.append(desk.start())
    await desk.clock.move_to(1.5)
    person = desk.start()
    await desk.clock.move_to(2)
    assert person.done()
    assert not crowd[-1].done()
    await desk.clock.move_to(30)
    await asyncio.gather(*crowd)


async def test_a_background_process_gives_way_with_everything():
    desk = Desk(priority="background")
    for _ in range(2):
        desk.start()
    await desk.clock.move_to(0.1)
    assert (await desk.budget.usage()).calls == 1
    await desk.clock.move_to(0.2)
    assert (await desk.budget.usage()).calls == 2


async def test_a_failure_inside_a_turn_is_passed_on():
    desk = Desk()
    with pytest.raises(SmeBoostError, match="mine"):
        async with desk.budget.turn(BASE, LIST):
            raise SmeBoostError("mine")


@pytest.fixture
def open_client(airtable_emulator, valkey_url):
    """A factory of clients for one strict Airtable, each with a budget of its own that is shared through Redis."""
    airtable = airtable_emulator(seed=small_seed(), rate_limit=5, token_rate_limit=50, penalty_seconds=30.0)

    def make(**settings: object) -> AirtableClient:
        place = {"api_key": airtable.token, "endpoint_url": airtable.url, "redis_url": valkey_url}
        return AirtableClient(load(AirtableSettings, **(place | settings)))

    return make


async def test_clients_that_share_a_redis_never_meet_a_429_and_count_together(open_client):
    async with open_client() as one, open_client(priority="background", wait_seconds_max=30) as two:
        clients = [one, two] * 6
        await asyncio.gather(*(client.get_record(SHOP, "Products", "recProduct0000001") for client in clients))
        usage = await one.usage()
        assert usage == await two.usage()
    assert (usage.is_shared, usage.calls, usage.calls_by_base) == (True, 12, {SHOP: 12})


async def test_pause_of_one_client_stops_the_others(open_client):
    async with open_client(wait_seconds_max=0) as one, open_client(wait_seconds_max=0) as two:
        with pytest.raises(Refusal):
            async with one._budget.turn(SHOP, LIST):
                raise Refusal(429, SPENT)
        with pytest.raises(QuotaExhausted):
            await two.get_record(SHOP, "Products", "recProduct0000001")
        await two.resume_calls(SHOP)
        assert await one.get_record(SHOP, "Products", "recProduct0000001")


def test_redis_url_of_the_budget_falls_back_to_that_of_redis(monkeypatch):
    monkeypatch.setenv("AIRTABLE_API_KEY", "pat")
    assert load(AirtableSettings).redis_url is None
    monkeypatch.setenv("REDIS_URL", "redis://general:6379/0")
    assert load(AirtableSettings).redis_url == SecretStr("redis://general:6379/0")
    monkeypatch.setenv("AIRTABLE_REDIS_URL", "redis://special:6379/0")
    assert load(AirtableSettings).redis_url == SecretStr("redis://special:6379/0")


def test_redis_url_that_is_none_is_named_without_what_it_holds(monkeypatch):
    monkeypatch.setenv("AIRTABLE_API_KEY", "pat")
    monkeypatch.setenv("AIRTABLE_REDIS_URL", "http://:secret@host")
    with pytest.raises(Misconfigured, match=r"^AIRTABLE_REDIS_URL: .*redis://") as error:
        load(AirtableSettings)
    assert "secret" not in str(error.value)


async def test_large_write_begins_as_a_person_s_and_goes_on_in_the_background(airtable_emulator, call):
    class Noting(InProcessLedger):
        async def take(self, ask, **how):
            noted.append(ask.priority)
            return await super().take(ask, **how)

    noted: list[Priority] = []
    airtable = airtable_emulator(seed=small_seed())
    quick = {"requests_per_second": 1000, "token_requests_per_second": 1000}
    found = load(AirtableSettings, api_key=airtable.token, endpoint_url=airtable.url, **quick)
    server = create_server(found, AirtableClient(found, RequestBudget(found, Noting())))
    records = [{"fields": {"Name": f"Item {number}"}} for number in range(80)]
    async with Client(server) as client:
        await call(client, "create_records", base_id=SHOP, table_id="Products", records=records)
        await call(client, "list_records", base_id=SHOP, table_id="Products")
    # Background calls are spread, so each may have asked more than once.
    assert [priority for priority, _ in groupby(noted)] == [Priority(0), Priority(1), Priority(0)]
    assert noted[:5] == [Priority.INTERACTIVE] * 5
