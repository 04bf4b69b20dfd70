"""The backend as one ASGI app: CORS, then the API key, then auth, REST or Realtime.

`open_backend` owns everything that opens: pools, threads, the listener. Prefixes of Supabase that are not built here
answer 501 `not_supported`.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import psycopg
from smeboost_shared.errors import Misconfigured, StoreUnavailable
from smeboost_shared.logs import get_logger
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

from smeboost_emulators.supabase.api_keys import ApiKeys, RequireApiKey
from smeboost_emulators.supabase.auth.routes import auth_routes
from smeboost_emulators.supabase.auth.service import AuthService
from smeboost_emulators.supabase.bootstrap import bootstrap
from smeboost_emulators.supabase.inbox import inbox_routes
from smeboost_emulators.supabase.keys import load_keyring, make_api_keys
from smeboost_emulators.supabase.passwords import Passwords
from smeboost_emulators.supabase.pools import DatabaseDown, Pool, PoolBusy
from smeboost_emulators.supabase.realtime.routes import realtime_routes
from smeboost_emulators.supabase.realtime.service import open_realtime
from smeboost_emulators.supabase.rest.configuration import RestConfiguration
from smeboost_emulators.supabase.rest.routes import method_not_allowed, rest_routes
from smeboost_emulators.supabase.rest.schema import SchemaCache
from smeboost_emulators.supabase.rest.service import RestService
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.storage.service import open_storage

RETRY_SECONDS = 0.2
NOT_BUILT = frozenset({"functions", "graphql", "pg", "mcp", "analytics"})
ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
EXPOSED_HEADERS = (
    "Content-Encoding",
    "Content-Location",
    "Content-Range",
    "Content-Type",
    "Date",
    "Link",
    "Location",
    "Proxy-Status",
    "Server",
    "Transfer-Encoding",
    "X-Supabase-Api-Version",
    "X-Total-Count",
)

log = get_logger("supabase")


@dataclass(frozen=True)
class Backend:
    """A running backend: the app to serve, and the keys that it accepts."""

    app: ASGIApp
    keys: ApiKeys


@asynccontextmanager
async def open_backend(settings: SupabaseBackendSettings, database_url: str, own_url: str) -> AsyncGenerator[Backend]:
    """Prepare the database and open everything the app needs; all is closed on the way out.

    `own_url` is where the app will be served.

    Raises:
        StoreUnavailable: the database does not answer in time.
        Misconfigured: a setting or the database's user cannot do what is needed.
    """
    await _prepare(settings, database_url)
    keyring = await load_keyring(settings, database_url)
    keys = make_api_keys(settings, keyring)
    async with AsyncExitStack() as stack:
        passwords = Passwords(
            cost=settings.bcrypt_cost, threads=settings.password_threads, queue_max=settings.password_queue_max
        )
        stack.callback(passwords.close)
        auth_pool = await _opened(stack, Pool(settings, database_url, "supabase_auth_admin"))
        rest_pool = await _opened(stack, Pool(settings, database_url, "authenticator"))
        configuration = RestConfiguration(settings, rest_pool)
        cache = SchemaCache(rest_pool, configuration)
        stack.push_async_callback(cache.stop)
        try:
            await cache.start()
        except (DatabaseDown, PoolBusy):
            raise StoreUnavailable("the database does not let the role authenticator in; see its log") from None
        auth = AuthService(settings, auth_pool, keyring, passwords, own_url)
        realtime = await stack.enter_async_context(open_realtime(settings, database_url, keyring))
        storage = await stack.enter_async_context(open_storage(settings, database_url, keyring))
        parts = {
            "/auth/v1": auth_routes(auth),
            "/realtime/v1": realtime_routes(realtime),
            "/rest/v1": rest_routes(RestService(configuration, rest_pool, keyring, cache)),
            "/storage/v1": storage,
        }
        yield Backend(_create_app(parts, auth_pool, keys), keys)


def _create_app(parts: Mapping[str, Sequence[BaseRoute]], pool: Pool, keys: ApiKeys) -> Starlette:
    """The app of parts that are already open; `pool` tells whether the database answers."""

    async def healthz(_request: Request) -> Response:
        try:
            async with pool.connection() as connection:
                await connection.execute("select 1")
        except (DatabaseDown, PoolBusy, psycopg.Error):
            return JSONResponse({"status": "unavailable", "reason": "database"}, 503)
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            *inbox_routes(pool),
            *(Mount(prefix, routes=routes) for prefix, routes in parts.items()),
            Route("/{path:path}", _elsewhere, methods=ANY_METHOD),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=ANY_METHOD,
                allow_headers=["*"],
                expose_headers=EXPOSED_HEADERS,
                max_age=3600,
            ),
            Middleware(RequireApiKey, keys=keys),
        ],
        exception_handlers={HTTPException: _refused, Exception: _bug},
    )


async def _opened(stack: AsyncExitStack, pool: Pool) -> Pool:
    await pool.open()
    stack.push_async_callback(pool.close)
    return pool


async def _prepare(settings: SupabaseBackendSettings, database_url: str) -> None:
    """Bootstrap, waiting for a database that is still starting."""
    deadline = time.monotonic() + settings.start_timeout_seconds
    while True:
        try:
            await bootstrap(database_url)
            return
        except psycopg.errors.InsufficientPrivilege as exc:
            raise Misconfigured(f"SUPABASE_DB_URL must be a superuser's: {exc.diag.message_primary}") from None
        except psycopg.OperationalError as exc:
            if time.monotonic() > deadline or exc.sqlstate is not None:
                raise StoreUnavailable(f"the database cannot be reached: {_one_line(exc)}") from None
        except psycopg.ProgrammingError as exc:
            raise Misconfigured(f"SUPABASE_DB_URL cannot be used: {_one_line(exc)}") from None
        await asyncio.sleep(RETRY_SECONDS)


def _one_line(exc: Exception) -> str:
    return " ".join(str(exc).split())


async def _elsewhere(request: Request) -> Response:
    first = request.path_params["path"].split("/")[0]
    if first in NOT_BUILT:
        message = f"/{first} is not supported by this backend"
        return JSONResponse({"code": "not_supported", "message": message}, 501)
    return JSONResponse({"message": "no Route matched with those values"}, 404)


async def _refused(request: Request, exc: Exception) -> Response:
    """What the router refuses (a method that no service knows), as JSON like everything else."""
    status = exc.status_code if isinstance(exc, HTTPException) else 400
    if request.url.path.startswith("/rest/v1/") and status == 405:
        return method_not_allowed(request.method)
    message = exc.detail if isinstance(exc, HTTPException) else "Bad request"
    return JSONResponse({"code": status, "message": message, "msg": message}, status)


async def _bug(request: Request, exc: Exception) -> Response:
    log.error("bug", method=request.method, path=request.url.path, error=type(exc).__name__)
    return JSONResponse({"code": "unexpected_failure", "message": "Something went wrong on our side"}, 500)
