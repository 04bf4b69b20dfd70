"""GET /admin/audit: what happened, the newest first."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import audit
from smeboost_emulators.supabase.auth.errors import invalid
from smeboost_emulators.supabase.auth.paging import page_of
from smeboost_emulators.supabase.auth.service import AuthService

QUERY_MAX_LENGTH = 255


class AdminAudit:
    """The audit log, for the service role."""

    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def list(self, request: Request) -> Response:
        """One page; `query` is `author:`, `action:` or `type:` with a text to look for."""
        self._service.require_admin(request)
        page = page_of(request)
        query = request.query_params.get("query", "")
        scope, separator, text = query.partition(":")
        if query and (not separator or scope not in audit.SCOPES or len(query) > QUERY_MAX_LENGTH or "\0" in query):
            raise invalid(f"Invalid query scope: {query[:50]}")
        async with self._service.pool.connection() as connection:
            entries, total = await audit.list_page(
                connection, scope=scope or None, text=text, limit=page.size, offset=page.offset
            )
        return JSONResponse(entries, headers=page.headers(request, total))
