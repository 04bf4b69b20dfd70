"""One project: its HTTP pool and the SDK's client on it.

The shared SDK client never signs anybody in, and its own retries are off.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from supabase_auth import AsyncGoTrueClient
from typing_extensions import override

from smeboost_supabase.settings import SupabaseSettings
from smeboost_supabase.wire import BoundedHttp
from supabase import AsyncClient, AsyncClientOptions, acreate_client


@dataclass(frozen=True)
class _Opened:
    http: BoundedHttp
    supabase: AsyncClient


class Project(AbstractAsyncContextManager["Project"]):
    """The project that SUPABASE_URL names. It can be opened again after it was closed."""

    def __init__(self, settings: SupabaseSettings) -> None:
        self.settings = settings
        self._opened: _Opened | None = None

    @override
    async def __aenter__(self) -> Self:
        settings = self.settings
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
        self._opened = _Opened(http, supabase)
        return self

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened:
            opened, self._opened = self._opened, None
            await opened.http.aclose()

    @property
    def http(self) -> BoundedHttp:
        """The pool of every request to the project."""
        return self._open.http

    @property
    def supabase(self) -> AsyncClient:
        """The SDK's client, with the rights of the configured key."""
        return self._open.supabase

    def own_auth_client(self) -> AsyncGoTrueClient:
        """An auth client that may sign somebody in, because it is thrown away; it shares the pool."""
        key = self.settings.key.get_secret_value()
        return AsyncGoTrueClient(
            url=f"{self.settings.url}/auth/v1",
            headers={"apiKey": key, "Authorization": f"Bearer {key}"},
            auto_refresh_token=False,
            persist_session=False,
            http_client=self.http,
        )

    @property
    def _open(self) -> _Opened:
        if self._opened is None:
            raise RuntimeError("the client is not open: use `async with`")
        return self._opened
