"""A rate limiter for all processes: the generic cell rate algorithm (GCRA, ATM Forum TM 4.0) in one round trip.

Rules of this room:

- `limit` requests may come at once, then one more every `period / limit`. So over ANY span of W seconds at most
  `limit * (1 + W / period)` are admitted; a caller that wants a hard cap for one period gives half the limit.
- Time is the server's, so clocks of callers do not matter. A refused request costs nothing.
- A policy is part of the key: the same name under another limit or period is another bucket.
"""

import math
from dataclasses import dataclass

from smeboost_shared.errors import InvalidInput

from smeboost_redis.client import RedisClient, Reply, as_bytes, as_list, load_script
from smeboost_redis.names import bounded_name, checked_namespace, own_prefix

LIMIT = load_script("limit")
EXACT_INTEGER_MAX = 2**53
"""Lua numbers are doubles; above this they are no longer whole."""


@dataclass(frozen=True)
class Decision:
    """Whether a request may pass, and what to tell its sender."""

    allowed: bool
    limit: int
    remaining: int
    """How many requests of cost 1 would pass right now."""
    retry_after_seconds: float
    """When the same request would pass; 0 when it was allowed."""
    reset_after_seconds: float
    """When the whole limit is free again."""
    checked_at: float
    """The server's time of the decision, in seconds since 1970."""


class RateLimiter:
    """Counts requests by key in Redis."""

    def __init__(self, client: RedisClient, namespace: str = "limits") -> None:
        """`namespace` keeps the buckets of one use apart from another's."""
        self._client = client
        self._prefix = f"{own_prefix(client.key_prefix)}{checked_namespace(namespace)}:"

    async def check(self, key: str, *, limit: int, period_seconds: float, cost: int = 1) -> Decision:
        """Take `cost` from the allowance of `key`, or refuse; a cost of 0 only looks.

        Raises:
            InvalidInput: the numbers make no sense, or `cost` is above `limit` and could never pass.
            StoreUnavailable: the store did not decide; the caller chooses whether to let pass.
        """
        period = round(period_seconds * 1_000_000)
        check_numbers(limit, period, cost)
        reply = await self._client.run(LIMIT, [self._bucket(key, limit, period)], [limit, period, cost])
        return decision_of(reply, limit=limit, period=period, cost=cost)

    async def reset(self, key: str, *, limit: int, period_seconds: float) -> None:
        """Give `key` its whole allowance of this policy back."""
        period = round(period_seconds * 1_000_000)
        await self._client.execute("DEL", self._bucket(key, limit, period))

    def _bucket(self, key: str, limit: int, period: int) -> str:
        return f"{self._prefix}{{{bounded_name(key)}}}:{limit}/{period}"


def decision_of(reply: Reply, *, limit: int, period: int, cost: int) -> Decision:
    """What the script's reply means; `period` in microseconds."""
    allowed, level, now = as_list(reply)
    level, now = int(as_bytes(level)), int(as_bytes(now))
    # One request weighs `period` units, and the bucket leaks `limit` units a microsecond.
    overflow = 0 if allowed == 1 else level + (cost - limit) * period
    return Decision(
        allowed=allowed == 1,
        limit=limit,
        remaining=(limit * period - level) // period,
        retry_after_seconds=math.ceil(overflow / limit) / 1e6,
        reset_after_seconds=math.ceil(level / limit) / 1e6,
        checked_at=now / 1e6,
    )


def check_numbers(limit: int, period: int, cost: int) -> None:
    """Raise `InvalidInput` unless a limiter can work with these; `period` in microseconds."""
    if limit < 1 or period < 1_000:
        raise InvalidInput("A rate limit needs a limit of at least 1 and a period of at least 1 ms.")
    if not 0 <= cost <= limit:
        raise InvalidInput(f"The cost must be between 0 and the limit of {limit}.")
    if 2 * limit * period > EXACT_INTEGER_MAX:
        raise InvalidInput("The limit is too large for its period; use a shorter period.")
