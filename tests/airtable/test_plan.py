"""The plan of a large write, against an Airtable that writes a request as a whole or refuses it."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from smeboost_airtable.plan import (
    DIVISIONS_PER_BATCH_MAX,
    DIVISIONS_PER_CALL_MAX,
    REFUSALS_IN_VAIN_MAX,
    Plan,
)

BATCH = 10
SIZES = st.integers(1, 45)


@dataclass
class Vendor:
    """Refuses a request that holds a bad item; may name some of them."""

    bad: frozenset[int]
    sure: frozenset[int] = frozenset()
    likely: frozenset[int] = frozenset()
    requests: list[tuple[int, ...]] = field(default_factory=list)
    written: set[int] = field(default_factory=set)


def carry_out(plan: Plan[str], vendor: Vendor) -> Plan[str]:
    while items := plan.next():
        vendor.requests.append(items)
        assert len(items) <= BATCH
        assert not vendor.written & set(items)
        if vendor.bad & set(items):
            plan.refuse("refused", bad=vendor.sure & vendor.bad, likely=vendor.likely)
        else:
            vendor.written |= set(items)
            plan.confirm()
    return plan


def batches_of(size: int) -> int:
    return -(-size // BATCH)


@given(st.data(), SIZES)
def test_every_item_has_one_end_and_what_is_written_is_what_the_vendor_wrote(data, size):
    some = st.frozensets(st.integers(0, size - 1))
    vendor = Vendor(data.draw(some), data.draw(some), data.draw(some))
    plan = carry_out(Plan(size, BATCH), vendor)
    assert sorted([*plan.written, *plan.failed]) == [*range(size)]
    assert set(plan.written) == vendor.written
    assert vendor.bad <= plan.failed.keys()
    assert len(vendor.requests) <= batches_of(size) * (1 + 2 * DIVISIONS_PER_BATCH_MAX)


@given(st.data(), SIZES)
def test_one_bad_item_in_a_batch_fails_alone_for_six_requests_more(data, size):
    places = st.integers(0, BATCH - 1)
    bad = [batch * BATCH + data.draw(places) for batch in range(batches_of(size)) if data.draw(st.booleans())]
    vendor = Vendor(frozenset(each for each in bad if each < size), likely=data.draw(st.frozensets(st.integers(0, 50))))
    plan = carry_out(Plan(size, BATCH), vendor)
    lone_batch = size % BATCH == 1 and size - 1 in vendor.bad
    assert plan.failed.keys() == vendor.bad
    assert len(vendor.requests) <= batches_of(size) + (6 if not vendor.likely else 10) * (len(vendor.bad) - lone_batch)


@given(st.integers(0, 9))
def test_one_bad_item_that_is_known_or_guessed_costs_one_request_more(place):
    for vendor in (
        Vendor(frozenset({place}), sure=frozenset({place})),
        Vendor(frozenset({place}), likely=frozenset({place})),
    ):
        plan = carry_out(Plan(BATCH, BATCH), vendor)
        assert list(plan.failed) == [place]
        assert len(vendor.requests) == 2


@given(st.integers(1, 300))
def test_what_is_wrong_with_all_is_not_asked_item_by_item(size):
    vendor = Vendor(frozenset(range(size)))
    plan = carry_out(Plan(size, BATCH), vendor)
    assert len(plan.failed) == size
    assert len(vendor.requests) < batches_of(size) + BATCH - 1
    assert len(vendor.requests) <= batches_of(size) - 1 + REFUSALS_IN_VAIN_MAX + 2


def test_a_call_divides_only_so_often():
    size = 10 * DIVISIONS_PER_CALL_MAX
    bad = frozenset(range(3, size, 10))
    vendor = Vendor(bad)
    plan = carry_out(Plan(size, BATCH), vendor)
    assert sorted([*plan.written, *plan.failed]) == [*range(size)]
    assert len(vendor.requests) <= batches_of(size) + 2 * DIVISIONS_PER_CALL_MAX
    # The last batches stay whole: their good items fail with the bad one.
    assert size - 1 in plan.failed


@given(st.data(), SIZES)
def test_every_item_has_one_end_whatever_happens_on_the_way(data, size):
    plan = Plan[str](size, BATCH)
    some = st.frozensets(st.integers(0, size - 1))
    fates = st.sampled_from(["confirm", "refuse", "settle", "stop", "drop"])
    sends = [0] * size
    while items := plan.next():
        assert not set(items) & {*plan.written, *plan.failed, *plan.unknown}
        for item in items:
            sends[item] += 1
        fate = data.draw(fates)
        if fate == "stop":
            plan.stop("stopped", sent_too=True)
        elif fate == "confirm":
            plan.confirm()
        elif fate == "refuse":
            plan.refuse("refused", bad=data.draw(some), likely=data.draw(some))
        elif fate == "settle":
            plan.settle(written=data.draw(some), again=data.draw(some))
        else:
            plan.confirm()
            plan.drop(data.draw(some), "dropped")
    accounted = [*plan.written, *plan.failed, *plan.unknown]
    assert sorted(accounted) == [*range(size)]
    assert plan.accounted == size
    assert max(sends) <= 2 * (2 + DIVISIONS_PER_BATCH_MAX)


def test_what_stays_unknown_is_sent_again_once():
    plan = Plan[str](2, BATCH)
    assert plan.next() == (0, 1)
    plan.settle(written=[0], again=[1])
    assert plan.next() == (1,)
    plan.settle(written=[], again=[1])
    assert plan.next() == ()
    assert (plan.written, plan.unknown, plan.failed) == ([0], [1], {})


def test_what_is_not_sent_any_more_fails_with_the_reason():
    plan = Plan[str](25, BATCH)
    plan.next()
    plan.confirm()
    plan.drop({11, 12}, "unknown field")
    assert plan.next() == (10, *range(13, 20))
    plan.stop("too fast", sent_too=True)
    assert plan.failed == {11: "unknown field", 12: "unknown field"} | dict.fromkeys((10, *range(13, 25)), "too fast")
    assert plan.accounted == 25
