"""5 requests a second to a base, 50 by a token, and 30 seconds of lock-out."""

import pytest
from pyairtable import Api
from smeboost_emulators.airtable.clock import Clock
from smeboost_emulators.airtable.errors import ApiError
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.limits import RateLimits
from smeboost_emulators.testing.airtable import StartAirtable, small_seed

OTHER = {
    "id": "appOther000000001",
    "name": "Other",
    "tables": [{"name": "T", "fields": [{"name": "N", "type": "url"}]}],
}


@pytest.fixture
def clock() -> Clock:
    """A clock that is moved by hand."""
    clock = Clock()
    clock.stop()
    return clock


@pytest.fixture
def knobs() -> Knobs:
    return Knobs()


@pytest.fixture
def limits(knobs: Knobs, clock: Clock) -> RateLimits:
    return RateLimits(knobs, clock)


def refused(limits: RateLimits, *, user: str = "ada", base: str | None = "base") -> bool:
    try:
        limits.check(user, base, billed=True)
    except ApiError as exc:
        return exc.status == 429
    return False


def test_the_sixth_request_in_a_second_is_refused_and_locks_the_base_for_30_seconds(
    limits: RateLimits, clock: Clock
) -> None:
    assert [refused(limits) for _ in range(6)] == [False] * 5 + [True]
    clock.advance(29.9)
    assert refused(limits)
    clock.advance(0.1)
    assert not refused(limits)


def test_five_requests_in_any_second_are_never_refused(limits: RateLimits, clock: Clock) -> None:
    for _ in range(100):
        assert not refused(limits)
        clock.advance(0.2001)


def test_bases_are_counted_apart(limits: RateLimits) -> None:
    assert [refused(limits, base=base) for _ in range(5) for base in ("one", "two")] == [False] * 10


def test_a_token_is_counted_over_all_bases(limits: RateLimits) -> None:
    outcomes = [refused(limits, base=f"base {index}") for index in range(51)]
    assert outcomes == [False] * 50 + [True]
    assert not refused(limits, user="bob", base="base 60")


def test_a_knob_holds_from_the_next_request_on(limits: RateLimits, knobs: Knobs, clock: Clock) -> None:
    knobs.turn({"rate_limit": 1, "penalty_seconds": 1})
    assert [refused(limits) for _ in range(2)] == [False, True]
    clock.advance(1)
    knobs.turn({"rate_limit": None})
    assert [refused(limits) for _ in range(40)] == [False] * 40


def test_a_month_that_is_spent_refuses_all_but_the_meta_api(airtable_emulator: StartAirtable, plain_http) -> None:
    send = plain_http(airtable_emulator(seed=small_seed(), billing_calls_left=2))
    assert [send("GET", path).status_code for path in ("Products", "/v0/meta/bases", "Orders")] == [200] * 3
    refusal = send("GET", "Products")
    assert (refusal.status_code, refusal.headers.get("retry-after")) == (429, None)
    assert [error["error"] for error in refusal.json()["errors"]] == ["PUBLIC_API_BILLING_LIMIT_EXCEEDED"]
    assert len(send("GET", "/v0/meta/bases").json()["bases"]) == 1


@pytest.mark.parametrize(("retry_after", "expected"), [(True, "30"), (False, None)])
def test_over_http_the_refusal_has_the_list_form_and_says_how_long_if_it_may(
    airtable_emulator: StartAirtable, plain_http, retry_after: bool, expected: str | None
) -> None:
    seed = small_seed()
    seed["bases"].append(OTHER)
    send = plain_http(airtable_emulator(seed=seed, rate_limit=1, retry_after=retry_after))
    # A slow machine may need more than a second for two requests, hence the loop.
    answers = (send("GET", "Products?maxRecords=1") for _ in range(50))
    refusal = next(answer for answer in answers if answer.status_code != 200)
    assert refusal.status_code == 429
    assert refusal.headers.get("retry-after") == expected
    error = {"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}
    assert refusal.json() == {"errors": [error]}
    assert send("GET", "Products").status_code == 429
    assert send("GET", "/v0/appOther000000001/T").status_code == 200
    assert send("GET", "/v0/meta/bases").status_code == 200


def test_pyairtable_waits_a_lock_out_out(airtable_emulator: StartAirtable) -> None:
    """It gives up after 3 s of its own, but honours Retry-After."""
    emulator = airtable_emulator(seed=small_seed(), rate_limit=5, penalty_seconds=1)
    table = Api(emulator.token, endpoint_url=emulator.url).table("appSmallShop00001", "Products")
    assert len([table.first() for _ in range(8)]) == 8
