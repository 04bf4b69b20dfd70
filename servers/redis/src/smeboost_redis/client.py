"""The one door to Redis or Valkey: it alone imports the vendor's client and translates its errors.

Rules of this room:

- Nothing is sent twice. redis-py repeats a command whose reply was lost, so an `INCR` can count twice; its retries
  are off here. Only a command that its caller calls `repeatable` is sent once more, and only on a fresh connection.
- Every wait has an end: connecting, reading, and waiting for a free connection of the pool.
- Replies are bytes, integers, None or lists of them (RESP2, no decoding): what was stored comes back byte for byte.
- No message holds the URL, because the URL holds the password.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from types import TracebackType
from typing import Self, TypeAlias, cast

from redis import exceptions as vendor
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from smeboost_shared.errors import (
    InvalidInput,
    Misconfigured,
    NotSupported,
    SmeBoostError,
    StoreUnavailable,
    VendorBadAnswer,
    VendorCredentials,
    VendorRejected,
)

from smeboost_redis.settings import RedisSettings

Part: TypeAlias = bytes | str | int | float
Command: TypeAlias = Sequence[Part]
Reply: TypeAlias = "bytes | int | list[Reply] | None"

VENDOR_TEXT_CHARACTERS_MAX = 200


class WrongType(InvalidInput):
    """The key holds a value of another type."""


@dataclass(frozen=True)
class Script:
    """A Lua script that the server runs as one step; all its keys are given, none is built inside."""

    name: str
    source: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """The server knows a script by the SHA-1 of its text (the EVALSHA command)."""
        digest = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


def load_script(name: str) -> Script:
    """The script `lua/<name>.lua` of this package."""
    return Script(name, resources.files("smeboost_redis").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8"))


class RedisClient:
    """Commands and scripts over a bounded pool of connections. `async with` opens it, as often as one likes.

    Every method raises `StoreUnavailable` when the server cannot be reached or does not answer in time,
    `VendorCredentials` when it refuses the user or password, and `WrongType` when a key holds another type.
    """

    def __init__(self, settings: RedisSettings) -> None:
        """Nothing is opened before `async with`."""
        self.settings = settings
        self.key_prefix = settings.key_prefix
        self._redis: Redis | None = None
        self._users = 0

    async def __aenter__(self) -> Self:
        """Make the pool; connections are made when they are needed."""
        if self._redis is None:
            self._redis = _connect(self.settings)
        self._users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections when the last user leaves."""
        self._users -= 1
        if self._users == 0 and self._redis is not None:
            redis, self._redis = self._redis, None
            await redis.aclose()

    async def execute(self, *command: Part, repeatable: bool = False) -> Reply:
        """Send one command. A `repeatable` one is sent once more when its connection broke."""
        redis = self._opened()
        try:
            return cast(Reply, await redis.execute_command(*command))
        except (vendor.RedisError, OSError) as exc:
            if not (repeatable and _connection_broke(exc)):
                raise translated(exc) from exc
        try:
            return cast(Reply, await redis.execute_command(*command))
        except (vendor.RedisError, OSError) as exc:
            raise translated(exc) from exc

    async def execute_many(self, commands: Sequence[Command]) -> list[Reply]:
        """Send commands in one round trip, without a transaction; the first one that failed is raised."""
        pipeline = self._opened().pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            replies = await pipeline.execute(raise_on_error=False)
        except (vendor.RedisError, OSError) as exc:
            raise translated(exc) from exc
        for reply in replies:
            if isinstance(reply, vendor.RedisError):
                raise translated(reply) from reply
        return cast("list[Reply]", replies)

    async def run(self, script: Script, keys: Sequence[Part], arguments: Sequence[Part] = ()) -> Reply:
        """Run a script in one round trip; a server that does not know it yet gets its text."""
        redis = self._opened()
        try:
            return cast(Reply, await redis.execute_command("EVALSHA", script.digest, len(keys), *keys, *arguments))
        except vendor.NoScriptError:
            pass  # the server refused before it ran anything, so sending the text repeats nothing
        except (vendor.RedisError, OSError) as exc:
            raise translated(exc) from exc
        return await self.execute("EVAL", script.source, len(keys), *keys, *arguments)

    async def ping(self) -> None:
        """Raise unless the server answers."""
        await self.execute("PING", repeatable=True)

    def _opened(self) -> Redis:
        if self._redis is None:
            raise RuntimeError("Open the client first: `async with client:`")
        return self._redis


def _connect(settings: RedisSettings) -> Redis:
    pool = BlockingConnectionPool.from_url(
        settings.url.get_secret_value(),
        max_connections=settings.pool_size,
        timeout=settings.pool_wait_seconds,
        socket_connect_timeout=settings.connect_timeout_seconds,
        socket_timeout=settings.read_timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
        protocol=2,
    )
    redis = Redis.from_pool(pool)
    # The vendor reshapes some replies (INFO, SCAN, TYPE ...); one plain form for all is easier to reason about.
    redis.response_callbacks.clear()
    return redis


def _connection_broke(exc: Exception) -> bool:
    refused = (vendor.AuthenticationError, vendor.AuthorizationError, vendor.MaxConnectionsError)
    return isinstance(exc, vendor.ConnectionError | ConnectionError) and not isinstance(exc, refused)


_MISROUTED = (vendor.AskError, vendor.ClusterCrossSlotError, vendor.RedisClusterException)
_DOWN = (vendor.ClusterDownError, vendor.TryAgainError, vendor.BusyLoadingError)


def translated(exc: Exception) -> SmeBoostError:
    """The error of our tree for what the vendor's client raised."""
    if isinstance(exc, vendor.AuthenticationError | vendor.AuthorizationError | vendor.NoPermissionError):
        return _credentials(exc)
    if isinstance(exc, vendor.TimeoutError | TimeoutError):
        return StoreUnavailable(
            "The Redis server did not answer in time.", hint="If this was a write, it may have been carried out."
        )
    if isinstance(exc, _DOWN):
        return StoreUnavailable("The Redis server is not ready yet: it is loading its data or changing its primary.")
    if isinstance(exc, vendor.ConnectionError | OSError):
        if "No connection available" in str(exc):
            return StoreUnavailable("All connections to the Redis server are busy.", hint="Raise REDIS_POOL_SIZE.")
        return StoreUnavailable(
            "The Redis server cannot be reached, or it closed the connection.", hint="Check REDIS_URL and the server."
        )
    if isinstance(exc, _MISROUTED):
        return Misconfigured("The server is a Redis Cluster node, which is not supported.")
    if isinstance(exc, vendor.ResponseError):
        return _refused(exc)
    if isinstance(exc, vendor.DataError):
        return InvalidInput("A value cannot be sent to Redis; use text, bytes or numbers.")
    return VendorBadAnswer("The Redis server gave an answer that is not the Redis protocol.")


def _credentials(exc: Exception) -> VendorCredentials:
    if isinstance(exc, vendor.NoPermissionError):
        return VendorCredentials(
            "The Redis user of REDIS_URL may not run this command or touch this key.",
            hint="Ask an administrator for the permission (ACL SETUSER).",
        )
    return VendorCredentials(
        "The Redis server refused the user or password.",
        hint="Set the right ones in REDIS_URL: redis://user:password@...",
    )


def _refused(exc: vendor.ResponseError) -> SmeBoostError:
    text = str(exc)
    if isinstance(exc, vendor.ReadOnlyError) or text.startswith("READONLY"):
        return StoreUnavailable(
            "The Redis server is a read-only replica.", hint="Point REDIS_URL at the primary to write."
        )
    if isinstance(exc, vendor.OutOfMemoryError) or text.startswith("OOM"):
        return StoreUnavailable(
            "The Redis server has no memory left for writes.",
            hint="Raise its maxmemory, choose an eviction policy, or delete keys.",
        )
    if text.startswith("WRONGTYPE"):
        return WrongType()
    if text.startswith(("MISCONF", "NOREPLICAS", "BUSY ", "MASTERDOWN", "LOADING")):
        return StoreUnavailable("The Redis server does not accept this now.", hint=_quoted(text))
    if text.lower().startswith(("unknown command", "err unknown command")):
        return NotSupported("This Redis server does not know the command.", hint="It needs Redis 7 or a Valkey.")
    return VendorRejected("The Redis server refused the command.", hint=_quoted(text))


def _quoted(text: str) -> str:
    return f"It said: {text[:VENDOR_TEXT_CHARACTERS_MAX]!r}"


def as_bytes(reply: Reply) -> bytes:
    """The reply, which must be a byte string."""
    if not isinstance(reply, bytes):
        raise VendorBadAnswer("Redis answered with another type than a string.")
    return reply


def as_integer(reply: Reply) -> int:
    """The reply, which must be an integer."""
    if not isinstance(reply, int):
        raise VendorBadAnswer("Redis answered with another type than an integer.")
    return reply


def as_list(reply: Reply) -> list[Reply]:
    """The reply, which must be a list."""
    if not isinstance(reply, list):
        raise VendorBadAnswer("Redis answered with another type than a list.")
    return reply
