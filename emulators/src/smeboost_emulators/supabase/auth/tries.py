"""How often something was tried lately, in memory: a bound that need not survive a restart."""

import time
from collections import OrderedDict, deque

from smeboost_emulators.supabase.auth.errors import AuthFailure

NAMES_MAX = 10_000
"""Names that are remembered; the one that was quiet for longest is forgotten first."""


class Tries:
    """At most `most` of something in `window_seconds` for each name (an address, say); no limit when None."""

    def __init__(self, most: int | None, *, window_seconds: float) -> None:
        self._most = most
        self._window_seconds = window_seconds
        self._moments: OrderedDict[str, deque[float]] = OrderedDict()

    def is_spent(self, name: str) -> bool:
        """Whether one more would be too many."""
        return self._most is not None and len(self._recent(name)) >= self._most

    def count(self, name: str) -> None:
        """Remember one more."""
        if self._most is None:
            return
        moments = self._recent(name)
        moments.append(time.monotonic())
        self._moments[name] = moments
        self._moments.move_to_end(name)
        if len(self._moments) > NAMES_MAX:
            self._moments.popitem(last=False)

    def _recent(self, name: str) -> deque[float]:
        moments = self._moments.get(name) or deque(maxlen=self._most)
        oldest = time.monotonic() - self._window_seconds
        while moments and moments[0] <= oldest:
            moments.popleft()
        return moments


class Pauses:
    """A pause between two requests with the same name, for names of which the database knows nothing."""

    def __init__(self, pause_seconds: float) -> None:
        self._pause_seconds = pause_seconds
        self._last: OrderedDict[str, float] = OrderedDict()

    def require(self, name: str) -> None:
        """Note a request.

        Raises:
            AuthFailure: over_email_send_rate_limit.
        """
        now = time.monotonic()
        rest = self._last.get(name, now - self._pause_seconds) + self._pause_seconds - now
        if rest > 0:
            raise too_soon(rest)
        self._last[name] = now
        self._last.move_to_end(name)
        if len(self._last) > NAMES_MAX:
            self._last.popitem(last=False)


def too_soon(rest_seconds: float) -> AuthFailure:
    """A mail was asked for shortly after another one."""
    message = f"For security purposes, you can only request this after {max(1, round(rest_seconds))} seconds."
    return AuthFailure(429, "over_email_send_rate_limit", message)
