"""The cache: one computation for many, invalidation that holds, and going on without the store."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict

import pytest
from smeboost_redis.cache import Cache
from smeboost_redis.client import RedisClient
from smeboost_redis.settings import RedisSettings
from smeboost_shared.errors import InvalidInput, TooLarge

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


class Computation:
    """Counts its runs; each gives another value; waits for `gate` when there is one."""

    def __init__(self, gate: asyncio.Event | None = None) -> None:
        self.runs = 0
        self.started = asyncio.Event()
        self.gate = gate

    async def begun(self) -> None:
        async with asyncio.timeout(5):
            await self.started.wait()

    async def __call__(self) -> bytes:
        self.runs += 1
        value = b"value %d" % self.runs
        self.started.set()
        if self.gate:
            async with asyncio.timeout(5):
                await self.gate.wait()
        return value


@pytest.fixture
def cache(client: RedisClient) -> Cache:
    return Cache(client)


async def test_a_value_is_computed_once_and_then_served(cache: Cache):
    compute = Computation()
    values = [await cache.get_or_compute("k", compute, ttl_seconds=60, tags=["a"]) for _ in range(3)]
    assert values == [b"value 1"] * 3
    statistics = cache.statistics()
    assert (statistics.hits, statistics.misses, statistics.stores) == (2, 1, 1)


async def test_five_hundred_concurrent_misses_compute_once(cache: Cache):
    compute = Computation()
    calls = (cache.get_or_compute("k", compute, ttl_seconds=60, tags=["a", "b"]) for _ in range(500))
    assert set(await asyncio.gather(*calls)) == {b"value 1"}
    assert compute.runs == 1


async def test_processes_that_miss_together_compute_once(redis_settings: Callable[..., RedisSettings]):
    # Each client with a cache of its own shares nothing in memory with the others, as processes do.
    settings = redis_settings()
    gate = asyncio.Event()
    compute = Computation(gate)

    async def process() -> set[bytes]:
        async with RedisClient(settings) as client:
            cache = Cache(client)
            return set(await asyncio.gather(*(cache.get_or_compute("k", compute, ttl_seconds=60) for _ in range(20))))

    processes = [asyncio.create_task(process()) for _ in range(8)]
    await compute.begun()
    gate.set()
    assert await asyncio.gather(*processes) == [{b"value 1"}] * 8
    assert compute.runs == 1


async def test_who_waited_long_enough_for_another_process_computes_anyway(redis_settings: Callable[..., RedisSettings]):
    settings = redis_settings()
    gate = asyncio.Event()
    slow = Computation(gate)
    async with RedisClient(settings) as one, RedisClient(settings) as two:
        first = asyncio.create_task(Cache(one).get_or_compute("k", slow, ttl_seconds=60))
        await slow.begun()
        impatient = Cache(two, wait_seconds=0.05)
        assert await impatient.get_or_compute("k", _constant(b"mine"), ttl_seconds=60) == b"mine"
        assert impatient.statistics().waits == 1
        gate.set()
        assert await first == b"value 1"
        # The slow one lost its lease, so it did not overwrite what came later.
        assert await Cache(one).get("k") == b"mine"


async def test_an_invalidated_tag_makes_its_values_be_computed_again(cache: Cache):
    compute = Computation()
    await cache.get_or_compute("k", compute, ttl_seconds=60, tags=["a", "b"])
    await cache.get_or_compute("other", _constant(b"kept"), ttl_seconds=60, tags=["c"])
    await cache.invalidate("b")
    assert await cache.get("k") is None
    assert await cache.get("other") == b"kept"
    assert await cache.get_or_compute("k", compute, ttl_seconds=60, tags=["b", "a"]) == b"value 2"


async def test_a_value_computed_before_an_invalidation_and_stored_after_it_is_never_served(cache: Cache):
    gate = asyncio.Event()
    compute = Computation(gate)
    early = asyncio.create_task(cache.get_or_compute("k", compute, ttl_seconds=60, tags=["a"]))
    await compute.begun()
    await cache.invalidate("a")
    gate.set()
    assert await early == b"value 1"
    assert await cache.get("k") is None
    assert await cache.get_or_compute("k", compute, ttl_seconds=60, tags=["a"]) == b"value 2"
    assert cache.statistics().discarded == 1


async def test_a_caller_after_an_invalidation_does_not_share_an_older_computation(cache: Cache):
    gate = asyncio.Event()
    compute = Computation(gate)
    early = asyncio.create_task(cache.get_or_compute("k", compute, ttl_seconds=60, tags=["a"]))
    await compute.begun()
    await cache.invalidate("a")
    late = await cache.get_or_compute("k", _constant(b"new"), ttl_seconds=60, tags=["a"])
    gate.set()
    assert (await early, late) == (b"value 1", b"new")
    assert await cache.get_or_compute("k", compute, ttl_seconds=60, tags=["a"]) == b"new"


async def test_invalidation_wins_any_race_against_computations(cache: Cache):
    """A reader who begins after an acknowledged write and its invalidation never sees an older version."""
    version = 0

    async def compute() -> bytes:
        seen = version
        await asyncio.sleep(0)
        return b"%d" % seen

    async def reader() -> None:
        for _ in range(60):
            written = acknowledged
            value = await cache.get_or_compute("k", compute, ttl_seconds=60, tags=["a"])
            assert int(value) >= written

    async def writer() -> None:
        nonlocal version, acknowledged
        for _ in range(60):
            version += 1
            await cache.invalidate("a")
            acknowledged = version

    acknowledged = 0
    await asyncio.gather(writer(), *(reader() for _ in range(12)))
    assert version == 60


async def test_a_tag_whose_version_was_lost_serves_nothing(cache: Cache, client: RedisClient):
    await cache.set("k", b"old", ttl_seconds=60, tags=["a"])
    assert await client.execute("DEL", f"{client.key_prefix}smeboost:{{cache}}:tag:a") == 1
    assert await cache.get("k") is None
    assert await cache.get_or_compute("k", _constant(b"new"), ttl_seconds=60, tags=["a"]) == b"new"


async def test_a_deleted_value_is_not_put_back_by_a_computation_under_way(cache: Cache):
    gate = asyncio.Event()
    compute = Computation(gate)
    early = asyncio.create_task(cache.get_or_compute("k", compute, ttl_seconds=60))
    await compute.begun()
    await cache.delete("k")
    late = asyncio.create_task(cache.get_or_compute("k", _constant(b"new"), ttl_seconds=60))
    assert await late == b"new"
    gate.set()
    await early
    assert await cache.get("k") == b"new"
    assert await cache.delete("k", "never there") == 1
    assert await cache.get("k") is None


async def test_what_a_computation_raises_reaches_all_who_wait_and_is_not_kept(cache: Cache):
    async def failing() -> bytes:
        await asyncio.sleep(0)
        raise LookupError("no such record")

    outcomes = await asyncio.gather(
        *(cache.get_or_compute("k", failing, ttl_seconds=60) for _ in range(20)), return_exceptions=True
    )
    assert {type(one) for one in outcomes} == {LookupError}
    async with asyncio.timeout(1):
        assert await cache.get_or_compute("k", _constant(b"fine"), ttl_seconds=60) == b"fine"


async def test_a_caller_who_gives_up_does_not_take_the_others_down(cache: Cache, until: Until):
    gate = asyncio.Event()
    compute = Computation(gate)
    first = asyncio.create_task(cache.get_or_compute("k", compute, ttl_seconds=60))
    await compute.begun()
    second = asyncio.create_task(cache.get_or_compute("k", compute, ttl_seconds=60))

    async def joined() -> bool:
        return cache.statistics().waits == 1

    await until(joined)
    first.cancel()
    gate.set()
    assert await second == b"value 1"
    assert compute.runs == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_computation_that_nobody_waits_for_is_cancelled_and_frees_its_lease(cache: Cache):
    cancelled = asyncio.Event()
    started = asyncio.Event()

    async def endless() -> bytes:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return b""

    only = asyncio.create_task(cache.get_or_compute("k", endless, ttl_seconds=60))
    async with asyncio.timeout(5):
        await started.wait()
        only.cancel()
        await cancelled.wait()
        assert await cache.get_or_compute("k", _constant(b"fine"), ttl_seconds=60) == b"fine"
    with pytest.raises(asyncio.CancelledError):
        await only


async def test_a_value_expires_and_never_later_than_asked(cache: Cache, client: RedisClient):
    await cache.set("k", b"x", ttl_seconds=100)
    left = await client.execute("PTTL", f"{client.key_prefix}smeboost:{{cache}}:value:k")
    assert isinstance(left, int)
    assert 89_000 < left <= 100_000


async def test_lifetimes_of_values_stored_together_differ(cache: Cache, client: RedisClient):
    for number in range(20):
        await cache.set(f"k{number}", b"x", ttl_seconds=1000)
    lifetimes = [
        await client.execute("PTTL", f"{client.key_prefix}smeboost:{{cache}}:value:k{number}") for number in range(20)
    ]
    assert len({int(str(one)) // 1000 for one in lifetimes}) > 5


async def test_a_version_outlives_the_values_that_carry_it(cache: Cache, client: RedisClient):
    await cache.set("k", b"x", ttl_seconds=1, tags=["a"])
    await cache.set("k", b"x", ttl_seconds=20 * 86_400, tags=["a"])
    left = await client.execute("TTL", f"{client.key_prefix}smeboost:{{cache}}:tag:a")
    assert isinstance(left, int)
    assert left > 20 * 86_400


async def test_a_value_above_the_cap_is_served_but_not_kept(client: RedisClient):
    cache = Cache(client, value_bytes_max=10)
    assert await cache.get_or_compute("k", _constant(b"x" * 11), ttl_seconds=60) == b"x" * 11
    assert await cache.get("k") is None
    assert cache.statistics().oversize == 1
    with pytest.raises(TooLarge):
        await cache.set("k", b"x" * 11, ttl_seconds=60)


@pytest.mark.parametrize("value", [b"", b"\x00\xff\n\n", b"smeboost1\n\n", bytes(range(256)) * 100])
async def test_any_bytes_come_back_as_they_were(cache: Cache, value: bytes):
    for tags in ([], ["a"], ["a\u00e9", "b:c d"]):
        key = f"k{len(tags)}"
        assert await cache.get_or_compute(key, _constant(value), ttl_seconds=60, tags=tags) == value
        assert await cache.get_or_compute(key, _constant(b"other"), ttl_seconds=60, tags=tags) == value
        assert await cache.get(key) == value


async def test_clearing_forgets_one_namespace_only(client: RedisClient):
    one, two = Cache(client, "one"), Cache(client, "two")
    await one.set("k", b"1", ttl_seconds=60)
    await two.set("k", b"2", ttl_seconds=60)
    await one.clear()
    assert (await one.get("k"), await two.get("k")) == (None, b"2")


@pytest.mark.parametrize(
    ("key", "ttl_seconds", "tags"),
    [
        ("", 60, []),
        ("k", 0, []),
        ("k", -1, []),
        ("k", float("nan"), []),
        ("k", 60, [""]),
        ("k", 60, ["a\n"]),
        ("k", 60, ["*"]),
    ],
)
async def test_bad_input_is_refused_before_anything_is_computed(
    cache: Cache, key: str, ttl_seconds: float, tags: list[str]
):
    compute = Computation()
    with pytest.raises(InvalidInput):
        await cache.get_or_compute(key, compute, ttl_seconds=ttl_seconds, tags=tags)
    assert compute.runs == 0


async def test_a_foreign_value_under_our_key_is_a_miss(cache: Cache, client: RedisClient):
    await client.execute("SET", f"{client.key_prefix}smeboost:{{cache}}:value:k", b"not ours")
    assert await cache.get("k") is None
    assert await cache.get_or_compute("k", _constant(b"fine"), ttl_seconds=60) == b"fine"
    assert asdict(cache.statistics())["degraded"] == 0


def _constant(value: bytes) -> Callable[[], Awaitable[bytes]]:
    async def compute() -> bytes:
        return value

    return compute
