"""A client for a process that asks for many small things at once: it sends them together.

Most of the cost of a small command is in the vendor's client and the sockets, not in the server. Commands that are
asked for while batches are under way therefore travel together as the next one; a lone command leaves at once. There
are few connections, so a command that blocks, or a script that runs long, does not belong here. Each command keeps its
own reply and its own error. Two commands that were not awaited one after the other have no order, as with any pool.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import cast

import hiredis
from redis import exceptions as vendor
from redis.asyncio.connection import AbstractConnection
from smeboost_shared.errors import SmeBoostError, StoreUnavailable

from smeboost_redis.client import Command, Part, RedisClient, Reply, Script, translated
from smeboost_redis.settings import RedisSettings

BATCH_COMMANDS_MAX = 128
LINES_MAX = 2
"""Connections, each with a batch under way: with one, everybody waits while the server writes to its disk."""
WAITING_COMMANDS_MAX = 10_000

# The vendor's stub says that a command has one part.
pack = cast("Callable[[tuple[Part, ...]], bytes]", hiredis.pack_command)

Waiting = tuple[Command, "asyncio.Future[Reply]"]


class BatchingClient(RedisClient):
    """`RedisClient` whose single commands and scripts share round trips with those of other tasks."""

    def __init__(self, settings: RedisSettings) -> None:
        """Nothing is opened before `async with`."""
        super().__init__(settings)
        self._waiting: list[Waiting] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._departing = False
        self._lines: list[AbstractConnection] = []

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what is under way arrive, then close."""
        if self._users == 1:
            while self._flying:
                await asyncio.wait(self._flying)
            while self._lines:
                await self._lines.pop().disconnect()
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
        if not self._departing and len(self._flying) < LINES_MAX:
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
                _fail(reply, failure)

    async def _exchange(self, batch: list[Waiting]) -> None:
        """Send all commands at once, and give each caller its reply as it comes.

        A connection on which anything went wrong is closed by the vendor's client, so that no reply of it is
        ever taken for another command's.
        """
        line = await self._line()
        read = cast("Callable[..., Awaitable[Reply]]", line.read_response)
        try:
            async with asyncio.timeout(self.settings.read_timeout_seconds):
                await line.send_packed_command([pack(tuple(command)) for command, _ in batch])
                for _, reply in batch:
                    try:
                        outcome = await read(timeout=math.inf)
                    except vendor.ResponseError as exc:
                        _fail(reply, exc)
                    else:
                        if not reply.done():
                            reply.set_result(outcome)
        except BaseException:
            await line.disconnect(nowait=True)
            raise
        self._lines.append(line)

    async def _line(self) -> AbstractConnection:
        """A connection that no batch is using: one that was used before, or a new one."""
        while self._lines:
            line = self._lines.pop()
            # Nothing is awaited on it now: what can be read would be its end, or the rest of something.
            if line.is_connected and not await line.can_read():
                return line
            await line.disconnect(nowait=True)
        line = self._opened().connection_pool.make_connection()
        # Waits are bounded once for a batch, which costs less than bounding each write and each read.
        line.socket_timeout = None
        async with asyncio.timeout(self.settings.connect_timeout_seconds):
            await line.connect()
        return line


def _fail(reply: "asyncio.Future[Reply]", error: Exception) -> None:
    """Raise to the caller, unless it has its reply or has gone away."""
    if not reply.done():
        reply.set_exception(error)
