"""A cache of bytes that computes each missing value once and never serves what was invalidated.

Rules of this room:

- A hit is one round trip: the value and the versions of its tags in one MGET (see `cache_entry`).
- `invalidate` gives a tag a new random version. A value computed before it but stored after it carries an old heading:
  the storing script refuses it, and no reader would take it. A tag whose version was evicted or ran out matches
  nothing, which costs a computation and never serves old data.
- One process computes: callers of this process share a future, other processes wait for a lease in Redis, at most
  `wait_seconds`; then they compute anyway. Callers who saw different versions never share a result.
- When the store fails, `get_or_compute` computes without it (`degraded` in the statistics, one log line an interval).
  Invalidations that failed are owed: this process takes nothing from the store before it has made up for them.
"""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TypeAlias, cast

from smeboost_shared.errors import (
    FieldProblem,
    InvalidInput,
    SmeBoostError,
    StoreUnavailable,
    TooLarge,
    VendorCredentials,
)
from smeboost_shared.logs import get_logger

from smeboost_redis.cache_entry import (
    EVERYTHING,
    Entry,
    checked_tag,
    entry_of,
    fresh_value,
    heading_of,
    tag_key,
    tags_of,
)
from smeboost_redis.client import RedisClient, as_bytes, as_integer, as_list, load_script
from smeboost_redis.names import checked_namespace, own_prefix

OPEN = load_script("cache_open")
STORE = load_script("cache_store")
PUT = load_script("cache_put")
RELEASE = load_script("cache_release")

Compute = Callable[[], Awaitable[bytes]]
TAG_MILLISECONDS_MIN = 86_400_000
TTL_SECONDS_MAX = 30 * 86_400
TTL_JITTER = 0.1
"""A lifetime is shortened by up to this share, so that values stored together do not end together."""
POLL_SECONDS_FIRST = 0.01
POLL_SECONDS_MAX = 0.2
PAUSE_SECONDS = 1.0
"""After a failure the store is left alone for this long, so that not every request suffers a slow failure."""
LOG_INTERVAL_SECONDS = 30.0
OWED_TAGS_MAX = 10_000

log = get_logger("cache")


@dataclass
class CacheStatistics:
    """What happened since the start of this process."""

    hits: int = 0
    misses: int = 0
    waits: int = 0
    """Callers who waited for another's computation, here or in another process."""
    stores: int = 0
    discarded: int = 0
    """Values not stored, because a tag was invalidated or the lease ran out while they were computed."""
    oversize: int = 0
    degraded: int = 0
    """Calls that computed without the store."""


_FlightName: TypeAlias = tuple[Entry, bytes | None]
"""What is computed, and under which heading: a caller who saw newer versions must not share the result."""


@dataclass
class _Flight:
    name: _FlightName
    task: "asyncio.Task[bytes]" = field(init=False)
    waiting: int = 0


class Cache:
    """Values by key in Redis. The hash tag of all keys is the namespace, so they share a slot."""

    def __init__(
        self,
        client: RedisClient,
        namespace: str = "cache",
        *,
        wait_seconds: float = 10.0,
        lease_seconds: float = 60.0,
        value_bytes_max: int | None = None,
    ) -> None:
        """A computation longer than `lease_seconds` is not stored; another's is awaited for `wait_seconds`."""
        self._client = client
        self._prefix = f"{own_prefix(client.key_prefix)}{{{checked_namespace(namespace)}}}:"
        self._wait_seconds = wait_seconds
        self._lease = round(lease_seconds * 1000)
        self._value_bytes_max = value_bytes_max or client.settings.value_bytes_max
        self._flights: dict[_FlightName, _Flight] = {}
        self._counts = CacheStatistics()
        self._owed: dict[str, int] = {}
        self._failures = 0
        self._paused_until = 0.0
        self._logged_at = float("-inf")

    def statistics(self) -> CacheStatistics:
        """The counters as they are now."""
        return replace(self._counts)

    async def get_or_compute(
        self, key: str, compute: Compute, *, ttl_seconds: float, tags: Sequence[str] = ()
    ) -> bytes:
        """The value of `key`, computed once at a time when it is missing, and kept for up to `ttl_seconds`.

        What `compute` raises is raised to everybody who waited for it, and is not kept.

        Raises:
            InvalidInput: an empty key, a bad tag, or a `ttl_seconds` out of range.
        """
        ttl = _milliseconds(ttl_seconds)
        entry = entry_of(self._prefix, key, tuple(tags))
        if self._paused_until > time.monotonic():
            return await self._compute_without_store(compute)
        try:
            if self._owed:
                await self.invalidate()
            found = await self._client.execute("MGET", entry.value_key, *entry.tag_keys, repeatable=True)
        except (StoreUnavailable, VendorCredentials) as exc:
            self._note_failure(exc)
            return await self._compute_without_store(compute)
        raw, *versions = cast("list[bytes | None]", found)
        value = fresh_value(raw, entry.tags, versions)
        if value is None:
            return await self._share(entry, heading_of(entry.tags, versions), compute, ttl)
        self._counts.hits += 1
        return value

    async def get(self, key: str) -> bytes | None:
        """The value of `key`, or None. Two round trips: the value names its tags."""
        value = await self._get(key)
        if value is None:
            self._counts.misses += 1
        else:
            self._counts.hits += 1
        return value

    async def set(self, key: str, value: bytes, *, ttl_seconds: float, tags: Sequence[str] = ()) -> None:
        """Store a value under the tags' present versions; a computation under way will not overwrite it.

        Raises:
            TooLarge: the value is above the cap.
            StoreUnavailable: it was not stored, or nobody knows.
        """
        if len(value) > self._value_bytes_max:
            raise TooLarge(f"A cached value may have at most {self._value_bytes_max} bytes; this one has {len(value)}.")
        ttl = _milliseconds(ttl_seconds)
        entry = entry_of(self._prefix, key, tuple(tags))
        arguments = [value, _jittered(ttl), _version(), ttl + TAG_MILLISECONDS_MIN, *entry.tags]
        await self._client.run(PUT, entry.keys, arguments)
        self._counts.stores += 1

    async def delete(self, *keys: str) -> int:
        """Forget values, and do not store what is being computed for them; how many there were."""
        if not keys:
            return 0
        entries = [entry_of(self._prefix, key, ()) for key in keys]
        for name in [name for name in self._flights if name[0].value_key in {entry.value_key for entry in entries}]:
            # Its callers still get what they wait for; later callers must not.
            del self._flights[name]
        leases: list[str] = ["DEL", *(entry.lease_key for entry in entries)]
        values: list[str] = ["DEL", *(entry.value_key for entry in entries)]
        return as_integer((await self._client.execute_many([leases, values]))[1])

    async def invalidate(self, *tags: str) -> None:
        """From now on no value that has one of these tags is served, whenever its computation began.

        Raises:
            StoreUnavailable: other processes may serve old values until this one reaches the store again.
        """
        owed = dict(self._owed)
        due = {*(checked_tag(tag) for tag in tags), *owed}
        if not due:
            return
        try:
            await self._renew(due)
        except SmeBoostError:
            self._owe(due)
            raise
        for tag, failure in owed.items():
            # What failed again in the meantime has another number and stays owed.
            if self._owed.get(tag) == failure:
                del self._owed[tag]

    async def clear(self) -> None:
        """From now on no value of this namespace is served."""
        await self._renew({EVERYTHING})

    def _owe(self, tags: Iterable[str]) -> None:
        self._failures += 1
        self._owed.update(dict.fromkeys(tags, self._failures))
        if len(self._owed) > OWED_TAGS_MAX:
            self._owed = {EVERYTHING: self._failures}

    async def _renew(self, tags: Iterable[str]) -> None:
        version = _version()
        keys = [tag_key(self._prefix, tag) for tag in sorted(tags)]
        await self._client.execute_many([("SET", key, version, "PX", TAG_MILLISECONDS_MIN) for key in keys])

    async def _get(self, key: str) -> bytes | None:
        entry = entry_of(self._prefix, key, ())
        raw = await self._client.execute("GET", entry.value_key, repeatable=True)
        tags = tags_of(raw) if isinstance(raw, bytes) else None
        if tags is None:
            return None
        versions = await self._client.execute("MGET", *(tag_key(self._prefix, tag) for tag in tags), repeatable=True)
        return fresh_value(as_bytes(raw), tags, cast("list[bytes | None]", versions))

    async def _share(self, entry: Entry, heading: bytes | None, compute: Compute, ttl: int) -> bytes:
        """Wait for the flight under this heading, or start it; it ends when nobody waits for it any more."""
        flight = self._flights.get((entry, heading))
        if flight is None:
            self._counts.misses += 1
            flight = self._flights[entry, heading] = _Flight((entry, heading))
            flight.task = asyncio.create_task(self._fly(flight, compute, ttl))
        else:
            self._counts.waits += 1
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 or flight.task.done():
                self._forget(flight)
                flight.task.cancel()

    async def _fly(self, flight: _Flight, compute: Compute, ttl: int) -> bytes:
        entry = flight.name[0]
        token = secrets.token_hex(16)
        try:
            heading, value = await self._open_or_wait(entry, token, ttl)
        except (StoreUnavailable, VendorCredentials) as exc:
            self._note_failure(exc)
            return await self._compute_without_store(compute)
        if value is not None:
            return value
        self._rename(flight, heading)
        try:
            value = await compute()
        except BaseException:
            await self._release(entry, token)
            raise
        await self._store(entry, token, heading, value, ttl)
        return value

    def _rename(self, flight: _Flight, heading: bytes) -> None:
        """The versions may have been made, or changed, between the caller's look and the lease."""
        if self._forget(flight):
            flight.name = (flight.name[0], heading)
            self._flights.setdefault(flight.name, flight)

    def _forget(self, flight: _Flight) -> bool:
        return self._flights.get(flight.name) is flight and self._flights.pop(flight.name) is flight

    async def _open_or_wait(self, entry: Entry, token: str, ttl: int) -> tuple[bytes, bytes | None]:
        """Either the heading under which to compute, or the value that somebody else stored."""
        deadline = time.monotonic() + self._wait_seconds
        pause = POLL_SECONDS_FIRST
        waited = False
        while True:
            force = int(time.monotonic() >= deadline)
            arguments = [token, self._lease, force, _version(), ttl + TAG_MILLISECONDS_MIN, *entry.tags]
            state, *rest = as_list(await self._client.run(OPEN, entry.keys, arguments))
            if state == b"hit":
                return b"", as_bytes(rest[0])
            if state == b"mine":
                return as_bytes(rest[0]), None
            self._counts.waits += not waited
            waited = True
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  # spreads the polls, guards nothing
            pause = min(pause * 2, POLL_SECONDS_MAX)

    async def _store(self, entry: Entry, token: str, heading: bytes, value: bytes, ttl: int) -> None:
        if len(value) > self._value_bytes_max:
            self._counts.oversize += 1
            await self._release(entry, token)
            return
        arguments = [token, heading, value, _jittered(ttl), ttl + TAG_MILLISECONDS_MIN, *entry.tags]
        try:
            stored = await self._client.run(STORE, entry.keys, arguments)
        except (StoreUnavailable, VendorCredentials) as exc:
            self._note_failure(exc)
            return
        if stored == 1:
            self._counts.stores += 1
        else:
            self._counts.discarded += 1

    async def _release(self, entry: Entry, token: str) -> None:
        """Let another compute; if that fails too, the lease runs out by itself."""
        with suppress(SmeBoostError):
            await self._client.run(RELEASE, [entry.lease_key], [token])

    async def _compute_without_store(self, compute: Compute) -> bytes:
        self._counts.degraded += 1
        return await compute()

    def _note_failure(self, exc: SmeBoostError) -> None:
        now = time.monotonic()
        self._paused_until = now + PAUSE_SECONDS
        if now - self._logged_at >= LOG_INTERVAL_SECONDS:
            self._logged_at = now
            log.warning("cache_degraded", code=exc.code, reason=exc.message, degraded=self._counts.degraded)


def _version() -> str:
    return secrets.token_hex(8)


def _jittered(ttl: int) -> int:
    return max(1, round(ttl * (1 - TTL_JITTER * random.random())))  # noqa: S311  # spreads expiry, guards nothing


def _milliseconds(ttl_seconds: float) -> int:
    if not 0 < ttl_seconds <= TTL_SECONDS_MAX:
        problem = FieldProblem(field="ttl_seconds", message=f"must be above 0 and at most {TTL_SECONDS_MAX}")
        raise InvalidInput("The lifetime is out of range.", errors=[problem])
    return max(1, round(ttl_seconds * 1000))
