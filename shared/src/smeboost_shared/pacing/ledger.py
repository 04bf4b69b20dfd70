"""The ledger of one process: the rules of `asks`, in whole microseconds.

`lua/take.lua` and `lua/done.lua` keep the same rules in Redis; a change here is a change there, and a test compares
them.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from smeboost_shared.pacing.asks import (
    BACKGROUND_SHARE,
    GRACE_SECONDS,
    LATE_SECONDS_MAX,
    LEAD_SECONDS,
    LINES_MAX,
    OTHER_LINES,
    SPREAD_THOUSANDTHS,
    USUAL_CALLS,
    VISIT_SECONDS,
    Answer,
    Ask,
    Granted,
    Limit,
    Refused,
    Wait,
    microseconds,
)
from smeboost_shared.pacing.clock import Clock, MonotonicClock
from smeboost_shared.pacing.priority import Priority

LATE, VISIT, GRACE = microseconds(LATE_SECONDS_MAX), microseconds(VISIT_SECONDS), microseconds(GRACE_SECONDS)
LEAD = microseconds(LEAD_SECONDS)
LIMITS_REMEMBERED_MAX = 1_000
BOOKS_MAX = 24

Ticket = tuple[Priority, int, str]
"""A place in the queue: priority, since when, id. Tickets sort in the order of their turns."""


@dataclass(slots=True)
class Use:
    """Units in use: free again at `free_at`, or a little later while the request is not done."""

    free_at: int
    cost: int
    done: bool = False

    def ends(self, now: int) -> int:
        """When the units are free, as far as is known now."""
        return self.free_at if self.done or self.free_at > now + LEAD else self.free_at + LATE


@dataclass(slots=True)
class Meter:
    """One limit: the units in use, and who waits for one."""

    uses: dict[str, Use] = field(default_factory=dict[str, Use])
    queue: dict[Ticket, tuple[int, int]] = field(default_factory=dict[Ticket, tuple[int, int]])
    """Cost and next visit of each ticket."""
    spread_until: int = 0
    streak: int = 0
    """Interactive turns since background last had one while it waited."""
    fastest: dict[str, int] = field(default_factory=dict[str, int])

    def tidy(self, now: int) -> None:
        """Forget what is over."""
        self.uses = {name: use for name, use in self.uses.items() if use.ends(now) > now}
        self.queue = {ticket: place for ticket, place in self.queue.items() if place[1] + GRACE > now}

    def turn_at(self, limit: Limit, mine: Ticket, now: int) -> int:
        """When `mine` may have its units, as far as is known now."""
        uses = sorted((use.ends(now), use.cost) for use in self.uses.values())
        used = sum(cost for _, cost in uses)
        lacking = used + self._ahead(mine) + limit.cost - limit.most
        turn_at = now
        if lacking > 0:
            rounds, place = divmod(lacking - 1, limit.most)
            turn_at = self._free_at(uses, place, otherwise=now + limit.period) + rounds * limit.period
        return turn_at if mine[0] is Priority.INTERACTIVE else max(turn_at, self.spread_until)

    @staticmethod
    def _free_at(uses: list[tuple[int, int]], place: int, *, otherwise: int) -> int:
        for ends, cost in uses:
            place -= cost
            if place < 0:
                return ends
        return otherwise

    def _ahead(self, mine: Ticket) -> int:
        """The units that go before `mine` to others who wait."""
        others = sorted(ticket for ticket in self.queue if ticket != mine)
        first = [ticket for ticket in others if ticket[0] is Priority.INTERACTIVE]
        later = [ticket for ticket in others if ticket[0] is Priority.BACKGROUND]
        if mine[0] is Priority.INTERACTIVE:
            first = [ticket for ticket in first if ticket < mine]
            later = later[: (self.streak + len(first)) // BACKGROUND_SHARE]
        else:
            later = [ticket for ticket in later if ticket < mine]
            first = first[: max(0, BACKGROUND_SHARE * (len(later) + 1) - self.streak)]
        return sum(self.queue[ticket][0] for ticket in (*first, *later))

    def give(self, limit: Limit, mine: Ticket, begins: int) -> None:
        """Take the units, from that moment on."""
        self.uses[mine[2]] = Use(begins + limit.period, limit.cost)
        self.spread_until = begins + SPREAD_THOUSANDTHS * limit.period * limit.cost // (1000 * limit.most)
        waits = any(ticket[0] is Priority.BACKGROUND for ticket in self.queue)
        self.streak = self.streak + 1 if waits and mine[0] is Priority.INTERACTIVE else 0

    def lateness(self, ask: Ask, taken: int) -> int | None:
        """How late the request of this call may have arrived; None when it is long over."""
        use = self.uses.get(ask.id)
        if use is None or use.done:
            return None
        fastest = self.fastest.get(ask.kind, 0)
        self.fastest[ask.kind] = min(taken, fastest + max(taken - fastest, 0) // USUAL_CALLS)
        return min(max(taken - self.fastest[ask.kind], 0), LATE)


def granted(tallied: int, begins: int, now: int) -> Granted:
    """A turn that begins at that moment, or has begun then."""
    return Granted(tallied, max(begins - now, 0) / 1e6, (now - begins) / 1e6)


class InProcessLedger:
    """Turns for the callers in this process. Belongs to one event loop."""

    is_shared = False

    def __init__(self, clock: Clock | None = None) -> None:
        """Nobody has had a turn."""
        self._clock = clock or MonotonicClock()
        self._meters: OrderedDict[str, Meter] = OrderedDict()
        self._paused: dict[str, int] = {}
        self._tallies: OrderedDict[str, dict[str, int]] = OrderedDict()

    async def take(self, ask: Ask, *, since: int, patience_seconds: float) -> Answer:
        """See `Ledger.take`."""
        return self.take_at(ask, self._now(), since=since, patience=microseconds(patience_seconds))

    def take_at(self, ask: Ask, now: int, *, since: int, patience: int) -> Answer:
        """The decision at a moment, in microseconds; patience too."""
        name = max(ask.names, key=lambda name: self._paused.get(name, 0))
        wait = self._paused.get(name, 0) - now
        if wait > 0:
            if wait > patience:
                return Refused(wait / 1e6, paused=name)
            return Wait(min(wait, VISIT) / 1e6, since or now)
        meters = [self._meter(limit.name, now) for limit in ask.limits]
        use = meters[0].uses.get(ask.id)
        if use is not None:
            return granted(self._tallied(ask), now if use.done else use.free_at - ask.limits[0].period, now)
        return self._decide(ask, list(zip(meters, ask.limits, strict=True)), now, since=since or now, patience=patience)

    def _decide(self, ask: Ask, places: list[tuple[Meter, Limit]], now: int, *, since: int, patience: int) -> Answer:
        mine: Ticket = (ask.priority, since, ask.id)
        turns = [meter.turn_at(limit, mine, now) for meter, limit in places]
        for meter, _ in places:
            meter.queue.pop(mine, None)
        turn_at = max(turns)
        if turn_at <= now + LEAD:
            for meter, limit in places:
                meter.give(limit, mine, turn_at)
            return granted(self._count(ask), turn_at, now)
        if turn_at > now + patience:
            return Refused((turn_at - now) / 1e6)
        # It waits where it is held up, and is in nobody's way elsewhere.
        meter, limit = places[turns.index(turn_at)]
        visit = min(turn_at - LEAD, now + VISIT)
        meter.queue[mine] = (limit.cost, visit)
        return Wait((visit - now) / 1e6, since)

    async def done(self, ask: Ask, *, taken_seconds: float) -> None:
        """See `Ledger.done`."""
        taken = microseconds(taken_seconds)
        meters = [meter for limit in ask.limits if (meter := self._meters.get(limit.name))]
        late = meters[0].lateness(ask, taken) if meters else None
        if late is None:
            return
        for meter in meters:
            use = meter.uses.get(ask.id)
            if use is not None:
                use.free_at, use.done = use.free_at + late, True

    async def close(self) -> None:
        """Nothing is held."""

    async def pause(self, name: str, seconds: float) -> None:
        """See `Ledger.pause`."""
        now = self._now()
        self._paused = {known: until for known, until in self._paused.items() if until > now}
        self._paused[name] = max(self._paused.get(name, 0), now + microseconds(seconds))

    async def resume(self, name: str) -> None:
        """See `Ledger.resume`."""
        self._paused.pop(name, None)

    async def paused(self, names: Sequence[str]) -> dict[str, float]:
        """See `Ledger.paused`."""
        pauses = self.pauses()
        return {name: pauses[name] for name in names if name in pauses}

    async def tallied(self, book: str) -> dict[str, int]:
        """See `Ledger.tallied`."""
        return dict(self._tallies.get(book, {}))

    def pauses(self) -> dict[str, float]:
        """Everything that is paused, and for how many seconds."""
        now = self._now()
        return {name: (until - now) / 1e6 for name, until in self._paused.items() if until > now}

    def take_tallies(self) -> dict[str, dict[str, int]]:
        """All books, which are empty from now on."""
        tallies, self._tallies = dict(self._tallies), OrderedDict()
        return tallies

    def _count(self, ask: Ask) -> int:
        if ask.tally is not None:
            book = self._tallies.setdefault(ask.tally.book, {})
            for line in ask.tally.lines:
                known = line if line in book or len(book) < LINES_MAX else OTHER_LINES
                book[known] = book.get(known, 0) + 1
            if len(self._tallies) > BOOKS_MAX:
                self._tallies.popitem(last=False)
        return self._tallied(ask)

    def _tallied(self, ask: Ask) -> int:
        return self._tallies[ask.tally.book][ask.tally.lines[0]] if ask.tally else 0

    def _now(self) -> int:
        # 0 would read as "not waiting yet".
        return max(1, microseconds(self._clock.now()))

    def _meter(self, name: str, now: int) -> Meter:
        meter = self._meters.setdefault(name, Meter())
        self._meters.move_to_end(name)
        meter.tidy(now)
        if len(self._meters) > LIMITS_REMEMBERED_MAX:
            self._forget_the_idle(now)
        return meter

    def _forget_the_idle(self, now: int) -> None:
        for name in list(self._meters)[: len(self._meters) - LIMITS_REMEMBERED_MAX]:
            self._meters[name].tidy(now)
            if not self._meters[name].uses and not self._meters[name].queue:
                del self._meters[name]
