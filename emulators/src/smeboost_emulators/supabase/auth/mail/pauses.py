"""The pause between two mails to an address of which the database knows nothing, in memory."""

import time
from collections import OrderedDict

from smeboost_emulators.supabase.auth.errors import AuthFailure

NAMES_MAX = 10_000
"""Names that are remembered; the one that was quiet for longest is forgotten first."""


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
