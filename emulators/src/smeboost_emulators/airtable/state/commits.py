"""What one request did to a base: a `Commit`, and those who look at it.

Rules of this room:

- The changes of one request are one row of the journal and end with a `Stamp`: who made them, when, and from where.
  Applying the stamp counts the base's transaction number up, so the number is the same after a restart.
- An observer is asked before anything is applied, when it can still see what is there. What it makes of the request
  is stored together with it: either both survive or none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from smeboost_emulators.airtable.state.changes import Change, Stamp
from smeboost_emulators.airtable.state.schema import Base


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change; `source` is one of the vendor's, e.g. `publicApi`, `client`, `sync`, `system`."""

    user: dict[str, Any]
    """`{"id", "email"?, "name"?}`; a person of the base in the eyes of its cells."""
    source: str = "publicApi"


@dataclass(frozen=True, slots=True)
class Commit:
    """The changes of one request, applied; `number` grows by one with each in its base, for ever."""

    base: Base
    number: int
    moment: datetime
    actor: Actor
    changes: Sequence[Change]


Conclusion: TypeAlias = Callable[[Commit], Sequence[Change]]
"""Called in the order of commits, when the changes are applied and the request is not answered yet; gives further
changes, which are stored and applied with those of the request."""


class Observer(Protocol):
    """Someone who looks at what is done; an entry of `Emulator.observers`."""

    def look(self, base: Base, changes: Sequence[Change]) -> Conclusion | None:
        """Called before the changes are applied; None when they do not matter to this observer."""
        ...


def stamp(base_id: str, actor: Actor, moment: str) -> Stamp:
    """The last change of a request."""
    return Stamp(base_id, moment, actor.source, actor.user)
