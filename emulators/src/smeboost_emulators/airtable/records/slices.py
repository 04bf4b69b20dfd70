"""Long evaluations in slices, so that a filter over half a million records does not hold up every other request.

Rules of this room:

- Between two slices other requests are answered. An evaluation sees one state of its base all the same: before
  anything of the base changes, `Pages.complete` brings the evaluations that go on over it to their end.
- Its own time is counted, not the time that passes; beyond `LISTING_SECONDS_MAX` it is refused.
"""

import asyncio
import time
from array import array
from collections.abc import Generator, Sequence
from typing import TypeAlias

from smeboost_emulators.airtable.errors import ApiError, invalid_formula, iterator_gone, server_error
from smeboost_emulators.airtable.state.schema import Base

LISTING_SECONDS_MAX = 10.0
"""How much work one list request may be."""
SLICE_SECONDS = 0.02
"""How long one evaluation keeps everybody else waiting at a time, by and large: a batch or a sort is not divided."""
Steps: TypeAlias = Generator[None, None, list[int]]
"""An evaluation that gives way after each of its batches, and returns slots."""


class Evaluation:
    """Slots of a table that are being found; several requests may wait for the same one."""

    def __init__(
        self,
        steps: Steps,
        base: Base,
        *,
        seconds_max: float = LISTING_SECONDS_MAX,
        slice_seconds: float = SLICE_SECONDS,
    ) -> None:
        self.base = base
        self.version = base.version
        self._outcome: Sequence[int] | ApiError | None = None
        self._waiting = 0
        self._steps = steps
        self._left = seconds_max
        self._seconds_max = seconds_max
        self._slice_seconds = slice_seconds

    async def slots(self) -> Sequence[int]:
        """The slots, when they are found.

        Raises:
            ApiError: a formula is invalid, or it is too much work.
        """
        self._waiting += 1
        try:
            while self._outcome is None:
                self._advance(self._slice_seconds)
                await asyncio.sleep(0)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.give_up()
        return self._found()

    @property
    def is_done(self) -> bool:
        return self._outcome is not None

    @property
    def has_failed(self) -> bool:
        return isinstance(self._outcome, ApiError)

    def give_up(self) -> None:
        """End without slots, unless they are found: nobody waits any more, or the table is gone."""
        if self._outcome is None:
            self._outcome = iterator_gone()

    def finish(self) -> Sequence[int]:
        """The slots, at once.

        Raises:
            ApiError: as `slots`.
        """
        self.complete()
        return self._found()

    def complete(self) -> None:
        """Work until it is done."""
        while self._outcome is None:
            self._advance(self._seconds_max)

    def _found(self) -> Sequence[int]:
        if isinstance(self._outcome, ApiError):
            # Another one for each request: an exception collects the frames that it passes through.
            raise ApiError(self._outcome.status, self._outcome.body, self._outcome.headers)
        return self._outcome or ()

    def _advance(self, seconds: float) -> None:
        """Work for so long, but for one batch at least, or until it is done."""
        begin = time.monotonic()
        ends = begin + min(seconds, self._left)
        try:
            next(self._steps)
            while time.monotonic() < ends:
                next(self._steps)
        except StopIteration as stop:
            # Packed, because many of them are held: 4 bytes a record, and not 36.
            self._outcome = array("I", stop.value)
        except ApiError as refusal:
            self._outcome = refusal
        except BaseException:
            self._outcome = server_error()
            raise
        self._left -= time.monotonic() - begin
        if self._outcome is None and self._left <= 0:
            seconds_max = self._seconds_max
            self._outcome = invalid_formula(f"It took this emulator longer than {seconds_max:g} s. Make it shorter.")
