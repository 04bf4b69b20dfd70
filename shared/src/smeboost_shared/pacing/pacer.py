"""Waits for turns: asks a ledger, sleeps until it is time to ask again, and gives up when that would take too long."""

from dataclasses import dataclass, replace
from uuid import uuid4

from smeboost_shared.pacing.asks import LATE_SECONDS_MAX, Ask, Ledger, Refused, Wait
from smeboost_shared.pacing.clock import Clock, MonotonicClock


@dataclass(frozen=True, slots=True)
class Turn:
    """A call that may be made now. Say `done` when it was answered."""

    ask: Ask
    tallied: int
    began_at: float
    """When the turn began, or a little before."""


class Pacer:
    """Gives turns to the callers in this process, from a ledger that others may share."""

    def __init__(self, ledger: Ledger, clock: Clock | None = None) -> None:
        """The ledger is opened and closed by whoever made it."""
        self.ledger = ledger
        self._clock = clock or MonotonicClock()

    async def turn(self, ask: Ask, *, patience_seconds: float) -> Turn | Refused:
        """A turn, or what stands in the way of one within `patience_seconds`."""
        deadline = self._clock.now() + patience_seconds
        since = 0
        while True:
            patience = max(deadline - self._clock.now(), 0)
            answer = await self.ledger.take(ask, since=since, patience_seconds=patience)
            if isinstance(answer, Refused):
                return answer
            if isinstance(answer, Wait):
                since = answer.since
                await self._clock.sleep(answer.seconds)
                continue
            began_at = self._clock.now() - answer.begun_seconds
            if answer.begins_in_seconds > 0:
                await self._clock.sleep(answer.begins_in_seconds)
            if self._clock.now() - began_at < LATE_SECONDS_MAX:
                return Turn(ask, answer.tallied, began_at)
            # We come so late that the turn is over; its units are lost.
            ask = replace(ask, id=uuid4().hex)

    async def done(self, turn: Turn) -> None:
        """Note that the call was answered."""
        await self.ledger.done(turn.ask, taken_seconds=self._clock.now() - turn.began_at)
