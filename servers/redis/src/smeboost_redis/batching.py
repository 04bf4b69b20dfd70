"""A client for a process that asks for many small things at once: it sends them together.

Most of the cost of a small command is in the vendor's client and the sockets, not in the server. Commands that are
asked for while a batch is under way therefore travel together as the next one; a lone command leaves at once. All
batches take one connection, so a command that blocks, or a script that runs long, does not belong here. Each command
keeps its own reply and its own error, and commands are carried out in the order in which they were asked for.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import cast

import hiredis
from redis import exceptions as vendor
from redis.asyncio.connection import AbstractConnection
from smeboost_shared.errors import SmeBoostError, StoreUnavailable

from smeboost_redis.client import Command, Part, RedisClient, Reply, Script, translated
from smeboost_redis.settings import RedisSettings

BATCH_COMMANDS_MAX = 128
WAITING_COMMANDS_MAX = 10_000

Waiting = tuple[Command, "asyncio.Future[Reply]"]


class BatchingClient(RedisClient):
    """`RedisClient` whose single commands and scripts share round trips with those of other tasks."""

    def __init__(self, settings: RedisSettings) -> None:
        """Nothing is opened before `async with`."""
        super().__init__(settings)
        self._waiting: list[Waiting] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._departing = False
        self._line: AbstractConnection | None = None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what is under way arrive, then close."""
        if self._users == 1:
            while self._flying:
                await asyncio.wait(self._flying)
            if self._line is not None:
                await self._line.disconnect()
                self._line = None
        await super().__aexit__(kind, error, trace)

    async def execute(self, *command: Part, repeatable: bool = False) -> Reply:
        """Send one command; see `RedisClient.execute`."""
        try:
            return await self._sent(command)
        except vendor.RedisError as exc:
            raise translated(exc) from exc
        except StoreUnavailable:
            if not repeatable:
                raise
        return await super().execute(*command)

    async def run(self, script: Script, keys: Sequence[Part], arguments: Sequence[Part] = ()) -> Reply:
        """Run a script; see `RedisClient.run`."""
        try:
            return await self._sent(("EVALSHA", script.digest, len(keys), *keys, *arguments))
        except vendor.NoScriptError:
            pass  # the server refused before it ran anything, so sending the text repeats nothing
        except vendor.RedisError as exc:
            raise translated(exc) from exc
        return await self.execute("EVAL", script.source, len(keys), *keys, *arguments)

    def _sent(self, command: Command) -> "asyncio.Future[Reply]":
        """The reply to come; its exception is the vendor's when the server refused this very command."""
        if len(self._waiting) >= WAITING_COMMANDS_MAX:
            raise StoreUnavailable("Too many commands wait for the Redis server.", retry_after_seconds=1)
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Reply] = loop.create_future()
        self._waiting.append((command, reply))
        if not self._departing and not self._flying:
            self._departing = True
            loop.call_soon(self._depart)
        return reply

    def _depart(self) -> None:
        self._departing = False
        batch, self._waiting = self._waiting[:BATCH_COMMANDS_MAX], self._waiting[BATCH_COMMANDS_MAX:]
        if not batch:
            return
        flight = asyncio.get_running_loop().create_task(self._fly(batch))
        self._flying.add(flight)
        flight.add_done_callback(self._arrived)

    def _arrived(self, flight: "asyncio.Task[None]") -> None:
        self._flying.discard(flight)
        if self._waiting and not self._departing:
            self._depart()

    async def _fly(self, batch: list[Waiting]) -> None:
        failure: SmeBoostError = StoreUnavailable("The command was given up.")
        try:
            await self._exchange(batch)
        except (vendor.RedisError, OSError) as exc:
            failure = translated(exc)
        finally:
            for _, reply in batch:
                _settle(reply, failure)

    async def _exchange(self, batch: list[Waiting]) -> None:
        """Send all commands at once, and give each caller its reply as it comes.

        A connection on which anything went wrong is closed by the vendor's client, so that no reply of it is
        ever taken for another command's.
        """
        connection = await self._connected()
        try:
            async with asyncio.timeout(self.settings.read_timeout_seconds):
                await connection.send_packed_command([_packed(command) for command, _ in batch])
                for _, reply in batch:
                    try:
                        _settle(reply, cast(object, await connection.read_response(timeout=math.inf)))
                    except vendor.ResponseError as exc:
                        _settle(reply, exc)
        except BaseException:
            self._line = None
            await connection.disconnect(nowait=True)
            raise

    async def _connected(self) -> AbstractConnection:
        """The one connection that all batches take, made again when it broke."""
        line = self._line
        # Nothing is awaited from the server now: what can be read would be the end, or the rest of something.
        if line is not None and line.is_connected and not await line.can_read():
            return line
        if line is not None:
            self._line = None
            await line.disconnect(nowait=True)
        connection = self._opened().connection_pool.make_connection()
        # Waits are bounded once for a batch, which costs less than bounding each write and each read.
        connection.socket_timeout = None
        async with asyncio.timeout(self.settings.connect_timeout_seconds):
            await connection.connect()
        self._line = connection
        return connection


def _packed(command: Command) -> bytes:
    """The command as it travels. The vendor's stub says that a command has one part."""
    pack = cast("Callable[[tuple[Part, ...]], bytes]", hiredis.pack_command)
    return pack(tuple(command))


def _settle(reply: "asyncio.Future[Reply]", outcome: object) -> None:
    """Give the caller its reply, unless it has one or has gone away."""
    if reply.done():
        return
    if isinstance(outcome, Exception):
        reply.set_exception(outcome)
    else:
        reply.set_result(cast(Reply, outcome))
