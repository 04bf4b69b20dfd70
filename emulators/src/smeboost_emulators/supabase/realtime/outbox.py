"""What waits for one client, within bounds.

Rules of this room: who reads slower than it is spoken to is sent away; nobody's slowness costs the others anything.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable


class Outbox:
    """Frames on their way to one client."""

    def __init__(self, *, count_max: int, bytes_max: int) -> None:
        self._frames: deque[str | bytes] = deque()
        self._count_max, self._bytes_max = count_max, bytes_max
        self._bytes = 0
        self._wake = asyncio.Event()
        self._closed = False
        self._full = asyncio.Event()

    def put(self, frame: str | bytes) -> None:
        """Add a frame; too many of them end the client instead."""
        if self._closed or self._full.is_set():
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        if len(self._frames) > self._count_max or (self._bytes > self._bytes_max and len(self._frames) > 1):
            self._full.set()
            self._frames.clear()
        self._wake.set()

    def close(self) -> None:
        """Nothing more is added; what waits is still written."""
        self._closed = True
        self._wake.set()

    async def write_all(self, write: Callable[[str | bytes], Awaitable[None]]) -> None:
        """Write frames until the box is closed and empty, or has overflowed."""
        while not self._full.is_set():
            while self._frames:
                frame = self._frames.popleft()
                self._bytes -= len(frame)
                await write(frame)
            if self._closed:
                return
            self._wake.clear()
            await self._wake.wait()

    async def overflowed(self) -> None:
        """Wait until there is more in it than there may be."""
        await self._full.wait()
