"""Reads a stream of events that blocks, in a thread of its own.

Rules of this room:

- The threads are daemons, unlike those of an executor: a model that is silent for minutes must not keep a server that
  was told to stop alive.
- `stop` wakes a thread that waits for the next event. A thread that still waits for the first byte of the answer cannot
  be woken; it closes the stream as soon as it has one, and keeps its place among the bounded calls until then.
- The queue needs no bound of its own: one answer is bounded by `max_tokens`.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Protocol

Event = Mapping[str, object]


class BlockingStream(Protocol):
    """What the vendor's SDK gives: an iterator of events over an open connection."""

    def __iter__(self) -> Iterator[Event]: ...

    def stop(self) -> None:
        """Wake whoever is reading; called from another thread."""
        ...

    def close(self) -> None:
        """Give the connection back or up."""
        ...


class Reading:
    """One attempt at a call. `on_end` runs in the loop when the thread has ended."""

    def __init__(self, open_stream: Callable[[], BlockingStream], *, on_end: Callable[[], None]) -> None:
        self._open_stream = open_stream
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._failure: Exception | None = None
        self._lock = threading.Lock()
        self._stream: BlockingStream | None = None
        self._stopped = False

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._run, name="bedrock-call", daemon=True).start()

    async def next(self) -> Event | None:
        """The next event, or None at the end. What the thread raised is raised here."""
        event = await self._events.get()
        if event is None and self._failure is not None:
            raise self._failure
        return event

    def stop(self) -> None:
        """Let nobody read on."""
        with self._lock:
            self._stopped = True
            if self._stream is not None:
                self._stream.stop()

    def _run(self) -> None:
        try:
            self._read()
        except Exception as exc:  # noqa: BLE001  # not swallowed: `next` raises it where the call is awaited
            self._failure = exc
        # A loop that is closed has nobody left to tell.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end)

    def _read(self) -> None:
        stream = self._open_stream()
        try:
            with self._lock:
                if self._stopped:
                    return
                self._stream = stream
            for event in stream:
                self._loop.call_soon_threadsafe(self._events.put_nowait, event)
        finally:
            with self._lock:
                self._stream = None
            stream.close()

    def _end(self) -> None:
        self._events.put_nowait(None)
        self._on_end()
