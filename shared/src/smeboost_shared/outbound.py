"""What the clients of blocking or distant services share."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from typing import TypeVar

Answer = TypeVar("Answer")

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
"""Hosts that are this machine, as a URL names them."""


def in_own_thread(
    call: Callable[[], Answer], *, name: str, on_end: Callable[[], None] | None = None
) -> asyncio.Future[Answer]:
    """What `call` gives or raises, from a thread of its own that runs on when the caller goes away.

    The thread is a daemon, unlike those of an executor: a service that is silent must not keep a process alive that
    was told to stop. `on_end` runs in that thread when the call has ended, and here when there is no thread to be had.
    """
    future = Future[Answer]()
    future.set_running_or_notify_cancel()
    if on_end is not None:
        future.add_done_callback(lambda _future: on_end())

    def run() -> None:
        try:
            answer = call()
        except BaseException as exc:  # noqa: BLE001  # not swallowed: it is raised where the call is awaited
            future.set_exception(exc)
        else:
            future.set_result(answer)

    try:
        threading.Thread(target=run, name=name, daemon=True).start()
    except RuntimeError as exc:  # the system has no thread left
        future.set_exception(exc)
    return asyncio.wrap_future(future)


def retry_after_seconds(header: str | None, *, seconds_max: float) -> float | None:
    """Seconds from now, from either form of `Retry-After` (RFC 9110, section 10.2.3); None when absent or nonsense."""
    text = (header or "").strip()
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), seconds_max)
