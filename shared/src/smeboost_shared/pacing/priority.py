"""Who goes first: what a person waits for, before what runs in the background.

The priority belongs to the work, not to a call, so it travels with the context: everything that is done inside
`background()` is background, also in tasks that are started there.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum


class Priority(IntEnum):
    """The lower number goes first."""

    INTERACTIVE = 0
    BACKGROUND = 1


_priority: ContextVar[Priority] = ContextVar("priority", default=Priority.INTERACTIVE)


def current_priority() -> Priority:
    """The priority of the work that is going on here."""
    return _priority.get()


@contextmanager
def background() -> Generator[None]:
    """Whatever is done inside gives way to interactive work."""
    token = _priority.set(Priority.BACKGROUND)
    try:
        yield
    finally:
        _priority.reset(token)
