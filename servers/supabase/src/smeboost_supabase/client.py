"""One project's services, opened and closed together."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from pydantic import SecretStr
from typing_extensions import override

from smeboost_supabase.approvals import Approvals
from smeboost_supabase.clients.acting import Acting
from smeboost_supabase.clients.impersonation import Impersonation
from smeboost_supabase.clients.project import Project
from smeboost_supabase.clients.realtime import Realtime
from smeboost_supabase.clients.rows import Rows
from smeboost_supabase.clients.sign_ins import SignIns
from smeboost_supabase.clients.storage import Storage
from smeboost_supabase.clients.tables import Tables
from smeboost_supabase.clients.users import Users
from smeboost_supabase.database import Database
from smeboost_supabase.settings import SupabaseSettings


class SupabaseClient(AbstractAsyncContextManager["SupabaseClient"]):
    """One project. Open it with `async with`; it can be opened again after it was closed, and has then no sign-ins."""

    def __init__(self, settings: SupabaseSettings) -> None:
        self.settings = settings
        self._project = Project(settings)
        self.database = Database(settings)
        self.approvals = Approvals(settings.db_url or SecretStr(""), seconds=settings.approval_seconds)
        self.sign_ins = SignIns(self._project)
        database = self.database if settings.db_url else None
        self.tables = Tables(self._project, database)
        self.users = Users(self._project, database)
        impersonation = Impersonation(self._project, self.users, database)
        acting = Acting(self.sign_ins, impersonation)
        self.rows = Rows(self._project, acting, self.tables)
        self.realtime = Realtime(self._project, self.sign_ins)
        self.storage = Storage(self._project, acting)

    @override
    async def __aenter__(self) -> Self:
        if self.settings.has_project:
            await self._project.__aenter__()
        return self

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sign_ins.clear()
        await self.realtime.kept.clear()
        await self._project.__aexit__(kind, error, trace)
