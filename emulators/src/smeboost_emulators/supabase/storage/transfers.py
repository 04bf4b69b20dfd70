"""How many uploads and downloads may be under way."""

from collections.abc import Generator
from contextlib import contextmanager

from smeboost_emulators.supabase.storage.errors import slow_down


class Transfers:
    """Places for transfers; who finds none is told to come back."""

    def __init__(self, places: int) -> None:
        self._free = places

    @contextmanager
    def place(self) -> Generator[None]:
        """One place, for as long as the block runs.

        Raises:
            StorageFailure: SlowDown.
        """
        self.take()
        try:
            yield
        finally:
            self.give_back()

    def take(self) -> None:
        """Take a place, to be given back by `give_back`.

        Raises:
            StorageFailure: SlowDown.
        """
        if self._free <= 0:
            raise slow_down()
        self._free -= 1

    def give_back(self) -> None:
        """Free a place."""
        self._free += 1
