"""Tools that are not offered because a setting is missing: who calls one is told which."""

from fastmcp.exceptions import NotFoundError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import ToolResult
from mcp.types import CallToolRequestParams
from smeboost_shared.errors import Misconfigured
from typing_extensions import override

from smeboost_supabase.settings import SupabaseSettings

OF_THE_PROJECT = frozenset(
    {
        *("sign_in", "refresh_session", "get_user", "sign_out", "read_users", "change_user"),
        *("select_rows", "insert_rows", "update_rows", "delete_rows", "call_function"),
        *("read_storage", "change_storage", "watch_changes"),
    }
)
OF_THE_DATABASE = frozenset(
    {
        *("describe_schema", "run_query", "explain_query"),
        *("list_migrations", "generate_types", "get_advisors"),
    }
)
THAT_WRITE_SQL = frozenset({"execute_sql", "apply_migration"})
FAMILIES_OF_THE_PROJECT = ("auth", "storage", "realtime")


class Absent(Middleware):
    """Names the setting that a tool which is not there needs."""

    def __init__(self, settings: SupabaseSettings) -> None:
        self._missing = dict.fromkeys(OF_THE_PROJECT, "SUPABASE_URL and SUPABASE_KEY") if not settings.url else {}
        if settings.db_url is None:
            self._missing |= dict.fromkeys(OF_THE_DATABASE | THAT_WRITE_SQL, "SUPABASE_DB_URL")
        elif not settings.sql_writes:
            self._missing |= dict.fromkeys(THAT_WRITE_SQL, "SUPABASE_SQL_WRITES=true")

    @override
    async def on_call_tool(
        self,
        context: MiddlewareContext[CallToolRequestParams],
        call_next: CallNext[CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        try:
            return await call_next(context)
        except NotFoundError:
            needed = self._missing.get(context.message.name)
            if needed is None:
                raise
            raise Misconfigured(f"{context.message.name} needs {needed}, which is not set.") from None
