"""Serve the backend on a socket: for the command, and for tests that want it in their own process."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from smeboost_shared.errors import Misconfigured, StoreUnavailable

from smeboost_emulators.listening import bind, url_of
from smeboost_emulators.stores.postgres import running_postgres
from smeboost_emulators.supabase.api_keys import ApiKeys
from smeboost_emulators.supabase.app import open_backend
from smeboost_emulators.supabase.settings import SupabaseBackendSettings

GRACE_SECONDS = 3
POLL_SECONDS = 0.005
KEEP_ALIVE_SECONDS = 30


class _RefusalsAreNoErrors(logging.Filter):
    """uvicorn takes a WebSocket that is refused with a body for one that its app forgot to answer."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.getMessage() != "ASGI callable returned without completing handshake."


@dataclass(frozen=True)
class Served:
    """A backend that answers at `url`."""

    url: str
    database_url: str = field(repr=False)
    keys: ApiKeys = field(repr=False)
    ended: asyncio.Event = field(repr=False)


class _Server(uvicorn.Server):
    """uvicorn's own handling ends the process before what we opened is closed; signals are the command's."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def serving(
    settings: SupabaseBackendSettings, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[Served]:
    """The backend on `host:port` (0 picks a free port), with an embedded PostgreSQL when no url is set.

    Raises:
        Misconfigured, StoreUnavailable: it could not start; the message says why.
    """
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_bound(host, port))
        database_url = await _database(stack, settings)
        backend = await stack.enter_async_context(open_backend(settings, database_url, url_of(listener)))
        config = uvicorn.Config(
            backend.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            # What compression saves on a loopback is less than what it costs for each of many clients.
            ws_per_message_deflate=False,
            ws_max_size=settings.realtime_payload_max_bytes,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        uvicorn_log, refusals = logging.getLogger("uvicorn.error"), _RefusalsAreNoErrors()
        uvicorn_log.addFilter(refusals)
        stack.callback(uvicorn_log.removeFilter, refusals)
        ended = asyncio.Event()
        server = _Server(config)
        task = asyncio.create_task(_run(server, listener, ended), name="supabase-backend")
        stack.push_async_callback(_stop, server, task)
        while not server.started:
            if task.done():
                raise StoreUnavailable("the HTTP server did not start")
            await asyncio.sleep(POLL_SECONDS)
        yield Served(url_of(listener), database_url, backend.keys, ended)


async def _database(stack: AsyncExitStack, settings: SupabaseBackendSettings) -> str:
    if settings.db_url is not None:
        return settings.db_url.get_secret_value()
    if settings.data_dir is None:
        raise Misconfigured("SUPABASE_DB_URL or SUPABASE_DATA_DIR is not set; one says where the data is")
    return (await stack.enter_async_context(running_postgres(Path(settings.data_dir)))).url


async def _run(server: uvicorn.Server, listener: socket.socket, ended: asyncio.Event) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        ended.set()


async def _stop(server: uvicorn.Server, task: asyncio.Task[None]) -> None:
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await task


def _bound(host: str, port: int) -> socket.socket:
    try:
        return bind(host, port)
    except OSError as exc:
        raise Misconfigured(f"cannot listen on {host}:{port}: {exc.strerror}; choose another --port") from None
