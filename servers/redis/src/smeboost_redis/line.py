"""One connection that many tasks share: commands go out as they come, replies come back in the same order (RESP2).

Rules of this room:

- The vendor's client says where and as whom to connect; the bytes are read and written here, because for small
  commands its layers cost more than the command.
- Replies belong to commands by their order alone. So whatever is odd (a reply too many, a reply that is no RESP, one
  that does not come in time) ends the connection, and every command that was waiting is told so.
- Nothing is sent twice.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import cast

import hiredis
from redis import exceptions as vendor
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

from smeboost_redis.client import Command, Part, Reply

KINDS: dict[str, type[vendor.ResponseError]] = {
    "NOSCRIPT": vendor.NoScriptError,
    "NOPERM": vendor.NoPermissionError,
    "READONLY": vendor.ReadOnlyError,
    "OOM": vendor.OutOfMemoryError,
}
REFUSED_LOGINS = ("WRONGPASS", "NOAUTH", "ERR invalid password", "ERR AUTH")

QUIET_REPLIES_MAX = 3
"""While more replies are due, new commands wait and travel together: the server handles them in one turn."""

PendingReply = asyncio.Future[Reply]

# The vendor's stub says that a command has one part.
pack = cast("Callable[[tuple[Part, ...]], bytes]", hiredis.pack_command)


class Line(asyncio.Protocol):
    """A connected line; `open_line` makes one. Its futures fail with the vendor's exceptions."""

    def __init__(self, read_timeout_seconds: float) -> None:
        """Nothing is sent before the connection is made."""
        self._read_timeout_seconds = read_timeout_seconds
        self._reader = hiredis.Reader(replyError=_error, protocolError=vendor.InvalidResponse)
        self._pending: deque[PendingReply] = deque()
        self._loop = asyncio.get_running_loop()
        self._watch: asyncio.TimerHandle | None = None
        self._answered = 0
        self._closed = self._loop.create_future()
        self._when_quiet: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return not self._closed.done()

    def when_quiet(self, call: Callable[[], None]) -> None:
        """Call this once: now, or as soon as few replies are due."""
        if len(self._pending) <= QUIET_REPLIES_MAX:
            call()
        else:
            self._when_quiet = call

    def send(self, commands: Iterable[tuple[Command, PendingReply]]) -> None:
        """Send all commands now; each future gets its reply or its error."""
        packed: list[bytes] = []
        for command, reply in commands:
            packed.append(pack(tuple(command)))
            self._pending.append(reply)
        self._transport.write(b"".join(packed))
        if self._watch is None:
            self._look_later()

    def hang_up(self) -> None:
        """End the connection now; whoever waits is told so."""
        self._end(vendor.ConnectionError("The connection was given up."))

    async def close(self) -> None:
        """Let the replies that are due arrive, then hang up."""
        pending = [reply for reply in self._pending if not reply.done()]
        if pending:
            await asyncio.wait(pending)
        self._transport.close()
        await self._closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The loop's: there is a connection."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """The loop's: hand out the replies that are complete."""
        self._reader.feed(data)
        try:
            while (outcome := self._reader.gets()) is not False:
                self._hand_out(outcome)
        except (vendor.InvalidResponse, IndexError) as exc:
            self._end(vendor.InvalidResponse(str(exc)))
        if self._when_quiet is not None and len(self._pending) <= QUIET_REPLIES_MAX:
            self._call_quiet()

    def _call_quiet(self) -> None:
        call, self._when_quiet = self._when_quiet, None
        if call is not None:
            call()

    def connection_lost(self, exc: Exception | None) -> None:
        """The loop's: the connection is gone."""
        self._fail_all(vendor.ConnectionError("Connection closed by server."))
        if self._watch is not None:
            self._watch.cancel()
        if not self._closed.done():
            self._closed.set_result(None)
        self._call_quiet()

    def _hand_out(self, outcome: "Reply | vendor.ResponseError") -> None:
        reply = self._pending.popleft()
        self._answered += 1
        if reply.done():
            return  # its caller has gone away
        if isinstance(outcome, vendor.ResponseError):
            reply.set_exception(outcome)
        else:
            reply.set_result(outcome)

    def _look_after(self, answered_before: int) -> None:
        """Hang up when replies are due and none has come since the last look."""
        self._watch = None
        if self._pending and self._answered == answered_before:
            self._end(vendor.TimeoutError("Timeout reading from the server."))
        elif self._pending:
            self._look_later()

    def _look_later(self) -> None:
        self._watch = self._loop.call_later(self._read_timeout_seconds, self._look_after, self._answered)

    def _end(self, error: vendor.RedisError) -> None:
        self._fail_all(error)
        self._transport.abort()
        if not self._closed.done():
            self._closed.set_result(None)

    def _fail_all(self, error: vendor.RedisError) -> None:
        while self._pending:
            reply = self._pending.popleft()
            if not reply.done():
                reply.set_exception(type(error)(*error.args))


async def open_line(
    vendors: AbstractConnection, *, connect_timeout_seconds: float, read_timeout_seconds: float
) -> Line:
    """Connect and log in as the vendor's own connection would; that one is only read from.

    Raises:
        redis.exceptions.RedisError: the server cannot be reached, or refuses the user, password or database.
    """
    try:
        async with asyncio.timeout(connect_timeout_seconds):
            line = await _connected(vendors, read_timeout_seconds)
            await _log_in(line, _greeting(vendors))
    except TimeoutError:
        raise vendor.TimeoutError("Timeout connecting to server") from None
    except OSError as exc:
        raise vendor.ConnectionError(f"Error connecting: {exc}") from exc
    except vendor.ResponseError as exc:
        if str(exc).startswith(REFUSED_LOGINS):
            raise vendor.AuthenticationError(str(exc)) from exc
        raise
    return line


async def _log_in(line: Line, greeting: Iterable[Command]) -> None:
    try:
        for command in greeting:
            reply: PendingReply = asyncio.get_running_loop().create_future()
            line.send([(command, reply)])
            await reply
    except BaseException:
        line.hang_up()
        raise


async def _connected(vendors: AbstractConnection, read_timeout_seconds: float) -> Line:
    loop = asyncio.get_running_loop()
    make: Callable[[], Line] = lambda: Line(read_timeout_seconds)  # noqa: E731  # the loop takes a factory
    if isinstance(vendors, UnixDomainSocketConnection):
        return (await loop.create_unix_connection(make, vendors.path))[1]
    if not isinstance(vendors, Connection):
        raise vendor.ConnectionError("This kind of connection is not known.")
    context = cast(ssl.SSLContext, vendors.ssl_context.get()) if isinstance(vendors, SSLConnection) else None
    return (await loop.create_connection(make, vendors.host, vendors.port, ssl=context))[1]


def _greeting(vendors: AbstractConnection) -> list[Command]:
    commands: list[Command] = []
    if vendors.password:
        commands.append(("AUTH", *([vendors.username] if vendors.username else []), vendors.password))
    if vendors.db:
        commands.append(("SELECT", vendors.db))
    return commands


def _error(text: str) -> vendor.ResponseError:
    return KINDS.get(text.partition(" ")[0], vendor.ResponseError)(text)
