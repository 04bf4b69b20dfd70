"""What a caller asks of a ledger of turns, and what it is told; the rules that every ledger keeps.

Rules of this room:

- A limit is `most` units in any `period_seconds`, counted where the service counts: when the request arrives there. We
  only know when a turn began and when its request was done. So a unit is free again one period, a margin and the
  request's *lateness* after its turn began. Lateness is how much longer the request took than requests of its
  kind take at their fastest, since it may have lost that time on its way there. A request that is not done yet counts
  as late as can be. If no request is later than `LATE_SECONDS_MAX`, and who is further away is no faster in
  answering, no window at the service ever sees more than `most`.
- Interactive goes before background, but after `BACKGROUND_SHARE` turns a background caller that waits has one.
- Background spreads its turns over the period, so that an interactive caller finds one soon.
- A turn is given up to `LEAD_SECONDS` before it begins.
- Whoever waits comes back at least every `VISIT_SECONDS`, and keeps its place by that. Whoever does not come (its
  process died) loses it `GRACE_SECONDS` later; until then it holds at most the units it waits for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from smeboost_shared.pacing.priority import Priority

MARGIN_SECONDS = 0.005
"""Added to each period, for what no report shows: the grain of clocks and timers."""
LATE_SECONDS_MAX = 0.2
LEAD_SECONDS = 0.05
"""So long before its turn a caller gets it, so that neither timers nor the store can make it late."""
VISIT_SECONDS = 1.0
GRACE_SECONDS = 0.25
BACKGROUND_SHARE = 4
SPREAD_THOUSANDTHS = 900
"""Of the even distance between turns; less than all of it, so that late turns are not late for ever."""
USUAL_CALLS = 200
"""The fastest time of a kind is forgotten over about so many calls, when the way there became longer."""
LINES_MAX = 1_000
"""Lines of one book."""
OTHER_LINES = "other"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` units in any `period_seconds`; the call takes `cost` of them."""

    name: str
    most: int
    period_seconds: float
    cost: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.cost <= self.most or self.period_seconds <= 0:
            raise ValueError(f"{self} can never be kept")

    @property
    def period(self) -> int:
        """How long a unit is taken by a punctual request, in microseconds."""
        return microseconds(self.period_seconds + MARGIN_SECONDS)


@dataclass(frozen=True, slots=True)
class Tally:
    """Where calls are counted: one book, and the lines in it that this call belongs to; the first is for all calls."""

    book: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One call that wants to be made."""

    limits: tuple[Limit, ...]
    priority: Priority = Priority.INTERACTIVE
    gates: tuple[str, ...] = ()
    """Names beside those of the limits whose pause concerns this call."""
    tally: Tally | None = None
    kind: str = ""
    """Calls of one kind take about the same time. There should be few kinds."""
    id: str = field(default_factory=lambda: uuid4().hex)

    @property
    def names(self) -> tuple[str, ...]:
        """Everything whose pause concerns this call."""
        return (*(limit.name for limit in self.limits), *self.gates)


@dataclass(frozen=True, slots=True)
class Granted:
    """The call may be made `begins_in_seconds` from now; `tallied` is what the first line of its tally now says."""

    tallied: int = 0
    begins_in_seconds: float = 0.0
    begun_seconds: float = 0.0
    """For how long, at most, the turn has begun; less than 0 before that."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Come back after so long, and say since when you have been waiting (in the ledger's own time)."""

    seconds: float
    since: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The turn would come in so many seconds, which is longer than the caller would wait."""

    seconds: float
    paused: str | None = None
    """The name whose pause is the reason, if one is."""


Answer = Granted | Wait | Refused


class Ledger(Protocol):
    """Keeps who had a turn and who waits."""

    @property
    def is_shared(self) -> bool:
        """Whether others take their turns from it too."""
        ...

    async def take(self, ask: Ask, *, since: int, patience_seconds: float) -> Answer:
        """Give a turn, or say when to ask again. Asking twice with the same id takes no second turn."""
        ...

    async def done(self, ask: Ask, *, taken_seconds: float) -> None:
        """Note that the request was answered so long after its turn began; until then it counts as late as can be."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...

    async def pause(self, name: str, seconds: float) -> None:
        """Give no turn that has to do with `name` for so long; a longer pause stays."""
        ...

    async def resume(self, name: str) -> None:
        """End the pause."""
        ...

    async def paused(self, names: Sequence[str]) -> dict[str, float]:
        """Those of the names that are paused, and for how many seconds."""
        ...

    async def tallied(self, book: str) -> dict[str, int]:
        """The number of calls by line."""
        ...


def microseconds(seconds: float) -> int:
    """As the ledgers count."""
    return round(seconds * 1_000_000)
