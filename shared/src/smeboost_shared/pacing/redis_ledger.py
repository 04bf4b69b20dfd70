"""The ledger that processes share through Redis or Valkey. Beside the Redis server only this module knows redis-py.

Rules of this room:

- A decision is one script and one round trip, on the clock of the Redis server. It may be sent twice: an id that has a
  turn gets no second one.
- Every wait has an end, and a short one: whoever waits for a turn must not wait for the store.
- No message holds the URL, because the URL holds the password.
"""

import math
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from typing import cast

from pydantic import SecretStr
from redis import exceptions as vendor
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from smeboost_shared.errors import StoreUnavailable
from smeboost_shared.pacing.asks import (
    BACKGROUND_SHARE,
    LINES_MAX,
    OTHER_LINES,
    SPREAD_THOUSANDTHS,
    USUAL_CALLS,
    Answer,
    Ask,
    Granted,
    Refused,
    Wait,
    microseconds,
)
from smeboost_shared.pacing.clock import Skew
from smeboost_shared.pacing.ledger import GRACE, LATE, LEAD, VISIT, granted

PREFIX = "smeboost:pace:"
CONNECTIONS_MAX = 16
SECONDS_MAX = 1.0
"""For connecting, for an answer, and for a free connection."""
TALLY_MILLISECONDS = 100 * 86_400_000
STATE_MILLISECONDS = 86_400_000


class RedisLedger:
    """Turns for the callers in all processes. Every method raises `StoreUnavailable` when Redis does not answer."""

    is_shared = True

    def __init__(self, url: SecretStr) -> None:
        """Nothing is opened before the first question."""
        pool = BlockingConnectionPool.from_url(
            url.get_secret_value(),
            max_connections=CONNECTIONS_MAX,
            timeout=SECONDS_MAX,
            socket_connect_timeout=SECONDS_MAX,
            socket_timeout=SECONDS_MAX,
            # A connection that broke while nobody used it is made again.
            retry=Retry(NoBackoff(), 1, supported_errors=(vendor.ConnectionError,)),
            protocol=2,
        )
        self._redis = Redis.from_pool(pool)
        self._skew = Skew()
        self._take = self._redis.register_script(_script("take"))
        self._done = self._redis.register_script(_script("done"))
        self._pause = self._redis.register_script(_script("pause"))

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    async def ping(self) -> None:
        """Raise unless it answers."""
        with _translated():
            await self._redis.execute_command("PING")

    async def take(self, ask: Ask, *, since: int, patience_seconds: float) -> Answer:
        """See `Ledger.take`."""
        asked = microseconds(time.monotonic())
        now, answer = await self.take_timed(ask, since=since, patience=microseconds(patience_seconds))
        answered = microseconds(time.monotonic())
        self._skew.learn(now, asked, answered)
        if not isinstance(answer, Granted):
            return answer
        begins = now + microseconds(answer.begins_in_seconds or -answer.begun_seconds)
        return Granted(answer.tallied, *self._skew.until(begins, answered))

    async def take_timed(self, ask: Ask, *, since: int, patience: int) -> tuple[int, Answer]:
        """The moment of the decision too; all in microseconds."""
        keys = [f"{PREFIX}born", _key("tally", ask.tally.book if ask.tally else "")]
        for limit in ask.limits:
            keys += [_key(room, limit.name) for room in ("uses", "queue", "state")]
        keys += [_key("pause", name) for name in ask.names]
        rules = (LATE, LEAD, VISIT, GRACE, BACKGROUND_SHARE, SPREAD_THOUSANDTHS, LINES_MAX, OTHER_LINES)
        lives = (TALLY_MILLISECONDS, STATE_MILLISECONDS)
        limits = [number for limit in ask.limits for number in (limit.most, limit.period, limit.cost)]
        lines = ask.tally.lines if ask.tally else ()
        arguments = [ask.id, int(ask.priority), since, patience, *rules, *lives, len(ask.limits), *limits, *lines]
        with _translated():
            reply = cast("list[bytes | int]", await self._take(keys=keys, args=arguments))
        now, *answer = (part.decode() if isinstance(part, bytes) else part for part in reply)
        return int(now), _answer(ask, answer, int(now))

    async def done(self, ask: Ask, *, taken_seconds: float) -> None:
        """See `Ledger.done`."""
        keys = [_key("state", ask.limits[0].name), *(_key("uses", limit.name) for limit in ask.limits)]
        costs = [limit.cost for limit in ask.limits]
        with _translated():
            await self._done(keys=keys, args=[ask.id, ask.kind, microseconds(taken_seconds), LATE, USUAL_CALLS, *costs])

    async def pause(self, name: str, seconds: float) -> None:
        """See `Ledger.pause`."""
        with _translated():
            await self._pause(keys=[_key("pause", name)], args=[max(1, math.ceil(seconds * 1000))])

    async def resume(self, name: str) -> None:
        """See `Ledger.resume`."""
        with _translated():
            await self._redis.execute_command("DEL", _key("pause", name))

    async def paused(self, names: Sequence[str]) -> dict[str, float]:
        """See `Ledger.paused`."""
        pipeline = self._redis.pipeline(transaction=False)
        for name in names:
            pipeline.execute_command("PTTL", _key("pause", name))
        with _translated():
            replies = cast("list[int]", await pipeline.execute())
        return {name: left / 1000 for name, left in zip(names, replies, strict=True) if left > 0}

    async def tallied(self, book: str) -> dict[str, int]:
        """See `Ledger.tallied`."""
        with _translated():
            reply = cast("dict[bytes, bytes]", await self._redis.execute_command("HGETALL", _key("tally", book)))
        return {line.decode(): int(count) for line, count in reply.items()}

    async def add(self, book: str, lines: Mapping[str, int]) -> None:
        """Count calls that were made without this ledger."""
        pipeline = self._redis.pipeline(transaction=True)
        for line, count in lines.items():
            pipeline.execute_command("HINCRBY", _key("tally", book), line, count)
        pipeline.execute_command("PEXPIRE", _key("tally", book), TALLY_MILLISECONDS)
        with _translated():
            await pipeline.execute()


def _answer(ask: Ask, reply: list[str | int], now: int) -> Answer:
    kind, number, *more = reply
    if kind == "go":
        return granted(int(more[0]), int(number), now)
    if kind == "wait":
        return Wait(int(number) / 1e6, since=int(more[0]))
    pause = int(more[0])
    return Refused(int(number) / 1e6, paused=ask.names[pause - 1] if pause else None)


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except (vendor.AuthenticationError, vendor.NoPermissionError) as exc:
        raise StoreUnavailable("The Redis server refused the user, or what it may do.") from exc
    except (vendor.RedisError, OSError) as exc:
        raise StoreUnavailable(f"The Redis server does not answer as it should ({type(exc).__name__}).") from exc


def _key(room: str, name: str) -> str:
    return f"{PREFIX}{room}:{name}"


def _script(name: str) -> str:
    return resources.files("smeboost_shared.pacing").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
