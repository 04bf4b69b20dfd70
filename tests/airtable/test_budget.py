"""The request budget of a base, on a clock that only moves when the test says so."""

import asyncio
import heapq
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smeboost_airtable.budget import BASES_REMEMBERED_MAX, InProcessBudget
from smeboost_shared.errors import RateLimited

SETTLE_STEPS = 20
BASE = "app1"


class Clock:
    """Time that stands still until it is moved; sleepers wake in the order of their time."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._count), woken))
        await woken

    async def move_to(self, moment: float) -> None:
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= moment:
            self._now, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                woken.set_result(None)
            await self.settle()
        self._now = max(self._now, moment)

    async def settle(self) -> None:
        for _ in range(SETTLE_STEPS):
            await asyncio.sleep(0)


def budget(clock: Clock, *, rate: float = 5, wait: float = 10) -> InProcessBudget:
    return InProcessBudget(requests_per_second=rate, wait_seconds_max=wait, clock=clock)


async def ask(given_budget: InProcessBudget, clock: Clock, base: str = BASE) -> float | RateLimited:
    try:
        await given_budget.wait_turn(base)
    except RateLimited as error:
        return error
    return clock.now()


arrivals = st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=60)
pauses = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 6)), max_size=2)


@settings(max_examples=60, deadline=None, database=None)
@given(rate=st.sampled_from([0.5, 1, 2.5, 5, 20]), gaps=arrivals, paused=pauses, wait=st.sampled_from([0, 1, 10]))
async def test_turns_are_in_order_never_too_fast_never_in_a_pause_and_never_late(rate, gaps, paused, wait):
    clock = Clock()
    found = budget(clock, rate=rate, wait=wait)
    events = [(at, "ask", 0.0) for at in sorted(gaps)] + [(at, "pause", seconds) for at, seconds in paused]
    asked: list[tuple[float, asyncio.Task]] = []
    silences: list[tuple[float, float]] = []
    for at, kind, seconds in sorted(events):
        await clock.move_to(at)
        if kind == "pause":
            await found.pause(BASE, seconds)
            silences.append((at, at + seconds))
        else:
            asked.append((at, asyncio.create_task(ask(found, clock))))
            await clock.settle()
    await clock.move_to(1000)
    answers = [(at, task.result()) for at, task in asked]
    turns = [answer for _, answer in answers if isinstance(answer, float)]
    assert turns == sorted(turns)
    turns_per_second = max(1, int(rate))
    for earlier, later in zip(turns, turns[turns_per_second:], strict=False):
        assert later - earlier >= turns_per_second / rate
    assert all(turn - at <= wait + 1e-6 for at, turn in answers if isinstance(turn, float))
    assert not [turn for turn in turns for start, end in silences if start < turn < end - 1e-9]


async def test_first_requests_of_a_base_do_not_wait():
    clock = Clock()
    found = budget(clock)
    assert [await ask(found, clock) for _ in range(5)] == [0.0] * 5


async def test_who_would_wait_too_long_is_told_at_once_when_to_come_back():
    clock = Clock()
    found = budget(clock, wait=1)
    tasks = [asyncio.create_task(ask(found, clock)) for _ in range(20)]
    await clock.settle()
    answers = [task.result() for task in tasks]
    refused = [answer for answer in answers if isinstance(answer, RateLimited)]
    assert len(refused) == 15
    assert 1 < (refused[0].retry_after_seconds or 0) <= 4


async def test_pause_fails_those_who_already_wait():
    clock = Clock()
    found = budget(clock)
    tasks = [asyncio.create_task(ask(found, clock)) for _ in range(8)]
    await clock.settle()
    await found.pause(BASE, 30)
    await clock.move_to(2)
    answers = [task.result() for task in tasks]
    assert answers[:5] == [0.0] * 5
    assert all(isinstance(answer, RateLimited) for answer in answers[5:])


async def test_bases_do_not_wait_for_each_other():
    clock = Clock()
    found = budget(clock)
    await found.pause(BASE, 60)
    assert isinstance(await ask(found, clock), RateLimited)
    assert await ask(found, clock, "app2") == 0.0


async def test_caller_that_gives_up_does_not_hold_up_the_next():
    clock = Clock()
    found = budget(clock)
    for _ in range(5):
        await found.wait_turn(BASE)
    given_up, next_one = (asyncio.create_task(ask(found, clock)) for _ in range(2))
    await clock.settle()
    given_up.cancel()
    await clock.move_to(5)
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert next_one.result() == pytest.approx(1.1)


async def test_many_bases_are_forgotten_when_idle_but_not_while_paused():
    clock = Clock()
    found = budget(clock)
    await found.pause(BASE, 60)
    for number in range(2 * BASES_REMEMBERED_MAX):
        await found.wait_turn(f"other{number}")
    assert isinstance(await ask(found, clock), RateLimited)
    assert len(found._lanes) == BASES_REMEMBERED_MAX
