"""A client for a process that asks for many small things at once: they share one line, and travel together.

Most of the cost of a small command is in the vendor's client and the sockets, not in the server. Commands that are
asked for at the same time therefore travel as one, over a line of our own. A command that blocks, or a script that
runs long, does not belong here: all others would wait for it.
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType

from redis import exceptions as vendor
from smeboost_shared.errors import StoreUnavailable

from smeboost_redis.client import Command, Part, RedisClient, Reply, Script, connection_broke, translated
from smeboost_redis.line import Line, PendingReply, open_line
from smeboost_redis.settings import RedisSettings

WAITING_COMMANDS_MAX = 10_000
"""Commands that wait for the line to be opened."""


class BatchingClient(RedisClient):
    """`RedisClient` whose single commands and scripts share a line with those of other tasks."""

    def __init__(self, settings: RedisSettings) -> None:
        """Nothing is opened before `async with`."""
        super().__init__(settings)
        self._waiting: list[tuple[Command, PendingReply]] = []
        self._departing = False
        self._line: Line | None = None
        self._opening: asyncio.Task[None] | None = None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what is under way arrive, then close."""
        if self._users == 1:
            if self._opening is not None:
                await asyncio.wait([self._opening])
            line, self._line = self._line, None
            if line is not None:
                await line.close()
        await super().__aexit__(kind, error, trace)

    async def execute(self, *command: Part, repeatable: bool = False) -> Reply:
        """Send one command; see `RedisClient.execute`."""
        try:
            return await self._sent(command)
        except vendor.RedisError as exc:
            if not (repeatable and connection_broke(exc)):
                raise translated(exc) from exc
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

    def _sent(self, command: Command) -> PendingReply:
        """The reply to come; it may fail with an exception of the vendor's."""
        if len(self._waiting) >= WAITING_COMMANDS_MAX:
            raise StoreUnavailable("Too many commands wait for the Redis server.", retry_after_seconds=1)
        loop = asyncio.get_running_loop()
        reply: PendingReply = loop.create_future()
        self._waiting.append((command, reply))
        if not self._departing:
            self._departing = True
            loop.call_soon(self._depart)
        return reply

    def _depart(self) -> None:
        """Send what was asked for in this turn of the loop, over the line or as soon as there is one."""
        if self._line is not None and self._line.is_open:
            self._line.when_quiet(self._leave)
        else:
            self._opening = asyncio.get_running_loop().create_task(self._open())

    def _leave(self) -> None:
        if self._line is None or not self._line.is_open:
            self._depart()
            return
        self._departing = False
        waiting, self._waiting = self._waiting, []
        self._line.send(waiting)

    async def _open(self) -> None:
        failure: vendor.RedisError = vendor.ConnectionError("The client is being closed.")
        try:
            self._line = await open_line(
                self._opened().connection_pool.make_connection(),
                connect_timeout_seconds=self.settings.connect_timeout_seconds,
                read_timeout_seconds=self.settings.read_timeout_seconds,
            )
            self._depart()
        except vendor.RedisError as exc:
            failure = exc
        finally:
            self._opening, self._departing = None, False
            waiting, self._waiting = self._waiting, []
            for _, reply in waiting:
                if not reply.done():
                    reply.set_exception(type(failure)(*failure.args))
