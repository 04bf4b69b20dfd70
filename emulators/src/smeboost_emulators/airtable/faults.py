"""Faults on order: the next requests of a kind fail, are late, or lose their connection.

For testing what a client does then. A fault is asked for through the admin path (`POST /_emulator/faults`), matches by
method and path, and is gone when it has happened so many times. The first that matches a request is the one. What it
does to a request is in `admin/failing.py`.
"""

from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

FAULTS_MAX = 100
"""Faults that wait at a time."""
DELAY_SECONDS_MAX = 120.0
_HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,100}\Z")]
_HeaderValue = Annotated[str, Meta(pattern=r"^[ -~]{0,1000}\Z")]
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Headers that say where the answer ends, which is not for a fault to say."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What happens to the next `times` requests whose method and path match (`*` stands for any text).

    `cut` closes the connection without an answer: `before` the request is handled, or `after` it was, so that a write
    is done and the client does not know. `status` answers instead of handling, with `body` or the vendor's own.
    `delay_seconds` waits first, and goes with the others or alone.
    """

    method: Annotated[str, Meta(max_length=20)] = "*"
    path: Annotated[str, Meta(max_length=2_000)] = "*"
    times: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    body: dict[str, Any] | None = None
    headers: dict[_HeaderName, _HeaderValue] = {}
    delay_seconds: Annotated[float, Meta(ge=0, le=DELAY_SECONDS_MAX)] = 0.0
    cut: Literal["before", "after"] | None = None

    def __post_init__(self) -> None:
        if self.status is None and (self.body is not None or self.headers):
            raise ValueError("body and headers need a status")
        if not _FRAMING.isdisjoint(name.lower() for name in self.headers):
            raise ValueError(f"headers cannot be {' or '.join(sorted(_FRAMING))}")
        if self.status is not None and self.cut is not None:
            raise ValueError("status and cut exclude each other")
        if self.status is None and self.cut is None and not self.delay_seconds:
            raise ValueError("one of status, cut and delay_seconds must be given")

    def matches(self, method: str, path: str) -> bool:
        """Whether this is about a request; the path is compared as it was sent, without the query."""
        return fnmatchcase(method, self.method.upper()) and fnmatchcase(path, self.path)


class Faults:
    """The faults that wait to happen."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of a request, which has then happened once more."""
        fault = next((fault for fault in self.waiting if fault.matches(method, path)), None)
        if fault is not None:
            fault.times -= 1
            if fault.times == 0:
                self.waiting.remove(fault)
        return fault
