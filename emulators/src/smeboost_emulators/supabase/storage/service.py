"""Storage as a whole: its folder, its pool, its sweep and its routes, opened and closed together."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

from psycopg import AsyncConnection
from smeboost_shared.errors import Misconfigured
from starlette.routing import Route

from smeboost_emulators.supabase.pools import Pool
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.storage.buckets import Buckets
from smeboost_emulators.supabase.storage.downloads import Downloads
from smeboost_emulators.supabase.storage.files import Files
from smeboost_emulators.supabase.storage.links import Links
from smeboost_emulators.supabase.storage.listing import Listing
from smeboost_emulators.supabase.storage.objects import Objects
from smeboost_emulators.supabase.storage.routes import Endpoints, storage_routes
from smeboost_emulators.supabase.storage.sessions import Sessions
from smeboost_emulators.supabase.storage.sweep import Sweep
from smeboost_emulators.supabase.storage.transfers import Transfers
from smeboost_emulators.supabase.storage.uploads import Uploads
from smeboost_emulators.supabase.tokens import Keyring

DEFAULT_FOLDER = Path(".smeboost") / "supabase-storage"
LOGIN = "supabase_storage_admin"


@asynccontextmanager
async def open_storage(
    settings: SupabaseBackendSettings, database_url: str, keyring: Keyring
) -> AsyncGenerator[list[Route]]:
    """The routes of /storage/v1 of a database that is bootstrapped.

    Raises:
        Misconfigured: the folder of files cannot be used.
    """
    async with AsyncExitStack() as stack:
        files = Files(_folder(settings) / str(await _store(database_url)), settings.storage_threads)
        stack.callback(files.close)
        await files.run(files.open)
        pool = Pool(settings, database_url, LOGIN)
        await pool.open()
        stack.push_async_callback(pool.close)
        sweeping = asyncio.create_task(Sweep(settings, pool, files).run(), name="supabase-storage-sweep")
        stack.push_async_callback(_stop, sweeping)
        sessions, links = Sessions(pool, keyring), Links(keyring)
        transfers = Transfers(settings.storage_transfers_max)
        yield storage_routes(
            Endpoints(
                sessions=sessions,
                buckets=Buckets(settings, sessions, files),
                uploads=Uploads(settings, sessions, files, links, transfers),
                downloads=Downloads(sessions, files, links, transfers),
                objects=Objects(settings, sessions, files, links),
                listing=Listing(settings, sessions),
            )
        )


def _folder(settings: SupabaseBackendSettings) -> Path:
    if settings.file_storage_path is not None:
        return Path(settings.file_storage_path)
    return DEFAULT_FOLDER if settings.data_dir is None else Path(settings.data_dir) / "storage"


async def _store(database_url: str) -> UUID:
    """The id of the database's files."""
    async with await AsyncConnection.connect(database_url) as connection:
        row = await (await connection.execute("select id from _smeboost.file_store limit 1")).fetchone()
    if row is None:
        raise Misconfigured("_smeboost.file_store of the database is empty; restore its row from a backup")
    return row[0]


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
