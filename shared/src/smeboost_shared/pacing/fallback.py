"""A shared ledger that may go away, and what is done meanwhile.

Rules of this room:

- While the shared ledger is away each process keeps its own, at a fifth of the rate: so up to five of them stay
  within a limit that they cannot agree on. A warning says so once, and `outages` counts it.
- At first nothing is given for `SILENCE_SECONDS`, because others had turns a moment ago.
- Every `PROBE_SECONDS` a call looks whether the shared ledger is back. Then the limits that were used meanwhile rest
  for `RETURN_SECONDS`: others may not have noticed yet. Calls that were counted here are added to the shared count.
- Pauses that this process knows of hold all the time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from pydantic import SecretStr

from smeboost_shared.errors import Misconfigured, StoreUnavailable
from smeboost_shared.logs import get_logger
from smeboost_shared.pacing.asks import Answer, Ask, Granted, Ledger, Refused
from smeboost_shared.pacing.clock import Clock, MonotonicClock
from smeboost_shared.pacing.ledger import InProcessLedger

PROCESSES = 5
"""So many may run beside each other while they do not know of each other."""
SILENCE_SECONDS = 1.5
PROBE_SECONDS = 1.0
RETURN_SECONDS = 2.5

log = get_logger("pacing")


class SharedLedger(Ledger, Protocol):
    """A ledger elsewhere. Its methods raise `StoreUnavailable` when it is away."""

    async def ping(self) -> None: ...

    async def add(self, book: str, lines: Mapping[str, int]) -> None: ...


class FallbackLedger:
    """The shared ledger, or this process's own while that is away."""

    def __init__(self, shared: SharedLedger, clock: Clock | None = None) -> None:
        """`shared` is closed with this."""
        self._clock = clock or MonotonicClock()
        self._shared, self._own = shared, InProcessLedger(self._clock)
        self._probe_at: float | None = None
        self._used_alone: set[str] = set()
        self.outages = 0

    @property
    def is_shared(self) -> bool:
        """Whether the shared ledger is there, as far as is known."""
        return self._probe_at is None

    async def take(self, ask: Ask, *, since: int, patience_seconds: float) -> Answer:
        """See `Ledger.take`. The ledgers' times differ: who waits during a change may lose or win a place by it."""
        if await self._is_back():
            try:
                answer = await self._shared.take(ask, since=since, patience_seconds=patience_seconds)
            except StoreUnavailable as exc:
                await self._lose(exc, ask)
            else:
                await self._remember(ask, answer)
                return answer
        limits = tuple(replace(limit, most=max(limit.cost, limit.most // PROCESSES)) for limit in ask.limits)
        self._used_alone.update(limit.name for limit in limits)
        return await self._own.take(replace(ask, limits=limits), since=since, patience_seconds=patience_seconds)

    async def done(self, ask: Ask, *, taken_seconds: float) -> None:
        """See `Ledger.done`."""
        await self._own.done(ask, taken_seconds=taken_seconds)
        if self.is_shared:
            try:
                await self._shared.done(ask, taken_seconds=taken_seconds)
            except StoreUnavailable as exc:
                await self._lose(exc, ask)

    async def close(self) -> None:
        """Close the shared ledger."""
        await self._shared.close()

    async def pause(self, name: str, seconds: float) -> None:
        """See `Ledger.pause`."""
        await self._own.pause(name, seconds)
        if await self._is_back():
            try:
                await self._shared.pause(name, seconds)
            except StoreUnavailable as exc:
                await self._lose(exc)

    async def resume(self, name: str) -> None:
        """See `Ledger.resume`.

        Raises:
            StoreUnavailable: the others cannot be told.
        """
        await self._own.resume(name)
        await self._shared.resume(name)

    async def paused(self, names: Sequence[str]) -> dict[str, float]:
        """See `Ledger.paused`."""
        if await self._is_back():
            try:
                return await self._shared.paused(names)
            except StoreUnavailable as exc:
                await self._lose(exc)
        return await self._own.paused(names)

    async def tallied(self, book: str) -> dict[str, int]:
        """See `Ledger.tallied`."""
        if await self._is_back():
            try:
                return await self._shared.tallied(book)
            except StoreUnavailable as exc:
                await self._lose(exc)
        return await self._own.tallied(book)

    async def _remember(self, ask: Ask, answer: Answer) -> None:
        """Know the pauses, should the shared ledger go away during one."""
        if isinstance(answer, Refused) and answer.paused:
            await self._own.pause(answer.paused, answer.seconds)
        elif isinstance(answer, Granted):
            for name in ask.names:
                await self._own.resume(name)

    async def _lose(self, error: StoreUnavailable, ask: Ask | None = None) -> None:
        """Go on alone."""
        if self.is_shared:
            self.outages += 1
            log.warning("shared_ledger_lost", error=error.message, outages=self.outages)
        self._probe_at = self._clock.now() + PROBE_SECONDS
        for limit in ask.limits if ask else ():
            await self._own.pause(limit.name, SILENCE_SECONDS)

    async def _is_back(self) -> bool:
        if self._probe_at is None:
            return True
        if self._clock.now() < self._probe_at:
            return False
        self._probe_at = self._clock.now() + PROBE_SECONDS
        try:
            await self._shared.ping()
            await self._hand_over()
        except StoreUnavailable:
            return False
        self._probe_at = None
        log.warning("shared_ledger_back", outages=self.outages)
        return True

    async def _hand_over(self) -> None:
        """Tell the shared ledger what happened here."""
        while self._used_alone:
            await self._shared.pause(next(iter(self._used_alone)), RETURN_SECONDS)
            self._used_alone.pop()
        for name, seconds in self._own.pauses().items():
            await self._shared.pause(name, seconds)
        for book, lines in self._own.take_tallies().items():
            await self._shared.add(book, lines)


def ledger_at(url: SecretStr | None, clock: Clock | None = None) -> Ledger:
    """The ledger that is shared through the Redis at this URL, or one of this process without a URL.

    Raises:
        Misconfigured: there is a URL, but no client for Redis.
    """
    if url is None:
        return InProcessLedger(clock)
    try:
        from smeboost_shared.pacing.redis_ledger import RedisLedger
    except ImportError as exc:
        raise Misconfigured("A Redis URL is set, but its client is missing: install smeboost-shared[redis].") from exc
    return FallbackLedger(RedisLedger(url), clock)
