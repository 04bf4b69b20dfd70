"""The rules of turns, on a clock that only moves when the test says so, and against a service that counts arrivals."""

import asyncio
import heapq
import itertools
import random
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smeboost_shared.pacing.asks import (
    BACKGROUND_SHARE,
    GRACE_SECONDS,
    LATE_SECONDS_MAX,
    MARGIN_SECONDS,
    VISIT_SECONDS,
    Ask,
    Granted,
    Limit,
    Refused,
    Tally,
    Wait,
    microseconds,
)
from smeboost_shared.pacing.clock import Skew
from smeboost_shared.pacing.ledger import LIMITS_REMEMBERED_MAX, InProcessLedger
from smeboost_shared.pacing.pacer import Pacer, Turn
from smeboost_shared.pacing.priority import Priority, background, current_priority
from smeboost_shared.pacing.testing import SteppedClock

BASE = Limit("base", 5, 1.0)
TOKEN = Limit("token", 8, 1.0)
INTERACTIVE, BACKGROUND = Priority.INTERACTIVE, Priority.BACKGROUND


class Desk:
    """A pacer on a clock of its own; calls are answered at once."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        self.ledger = InProcessLedger(self.clock)
        self.pacer = Pacer(self.ledger, self.clock)

    def start(self, *limits: Limit, patience: float = 10, **ask: Any) -> asyncio.Task[float | Refused]:
        return asyncio.create_task(self.call(Ask(limits=limits or (BASE,), **ask), patience))

    async def queue(self, number: int, **ask: Any) -> list[asyncio.Task[float | Refused]]:
        """So many calls, one after the other within a few milliseconds."""
        tasks = []
        for _ in range(number):
            tasks.append(self.start(**ask))
            await self.clock.move_to(self.clock.now() + 0.0001)
        return tasks

    async def call(self, ask: Ask, patience: float) -> float | Refused:
        turn = await self.pacer.turn(ask, patience_seconds=patience)
        if isinstance(turn, Turn):
            await self.pacer.done(turn)
            return self.clock.now()
        return turn


@dataclass(order=True)
class Event:
    at: int
    order: int
    kind: str
    ask: Ask
    latency: tuple[int, int, int]
    since: int = 0


@dataclass
class Traffic:
    """What a simulated service saw."""

    arrivals: list[int]
    waits: dict[Priority, list[int]]


def simulated(
    limits: tuple[Limit, ...],
    calls: list[tuple[int, Priority, int]],
    *,
    distances: list[int],
    jitter: int,
    seed: int,
    dead: float = 0.0,
) -> Traffic:
    """Callers at different distances from the service share a ledger; calls are (when, priority, process).

    A request travels its process's distance and some jitter, is worked on, and its answer travels back the same way.
    A part of the callers is `dead`: they never come back when they have to wait.
    """
    ledger, dice, count = InProcessLedger(), random.Random(seed), itertools.count()
    traffic, asked_at = Traffic([], {INTERACTIVE: [], BACKGROUND: []}), {}
    events: list[Event] = []

    def add(at: int, kind: str, ask: Ask, latency: tuple[int, int, int], since: int = 0) -> None:
        heapq.heappush(events, Event(at, next(count), kind, ask, latency, since))

    for at, priority, process in calls:
        ask = Ask(limits=limits, priority=priority, id=str(next(count)))
        out, work, back = (dice.randrange(jitter + 1) for _ in range(3))
        asked_at[ask.id] = at
        add(at, "take", ask, (distances[process] + out, work, distances[process] + back))
    while events:
        now, ask, latency = events[0].at, events[0].ask, events[0].latency
        event = heapq.heappop(events)
        if event.kind == "done":
            asyncio.run(ledger.done(ask, taken_seconds=sum(latency) / 1e6))
            continue
        answer = ledger.take_at(ask, now, since=event.since, patience=10**12)
        if isinstance(answer, Wait):
            if dice.random() >= dead:
                add(now + microseconds(answer.seconds), "take", ask, latency, answer.since)
            continue
        assert isinstance(answer, Granted)
        traffic.waits[ask.priority].append(now - asked_at[ask.id])
        begins = now + microseconds(answer.begins_in_seconds)
        traffic.arrivals.append(begins + latency[0])
        add(begins + sum(latency), "done", ask, latency)
    return traffic


def most_in_a_window(arrivals: list[int], window: int) -> int:
    times = sorted(arrivals)
    return max((sum(1 for later in times[index:] if later < at + window) for index, at in enumerate(times)), default=0)


milliseconds = st.integers(0, 4000).map(lambda number: number * 1000)
some_calls = st.lists(
    st.tuples(milliseconds, st.sampled_from(list(Priority)), st.integers(0, 2)), min_size=1, max_size=80
)
some_distances = st.lists(st.integers(0, 60_000), min_size=3, max_size=3)


@settings(max_examples=150)
@given(calls=some_calls, distances=some_distances, jitter=st.integers(0, 80_000), seed=st.integers(0, 99))
def test_no_second_at_the_service_sees_more_than_the_limit_however_late_requests_arrive(calls, distances, jitter, seed):
    traffic = simulated((BASE,), calls, distances=distances, jitter=jitter, seed=seed)
    assert len(traffic.arrivals) == len(calls)
    assert most_in_a_window(traffic.arrivals, 1_000_000) <= 5


@settings(max_examples=50)
@given(calls=some_calls, seed=st.integers(0, 99))
def test_each_of_several_limits_is_kept(calls, seed):
    limits = (replace(BASE, cost=2), replace(TOKEN, most=3, period_seconds=0.5))
    traffic = simulated(limits, calls, distances=[0, 0, 0], jitter=20_000, seed=seed)
    assert len(traffic.arrivals) == len(calls)
    assert most_in_a_window(traffic.arrivals, 1_000_000) <= 2
    assert most_in_a_window(traffic.arrivals, 500_000) <= 3


@settings(max_examples=50)
@given(calls=some_calls, seed=st.integers(0, 99))
def test_callers_that_die_while_they_wait_hold_up_nobody_for_long(calls, seed):
    alive = [(at + 6_000_000, INTERACTIVE, 0) for at in range(0, 3_000_000, 300_000)]
    traffic = simulated((BASE,), [*calls, *alive], distances=[0, 0, 0], jitter=0, seed=seed, dead=0.3)
    assert most_in_a_window(traffic.arrivals, 1_000_000) <= 5


@pytest.mark.parametrize("priority", list(Priority))
def test_a_saturated_limit_is_used_to_98_percent(priority):
    calls = [(number * 100_000, priority, number % 3) for number in range(240)]
    traffic = simulated((BASE, TOKEN), calls, distances=[1000, 1000, 1000], jitter=5000, seed=1)
    steady = sorted(traffic.arrivals)[20:]
    assert (len(steady) - 1) / ((steady[-1] - steady[0]) / 1e6) >= 0.98 * 5


def test_an_interactive_call_waits_less_than_half_a_second_beside_a_saturating_background():
    crowd = [(number * 150_000, BACKGROUND, number % 3) for number in range(200)]
    person = [(3_000_000 + number * 1_370_000, INTERACTIVE, 0) for number in range(20)]
    traffic = simulated((BASE, TOKEN), crowd + person, distances=[1000, 1000, 1000], jitter=5000, seed=1)
    assert max(traffic.waits[INTERACTIVE]) < 500_000


def test_background_has_its_share_beside_saturating_people():
    people = [(number * 100_000, INTERACTIVE, number % 3) for number in range(120)]
    job = [(1_000_000, BACKGROUND, 0)] * 8
    traffic = simulated((BASE, TOKEN), people + job, distances=[0, 0, 0], jitter=1000, seed=1)
    share = (BACKGROUND_SHARE + 1) * 1_010_000 / 5
    assert min(traffic.waits[BACKGROUND]) < 2 * share
    assert max(traffic.waits[BACKGROUND]) < (len(job) + 1) * share


async def test_first_calls_do_not_wait_and_the_next_wait_for_one_period():
    desk = Desk()
    tasks = [desk.start() for _ in range(7)]
    await desk.clock.move_to(3)
    assert [task.result() for task in tasks[:5]] == [0.0] * 5
    assert [task.result() for task in tasks[5:]] == [pytest.approx(1 + MARGIN_SECONDS)] * 2


async def test_turns_of_one_priority_are_in_the_order_of_asking():
    desk = Desk()
    tasks = await desk.queue(30)
    await desk.clock.move_to(20)
    turns: list[Any] = [task.result() for task in tasks]
    assert turns == sorted(turns)


async def test_who_would_wait_too_long_is_told_at_once_how_long():
    desk = Desk()
    tasks = await desk.queue(20, patience=1.5)
    answers = [task.result() for task in tasks if task.done()]
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 10
    assert {round(answer.seconds) for answer in refused} == {2}
    assert all(answer.paused is None for answer in refused)


async def test_background_gives_way_and_is_not_counted_against_a_person():
    desk = Desk()
    crowd = await desk.queue(30, priority=BACKGROUND)
    await desk.clock.move_to(2)
    person = desk.start()
    await desk.clock.move_to(2.5)
    assert person.done()
    assert not crowd[-1].done()


async def test_pause_stops_those_who_already_wait():
    desk = Desk()
    tasks = [desk.start(patience=5) for _ in range(8)]
    await desk.clock.settle()
    await desk.ledger.pause("base", 30)
    await desk.clock.move_to(2)
    answers = [task.result() for task in tasks]
    assert answers[:5] == [0.0] * 5
    assert all(isinstance(answer, Refused) and answer.paused == "base" for answer in answers[5:])


async def test_pause_that_is_shorter_than_the_patience_is_waited_out():
    desk = Desk()
    await desk.ledger.pause("base", 3)
    task = desk.start()
    await desk.clock.move_to(10)
    assert task.result() == pytest.approx(3)


async def test_pause_of_a_gate_concerns_only_calls_that_name_it_until_it_is_resumed():
    desk = Desk()
    await desk.ledger.pause("month", 1e6)
    assert await desk.ledger.paused(["month", "base"]) == {"month": pytest.approx(1e6)}
    assert await desk.start() == 0.0
    refused = await desk.start(gates=("month",))
    assert isinstance(refused, Refused)
    assert refused.paused == "month"
    await desk.ledger.resume("month")
    assert await desk.start(gates=("month",)) == 0.0


async def test_one_limit_that_is_full_does_not_hold_up_calls_that_do_not_need_it():
    desk = Desk()
    crowd = [desk.start(BASE, TOKEN) for _ in range(30)]
    await desk.clock.settle()
    assert sum(task.done() for task in crowd) == 5
    assert await desk.start(Limit("other base", 5, 1.0), TOKEN) == 0.0
    for task in crowd:
        task.cancel()


async def test_caller_that_gives_up_loses_its_place():
    desk = Desk()
    for _ in range(5):
        await desk.start()
    given_up, next_one = desk.start(), desk.start()
    await desk.clock.settle()
    given_up.cancel()
    await desk.clock.move_to(VISIT_SECONDS + GRACE_SECONDS)
    assert next_one.result() == pytest.approx(1 + MARGIN_SECONDS)


async def test_asking_again_with_the_same_id_takes_no_second_turn():
    desk = Desk()
    ask = Ask(limits=(BASE,), tally=Tally("book", ("all", "mine")))
    for _ in range(3):
        assert await desk.ledger.take(ask, since=0, patience_seconds=0) == Granted(1)
    assert [await desk.start(patience=0) for _ in range(4)] == [0.0] * 4
    assert await desk.ledger.tallied("book") == {"all": 1, "mine": 1}


async def test_turn_whose_answer_came_too_late_is_asked_for_again():
    class Slow(InProcessLedger):
        async def take(self, ask, *, since, patience_seconds):
            answer = await super().take(ask, since=since, patience_seconds=patience_seconds)
            if len(taken) == 0:
                taken.append(ask.id)
                return Granted(begun_seconds=2 * LATE_SECONDS_MAX)
            return answer

    taken, clock = [], SteppedClock()
    task = asyncio.create_task(Pacer(Slow(clock), clock).turn(Ask(limits=(BASE,)), patience_seconds=5))
    await clock.move_to(1)
    turn = task.result()
    assert isinstance(turn, Turn)
    assert turn.ask.id != taken[0]


async def test_limits_are_forgotten_when_idle_but_not_while_in_use():
    desk = Desk()
    for _ in range(5):
        await desk.start(Limit("kept", 5, 3600.0))
    for number in range(2 * LIMITS_REMEMBERED_MAX):
        await desk.clock.move_to(number * 0.01)
        await desk.start(Limit(f"other{number}", 5, 0.1))
    assert isinstance(await desk.start(Limit("kept", 5, 3600.0), patience=0), Refused)
    assert len(desk.ledger._meters) <= LIMITS_REMEMBERED_MAX + 1


@pytest.mark.parametrize(("most", "period", "cost"), [(0, 1, 1), (5, 0, 1), (5, 1, 6), (5, 1, 0), (5, 1, -1)])
def test_limit_that_can_never_be_kept_is_refused(most, period, cost):
    with pytest.raises(ValueError, match="never be kept"):
        Limit("x", most, period, cost)


async def test_priority_travels_with_the_work_that_is_started_inside():
    async def seen() -> Priority:
        return current_priority()

    with background():
        inside = asyncio.create_task(seen())
    outside = asyncio.create_task(seen())
    assert (await inside, await outside) == (BACKGROUND, INTERACTIVE)


@given(
    skew=st.integers(-(10**12), 10**12),
    answers=st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(0, 50_000), st.integers(0, 50_000)), min_size=1),
    ahead=st.integers(-100_000, 100_000),
)
def test_another_clock_surely_shows_a_time_when_it_is_awaited_and_not_long_before(skew, answers, ahead):
    known, now = Skew(), 0
    for pause, there, back in answers:
        asked = now + pause
        now = asked + there + back
        known.learn(asked + there + skew, asked, now)
    theirs = now + skew + ahead
    begins_in, begun = (round(seconds * 1e6) for seconds in known.until(theirs, now))
    trip = answers[-1][1] + answers[-1][2]
    assert ahead <= begins_in <= max(ahead + trip, 0)
    assert -ahead <= begun <= -ahead + trip


def test_clock_that_was_set_is_believed_at_once():
    known = Skew()
    known.learn(1_000_000, 0, 100)
    known.learn(5_000_000, 1000, 1100)
    assert known.until(5_000_000, 1100) == (0.0, 0.0001)
