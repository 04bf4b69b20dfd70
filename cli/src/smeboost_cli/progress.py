"""Say what is being started, and how long each thing took."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text


class LastingConsole(Console):
    """A console whose owner lives on when nobody reads any more: `smeboost demo | head`."""

    def on_broken_pipe(self) -> None:
        """Fall silent, also for what is still in the buffer; Rich would end the process too."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Progress:
    """A line for each finished step; on a terminal, a spinner that names the unfinished ones."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._names: list[str] = []
        self._status = Status("", console=console)

    @contextmanager
    def step(self, name: str) -> Generator[None]:
        """One thing to start; steps may overlap."""
        started = time.monotonic()
        self._names.append(name)
        self._show()
        try:
            yield
        finally:
            self._names.remove(name)
            self._show()
        self.say(f"  {name}: {time.monotonic() - started:.1f} s")

    def say(self, line: str) -> None:
        """One line for a person; never taken for markup, never wrapped."""
        self._console.print(Text(line), soft_wrap=True)

    def _show(self) -> None:
        if not self._console.is_terminal:
            return
        self._status.update(Text("Starting " + ", ".join(self._names)))
        if self._names:
            self._status.start()
        else:
            self._status.stop()
