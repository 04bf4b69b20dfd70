"""Broadcasts that the database makes itself, by `realtime.send` or a row in `realtime.messages`.

Rules of this room:

- A notice names the row, the row is read and told. What was written while nobody listened is told after a reconnection.
- Rows are kept for some days, as Supabase keeps them, and then deleted.
"""

import asyncio
from collections import deque
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from smeboost_shared.logs import get_logger

from smeboost_emulators.supabase.realtime.frames import Broadcast
from smeboost_emulators.supabase.realtime.hub import Hub

BATCH, REMEMBERED = 100, 10_000
RECONNECT_SECONDS, HOUSEKEEPING_SECONDS = 0.5, 600.0
KEEPALIVES = "keepalives_idle=30 keepalives_interval=10 keepalives_count=3"
_COLUMNS = "select id::text, topic, event, coalesce(payload, '{}')::text, coalesce(private, false)"
_NAMED = f"{_COLUMNS} from realtime.messages where id = any(%s::uuid[])"
_MISSED = f"""{_COLUMNS} from realtime.messages
where extension = 'broadcast' and inserted_at >= %s order by inserted_at limit %s"""
_OLD = "delete from realtime.messages where inserted_at < localtimestamp - make_interval(hours => %s)"

log = get_logger("supabase-realtime")


class MessageFeed:
    """Reads the database's broadcasts and says them."""

    def __init__(self, url: str, hub: Hub, *, keep_hours: int) -> None:
        self._url = f"{url} {KEEPALIVES}"
        self._hub = hub
        self._keep_hours = keep_hours
        self._told: deque[str] = deque(maxlen=REMEMBERED)
        self._seen_at: Any = None

    async def run(self) -> None:
        """Listen for ever; a connection that is lost is made again."""
        while True:
            try:
                await self._follow()
            except psycopg.Error as exc:
                log.warning("message_listener_lost", error=" ".join(str(exc).split()))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _follow(self) -> None:
        async with await AsyncConnection.connect(self._url, autocommit=True) as connection:
            await connection.execute("listen realtime_messages")
            if self._seen_at is not None:
                self._tell(await (await connection.execute(_MISSED, (self._seen_at, REMEMBERED))).fetchall())
            while True:
                await self._note_time(connection)
                await connection.execute(_OLD, (self._keep_hours,))
                # The generator ends after a while of silence; one notice is enough to look at all that came with it.
                while ids := [
                    notice.payload async for notice in connection.notifies(timeout=HOUSEKEEPING_SECONDS, stop_after=1)
                ]:
                    for start in range(0, len(ids), BATCH):
                        await self._read(connection, ids[start : start + BATCH])
                    await self._note_time(connection)

    async def _note_time(self, connection: AsyncConnection[TupleRow]) -> None:
        row = await (await connection.execute("select localtimestamp")).fetchone()
        self._seen_at = row[0] if row else self._seen_at

    async def _read(self, connection: AsyncConnection[TupleRow], ids: list[str]) -> None:
        rows = await (await connection.execute(_NAMED, (ids,))).fetchall()
        places = {name: place for place, name in enumerate(ids)}
        self._tell(sorted(rows, key=lambda row: places[row[0]]))

    def _tell(self, rows: list[TupleRow]) -> None:
        for name, topic, event, payload, private in rows:
            if name not in self._told:
                self._told.append(name)
                said = Broadcast(event or "", payload.encode(), meta={"id": name})
                self._hub.broadcast((topic, private), said)
