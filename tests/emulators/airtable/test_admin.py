"""The admin path: knobs, time, faults, checkpoints and reset of a running emulator; and who may use it."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyairtable import Api
from smeboost_emulators.airtable.knobs import KNOBS
from smeboost_emulators.airtable.seed import load_seed
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, running_emulator, small_seed

BASE = "appSmallShop00001"
HAMMER = "recProduct0000001"
WAIT_SECONDS = 5.0

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def running() -> Iterator[AirtableEmulator]:
    with running_emulator(seed=small_seed()) as emulator:
        yield emulator


@pytest.fixture
def busy(running: AirtableEmulator) -> AirtableEmulator:
    """One emulator for the module, as it was at its start."""
    running.reset()
    return running


@pytest.fixture
def admin(busy: AirtableEmulator) -> Ask:
    return admin_of(busy)


@pytest.fixture
def send(busy: AirtableEmulator, plain_http: Callable[[AirtableEmulator], Ask]) -> Ask:
    return plain_http(busy)


def admin_of(emulator: AirtableEmulator, **headers: str) -> Ask:
    """`ask(method, name, **httpx_options)` of the admin path."""

    def ask(method: str, name: str, **options: Any) -> httpx.Response:
        url = f"{emulator.url}/_emulator/{name}"
        return httpx.request(method, url, headers=headers, timeout=WAIT_SECONDS, **options)

    return ask


def names(answer: httpx.Response) -> list[str]:
    return [record["fields"]["Name"] for record in answer.json()["records"]]


def test_all_knobs_are_shown_and_turned_until_a_reset(admin: Ask, send: Ask) -> None:
    shown = admin("GET", "knobs").json()
    assert shown.keys() == KNOBS.keys()
    assert (shown["rate_limit"], shown["page_records_max"], shown["plan"]) == (None, 100, "team")
    turned = admin("PATCH", "knobs", json={"page_records_max": 2, "unknown_record_status": 422})
    assert turned.json() == shown | {"page_records_max": 2, "unknown_record_status": 422}
    page = send("GET", "Products").json()
    assert (len(page["records"]), page["offset"][:3]) == (2, "itr")
    assert send("GET", "Products/recUnknown0000001").json()["error"]["type"] == "ROW_DOES_NOT_EXIST"
    assert admin("POST", "reset").json() == {"bases": [BASE]}
    assert admin("GET", "knobs").json() == shown
    assert len(send("GET", "Products").json()["records"]) == 5


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate_limits": 5}, "'rate_limits'"),
        ({"rate_limit": 0}, "rate_limit cannot be 0"),
        ({"rate_limit": "5"}, "rate_limit cannot be '5'"),
        ({"rate_limit": 10**12}, "rate_limit cannot be"),
        ({"retry_after": None}, "retry_after cannot be None"),
        ({"plan": "gold"}, "one of free, team, business, enterprise"),
        ({"page_records_max": 101}, "page_records_max cannot be 101"),
        ({"penalty_seconds": -1}, "penalty_seconds cannot be -1"),
        ({"page_records_max": 3, "billing_calls_left": -1}, "billing_calls_left cannot be -1"),
    ],
)
def test_a_value_that_a_knob_cannot_have_is_refused_by_name_and_nothing_is_turned(
    admin: Ask, values: dict[str, Any], words: str
) -> None:
    before = admin("GET", "knobs").json()
    refused = admin("PATCH", "knobs", json=values)
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "INVALID_ADMIN_REQUEST")
    assert words in refused.json()["error"]["message"]
    assert admin("GET", "knobs").json() == before


def test_a_rate_limit_is_put_on_and_its_penalty_ends_with_the_clock(admin: Ask, send: Ask) -> None:
    admin("PATCH", "clock", json={"stopped": True})
    admin("PATCH", "knobs", json={"rate_limit": 1, "penalty_seconds": 30})
    assert [send("GET", "Products").status_code for _ in range(2)] == [200, 429]
    admin("PATCH", "clock", json={"advance_seconds": 29})
    assert send("GET", "Products").status_code == 429
    admin("PATCH", "clock", json={"advance_seconds": 1})
    assert send("GET", "Products").status_code == 200


def test_the_clock_is_set_advanced_stopped_and_reset(admin: Ask, send: Ask) -> None:
    assert admin("PATCH", "clock", json={"now": "2030-01-01T12:00:00+02:00", "stopped": True}).json() == {
        "now": "2030-01-01T10:00:00.000Z",
        "stopped": True,
    }
    assert admin("PATCH", "clock", json={"advance_seconds": 86_400.5}).json()["now"] == "2030-01-02T10:00:00.500Z"
    assert send("POST", "Products", json={"fields": {}}).json()["createdTime"] == "2030-01-02T10:00:00.000Z"
    of_then = "CREATED_TIME()=DATETIME_PARSE('2030-01-02T10:00:00Z')"
    assert len(send("GET", f"Products?filterByFormula={of_then}").json()["records"]) == 1
    assert len(send("GET", "Products?filterByFormula=YEAR(NOW())=2030").json()["records"]) == 6
    assert admin("PATCH", "clock", json={"stopped": False}).json()["now"].startswith("2030-01-02T10:00:0")
    admin("POST", "reset")
    assert not admin("GET", "clock").json()["now"].startswith("2030")


def test_an_unused_offset_ends_with_the_clock(admin: Ask, send: Ask) -> None:
    offset = send("GET", "Products?pageSize=2").json()["offset"]
    admin("PATCH", "clock", json={"advance_seconds": 299})
    offset = send("GET", f"Products?pageSize=2&offset={offset}").json()["offset"]
    admin("PATCH", "clock", json={"advance_seconds": 301})
    gone = send("GET", f"Products?pageSize=2&offset={offset}")
    assert gone.json() == {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}


@pytest.mark.parametrize(
    "change",
    [
        {"now": "yesterday"},
        {"now": "2030-01-01T12:00:00"},
        {"now": "1960-01-01T12:00:00Z"},
        {"now": "9999-12-31T23:59:59-10:00"},
        {"advance_seconds": -1},
        {"advance_seconds": 1e300},
        {"now": "2030-01-01T12:00:00Z", "advance_seconds": 1},
        {"later": True},
    ],
)
def test_a_time_that_cannot_be_is_refused(admin: Ask, change: dict[str, Any]) -> None:
    refused = admin("PATCH", "clock", json=change)
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "INVALID_ADMIN_REQUEST")
    now = datetime.fromisoformat(admin("GET", "clock").json()["now"])
    assert abs((now - datetime.now(UTC)).total_seconds()) < WAIT_SECONDS


def test_the_next_requests_of_a_kind_fail_and_then_no_more(admin: Ask, send: Ask) -> None:
    fault = {"method": "PATCH", "path": f"/v0/{BASE}/*", "times": 2, "status": 503, "headers": {"Retry-After": "7"}}
    assert admin("POST", "faults", json={"faults": [fault]}).json() == {"faults": [fault]}
    assert send("GET", "Products").status_code == 200
    change = {"fields": {"Stock": 1}}
    answers = [send("PATCH", f"Products/{HAMMER}", json=change) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert answers[0].json()["error"]["type"] == "RETRIABLE_ERROR"
    assert admin("GET", "faults").json() == {"faults": []}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error": {"type": "SERVER_ERROR", "message": "An unexpected error occurred"}}),
        (
            429,
            {"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]},
        ),
        (502, {"error": {"type": "EMULATED_FAULT", "message": "This emulator was asked to fail."}}),
    ],
)
def test_a_fault_without_a_body_has_the_vendor_s(admin: Ask, send: Ask, status: int, body: dict[str, Any]) -> None:
    admin("POST", "faults", json={"faults": [{"status": status}]})
    answer = send("GET", "Products")
    assert (answer.status_code, answer.json()) == (status, body)


def test_a_body_of_one_s_own_is_sent_as_it_is(admin: Ask, send: Ask) -> None:
    admin("POST", "faults", json={"faults": [{"status": 422, "body": {"error": "ODD"}}]})
    assert send("GET", "Products").json() == {"error": "ODD"}


def test_a_cut_after_the_write_loses_the_answer_and_keeps_the_record(admin: Ask, send: Ask) -> None:
    admin("POST", "faults", json={"faults": [{"method": "POST", "cut": "after"}]})
    with pytest.raises(httpx.TransportError):
        send("POST", "Products", json={"fields": {"Name": "Nail"}})
    assert names(send("GET", "Products"))[5:] == ["Nail"]


def test_a_cut_before_it_loses_the_request(admin: Ask, send: Ask) -> None:
    admin("POST", "faults", json={"faults": [{"method": "POST", "cut": "before"}]})
    with pytest.raises(httpx.TransportError):
        send("POST", "Products", json={"fields": {"Name": "Nail"}})
    assert len(names(send("GET", "Products"))) == 5


def test_a_late_request_is_handled_while_others_are_not_held_up(admin: Ask, send: Ask, busy: AirtableEmulator) -> None:
    admin("POST", "faults", json={"faults": [{"path": "*/Orders", "delay_seconds": 0.5}]})
    done: list[float] = []
    api = Api(busy.token, endpoint_url=busy.url)
    begun = time.monotonic()
    slow = threading.Thread(target=lambda: (api.table(BASE, "Orders").all(), done.append(time.monotonic() - begun)))
    slow.start()
    assert send("GET", "Products").status_code == 200
    slow.join(WAIT_SECONDS)
    api.session.close()
    assert done
    assert 0.5 <= done[0] < WAIT_SECONDS


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"status": 200},
        {"status": 600},
        {"times": 0, "status": 500},
        {"cut": "during"},
        {"cut": "after", "status": 500},
        {"body": {}, "cut": "after"},
        {"delay_seconds": 121},
        {"status": 500, "path": 1},
        {"status": 500, "headers": {"a b": "x"}},
        {"status": 500, "headers": {"a": "x\r\ny"}},
        {"status": 500, "headers": {"a": "\u2603"}},
        {"status": 500, "headers": {"Content-Length": "5"}},
        {"status": 500, "colour": 1},
    ],
)
def test_a_fault_that_cannot_be_is_refused(admin: Ask, fault: dict[str, Any]) -> None:
    refused = admin("POST", "faults", json={"faults": [fault]})
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "INVALID_ADMIN_REQUEST")
    assert admin("GET", "faults").json() == {"faults": []}


def test_faults_are_limited_and_taken_away(admin: Ask, send: Ask) -> None:
    admin("POST", "faults", json={"faults": [{"status": 500}] * 100})
    assert admin("POST", "faults", json={"faults": [{"status": 500}]}).status_code == 422
    assert admin("DELETE", "faults").json() == {"faults": []}
    assert send("GET", "Products").status_code == 200


def test_a_reset_goes_back_to_the_seed_and_to_a_checkpoint_when_there_is_one(admin: Ask, send: Ask) -> None:
    offset = send("GET", "Products?pageSize=2").json()["offset"]
    before = send("GET", "Orders").json()
    send("DELETE", f"Products/{HAMMER}")
    send("POST", f"/v0/meta/bases/{BASE}/tables/Products/fields", json={"name": "New", "type": "url"})
    assert admin("POST", "checkpoint").json() == {"checkpoint": True}
    send("POST", "Products", json={"fields": {"Name": "Nail", "New": "http://x"}})
    admin("POST", "reset")
    assert names(send("GET", "Products")) == ["Saw", "Yo-yo", "Apple", "Gift card"]
    assert send("POST", "Products", json={"fields": {"New": "http://y"}}).status_code == 200
    assert admin("DELETE", "checkpoint").json() == {"checkpoint": False}
    admin("POST", "reset")
    assert send("GET", "Orders").json() == before
    assert names(send("GET", "Products"))[0] == "Hammer"
    assert send("GET", f"Products?pageSize=2&offset={offset}").status_code == 422


def test_a_reset_is_kept_in_the_data_directory(
    tmp_path: Path, airtable_emulator: StartAirtable, plain_http: Callable[[AirtableEmulator], Ask]
) -> None:
    first = airtable_emulator(seed=small_seed(), data=tmp_path)
    plain_http(first)("DELETE", f"Products/{HAMMER}")
    admin_of(first)("POST", "reset")
    first.stop()
    second = airtable_emulator(data=tmp_path)
    assert len(plain_http(second)("GET", "Products").json()["records"]) == 5
    # Without a seed there is nothing to go back to, and the data are not thrown away.
    assert admin_of(second)("POST", "reset").status_code == 409
    assert len(plain_http(second)("GET", "Products").json()["records"]) == 5


def test_a_seed_that_is_gone_is_named_and_nothing_is_changed(
    busy: AirtableEmulator, admin: Ask, send: Ask, tmp_path: Path
) -> None:
    seed, busy.emulator.seed = busy.emulator.seed, (tmp_path / "gone.json").read_bytes
    refused = admin("POST", "reset")
    busy.emulator.seed = seed
    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "SEED_NOT_USABLE")
    assert "gone.json" in refused.json()["error"]["message"]
    assert len(names(send("GET", "Products"))) == 5


def test_the_state_is_shown_as_a_seed_that_gives_the_same_state(
    admin: Ask, send: Ask, airtable_emulator: StartAirtable, plain_http: Callable[[AirtableEmulator], Ask]
) -> None:
    send("POST", "Products", json={"fields": {"Name": "Nail", "Kind": "Metal"}, "typecast": True})
    send("POST", f"/v0/meta/bases/{BASE}/tables/Products/fields", json={"name": "New", "type": "url"})
    talk = f"Products/{HAMMER}/comments"
    parent = send("POST", talk, json={"text": "First"}).json()["id"]
    send("POST", talk, json={"text": "Reply @[usrAda00000000001]", "parentCommentId": parent})
    shown = admin("GET", "state")
    assert [len(base.tables) for base in load_seed(shown.content).bases.values()] == [2]
    again = plain_http(airtable_emulator(seed=shown.json()))
    for path in (talk, "Products", "Orders", "Products?view=By price", f"/v0/meta/bases/{BASE}/tables"):
        assert again("GET", path).json() == send("GET", path).json()
    send("DELETE", f"{talk}/{parent}")
    [base] = load_seed(admin("GET", "state").content).bases.values()
    assert len(base.tables["tblProducts000001"].comments[HAMMER]) == 1


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://127.0.0.1"}, {"Host": "emulator.example.com"}, {"Host": "10.0.0.1:80"}, {"Host": "a]b"}],
)
def test_web_pages_and_other_names_do_not_reach_the_admin_path(busy: AirtableEmulator, headers: dict[str, str]) -> None:
    answer = admin_of(busy, **headers)("POST", "reset")
    assert (answer.status_code, answer.json()) == (404, {"error": "NOT_FOUND"})


def test_with_an_admin_token_only_its_holder_reaches_the_admin_path(airtable_emulator: StartAirtable) -> None:
    emulator = airtable_emulator(seed=small_seed(), admin_token="secret")
    assert admin_of(emulator)("GET", "knobs").status_code == 401
    assert admin_of(emulator, Authorization="Bearer other")("GET", "knobs").status_code == 401
    assert admin_of(emulator, Authorization=f"Bearer {emulator.token}")("GET", "knobs").status_code == 401
    far = {"Authorization": "Bearer secret", "Host": "emulator.example.com"}
    assert admin_of(emulator, **far)("GET", "knobs").status_code == 200


def test_unknown_admin_paths_and_bodies_are_refused(admin: Ask, busy: AirtableEmulator) -> None:
    assert admin("GET", "secrets").status_code == 404
    assert admin("PUT", "knobs").status_code == 404
    assert admin("PATCH", "knobs", content=b"{}").status_code == 422
    assert admin("PATCH", "knobs", json=[1]).status_code == 422
    assert httpx.get(f"{busy.url}/_emulator").status_code == 404


def test_the_readme_names_every_knob() -> None:
    text = (Path(__file__).parents[3] / "emulators" / "README.md").read_text(encoding="utf-8")
    assert [name for name in KNOBS if f"| `{name}` |" not in text] == []
