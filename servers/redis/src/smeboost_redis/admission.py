"""What a gateway asks at every request, in one command: does the session live, and is its allowance used up?

It is `Sessions.read_by_id` and `RateLimiter.check` in one step, for the hot path: it reads only the fields it is asked
for, and a session's bucket lies in the slot of the session.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smeboost_redis.client import RedisClient, Script, as_bytes, as_list, load_script
from smeboost_redis.limits import LIMIT, Decision, check_numbers, decision_of
from smeboost_redis.sessions import DATA, Sessions

ADMIT = Script("admit", f"local function decide()\n{LIMIT.source}\nend\n{load_script('admit').source}")
USER = "user"


@dataclass(frozen=True, slots=True)
class Admitted:
    """A session that lives. Its request may pass when `decision` allows it."""

    user_id: str
    data: Mapping[str, str]
    """The fields that were asked for, as far as the session has them."""
    decision: Decision


class Admission:
    """Asks for sessions and their allowance."""

    def __init__(
        self, client: RedisClient, sessions: Sessions, *, limit: int, period_seconds: float, fields: Sequence[str]
    ) -> None:
        """Every session may make `limit` requests in `period_seconds`; `fields` of its data are read.

        Raises:
            InvalidInput: the numbers make no sense.
        """
        self._client, self._sessions, self._limit = client, sessions, limit
        self._period = round(period_seconds * 1_000_000)
        check_numbers(limit, self._period, 1)
        self._fields = tuple(fields)
        self._arguments = (limit, self._period, 1, USER, *(DATA + name for name in fields))

    async def check(self, session_id: str) -> Admitted | None:
        """The session, with one request counted; None when there is none, and then nothing is counted.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        key = self._sessions.key_of(session_id)
        if key is None:
            return None
        bucket = f"{key}:requests:{self._limit}/{self._period}"
        reply = as_list(await self._client.run(ADMIT, [bucket, key], self._arguments))
        if not reply:
            return None
        user, *values = as_list(reply[0])
        found = zip(self._fields, values, strict=True)
        return Admitted(
            user_id=as_bytes(user).decode(),
            data={name: as_bytes(value).decode() for name, value in found if value is not None},
            decision=decision_of(reply[1], limit=self._limit, period=self._period, cost=1),
        )
