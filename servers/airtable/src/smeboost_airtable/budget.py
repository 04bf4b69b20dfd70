"""How often we may ask Airtable: 5 requests a second for a base, 50 for a token, so many calls a month.

Rules of this room (Airtable's "Rate limits" page; what it does not say is marked as in our notes: [O] seen by users,
[I] inferred):

- A turn takes from the base's second and from the token's second at once. How turns are given, and who goes first, is
  in `smeboost_shared.pacing`.
- A 429 stops the whole base for as long as it says, or for 30 s, in every process that shares the budget.
- The 429 of a spent month stops the base's data calls until the next month (UTC [I]) begins, or until somebody says
  that there are calls again. Calls to the Meta API went on in such a month [O], so they do here.
- Every call is counted, by token, month and base. The free plan has 1,000 a month [O], Team 100,000 [I].
"""

import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from smeboost_shared.errors import RateLimited, SmeBoostError
from smeboost_shared.logs import get_logger
from smeboost_shared.pacing.asks import Ask, Ledger, Limit, Refused, Tally
from smeboost_shared.pacing.clock import Clock
from smeboost_shared.pacing.fallback import ledger_at
from smeboost_shared.pacing.pacer import Pacer, Turn
from smeboost_shared.pacing.priority import Priority, current_priority

from smeboost_airtable.quota import Names, Usage, lines_of, month_ends, usage_of
from smeboost_airtable.refusals import Refusal, quota_exhausted
from smeboost_airtable.settings import AirtableSettings
from smeboost_airtable.transport import Request

log = get_logger("airtable.budget")
WARN_AT = 0.8
"""Of the month's calls."""


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


class RequestBudget:
    """Turns for one token."""

    def __init__(
        self,
        settings: AirtableSettings,
        ledger: Ledger | None = None,
        *,
        clock: Clock | None = None,
        today: Callable[[], datetime] = utc_now,
    ) -> None:
        """Without a ledger, turns are shared with whoever has the same Redis, or with nobody."""
        self._settings = settings
        self._ledger = ledger or ledger_at(settings.redis_url, clock)
        self._pacer = Pacer(self._ledger, clock)
        self._today = today
        self._names = Names(settings)
        self._warned = ""
        self.met_429 = 0
        """How often Airtable found us too fast all the same."""

    @asynccontextmanager
    async def turn(self, base_id: str, request: Request) -> AsyncGenerator[Turn]:
        """Send the request inside; a 429 that is raised there stops the base.

        Raises:
            RateLimited: the turn would come later than the longest wait; says when to try again.
            QuotaExhausted: the base's month is spent.
        """
        turn = await self._pacer.turn(self._ask(base_id, request), patience_seconds=self._settings.wait_seconds_max)
        if isinstance(turn, Refused):
            raise self._refused(turn)
        self._warn_once(turn.tallied)
        try:
            yield turn
        except Refusal as refusal:
            await self._heed(refusal, base_id)
            await self._pacer.done(turn)
            raise
        await self._pacer.done(turn)

    async def close(self) -> None:
        """Let go of the ledger."""
        await self._ledger.close()

    async def resume(self, base_id: str) -> None:
        """Somebody says that the base may be asked again: its month was extended, or its pause was a mistake."""
        await self._ledger.resume(self._names.base(base_id))
        await self._ledger.resume(self._names.month(base_id))

    async def usage(self) -> Usage:
        """The calls of this month with this token, and where they lead."""
        now = self._today()
        lines = await self._ledger.tallied(self._names.book(now))
        usage = usage_of(lines, now=now, monthly_calls=self._settings.monthly_calls, is_shared=self._ledger.is_shared)
        gates = {self._names.month(base_id): base_id for base_id in usage.calls_by_base}
        spent = await self._ledger.paused(list(gates))
        return usage.model_copy(update={"spent_bases": [gates[name] for name in spent]})

    def _ask(self, base_id: str, request: Request) -> Ask:
        settings, names = self._settings, self._names
        limits = [_limit(names.token, settings.token_requests_per_second)]
        if base_id:
            limits.insert(0, _limit(names.base(base_id), settings.requests_per_second))
        is_data = base_id and request.path[0] != "meta"
        background = settings.priority == "background"
        return Ask(
            limits=tuple(limits),
            priority=Priority.BACKGROUND if background else current_priority(),
            gates=(names.month(base_id),) if is_data else (),
            tally=Tally(names.book(self._today()), lines_of(self._today(), base_id)),
            kind=f"{request.method} {len(request.path)}",
        )

    async def _heed(self, refusal: Refusal, base_id: str) -> None:
        """Let every process know what Airtable said."""
        if refusal.is_quota:
            seconds = (month_ends(self._today()) - self._today()).total_seconds()
            await self._ledger.pause(self._names.month(base_id), seconds)
            log.warning("airtable_month_spent", base_id=base_id)
        elif refusal.is_rate_limit:
            self.met_429 += 1
            if refusal.retry_after_seconds is None:
                refusal.retry_after_seconds = self._settings.pause_seconds
            await self._ledger.pause(self._names.base(base_id), refusal.retry_after_seconds)
            log.warning("airtable_base_paused", base_id=base_id, seconds=refusal.retry_after_seconds)

    def _refused(self, refused: Refused) -> SmeBoostError:
        if self._names.is_month(refused.paused):
            return quota_exhausted()
        return RateLimited(
            "Too many requests to this Airtable base.",
            hint="Ask for fewer, larger pages and batches, or wait.",
            retry_after_seconds=math.ceil(refused.seconds * 10) / 10,
        )

    def _warn_once(self, calls: int) -> None:
        limit, book = self._settings.monthly_calls, self._names.book(self._today())
        if limit and calls >= WARN_AT * limit and self._warned != book:
            self._warned = book
            log.warning("airtable_month_nearly_spent", calls=calls, monthly_calls=limit)


def _limit(name: str, requests_per_second: float) -> Limit:
    """A rate as whole turns in a period: 0.5/s is one turn in two seconds."""
    most = max(1, math.floor(requests_per_second))
    return Limit(name, most, most / requests_per_second)
