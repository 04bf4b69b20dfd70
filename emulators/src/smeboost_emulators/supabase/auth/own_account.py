"""The signed-in person: read and change oneself."""

from datetime import UTC, datetime
from typing import Any

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import factors, sessions, users
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid, not_supported
from smeboost_emulators.supabase.auth.requests import UserChange, parse
from smeboost_emulators.supabase.auth.service import AuthService, merged, normal_email, refuse_phone
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection

RECOVERY_METHODS = frozenset({"otp", "magiclink", "recovery"})


class Profile:
    """GET and PUT /user."""

    def __init__(self, service: AuthService) -> None:
        self._service = service

    async def show(self, request: Request) -> Response:
        """GET /user: the person of the bearer token."""
        claims = self._service.claims(request)
        async with self._service.pool.connection() as connection:
            user, _ = await self._service.current(connection, claims)
            [person] = await users.as_json(connection, user)
        return JSONResponse(person)

    async def change(self, request: Request) -> Response:
        """PUT /user: change e-mail, password or metadata; a new password ends the other sessions."""
        claims = self._service.claims(request)
        asked = parse(await self._service.body(request), UserChange)
        refuse_phone(asked.phone)
        async with self._service.pool.connection() as connection:
            user, session = await self._service.current(connection, claims)
            if _guarded(user, asked) and not (session and session.aal == "aal2"):
                await _require_no_factor(connection, user)
            recovering = bool(session) and await _recovering(connection, session)
        if user.is_anonymous and asked.password and not asked.email:
            message = "Updating password of an anonymous user without an email or phone is not allowed"
            raise invalid(message, status=422)
        if asked.password and user.encrypted_password and not recovering:
            await self._require_current_password(user, asked)
        columns = await self._columns(user, asked)
        try:
            async with self._service.pool.connection() as connection:
                if "encrypted_password" in columns:
                    await self._service.note(connection, request, user, "user_updated_password")
                await self._service.note(connection, request, user, "user_modified")
                return JSONResponse(await _apply(connection, user, session, columns))
        except UniqueViolation:
            message = "A user with this email address has already been registered"
            raise AuthFailure(422, "email_exists", message) from None

    async def _require_current_password(self, user: User, asked: UserChange) -> None:
        if not self._service.settings.password_change_needs_current:
            return
        if not asked.current_password:
            message = "Current password required when setting new password."
            raise AuthFailure(400, "current_password_required", message)
        if not await self._service.passwords.matches(asked.current_password, user.encrypted_password):
            raise AuthFailure(400, "current_password_invalid", "Current password is not valid.")

    async def _columns(self, user: User, asked: UserChange) -> dict[str, object]:
        if asked.app_metadata is not None and asked.app_metadata != user.raw_app_meta_data:
            raise AuthFailure(403, "not_admin", "Updating app_metadata requires admin privileges")
        columns: dict[str, object] = {}
        if asked.password:
            if await self._service.passwords.matches(asked.password, user.encrypted_password):
                raise AuthFailure(422, "same_password", "New password should be different from the old password.")
            columns["encrypted_password"] = await self._service.hash_password(asked.password)
        if asked.data is not None:
            columns["raw_user_meta_data"] = merged(user.raw_user_meta_data, asked.data)
        if asked.email and (email := normal_email(asked.email)) != user.email:
            if not self._service.settings.mailer_autoconfirm:
                raise not_supported("Confirming a new e-mail address by mail")
            columns |= {"email": email, "email_confirmed_at": datetime.now(UTC)}
        return columns


async def _recovering(connection: Connection, session: sessions.Session) -> bool:
    """Whether the session came from a mail, so that nobody can be asked for the password they forgot."""
    return any(entry["method"] in RECOVERY_METHODS for entry in await sessions.methods(connection, session.id))


def _guarded(user: User, asked: UserChange) -> bool:
    return bool(asked.password) or bool(asked.email and asked.email.strip().lower() != (user.email or ""))


async def _require_no_factor(connection: Connection, user: User) -> None:
    if await factors.has_verified(connection, user.id):
        message = "AAL2 session is required to update email or password when MFA is enabled."
        raise AuthFailure(401, "insufficient_aal", message)


async def _apply(
    connection: Connection, user: User, session: sessions.Session | None, columns: dict[str, object]
) -> dict[str, Any]:
    if columns:
        user = await users.change(connection, user.id, **columns)
    if "encrypted_password" in columns:
        await sessions.end(connection, user.id, scope="others", current=session.id if session else None)
    [person] = await users.as_json(connection, user)
    return person
