"""The stream of changes: started for the first who asks, ended after the last, mended when the database goes away.

Rules of this room:

- A channel hears "Subscribed to PostgreSQL" when everything committed from then on will be told to it.
- Who was subscribed when the log was lost is told so, stays subscribed, and is told when the stream is back. What was
  committed in between is not told: the log is read from where the new slot begins.
- A batch that was read is told even if the database goes away while people are asked about: it is tried again.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing

import psycopg
from psycopg import AsyncConnection
from smeboost_shared.logs import get_logger

from smeboost_emulators.supabase.pools import DatabaseDown, Pool, PoolBusy, lost
from smeboost_emulators.supabase.realtime.bindings import Binding, BindingRefused, read_binding, refused
from smeboost_emulators.supabase.realtime.catalogue import (
    published_table,
    table_fact,
    type_facts,
)
from smeboost_emulators.supabase.realtime.changes import Batch, ChangeTeller, Subscriber
from smeboost_emulators.supabase.realtime.channels import Channel
from smeboost_emulators.supabase.realtime.comparisons import require_comparable
from smeboost_emulators.supabase.realtime.pgoutput import Begin, Change, MalformedMessage, Message, WireRelation
from smeboost_emulators.supabase.realtime.replication import ChangeLog, NotLogical, log_position, open_change_log
from smeboost_emulators.supabase.realtime.visibility import Person

EXTENSION = "postgres_changes"
SUBSCRIBED = "Subscribed to PostgreSQL"
LOST = "The connection to PostgreSQL was lost; changes until it is back are not told"
RECONNECT_SECONDS, RESTART_SECONDS, RETRY_SECONDS_MAX = 0.5, 5.0, 30.0
BATCH_CHANGES, BATCH_BYTES = 100, 4_194_304

log = get_logger("supabase-realtime")


class ChangeFeed:
    """Everybody who asked for changes, and the task that tells them."""

    def __init__(self, url: str, pool: Pool, teller: ChangeTeller, *, poll_seconds: float) -> None:
        self._url = url
        self._pool = pool
        self._teller = teller
        self._poll_seconds = poll_seconds
        self._subscribers: dict[Channel, Subscriber] = {}
        self._asking: dict[Channel, asyncio.Task[None]] = {}
        self._stream: asyncio.Task[None] | None = None
        self._live = asyncio.Event()
        self._problem = ""

    def follow(self, channel: Channel) -> None:
        """Subscribe a channel to what it asked for; one that is subscribed is asked about anew, with its new token."""
        self._forget_asking(channel)
        task = asyncio.create_task(self._subscribe(channel), name="realtime-subscribe")
        self._asking[channel] = task
        task.add_done_callback(lambda done: self._asked(channel, done))
        if self._problem:
            channel.system("error", self._problem, extension=EXTENSION)
        if self._stream is None or self._stream.done():
            self._stream = asyncio.create_task(self._run(), name="realtime-changes")

    def unfollow(self, channel: Channel) -> None:
        """Tell a channel nothing more."""
        self._forget_asking(channel)
        self._subscribers.pop(channel, None)

    async def close(self) -> None:
        """End everything."""
        tasks = [*self._asking.values(), *([self._stream] if self._stream else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _asked(self, channel: Channel, task: asyncio.Task[None]) -> None:
        if self._asking.get(channel) is task:
            del self._asking[channel]
        if not task.cancelled() and (problem := task.exception()):
            log.error("bug", error=type(problem).__name__)
            channel.system("error", "Something went wrong on our side", extension=EXTENSION)

    def _forget_asking(self, channel: Channel) -> None:
        task = self._asking.pop(channel, None)
        if task:
            task.cancel()

    async def _subscribe(self, channel: Channel) -> None:
        caller = channel.holder.caller
        person = Person(caller.role, caller.claims_text)
        while True:
            await self._live.wait()
            try:
                since = await self._position()
                bindings = [await self._accepted(wish, caller.role) for wish in channel.request.bindings]
            except BindingRefused as exc:
                self._subscribers.pop(channel, None)
                channel.system("error", str(exc), extension=EXTENSION)
                return
            except (DatabaseDown, PoolBusy, psycopg.OperationalError):
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            if self._live.is_set():
                break
        known = self._subscribers.get(channel)
        # With a new token nothing is left out that was committed under the old one.
        since = known.since if known else since
        self._subscribers[channel] = Subscriber(channel, tuple(bindings), person, since)
        channel.system("ok", SUBSCRIBED, extension=EXTENSION)

    async def _position(self) -> int:
        async with self._pool.connection() as connection:
            return await log_position(connection)

    async def _accepted(self, wish: dict[str, object], role: str) -> Binding:
        """The binding, after its table and its filter have been looked at.

        Raises:
            BindingRefused: there is nothing to be told.
        """
        binding = read_binding(wish)
        schema = None if binding.schema == "*" else binding.schema
        names = f"{schema or ''}{binding.table or ''}"
        async with self._pool.connection() as connection:
            table = None if "\0" in names else await published_table(connection, schema, binding.table)
            if table is None:
                raise refused(wish, "Please check Realtime is enabled for the given connect parameters")
            if binding.conditions:
                fact = await table_fact(connection, table.oid, [role])
                readable = fact.roles[role].columns if fact and role in fact.roles else frozenset[str]()
                types = await type_facts(connection, list(table.columns.values()))
                for condition in binding.conditions:
                    if condition.column not in table.columns or condition.column not in readable:
                        raise refused(wish, f"invalid column for filter {condition.column[:100]}")
                    try:
                        async with connection.transaction():
                            await require_comparable(connection, types[table.columns[condition.column]], condition)
                    except (psycopg.DataError, psycopg.ProgrammingError) as exc:
                        raise refused(wish, _first_line(exc)) from None
        return binding

    async def _run(self) -> None:
        """Read until nobody asks any more."""
        while self._subscribers or self._asking:
            pause = RECONNECT_SECONDS
            try:
                await self._read_log()
                return
            except NotLogical as exc:
                problem, pause = str(exc), RESTART_SECONDS
            except (psycopg.Error, DatabaseDown, PoolBusy, MalformedMessage, TimeoutError) as exc:
                log.warning("change_stream_lost", error=" ".join(str(exc).split()))
                problem = LOST if lost_or_down(exc) else f"Changes cannot be read: {_first_line(exc)}"
            # Said once, and not at every attempt to mend it.
            if not self._problem:
                for channel in (*self._subscribers, *self._asking):
                    channel.system("error", problem, extension=EXTENSION)
            self._problem = problem
            await asyncio.sleep(pause)
        self._problem = ""

    async def _read_log(self) -> None:
        async with await AsyncConnection.connect(self._url, autocommit=True) as connection:
            changes = await open_change_log(connection)
            if self._problem:
                for channel in self._subscribers:
                    channel.system("ok", SUBSCRIBED, extension=EXTENSION)
            self._problem = ""
            self._live.set()
            try:
                await self._poll(changes)
            finally:
                self._live.clear()

    async def _poll(self, changes: ChangeLog) -> None:
        while self._subscribers or self._asking:
            if await changes.grown():
                # A generator that is left in the middle keeps its cursor open until somebody closes it.
                async with aclosing(changes.messages()) as messages, aclosing(batches(messages)) as found:
                    async for batch in found:
                        await self._tell(batch)
            await asyncio.sleep(self._poll_seconds)

    async def _tell(self, batch: Batch) -> None:
        give_up = asyncio.get_running_loop().time() + RETRY_SECONDS_MAX
        while True:
            try:
                await self._teller.tell(batch, tuple(self._subscribers.values()))
                return
            except (DatabaseDown, PoolBusy, psycopg.Error) as exc:
                if not lost_or_down(exc):
                    self._complain(batch, exc)
                    return
                if asyncio.get_running_loop().time() > give_up:
                    raise
            await asyncio.sleep(RECONNECT_SECONDS)

    def _complain(self, batch: Batch, exc: Exception) -> None:
        name = f"{batch.relation.schema}.{batch.relation.name}"
        log.warning("changes_not_told", table=name, error=" ".join(str(exc).split()))
        for one in self._subscribers.values():
            if any(wish.wants(batch.relation.schema, batch.relation.name) for wish in one.bindings):
                message = f"A change of {name} cannot be told: {_first_line(exc)}"
                one.channel.system("error", message, extension=EXTENSION)


async def batches(messages: AsyncIterable[Message]) -> AsyncGenerator[Batch]:
    """The changes of a log, those of one table together as long as they follow one another."""
    relations: dict[int, WireRelation] = {}
    begun: Begin | None = None
    waiting: list[Change] = []
    size = 0

    def flush() -> Batch:
        nonlocal size
        size = 0
        if begun is None:
            raise MalformedMessage("a change outside of a transaction")
        done = Batch(relations[waiting[0].relation_oid], begun, tuple(waiting))
        waiting.clear()
        return done

    async for message in messages:
        if waiting and _ends(message, waiting, size):
            yield flush()
        if isinstance(message, Begin):
            begun = message
        elif isinstance(message, WireRelation):
            relations[message.oid] = message
        elif isinstance(message, Change):
            if message.relation_oid not in relations:
                raise MalformedMessage("a change of a table that was not announced")
            waiting.append(message)
            size += sum(
                len(value) for row in (message.new, message.old) for value in row or () if isinstance(value, str)
            )
    if waiting:
        yield flush()


def _ends(message: Message, waiting: list[Change], size: int) -> bool:
    if isinstance(message, Change):
        full = len(waiting) >= BATCH_CHANGES or size >= BATCH_BYTES
        return full or message.relation_oid != waiting[0].relation_oid
    return True


def lost_or_down(exc: Exception) -> bool:
    """Whether the database was not there, rather than of another opinion."""
    return isinstance(exc, DatabaseDown | PoolBusy) or (isinstance(exc, psycopg.Error) and lost(exc))


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:300] or type(exc).__name__
