"""The request budget of a token, on a clock that only moves when the test says so."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smeboost_airtable.budget import RequestBudget
from smeboost_airtable.quota import month_ends, used_up_on
from smeboost_airtable.refusals import Refusal
from smeboost_airtable.settings import AirtableSettings
from smeboost_airtable.transport import Request
from smeboost_shared.errors import QuotaExhausted, RateLimited, SmeBoostError
from smeboost_shared.pacing.priority import background
from smeboost_shared.pacing.testing import SteppedClock
from smeboost_shared.settings import load

BASE, OTHER = "appBase", "appOther"
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
