"""The person's own identities: unlink one. Linking goes through a provider, of which there is none here."""

from uuid import UUID

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import users
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid, not_supported
from smeboost_emulators.supabase.auth.service import AuthService, uuid_or_none
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection


class Identities:
    """/user/identities."""

    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def unlink(self, request: Request) -> Response:
        """DELETE /user/identities/{id}: remove one of several; address and providers become those of the rest."""
        claims = self._service.claims(request)
        if not self._service.settings.manual_linking_enabled:
            raise AuthFailure(404, "manual_linking_disabled", "Manual linking is disabled")
        identity_id = uuid_or_none(request.path_params["identity_id"])
        if identity_id is None:
            raise invalid("identity_id must be an UUID", status=404)
        async with self._service.pool.connection() as connection:
            user, _ = await self._service.current(connection, claims)
            await users.lock(connection, user.id)
            gone = await self._remove(connection, user, identity_id)
            await self._service.note(connection, request, user, "identity_unlinked", **gone)
        return JSONResponse({})

    async def link(self, request: Request) -> Response:
        """GET /user/identities/authorize: there is no provider to go to."""
        self._service.claims(request)
        if not self._service.settings.manual_linking_enabled:
            raise AuthFailure(404, "manual_linking_disabled", "Manual linking is disabled")
        raise not_supported("Linking an identity of another provider")

    async def _remove(self, connection: Connection, user: User, identity_id: UUID) -> dict[str, object]:
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(
                """select id, provider, provider_id, identity_data from auth.identities where user_id = %s
                   order by created_at, id""",
                (user.id,),
            )
            present = await cursor.fetchall()
        if len(present) <= 1:
            message = "User must have at least 1 identity after unlinking"
            raise AuthFailure(422, "single_identity_not_deletable", message)
        gone = next((row for row in present if row["id"] == identity_id), None)
        if gone is None:
            raise AuthFailure(422, "identity_not_found", "Identity doesn't exist")
        await connection.execute("delete from auth.identities where id = %s", (identity_id,))
        rest = [row for row in present if row["id"] != identity_id]
        addresses = [str(row["identity_data"].get("email") or "").lower() for row in rest]
        email = user.email if user.email in addresses else next(filter(None, addresses), None)
        await self._adopt(connection, user, [row["provider"] for row in rest], email)
        return {"identity_id": str(identity_id), "provider": gone["provider"], "provider_id": gone["provider_id"]}

    async def _adopt(self, connection: Connection, user: User, providers: list[str], email: str | None) -> None:
        taken = await users.find_by_email(connection, email) if email else None
        if taken is not None and taken.id != user.id:
            message = "Unable to unlink identity due to email conflict"
            raise AuthFailure(422, "email_conflict_identity_not_deletable", message)
        app_metadata = {**(user.raw_app_meta_data or {}), "provider": providers[0], "providers": providers}
        await connection.execute(
            "update auth.users set email = %s, raw_app_meta_data = %s, updated_at = now() where id = %s",
            (email, Jsonb(app_metadata), user.id),
        )
