"""Waiting on conditions, for tests that kill and restart real servers."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

WAIT_SECONDS = 5.0


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Wait until a condition holds, at most 5 s."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_SECONDS):
            while not condition():  # noqa: ASYNC110  # what happens in another process sets no event here
                await asyncio.sleep(0.02)

    return wait
