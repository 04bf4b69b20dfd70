"""Answer one REST request: who asks, what is asked, one transaction, one statement, one answer.

Rules of this room (PostgREST, "Transactions" and "Authentication"):

- The pool logs in as `authenticator`; each transaction first becomes the token's role, and says who and what it is
  in settings that policies and functions can read. A GET or HEAD runs in a read-only transaction.
- What is refused after the statement has run is undone.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from difflib import get_close_matches

import psycopg
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from smeboost_emulators.intake import BodyRefused, read_body
from smeboost_emulators.supabase.callers import ANONYMOUS, Caller
from smeboost_emulators.supabase.pools import DatabaseDown, Pool, PoolBusy
from smeboost_emulators.supabase.rest.admission import admitted
from smeboost_emulators.supabase.rest.answers import READS, Asked
from smeboost_emulators.supabase.rest.configuration import RestConfiguration
from smeboost_emulators.supabase.rest.description.describing import (
    allowed_on_function,
    allowed_on_relation,
    describe,
    require_root,
)
from smeboost_emulators.supabase.rest.errors import (
    RestFailure,
    UnknownLink,
    UnknownName,
    database_down,
    from_database,
    pool_busy,
)
from smeboost_emulators.supabase.rest.functions.calling import call, call_of, raw_media, split_address, wanted_by
from smeboost_emulators.supabase.rest.functions.catalogue import Function
from smeboost_emulators.supabase.rest.functions.function_cache import FunctionCache
from smeboost_emulators.supabase.rest.functions.overloads import NAMES_MAX, Wanted, ambiguous, matching, not_found
from smeboost_emulators.supabase.rest.media import Form, accepted_form
from smeboost_emulators.supabase.rest.preferences import Preferences, chosen_page, chosen_schema, preferences
from smeboost_emulators.supabase.rest.query.targets import Target
from smeboost_emulators.supabase.rest.reading import read
from smeboost_emulators.supabase.rest.requests import parse_query, query_params, refuse_nul
from smeboost_emulators.supabase.rest.rights import usable_functions, usable_relations
from smeboost_emulators.supabase.rest.schema import SchemaCache
from smeboost_emulators.supabase.rest.settings import RestSettings
from smeboost_emulators.supabase.rest.steering import raised_answer
from smeboost_emulators.supabase.rest.transactions import Transactions
from smeboost_emulators.supabase.rest.writing import delete, insert, put, update
from smeboost_emulators.supabase.tokens import Keyring

CALLS = frozenset({"GET", "HEAD", "POST"})
NOBODY = Caller(ANONYMOUS, {})


class RestService:
    """The endpoints of `/{relation}` and `/rpc/{function}`."""

    def __init__(self, configuration: RestConfiguration, pool: Pool, keyring: Keyring, cache: SchemaCache) -> None:
        self._configuration = configuration
        self._pool = pool
        self._keyring = keyring
        self._cache = cache
        self._functions = FunctionCache(pool, cache, configuration)
        self._transactions = Transactions(pool, configuration)

    async def answer(self, request: Request) -> Response:
        """Any request for a relation; every refusal in PostgREST's form."""
        return await self._guarded(request, self._relation)

    async def call(self, request: Request) -> Response:
        """Any request for a function; every refusal in PostgREST's form."""
        return await self._guarded(request, self._function)

    async def root(self, request: Request) -> Response:
        """The description of all that the caller may use, or what the project's own function answers instead."""
        return await self._guarded(request, self._root)

    async def relation_options(self, request: Request) -> Response:
        """Which methods a relation allows."""
        return await self._guarded(request, self._relation_options)

    async def function_options(self, request: Request) -> Response:
        """Which methods a function allows."""
        return await self._guarded(request, self._function_options)

    async def _guarded(self, request: Request, perform: Callable[[Request, Caller], Awaitable[Response]]) -> Response:
        caller = NOBODY
        try:
            caller = admitted(request, self._keyring, self._settings)
            return await perform(request, caller)
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
            return from_database(exc, anonymous=caller.role == self._settings.db_anon_role).response()

    @property
    def _settings(self) -> RestSettings:
        return self._configuration.current

    async def _asked(self, request: Request, name: str, params: QueryParams, action: str) -> Asked:
        method = request.method
        refuse_nul(request.url.path)
        refuse_nul(name)
        exposed = self._settings.schemas
        return Asked(
            request=request,
            method=method,
            schema=chosen_schema(request.headers, method, exposed),
            relation=name,
            query=parse_query(params),
            page=chosen_page(params, request.headers, method, rows_max=self._settings.db_max_rows),
            preferences=await self._preferences(request, action),
            form=Form(),
            body=await read_body(request, limit_bytes=self._settings.rest_body_max_bytes),
        )

    async def _preferences(self, request: Request, action: str) -> Preferences:
        named = any("timezone" in value for value in request.headers.getlist("prefer"))
        zones = await self._configuration.zones() if named else frozenset[str]()
        return preferences(request.headers, action, tx_chosen=self._settings.tx_is_chosen, zones=zones)

    def _form(self, request: Request, raw: frozenset[str] = frozenset()) -> Form:
        return accepted_form(request.headers, plan_enabled=self._settings.db_plan_enabled, raw=raw)

    async def _relation(self, request: Request, caller: Caller) -> Response:
        params = query_params(request.scope["query_string"])
        asked = await self._asked(request, request.path_params["relation"], params, request.method)
        asked = replace(asked, form=self._form(request))
        try:
            return await self._read_or_write(asked, caller)
        except UnknownName as exc:
            known = await self._cache.knows_database(exc.schema, exc.relation, exc.column)
            if not (known or await self._cache.is_old()):
                raise await self._hinted(exc, caller) from None
        except UnknownLink as exc:
            if not await self._cache.is_old():
                raise await self._guessed(exc, caller) from None
        await self._cache.reload()
        try:
            return await self._read_or_write(asked, caller)
        except UnknownLink as exc:
            raise await self._guessed(exc, caller) from None

    async def _read_or_write(self, asked: Asked, caller: Caller) -> Response:
        target = self._target(asked)
        perform = {"POST": insert, "PUT": put, "PATCH": update, "DELETE": delete}.get(asked.method, read)
        return await self._transactions.run(
            asked,
            caller,
            lambda statement: perform(statement, asked, target),
            path=f"/{asked.relation}",
            read_only=asked.method in READS,
        )

    async def _function(self, request: Request, caller: Caller) -> Response:
        if request.method not in CALLS:
            raise RestFailure(405, "PGRST101", f"Cannot use the {request.method} method on RPC")
        params = query_params(request.scope["query_string"])
        steering, arguments = split_address(params) if request.method in READS else (params, QueryParams())
        asked = await self._asked(request, request.path_params["function"], steering, "rpc")
        wanted = wanted_by(asked, arguments)
        function = await self._chosen(wanted, caller)
        asked = replace(asked, form=self._form(request, raw_media(function)))
        called = call_of(function, wanted, asked, arguments)
        return await self._transactions.run(
            asked,
            caller,
            lambda statement: call(statement, asked, called, self._cache.schema),
            path=f"/rpc/{asked.relation}",
            read_only=asked.method in READS or not function.volatile,
            statement_timeout=function.timeout,
        )

    async def _root(self, request: Request, caller: Caller) -> Response:
        settings = self._settings
        if settings.db_root_spec:
            request.path_params["function"] = settings.db_root_spec.rpartition(".")[2]
            return await self._function(request, caller)
        require_root(request, settings)
        asked = await self._asked(request, "", QueryParams(), request.method)
        return await self._transactions.run(
            asked, caller, lambda statement: describe(statement, asked, settings), path="/", read_only=True
        )

    async def _relation_options(self, request: Request, caller: Caller) -> Response:
        asked = await self._asked(request, request.path_params["relation"], QueryParams(), "GET")
        try:
            target = self._target(asked)
        except UnknownName as exc:
            raise await self._hinted(exc, caller) from None
        return Response(headers={"Allow": await allowed_on_relation(self._pool, target.relation)})

    async def _function_options(self, request: Request, caller: Caller) -> Response:
        schema = chosen_schema(request.headers, request.method, self._settings.schemas)
        functions = await self._functions.current()
        overloads = functions.get((schema, request.path_params["function"]))
        if overloads is None:
            usable = await usable_functions(self._pool, caller.role, schema)
            wanted = Wanted(schema, request.path_params["function"], frozenset(), None)
            raise not_found(functions, wanted, usable)
        return Response(headers={"Allow": allowed_on_function(overloads)})

    async def _chosen(self, wanted: Wanted, caller: Caller) -> Function:
        """The function that is meant; only what the caller may call decides between two, and only that is named."""
        candidates = matching(await self._functions.current(), wanted)
        if not candidates and await self._functions.is_old(wanted.schema, wanted.name):
            await self._cache.reload()
            candidates = matching(await self._functions.current(), wanted)
        if len(candidates) == 1:
            return candidates[0]
        usable = await usable_functions(self._pool, caller.role, wanted.schema)
        permitted = [function for function in candidates if function.oid in usable] or candidates
        if len(permitted) == 1:
            return permitted[0]
        if candidates and permitted is not candidates:
            raise ambiguous(permitted)
        if candidates:
            # None of them may be called, so that any of them gives the refusal of PostgreSQL.
            return candidates[0]
        raise not_found(await self._functions.current(), wanted, usable)

    def _target(self, asked: Asked) -> Target:
        schema = self._cache.schema
        relation = schema.relations.get((asked.schema, asked.relation))
        if relation is None:
            message = f"Could not find the table '{asked.schema}.{asked.relation}' in the schema cache"
            raise UnknownName(RestFailure(404, "PGRST205", message), schema=asked.schema, relation=asked.relation)
        return Target(relation, schema)

    async def _guessed(self, failure: UnknownLink, caller: Caller) -> RestFailure:
        """The failure with the relation that may have been meant, among those that the caller may use."""
        if failure.target not in failure.known:
            usable = await usable_relations(self._pool, caller.role, failure.schema)
            shown = failure.target[:100]
            close = get_close_matches(shown, sorted(failure.known.intersection(usable))[:NAMES_MAX], n=1)
            failure.hint = f"Perhaps you meant '{close[0]}' instead of '{shown}'." if close else None
        return failure

    async def _hinted(self, failure: UnknownName, caller: Caller) -> RestFailure:
        """The failure with a name that may have been meant, among those that the caller may use."""
        if failure.column is None:
            names = await usable_relations(self._pool, caller.role, failure.schema)
            close = get_close_matches(failure.relation[:100], names[:NAMES_MAX], n=1)
            failure.hint = f"Perhaps you meant the table '{failure.schema}.{close[0]}'" if close else None
        return failure


async def refuse_path(request: Request) -> Response:
    """A path that PostgREST has not."""
    return RestFailure(404, "PGRST125", "Invalid path specified in request URL").response()
