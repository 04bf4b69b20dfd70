"""What the clients of services share: calls in threads of their own, and how long a service asks to wait."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from smeboost_shared.outbound import in_own_thread, retry_after_seconds


async def test_a_call_gives_its_answer_or_raises_its_error_and_then_it_has_ended() -> None:
    ended = threading.Event()
    assert await in_own_thread(lambda: 7, name="seven", on_end=ended.set) == 7
    assert ended.wait(5)
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(lambda: 1 / 0, name="fault")


async def test_a_call_runs_on_when_its_caller_goes_away_and_ends_its_turn_only_then() -> None:
    go_on, ended = threading.Event(), threading.Event()
    waiting = asyncio.ensure_future(in_own_thread(go_on.wait, name="slow", on_end=ended.set))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting, 0.02)
    assert not ended.is_set()
    go_on.set()
    assert await asyncio.to_thread(ended.wait, 5)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("99999999999", 60),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("soon", None),
        ("", None),
        ("-1", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_seconds_and_bounded(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, seconds_max=60) == seconds


def test_retry_after_may_be_a_date_to_come() -> None:
    header = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    seconds = retry_after_seconds(header, seconds_max=60)
    assert seconds is not None
    assert 28 < seconds <= 30
