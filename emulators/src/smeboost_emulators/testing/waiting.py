"""Waiting, within bounds, for what an emulator does beside its requests: there is nothing that a test could await."""

import time
from collections.abc import Callable
from typing import TypeVar

WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.01

Found = TypeVar("Found")


def until(look: Callable[[], Found | None], *, seconds: float = WAIT_SECONDS) -> Found:
    """What `look` gives as soon as it is not false.

    Raises:
        AssertionError: it was false all the time.
    """
    give_up = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > give_up:
            raise AssertionError("it did not happen in time")
        time.sleep(LOOK_SECONDS)
    return found
