"""Pings, received by a real HTTP server: signed, repeated after failures by the emulator's clock, given up at last."""

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pyairtable import Api
from pyairtable.models import WebhookNotification
from pyairtable.models.webhook import WebhookNotificationResult
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, small_seed
from smeboost_emulators.testing.waiting import WAIT_SECONDS, until

BASE = "appSmallShop00001"
SPECIFICATION: dict[str, Any] = {"options": {"filters": {"dataTypes": ["tableData"]}}}
RETRIES = 13
Connect = Callable[[AirtableEmulator], Api]


@dataclass
class Receiver:
    """What came in; answers with `status`, and not before `gate` is open."""

    url: str = ""
    status: int = 200
    pings: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    gate: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def receiver() -> Generator[Receiver]:
    inbox = Receiver()
    inbox.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
            inbox.pings.append((body, self.headers["X-Airtable-Content-MAC"]))
            inbox.gate.wait(WAIT_SECONDS)
            self.send_response(inbox.status)
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        inbox.url = f"http://127.0.0.1:{server.server_address[1]}/ping?to=me"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield inbox
        inbox.gate.set()
        server.shutdown()
        thread.join(WAIT_SECONDS)


@pytest.fixture
def shop(airtable_emulator: StartAirtable) -> AirtableEmulator:
    """An emulator of this test's own, whose clock and knobs it may turn."""
    return airtable_emulator(seed=small_seed())


def last_result(api: Api, hook_id: str) -> WebhookNotificationResult | None:
    return api.base(BASE).webhook(hook_id).last_notification_result


def attempt(api: Api, hook_id: str, number: int) -> WebhookNotificationResult:
    def reached() -> WebhookNotificationResult | None:
        result = last_result(api, hook_id)
        return result if result is not None and result.retry_number == number else None

    return until(reached)


def test_a_ping_is_signed_and_says_only_where_to_look(
    shop: AirtableEmulator, pyairtable_api: Connect, receiver
) -> None:
    api = pyairtable_api(shop)
    made = api.base(BASE).add_webhook(receiver.url, SPECIFICATION)
    api.base(BASE).table("Products").create({"Name": "Größe 🎈"})
    body, header = until(lambda: receiver.pings)[0]
    notification = WebhookNotification.from_request(body, header, made.mac_secret_base64)
    assert (notification.base.id, notification.webhook.id) == (BASE, made.id)
    with pytest.raises(ValueError, match="MAC"):
        WebhookNotification.from_request(body.replace("app", "xpp"), header, made.mac_secret_base64)
    result = attempt(api, made.id, 0)
    assert (result.success, result.error, result.will_be_retried) == (True, None, None)
    hook = api.base(BASE).webhook(made.id)
    assert hook.last_successful_notification_time == result.completion_timestamp
    assert len(list(hook.payloads())) == 1


def test_payloads_that_come_while_a_ping_is_under_way_are_covered_by_one_more(
    shop: AirtableEmulator, pyairtable_api: Connect, receiver
) -> None:
    api = pyairtable_api(shop)
    hook_id = api.base(BASE).add_webhook(receiver.url, SPECIFICATION).id
    receiver.gate.clear()
    table = api.base(BASE).table("Products")
    begun = time.monotonic()
    for number in range(6):
        table.create({"Name": str(number)})
        until(lambda: receiver.pings)
    assert time.monotonic() - begun < WAIT_SECONDS, "requests wait for a receiver that does not answer"
    assert len(receiver.pings) == 1
    receiver.gate.set()
    until(lambda: len(receiver.pings) == 2)
    attempt(api, hook_id, 0)
    until(lambda: not shop.emulator.pinger._under_way)
    assert len(receiver.pings) == 2


def test_a_failed_ping_is_repeated_after_twice_the_time_and_given_up_after_13_retries(
    shop: AirtableEmulator, pyairtable_api: Connect, receiver
) -> None:
    api, clock = pyairtable_api(shop), shop.emulator.clock
    clock.stop()
    receiver.status = 503
    hook_id = api.base(BASE).add_webhook(receiver.url, SPECIFICATION).id
    table = api.base(BASE).table("Products")
    table.create({"Name": "One"})
    for number in range(RETRIES):
        result = attempt(api, hook_id, number)
        assert (result.success, result.will_be_retried) == (False, True)
        assert result.error is not None
        assert result.error.message == "The HTTP request returned a 503 status code instead of 200 or 204"
        clock.advance(10 * 2**number - 1)
        table.create({"Name": f"during {number}"})
        assert len(receiver.pings) == number + 1
        clock.advance(1)
    result = attempt(api, hook_id, RETRIES)
    assert (result.success, result.will_be_retried) == (False, False)
    assert len(receiver.pings) == RETRIES + 1
    hook = api.base(BASE).webhook(hook_id)
    assert (hook.are_notifications_enabled, hook.is_hook_enabled) == (False, True)
    receiver.status = 204
    table.create({"Name": "Silent"})
    assert len(receiver.pings) == RETRIES + 1
    hook.enable_notifications()
    until(lambda: len(receiver.pings) == RETRIES + 2)
    assert attempt(api, hook_id, 0).success
    assert api.base(BASE).webhook(hook_id).cursor_for_next_payload == RETRIES + 3


def test_a_receiver_that_is_not_there_is_a_failure_with_a_reason(
    shop: AirtableEmulator, pyairtable_api: Connect, receiver
) -> None:
    api = pyairtable_api(shop)
    hook_id = api.base(BASE).add_webhook("http://127.0.0.1:9/nobody", SPECIFICATION).id
    api.base(BASE).table("Products").create({"Name": "One"})
    result = attempt(api, hook_id, 0)
    assert (result.success, result.will_be_retried) == (False, True)
    assert result.error is not None
    assert result.error.message.startswith("The HTTP request could not be sent: ")


def test_pings_can_be_held_back_and_made_to_fail(shop: AirtableEmulator, pyairtable_api: Connect, receiver) -> None:
    api, knobs = pyairtable_api(shop), shop.emulator.knobs
    knobs.turn({"webhook_pings": False})
    hook_id = api.base(BASE).add_webhook(receiver.url, SPECIFICATION).id
    api.base(BASE).table("Products").create({"Name": "One"})
    assert last_result(api, hook_id) is None
    assert receiver.pings == []
    knobs.turn({"webhook_ping_failures": 1, "webhook_pings": True})
    assert attempt(api, hook_id, 0).success is False
    assert receiver.pings == []
    shop.emulator.clock.advance(10)
    assert attempt(api, hook_id, 1).success
    assert len(receiver.pings) == 1


def test_a_ping_that_was_under_way_when_the_emulator_stopped_comes_again(
    airtable_emulator: StartAirtable, pyairtable_api: Connect, receiver, tmp_path: Path
) -> None:
    first = airtable_emulator(seed=small_seed(), data=tmp_path)
    receiver.gate.clear()
    api = pyairtable_api(first)
    made = api.base(BASE).add_webhook(receiver.url, SPECIFICATION)
    api.base(BASE).table("Products").create({"Name": "One"})
    until(lambda: receiver.pings)
    begun = time.monotonic()
    first.stop()
    assert time.monotonic() - begun < WAIT_SECONDS
    receiver.gate.set()
    second = pyairtable_api(airtable_emulator(data=tmp_path))
    assert attempt(second, made.id, 0).success
    assert len(receiver.pings) == 2
    body, header = receiver.pings[1]
    assert WebhookNotification.from_request(body, header, made.mac_secret_base64).webhook.id == made.id


def test_a_base_may_go_while_its_receiver_is_being_told(
    airtable_emulator: StartAirtable, pyairtable_api: Connect, receiver, tmp_path: Path
) -> None:
    first = airtable_emulator(seed=small_seed(), data=tmp_path, plan="enterprise")
    api = pyairtable_api(first)
    receiver.gate.clear()
    api.base(BASE).add_webhook(receiver.url, SPECIFICATION)
    api.base(BASE).table("Products").create({"Name": "One"})
    until(lambda: receiver.pings)
    assert api.delete(api.build_url("meta", "bases", BASE)) == {"id": BASE, "deleted": True}
    receiver.gate.set()
    until(lambda: not first.emulator.pinger._under_way)
    first.stop()
    assert pyairtable_api(airtable_emulator(data=tmp_path)).bases() == []
