"""Answer one REST request: who asks, what is asked, one transaction, one statement, one answer.

Rules of this room (PostgREST, "Transactions" and "Authentication"):

- The pool logs in as `authenticator`; each transaction first becomes the token's role, and says who and what it is
  in settings that policies and functions can read. A GET or HEAD runs in a read-only transaction.
- What is refused after the statement has run is undone.
"""

from difflib import get_close_matches

import psycopg
from psycopg import AsyncRawCursor
from starlette.requests import Request
from starlette.responses import Response

from smeboost_emulators.intake import BodyRefused, read_body
from smeboost_emulators.supabase.callers import ANONYMOUS, Caller, Circumstances, become, caller_of
from smeboost_emulators.supabase.pools import DatabaseDown, Pool, PoolBusy
from smeboost_emulators.supabase.rest.answers import READS, Asked, Statement
from smeboost_emulators.supabase.rest.errors import (
    RestFailure,
    UnknownName,
    database_down,
    from_database,
    not_built,
    pool_busy,
)
from smeboost_emulators.supabase.rest.media import accepted_form
from smeboost_emulators.supabase.rest.preferences import chosen_page, chosen_schema, preferences
from smeboost_emulators.supabase.rest.reading import read
from smeboost_emulators.supabase.rest.requests import parse_query, query_params, refuse_nul
from smeboost_emulators.supabase.rest.schema import SchemaCache
from smeboost_emulators.supabase.rest.statements import Target
from smeboost_emulators.supabase.rest.steering import raised_answer
from smeboost_emulators.supabase.rest.writing import delete, insert, put, update
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.tokens import Keyring, TokenRejected

SKEW_SECONDS = 30
NOBODY = Caller(ANONYMOUS, {})


class RestService:
    """The endpoint of `/{relation}`."""

    def __init__(self, settings: SupabaseBackendSettings, pool: Pool, keyring: Keyring, cache: SchemaCache) -> None:
        self._settings = settings
        self._pool = pool
        self._keyring = keyring
        self._cache = cache

    async def answer(self, request: Request) -> Response:
        """Any request for a relation; every refusal in PostgREST's form."""
        caller = NOBODY
        try:
            caller = self._caller(request)
            return await self._run(await self._asked(request), caller)
        except RestFailure as exc:
            return exc.response()
        except BodyRefused as exc:
            return RestFailure(exc.status, "PGRST102", str(exc)).response()
        except DatabaseDown:
            return database_down().response()
        except PoolBusy:
            return pool_busy().response()
        except psycopg.Error as exc:
            if exc.sqlstate == "PGRST":
                return raised_answer(exc.diag.message_primary or "", exc.diag.message_detail).response()
            return from_database(exc, role=caller.role).response()

    def _caller(self, request: Request) -> Caller:
        try:
            return caller_of(request.headers.get("authorization"), self._keyring, leeway_seconds=SKEW_SECONDS)
        except TokenRejected as exc:
            code = "PGRST303" if exc.reason == "claims" else "PGRST301"
            challenge = f'Bearer error="invalid_token", error_description="{exc}"'
            raise RestFailure(401, code, str(exc), headers={"WWW-Authenticate": challenge}) from None

    async def _asked(self, request: Request) -> Asked:
        method = request.method
        params = query_params(request.scope["query_string"])
        refuse_nul(request.url.path)
        refuse_nul(request.path_params["relation"])
        exposed = self._settings.schemas
        return Asked(
            request=request,
            method=method,
            schema=chosen_schema(request.headers, method, exposed),
            relation=request.path_params["relation"],
            query=parse_query(params),
            page=chosen_page(params, request.headers, method, rows_max=self._settings.db_max_rows),
            preferences=preferences(request.headers, tx_chosen=self._settings.tx_is_chosen),
            form=accepted_form(request.headers, plan_enabled=self._settings.db_plan_enabled),
            body=await read_body(request, limit_bytes=self._settings.rest_body_max_bytes),
        )

    async def _run(self, asked: Asked, caller: Caller) -> Response:
        try:
            return await self._in_transaction(asked, caller)
        except UnknownName as exc:
            if not await self._cache.knows_database(exc.schema, exc.relation, exc.column):
                raise
            await self._cache.reload()
        return await self._in_transaction(asked, caller)

    async def _in_transaction(self, asked: Asked, caller: Caller) -> Response:
        target = self._target(asked)
        perform = {"POST": insert, "PUT": put, "PATCH": update, "DELETE": delete}.get(asked.method, read)
        async with self._pool.connection() as connection:
            cursor = AsyncRawCursor(connection)
            await become(cursor, caller, self._circumstances(asked), read_only=asked.method in READS)
            response = await perform(Statement(connection, cursor, self._settings.db_max_rows), asked, target)
            if asked.preferences.chosen.get("tx", self._settings.tx_default) == "rollback":
                raise psycopg.Rollback
        return response

    def _target(self, asked: Asked) -> Target:
        schema = self._cache.schema
        relation = schema.relations.get((asked.schema, asked.relation))
        if relation is None:
            names = [name for owner, name in schema.relations if owner == asked.schema]
            close = get_close_matches(asked.relation[:100], names, n=1)
            hint = f"Perhaps you meant the table '{asked.schema}.{close[0]}'" if close else None
            message = f"Could not find the table '{asked.schema}.{asked.relation}' in the schema cache"
            failure = RestFailure(404, "PGRST205", message, hint=hint)
            raise UnknownName(failure, schema=asked.schema, relation=asked.relation)
        return Target(relation, schema)

    def _circumstances(self, asked: Asked) -> Circumstances:
        return Circumstances(
            method=asked.method,
            path=f"/{asked.relation}",
            search_path=(asked.schema, *self._settings.extra_search_path),
            headers=asked.request.headers,
            cookies=asked.request.cookies,
        )


async def refuse_unbuilt(request: Request) -> Response:
    """The root, /rpc and other paths of PostgREST's that are not built."""
    path = request.path_params.get("path", "")
    what = "Calling functions (rpc) is" if path.startswith("rpc") else "The OpenAPI description is"
    if path and not path.startswith("rpc"):
        return RestFailure(404, "PGRST125", "Invalid path specified in request URL").response()
    return not_built(what).response()
