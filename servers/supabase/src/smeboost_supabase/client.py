"""The only door to Supabase: nothing else imports its SDK or catches its errors.

Rules of this room:

- The shared SDK client never signs anybody in: the SDK would keep that person's token and send it with everybody's
  later calls. A sign-in and a refresh use an auth client of their own, which is thrown away.
- A call as a person uses a light copy of the REST client with that person's token; the HTTP pool is shared.
- The SDK's own retries are off. A read is repeated once, at once, when the connection was cut; a write never is.
- A write without a known end raises `OutcomeUnknown`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from types import TracebackType
from typing import Self, TypeVar

import httpx
from postgrest import (
    AsyncPostgrestClient,
    AsyncQueryRequestBuilder,
    CountMethod,
    ReturnMethod,
)
from pydantic import JsonValue, SecretStr, TypeAdapter, ValidationError
from smeboost_shared.errors import (
    FieldProblem,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    SmeBoostError,
    TokenExpired,
    TooLarge,
    VendorBadAnswer,
)
from supabase_auth import AsyncGoTrueClient, Session
from supabase_auth import User as AuthUser
from typing_extensions import override

from smeboost_supabase.catalogue import Catalogue
from smeboost_supabase.database_faults import DatabaseFault, Request, rest_error, suggestion
from smeboost_supabase.description import read_description
from smeboost_supabase.filters import condition, ordering
from smeboost_supabase.models import Filter, Order, RowPage, SignedIn, SignedOut, TableList, User, WrittenRows
from smeboost_supabase.row_requests import Row, Target, check_body, require_filters, sent_values
from smeboost_supabase.service_faults import CUT, LOOK_FIRST, auth_error, http_error
from smeboost_supabase.sessions import Grant, Sessions
from smeboost_supabase.settings import SupabaseSettings
from smeboost_supabase.wire import AnswerTooLarge, BoundedHttp, Refused, asked_to_wait
from supabase import (
    AsyncClient,
    AsyncClientOptions,
    AuthApiError,
    AuthError,
    PostgrestAPIError,
    PostgrestAPIResponse,
    acreate_client,
)

QUERY_MAX_LENGTH = 16_000
"""Common gateways refuse a longer request line."""
SUGGESTION_TIMEOUT_SECONDS = 2.0
_UNKNOWN_NAMES = ("PGRST204", "PGRST205", "42703", "42P01")

Answer = TypeVar("Answer")
Builder = TypeVar("Builder", bound=AsyncQueryRequestBuilder)
_ROWS = TypeAdapter(list[Row])


class SupabaseClient(AbstractAsyncContextManager["SupabaseClient"]):
    """One project. Open it with `async with`; it can be opened again after it was closed, and has then no sign-ins."""

    def __init__(self, settings: SupabaseSettings) -> None:
        self._settings = settings
        self._sessions = Sessions(
            self._refreshed, sessions_max=settings.sessions_max, idle_seconds=settings.session_idle_seconds
        )
        self._opened: _Opened | None = None

    @override
    async def __aenter__(self) -> Self:
        settings = self._settings
        http = BoundedHttp(
            timeout_seconds=settings.request_timeout_seconds,
            connect_timeout_seconds=settings.connect_timeout_seconds,
            connections_max=settings.connections_max,
            answer_max_bytes=settings.answer_max_bytes,
        )
        options = AsyncClientOptions(
            httpx_client=http, auto_refresh_token=False, persist_session=False, postgrest_client_retry=False
        )
        supabase = await acreate_client(settings.url, settings.key.get_secret_value(), options)
        self._opened = _Opened(http, supabase, _catalogue(settings))
        return self

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sessions.clear()
        if self._opened:
            opened, self._opened = self._opened, None
            await opened.http.aclose()

    # --- sign-in ------------------------------------------------------------------------------------------------

    async def sign_in(self, email: str, password: SecretStr) -> SignedIn:
        """Sign a person in with a password and hold the tokens.

        Raises:
            NotAuthenticated: email or password is wrong.
            NotPermitted: the account is banned or not confirmed, or the project does not allow this sign-in.
            RateLimited: too many sign-ins.
        """
        auth = self._own_auth_client()
        answer = await _auth(
            lambda: auth.sign_in_with_password({"email": email, "password": password.get_secret_value()})
        )
        grant = _grant(answer.session)
        return _signed_in(self._sessions.open(grant), grant)

    async def refresh_session(self, session: SecretStr) -> SignedIn:
        """Renew the tokens of a sign-in now; raises as `Sessions.grant` does."""
        handle = session.get_secret_value()
        return _signed_in(handle, await self._sessions.renew(handle))

    async def get_user(self, session: SecretStr) -> User:
        """The person as the project has them now; raises as `Sessions.grant` does."""

        async def ask(token: str | None) -> User:
            answer = await _auth(lambda: self._supabase.auth.get_user(token))
            if answer is None:
                raise VendorBadAnswer
            return _user(answer.user)

        return await self._as(session, ask)

    async def sign_out(self, session: SecretStr) -> SignedOut:
        """Forget a sign-in and end it in the project; raises as `Sessions.grant` does for a handle that is not held."""
        grant = self._sessions.close(session.get_secret_value())
        try:
            await self._end(grant)
        except TokenExpired:
            return SignedOut(revoked=True)
        except SmeBoostError:
            return SignedOut(revoked=False)
        return SignedOut(revoked=True)

    async def _end(self, grant: Grant) -> None:
        def end(present: Grant) -> Awaitable[None]:
            return _auth(lambda: self._supabase.auth.admin.sign_out(present.access.get_secret_value(), "local"))

        try:
            await end(grant)
        except TokenExpired:
            # Perhaps only the access token has aged, and its session goes on: a refused renewal tells.
            await end(await self._refreshed(grant))

    async def _refreshed(self, grant: Grant) -> Grant:
        auth = self._own_auth_client()
        try:
            answer = await _auth(lambda: auth.refresh_session(grant.refresh.get_secret_value()))
        except InvalidInput:
            # Auth calls a refresh token of another format invalid input; to the caller it is a session that ended.
            raise TokenExpired from None
        return _grant(answer.session)

    def _own_auth_client(self) -> AsyncGoTrueClient:
        key = self._settings.key.get_secret_value()
        return AsyncGoTrueClient(
            url=f"{self._settings.url}/auth/v1",
            headers={"apiKey": key, "Authorization": f"Bearer {key}"},
            auto_refresh_token=False,
            persist_session=False,
            http_client=self._open.http,
        )

    async def _as(self, session: SecretStr | None, call: Callable[[str | None], Awaitable[Answer]]) -> Answer:
        """Make `call` with the person's token; when the project says that it has ended, once more with a new one."""
        if session is None:
            return await call(None)
        handle = session.get_secret_value()
        grant = await self._sessions.grant(handle)
        try:
            return await call(grant.access.get_secret_value())
        except TokenExpired:
            grant = await self._sessions.renew(handle, grant)
            return await call(grant.access.get_secret_value())

    # --- tables -------------------------------------------------------------------------------------------------

    async def list_tables(self, schema: str) -> TableList:
        """The tables of a schema, from the database when SUPABASE_DB_URL is set, else from the REST description.

        Raises:
            InvalidInput: no such schema.
            Misconfigured: the project describes nothing to this key and SUPABASE_DB_URL is not set, or is wrong.
        """
        catalogue = self._open.catalogue
        if catalogue is None:
            return await read_description(self._open.http, self._settings, schema)
        return await catalogue.tables(schema)

    # --- rows ---------------------------------------------------------------------------------------------------

    async def select_rows(
        self,
        target: Target,
        *,
        columns: str,
        filters: list[Filter],
        order: list[Order],
        limit: int,
        offset: int,
        exact_count: bool,
    ) -> RowPage:
        """One page of rows.

        Raises:
            InvalidInput: a column, filter or page is not valid.
            NotFound: no such table.
            NotPermitted: the caller may not read the table.
        """

        def build(rest: AsyncPostgrestClient) -> AsyncQueryRequestBuilder:
            count = CountMethod.exact if exact_count else None
            builder = rest.from_(target.table).select(columns, count=count).limit(limit).offset(offset)
            if order:
                builder.request.params = builder.request.params.set("order", ordering(order))
            return _filtered(builder, filters)

        answer = await self._call(target, build, writes=False, filters=filters)
        rows = _rows(answer)
        end = offset + len(rows)
        more = end < answer.count if answer.count is not None else len(rows) >= limit
        return RowPage(rows=rows, count=answer.count, next_offset=end if rows and more else None)

    async def insert_rows(self, target: Target, rows: list[Row], *, returning: bool) -> WrittenRows:
        """Insert all rows or none; a column that a row leaves out takes its default.

        Raises:
            Conflict: a value that must be unique is taken.
            InvalidInput: a column or value is not valid.
            OutcomeUnknown: the connection ended before the answer came.
        """
        check_body(rows, max_bytes=self._settings.body_max_bytes)

        def build(rest: AsyncPostgrestClient) -> AsyncQueryRequestBuilder:
            return rest.from_(target.table).insert(
                rows, count=CountMethod.exact, returning=_returning(returning), default_to_null=False
            )

        answer = await self._call(target, build, writes=True, rows=rows)
        return _written(answer, returning=returning, rows_sent=len(rows))

    async def update_rows(
        self, target: Target, values: Row, filters: list[Filter], *, returning: bool, rows_max: int | None = None
    ) -> WrittenRows:
        """Set `values` in the rows that match; raises as `insert_rows` does.

        Raises:
            Conflict: more than `rows_max` rows match; nothing was changed.
        """
        require_filters(filters, "updated")
        check_body(values, max_bytes=self._settings.body_max_bytes)

        def build(rest: AsyncPostgrestClient) -> AsyncQueryRequestBuilder:
            builder = rest.from_(target.table).update(values, count=CountMethod.exact, returning=_returning(returning))
            return _filtered(builder.max_affected(rows_max) if rows_max else builder, filters)

        answer = await self._call(target, build, writes=True, filters=filters, rows=[values])
        return _written(answer, returning=returning)

    async def delete_rows(
        self, target: Target, filters: list[Filter], *, returning: bool, rows_max: int | None = None
    ) -> WrittenRows:
        """Delete the rows that match; raises as `update_rows` does."""
        require_filters(filters, "deleted")

        def build(rest: AsyncPostgrestClient) -> AsyncQueryRequestBuilder:
            builder = rest.from_(target.table).delete(count=CountMethod.exact, returning=_returning(returning))
            return _filtered(builder.max_affected(rows_max) if rows_max else builder, filters)

        answer = await self._call(target, build, writes=True, filters=filters)
        return _written(answer, returning=returning)

    async def _call(
        self,
        target: Target,
        build: Callable[[AsyncPostgrestClient], AsyncQueryRequestBuilder],
        *,
        writes: bool,
        filters: list[Filter] | None = None,
        rows: list[Row] | None = None,
    ) -> PostgrestAPIResponse:
        async def once(token: str | None) -> PostgrestAPIResponse:
            rest = self._supabase.schema(target.schema)
            builder = build(rest.auth(token) if token else rest)
            if len(str(builder.request.params)) > QUERY_MAX_LENGTH:
                problem = FieldProblem(
                    field="filters", message=f"make a query of more than {QUERY_MAX_LENGTH} characters"
                )
                raise TooLarge("The query is too long.", errors=[problem], hint="Split the list of values.")
            try:
                return await _executed(builder, repeat_when_cut=not writes)
            except (PostgrestAPIError, Refused, AnswerTooLarge, httpx.HTTPError) as exc:
                values = sent_values(filters or [], rows or [])
                request = Request(writes=writes, as_user=token is not None, values=values)
                raise await self._explained(exc, target, request) from exc

        return await self._as(target.session, once)

    async def _explained(self, exc: Exception, target: Target, request: Request) -> SmeBoostError:
        """The error of ours that `exc` stands for, with the nearest name when a name was unknown."""
        error = _failure(exc, request)
        named = isinstance(error, NotFound | InvalidInput) and "Did you mean" not in (error.hint or "")
        if named and isinstance(exc, PostgrestAPIError) and exc.code in _UNKNOWN_NAMES:
            error.hint = await self._nearest(target, error) or error.hint
        return error

    async def _nearest(self, target: Target, error: SmeBoostError) -> str | None:
        try:
            async with asyncio.timeout(SUGGESTION_TIMEOUT_SECONDS):
                tables = (await self.list_tables(target.schema)).tables
        except (SmeBoostError, TimeoutError):
            # The error is complete without a suggestion, so a list that cannot be had is left out on purpose.
            return None
        if isinstance(error, NotFound):
            near = get_close_matches(target.table, [table.name for table in tables], n=1)
        else:
            columns = [column.name for table in tables if table.name == target.table for column in table.columns]
            near = get_close_matches(error.errors[0].field, columns, n=1) if error.errors else []
        return suggestion(near[0]) if near else None

    @property
    def _supabase(self) -> AsyncClient:
        return self._open.supabase

    @property
    def _open(self) -> "_Opened":
        if self._opened is None:
            raise RuntimeError("the client is not open: use `async with`")
        return self._opened


@dataclass(frozen=True)
class _Opened:
    """What lives from opening to closing."""

    http: BoundedHttp
    supabase: AsyncClient
    catalogue: Catalogue | None


def _catalogue(settings: SupabaseSettings) -> Catalogue | None:
    if settings.db_url is None:
        return None
    return Catalogue(
        settings.db_url,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        statement_timeout_seconds=settings.statement_timeout_seconds,
    )


# --- Auth's answers -----------------------------------------------------------------------------------------------


async def _auth(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Make a call to Auth; its errors become ours. A sign-in that is cut off changed no data, so it may be repeated."""
    try:
        return await call()
    except AuthApiError as exc:
        raise auth_error(exc.code, exc.status, retry_after_seconds=_retry_after(exc)) from exc
    except AuthError as exc:
        raise _auth_failure(exc) from exc
    except (Refused, AnswerTooLarge) as exc:
        raise http_error(exc, writes=False) from exc
    except ValidationError:
        # Not chained: pydantic's message repeats its input, which holds the tokens.
        raise VendorBadAnswer("Supabase Auth gave an answer that we do not understand.") from None


def _auth_failure(exc: AuthError) -> SmeBoostError:
    cause = exc.__cause__
    if isinstance(cause, httpx.HTTPStatusError):
        return auth_error(None, cause.response.status_code, retry_after_seconds=_retry_after(exc))
    if isinstance(cause, httpx.HTTPError):
        return http_error(cause, writes=False)
    return VendorBadAnswer("Supabase Auth gave an answer that we do not understand.")


def _retry_after(exc: AuthError) -> float | None:
    cause = exc.__cause__
    return asked_to_wait(cause.response) if isinstance(cause, httpx.HTTPStatusError) else None


def _grant(session: Session | None) -> Grant:
    if session is None:
        raise VendorBadAnswer("Supabase Auth answered a sign-in without a session.")
    now = datetime.now(UTC)
    expires_at = datetime.fromtimestamp(session.expires_at, UTC) if session.expires_at else now
    return Grant(
        access=SecretStr(session.access_token),
        refresh=SecretStr(session.refresh_token),
        # From now on our own clock counts, so that a clock that differs from the project's does no harm.
        lifetime_seconds=float(session.expires_in),
        expires_at=expires_at,
        user=_user(session.user),
    )


def _user(user: AuthUser) -> User:
    return User(
        id=user.id,
        email=user.email,
        role=user.role,
        app_metadata=user.app_metadata,
        user_metadata=user.user_metadata,
    )


def _signed_in(handle: str, grant: Grant) -> SignedIn:
    return SignedIn(session=handle, user=grant.user, expires_at=grant.expires_at)


# --- PostgREST's answers ------------------------------------------------------------------------------------------


async def _executed(builder: AsyncQueryRequestBuilder, *, repeat_when_cut: bool) -> PostgrestAPIResponse:
    try:
        return await builder.execute()
    except CUT:
        if not repeat_when_cut:
            raise
    return await builder.execute()


def _failure(exc: Exception, request: Request) -> SmeBoostError:
    """The error of ours for what the SDK or HTTP raised."""
    if isinstance(exc, PostgrestAPIError):
        return rest_error(_fault(exc.json()), request)
    return http_error(exc, writes=request.writes)


def _fault(body: dict[str, JsonValue]) -> DatabaseFault:
    texts = {name: value for name in ("code", "message", "details", "hint") if isinstance(value := body.get(name), str)}
    return DatabaseFault(**{"code": "unknown", **texts})


def _filtered(builder: Builder, filters: list[Filter]) -> Builder:
    # Not the SDK's own filter methods: they do not quote a column that is named like a parameter.
    for one in filters:
        builder.request.params = builder.request.params.add(*condition(one))
    return builder


def _returning(wanted: bool) -> ReturnMethod:
    return ReturnMethod.representation if wanted else ReturnMethod.minimal


def _rows(answer: PostgrestAPIResponse) -> list[Row]:
    try:
        return _ROWS.validate_python(answer.data)
    except ValidationError:
        # Not chained: pydantic's message repeats its input, which are somebody's rows.
        raise VendorBadAnswer("Supabase answered something else than rows.", hint="Check SUPABASE_URL.") from None


def _written(answer: PostgrestAPIResponse, *, returning: bool, rows_sent: int | None = None) -> WrittenRows:
    """What a write did; `rows_sent` is its count when the project tells none, because an insert is all or nothing."""
    try:
        rows = _rows(answer)
    except VendorBadAnswer:
        raise OutcomeUnknown("Supabase answered a write with something else than rows.", hint=LOOK_FIRST) from None
    count = answer.count if answer.count is not None else (len(rows) if returning else rows_sent)
    if count is None:
        raise OutcomeUnknown("Supabase did not tell how many rows were written.", hint=LOOK_FIRST)
    return WrittenRows(count=count, rows=rows if returning else None)
