"""One project's services, opened and closed together."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from typing_extensions import override

from smeboost_supabase.catalogue import Catalogue
from smeboost_supabase.clients.project import Project
from smeboost_supabase.clients.rows import Rows
from smeboost_supabase.clients.sign_ins import SignIns
from smeboost_supabase.clients.tables import Tables
from smeboost_supabase.settings import SupabaseSettings


class SupabaseClient(AbstractAsyncContextManager["SupabaseClient"]):
    """One project. Open it with `async with`; it can be opened again after it was closed, and has then no sign-ins."""

    def __init__(self, settings: SupabaseSettings) -> None:
        self._project = Project(settings)
        self.sign_ins = SignIns(self._project)
        self.tables = Tables(self._project, _catalogue(settings))
        self.rows = Rows(self._project, self.sign_ins, self.tables)

    @override
    async def __aenter__(self) -> Self:
        await self._project.__aenter__()
        return self

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sign_ins.clear()
        await self._project.__aexit__(kind, error, trace)


def _catalogue(settings: SupabaseSettings) -> Catalogue | None:
    if settings.db_url is None:
        return None
    return Catalogue(
        settings.db_url,
        connect_timeout_seconds=settings.connect_timeout_seconds,
        statement_timeout_seconds=settings.statement_timeout_seconds,
    )
