"""Turns that several processes share: the scripts decide as one process would, and an outage is survived."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from redis.asyncio import Redis
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.stores.valkey import prepare_valkey, running_valkey
from smeboost_shared.pacing.asks import (
    GRACE_SECONDS,
    VISIT_SECONDS,
    Ask,
    Granted,
    Limit,
    Refused,
    Tally,
    Wait,
    microseconds,
)
from smeboost_shared.pacing.fallback import PROBE_SECONDS, RETURN_SECONDS, SILENCE_SECONDS, FallbackLedger, ledger_at
from smeboost_shared.pacing.ledger import InProcessLedger
from smeboost_shared.pacing.pacer import Pacer, Turn
from smeboost_shared.pacing.priority import Priority
from smeboost_shared.pacing.redis_ledger import PREFIX, RedisLedger
from smeboost_shared.pacing.testing import SteppedClock

CALLER = Path(__file__).with_name("pacing_caller.py")
MOST, PERIOD = 5, 0.5
START_SECONDS = 60
"""A Python that imports much, on a machine that does much else."""
LONG_AGO = 1_000_000


@pytest.fixture
async def ledger(valkey_url: str) -> AsyncIterator[RedisLedger]:
    async with Redis.from_url(valkey_url) as redis:
        # This server has been running for a while.
        await redis.set(f"{PREFIX}born", LONG_AGO)
    ledger = RedisLedger(SecretStr(valkey_url))
    yield ledger
    await ledger.close()


def ask_for(
    name: str, *, most: int = 5, period: float = 60.0, gates: tuple[str, ...] = (), tally: Tally | None = None
) -> Ask:
    return Ask(limits=(Limit(name, most, period),), gates=gates, tally=tally)


async def taken(ledger: RedisLedger, ask: Ask, *, patience: float = 100) -> object:
    """The answer, without when a turn began."""
    answer = await ledger.take(ask, since=0, patience_seconds=patience)
    return Granted(answer.tallied) if isinstance(answer, Granted) else answer


async def test_turns_up_to_the_limit_are_given_and_the_next_waits(ledger):
    name = uuid4().hex
    answers = [await taken(ledger, ask_for(name)) for _ in range(6)]
    assert answers[:5] == [Granted()] * 5
    assert isinstance(answers[5], Wait)
    refused = await taken(ledger, ask_for(name), patience=1)
    assert isinstance(refused, Refused)
    assert 55 < refused.seconds <= 61


async def test_same_id_gets_no_second_turn_and_is_counted_once(ledger):
    book = uuid4().hex
    ask = ask_for(book, most=2, tally=Tally(book, ("all", "mine")))
    assert [await taken(ledger, ask) for _ in range(3)] == [Granted(1)] * 3
    assert await taken(ledger, ask_for(book, most=2, tally=Tally(book, ("all", "yours")))) == Granted(2)
    assert await ledger.tallied(book) == {"all": 2, "mine": 1, "yours": 1}


async def test_pause_concerns_everybody_until_it_is_resumed(ledger, valkey_url):
    name, other = uuid4().hex, RedisLedger(SecretStr(valkey_url))
    await ledger.pause(name, 30)
    await ledger.pause(name, 5)
    refused = await taken(other, ask_for(uuid4().hex, gates=(name,)), patience=1)
    assert isinstance(refused, Refused)
    assert refused.paused == name
    assert 29 < refused.seconds <= 30
    assert list(await other.paused([name, uuid4().hex])) == [name]
    await other.resume(name)
    assert await taken(ledger, ask_for(uuid4().hex, gates=(name,))) == Granted()
    await other.close()


async def test_server_that_has_just_begun_gives_no_turn_for_a_moment(ledger, valkey_url):
    async with Redis.from_url(valkey_url) as redis:
        await redis.delete(f"{PREFIX}born")
        answer = await taken(ledger, ask_for(uuid4().hex, period=1.0))
        await redis.set(f"{PREFIX}born", LONG_AGO)
    assert isinstance(answer, Wait)


async def test_nothing_that_is_kept_stays_for_ever(ledger, valkey_url):
    name = uuid4().hex
    for _ in range(3):
        ask = ask_for(name, most=2, tally=Tally(name, ("all",)))
        await taken(ledger, ask)
        await ledger.done(ask, taken_seconds=0.01)
    await ledger.pause(name, 1)
    async with Redis.from_url(valkey_url) as redis:
        keys = [key async for key in redis.scan_iter(f"{PREFIX}*{name}*")]
        lives = [await redis.ttl(key) for key in keys]
    assert len(keys) == 5
    assert min(lives) > 0


steps = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "done", "again"]),
        st.sampled_from(list(Priority)),
        st.integers(1, 2),
        st.integers(0, 30),
    ),
    min_size=5,
    max_size=60,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, most=st.integers(2, 5), milliseconds=st.integers(1, 30), two=st.booleans())
def test_scripts_decide_exactly_as_the_ledger_of_one_process_does(valkey_url, steps, most, milliseconds, two):
    asyncio.run(_compare(valkey_url, steps, most, milliseconds / 1000, two=two))


async def _compare(url: str, steps, most: int, period: float, *, two: bool) -> None:
    """The scripts answer first; the model is asked the same for the moment at which they did."""
    async with Redis.from_url(url) as redis:
        await redis.set(f"{PREFIX}born", LONG_AGO)
    shared = RedisLedger(SecretStr(url))
    try:
        await _compare_steps(shared, steps, most, period, two=two)
    finally:
        await shared.close()


async def _compare_steps(shared: RedisLedger, steps, most: int, period: float, *, two: bool) -> None:
    model, known = InProcessLedger(), []
    names, patience = [uuid4().hex for _ in range(2)], microseconds(period * 5)
    for kind, priority, cost, number in steps:
        limits = [Limit(names[0], most, period, cost)] + [Limit(names[1], 2 * most, 2 * period)] * two
        ask, since = Ask(limits=tuple(limits), priority=priority, kind="x"), 0
        if kind != "take" and known:
            ask, since = known[number % len(known)]
        if kind == "done":
            for either in (shared, model):
                await either.done(ask, taken_seconds=number / 1000)
            continue
        now, answer = await shared.take_timed(ask, since=since, patience=patience)
        assert answer == model.take_at(ask, now, since=since, patience=patience)
        known.append((ask, answer.since if isinstance(answer, Wait) else since))


@asynccontextmanager
async def calling(url: str, name: str, calls: int) -> AsyncGenerator[asyncio.StreamReader]:
    """A process that makes calls, and what it prints; killed at the end."""
    arguments = (url, name, str(MOST), str(PERIOD), str(calls))
    process = await asyncio.create_subprocess_exec(sys.executable, CALLER, *arguments, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_processes_together_keep_the_limit(valkey_url, ledger):
    name, times, pacer = uuid4().hex, [], Pacer(ledger)
    async with calling(valkey_url, name, 12) as output, asyncio.timeout(START_SECONDS):
        times.append(float(await output.readline()))
        for _ in range(8):
            turn = await pacer.turn(Ask(limits=(Limit(name, MOST, PERIOD),)), patience_seconds=30)
            times.append(time.time())
            assert isinstance(turn, Turn)
            await pacer.done(turn)
        times += [float(await output.readline()) for _ in range(11)]
    times.sort()
    assert all(later - earlier >= PERIOD for earlier, later in zip(times, times[MOST:], strict=False))


async def test_process_that_is_killed_while_it_waits_holds_up_nobody_for_long(valkey_url, ledger):
    name = uuid4().hex
    async with calling(valkey_url, name, 100) as output, asyncio.timeout(START_SECONDS):
        for _ in range(MOST + 1):
            await output.readline()
    began = asyncio.get_running_loop().time()
    for _ in range(MOST):
        limit = Limit(name, MOST, PERIOD)
        assert isinstance(await Pacer(ledger).turn(Ask(limits=(limit,)), patience_seconds=60), Turn)
    assert asyncio.get_running_loop().time() - began < VISIT_SECONDS + GRACE_SECONDS + 3 * PERIOD


@dataclass
class Place:
    folder: Path
    port: int
    clock: SteppedClock

    def __post_init__(self) -> None:
        url = prepare_valkey(self.folder, port=self.port, durable=False).url
        ledger = ledger_at(SecretStr(url), self.clock)
        assert isinstance(ledger, FallbackLedger)
        self.ledger = ledger

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with running_valkey(self.folder, port=self.port, durable=False) as valkey:
            async with Redis.from_url(valkey.url) as redis:
                await redis.set(f"{PREFIX}born", LONG_AGO)
            yield

    async def take(self) -> object:
        ask = Ask(limits=(Limit("base", 5, 1.0),), tally=Tally("book", ("all",)))
        return await self.ledger.take(ask, since=0, patience_seconds=0)

    async def move(self, seconds: float) -> None:
        await self.clock.move_to(self.clock.now() + seconds)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A Redis that can be stopped and started, and a ledger on it whose time a test moves."""
    found = Place(tmp_path, free_port(), SteppedClock())
    yield found
    await found.ledger.close()


async def test_restart_between_two_calls_is_not_an_outage(place):
    async with place.running():
        assert isinstance(await place.take(), Granted)
    async with place.running():
        assert isinstance(await place.take(), Granted)
    assert (place.ledger.is_shared, place.ledger.outages) == (True, 0)


async def test_alone_a_process_is_silent_first_and_then_slow(place):
    assert isinstance(await place.take(), Refused)
    assert (place.ledger.is_shared, place.ledger.outages) == (False, 1)
    await place.move(SILENCE_SECONDS + 0.01)
    assert isinstance(await place.take(), Granted)
    assert isinstance(await place.take(), Refused)
    await place.move(1.3)
    assert isinstance(await place.take(), Granted)
    assert place.ledger.outages == 1


async def test_when_the_store_is_back_the_base_rests_and_the_calls_are_added(place):
    async with place.running():
        await place.take()
    await place.take()
    await place.move(SILENCE_SECONDS + 0.01)
    assert isinstance(await place.take(), Granted)
    assert await place.ledger.tallied("book") == {"all": 1}
    async with place.running():
        await place.move(PROBE_SECONDS / 2)
        assert not place.ledger.is_shared
        await place.move(PROBE_SECONDS)
        refused = await place.take()
        assert place.ledger.is_shared
        assert isinstance(refused, Refused)
        assert (refused.paused, refused.seconds <= RETURN_SECONDS) == ("base", True)
        assert await place.ledger.tallied("book") == {"all": 2}


async def test_pause_is_kept_while_the_store_is_away_and_told_when_it_is_back(place):
    async with place.running():
        await place.ledger.pause("base", 300)
    refused = await place.take()
    assert isinstance(refused, Refused)
    assert refused.seconds == pytest.approx(300)
    await place.ledger.pause("month", 300)
    async with place.running():
        await place.move(2 * PROBE_SECONDS)
        assert set(await place.ledger.paused(["base", "month"])) == {"base", "month"}
        assert place.ledger.is_shared


async def test_without_a_url_a_ledger_is_of_this_process():
    assert not ledger_at(None).is_shared
