"""Removes files that no row refers to: what a kill between two steps leaves behind.

Rules of this room:

- Only what is old enough goes, so a file whose row is about to be committed stays.
- When the rows cannot be seen for sure, nothing is removed: with `row_security` off PostgreSQL raises an error instead
  of hiding a row.
"""

import asyncio
import time

import psycopg
from smeboost_shared.logs import get_logger

from smeboost_emulators.supabase.pools import DatabaseDown, Pool, PoolBusy
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.storage.files import Files, Place, place_of

BATCH = 500
log = get_logger("supabase.storage")


class Sweep:
    """Looks for orphans at start, and again and again."""

    def __init__(self, settings: SupabaseBackendSettings, pool: Pool, files: Files) -> None:
        self._pause_seconds = settings.storage_sweep_seconds
        self._orphan_seconds = settings.storage_orphan_seconds
        self._pool = pool
        self._files = files

    async def run(self) -> None:
        """Never ends by itself."""
        while True:
            try:
                removed = await self.once()
            except (DatabaseDown, PoolBusy, psycopg.Error, OSError) as exc:
                log.warning("storage_sweep_failed", error=type(exc).__name__)
            else:
                if removed:
                    log.info("storage_swept", files=removed)
            await asyncio.sleep(self._pause_seconds)

    async def once(self) -> int:
        """Remove the orphans that there are; their number is returned."""
        before = time.time() - self._orphan_seconds
        removed = await self._files.run(self._files.remove_abandoned, before)
        for shard in await self._files.run(self._files.shards):
            old = await self._files.run(self._files.old, shard, before)
            for start in range(0, len(old), BATCH):
                batch = old[start : start + BATCH]
                wanted = await self._wanted(batch)
                orphans = [place for place in batch if place not in wanted]
                await self._files.run(self._files.remove, orphans)
                removed += len(orphans)
        return removed

    async def _wanted(self, places: list[Place]) -> set[Place]:
        async with self._pool.connection() as connection:
            await connection.execute("set local row_security = off")
            cursor = await connection.execute(
                "select id, version from storage.objects where id = any(%s)", ([place.id for place in places],)
            )
            found = [place_of(*row) for row in await cursor.fetchall()]
        return {place for place in found if place is not None}
