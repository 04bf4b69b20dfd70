"""The log of changes, read through a temporary slot.

Rules of this room (PostgreSQL, "Logical Decoding"):

- A temporary slot ends with its connection, so nothing is left behind that would keep the log from being recycled.
- The log is only looked at when it has grown, and a large transaction is fetched in pieces.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from smeboost_emulators.supabase.realtime.catalogue import PUBLICATION
from smeboost_emulators.supabase.realtime.pgoutput import Message, read_message

SLOT_SECONDS, PIECE = 60, 200
_LEVEL = "select current_setting('wal_level')"
_MAKE = "select pg_create_logical_replication_slot(%s, 'pgoutput', true)"
_GROWN = "select pg_current_wal_flush_lsn()::text"
_POSITION = "select (pg_current_wal_insert_lsn() - '0/0')::int8"
_READ = """select data from pg_logical_slot_get_binary_changes(%s, null, null, 'proto_version', '1',
  'publication_names', %s)"""


class NotLogical(Exception):
    """PostgreSQL does not write what is needed to its log."""

    def __init__(self, level: str) -> None:
        super().__init__(
            f"Changes of tables need wal_level = logical, and this PostgreSQL has {level}:"
            " set it in postgresql.conf and restart PostgreSQL"
        )


class ChangeLog:
    """A connection with a slot; what was committed since the slot was made is read once."""

    def __init__(self, connection: AsyncConnection[TupleRow], slot: str) -> None:
        self._connection = connection
        self._slot = slot
        self._seen = ""

    async def grown(self) -> bool:
        """Whether anything was written to the log since the last look."""
        row = await (await self._connection.execute(_GROWN)).fetchone()
        before, self._seen = self._seen, row[0] if row else ""
        return self._seen != before

    async def messages(self) -> AsyncGenerator[Message]:
        """All messages of the transactions that were committed since the last reading.

        Raises:
            psycopg.Error: the connection was lost, or the publication is not there.
            MalformedMessage: they cannot be understood.
        """
        cursor = self._connection.cursor(name="changes", binary=True)
        cursor.itersize = PIECE
        try:
            async with self._connection.transaction(), cursor:
                await cursor.execute(_READ, (self._slot, PUBLICATION))
                async for (data,) in cursor:
                    yield read_message(data)
        finally:
            # A connection that breaks while psycopg closes the cursor leaves it open; this only takes note of the loss.
            await cursor.close()


async def log_position(connection: AsyncConnection[TupleRow]) -> int:
    """Where the log ends now: what is committed later is behind it."""
    row = await (await connection.execute(_POSITION)).fetchone()
    return int(row[0]) if row else 0


async def open_change_log(connection: AsyncConnection[TupleRow]) -> ChangeLog:
    """A log that begins now; waits for transactions that are under way.

    Raises:
        NotLogical: there is nothing to read.
        TimeoutError: a transaction has been under way for too long.
        psycopg.Error: there are no more slots, or the connection was lost.
    """
    row = await (await connection.execute(_LEVEL)).fetchone()
    level = str(row[0]) if row else "nothing"
    if level != "logical":
        raise NotLogical(level)
    slot = f"supabase_realtime_{secrets.token_hex(8)}"
    async with asyncio.timeout(SLOT_SECONDS):
        await connection.execute(_MAKE, (slot,))
    return ChangeLog(connection, slot)
