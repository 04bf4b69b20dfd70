"""The signed-in person: read and change oneself."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import sessions, users
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid
from smeboost_emulators.supabase.auth.factors import factors
from smeboost_emulators.supabase.auth.mail import confirmation, one_time_tokens
from smeboost_emulators.supabase.auth.mail.flow_states import challenge_of
from smeboost_emulators.supabase.auth.mail.mailing import Journey, Mailing
from smeboost_emulators.supabase.auth.requests import UserChange, parse
from smeboost_emulators.supabase.auth.service import AuthService, merged, normal_email, refuse_phone
from smeboost_emulators.supabase.auth.sessions import Session
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection

RECOVERY_METHODS = frozenset({"otp", "magiclink", "recovery"})
# GoTrue's: a session this young counts as proof of who it is.
REAUTHENTICATION_AGE = timedelta(hours=24)


@dataclass(frozen=True)
class _Changes:
    """What is to change: columns and members of the metadata at once, the address after the mails of `journey`."""

    columns: dict[str, object]
    data: dict[str, Any] | None
    email: str | None
    journey: Journey


class Profile:
    """GET and PUT /user."""

    def __init__(self, service: AuthService, mailing: Mailing) -> None:
        self._service = service
        self._settings = service.settings
        self._mailing = mailing

    async def show(self, request: Request) -> Response:
        """GET /user: the person of the bearer token."""
        claims = self._service.claims(request)
        async with self._service.pool.connection() as connection:
            user, _ = await self._service.current(connection, claims)
            [person] = await users.as_json(connection, user)
        return JSONResponse(person)

    async def change(self, request: Request) -> Response:
        """PUT /user: change password or metadata, or ask for another e-mail, which is then to be confirmed.

        A new password ends the other sessions.
        """
        claims = self._service.claims(request)
        asked = parse(await self._service.body(request), UserChange)
        refuse_phone(asked.phone)
        async with self._service.pool.connection() as connection:
            user, session = await self._service.current(connection, claims)
            if _guarded(user, asked) and not (session and session.aal == "aal2"):
                await _require_no_factor(connection, user)
            recovering = session is not None and await _recovering(connection, session)
        if user.is_anonymous and asked.password and not asked.email:
            message = "Updating password of an anonymous user without an email or phone is not allowed"
            raise invalid(message, status=422)
        if asked.password and user.encrypted_password and not recovering:
            await self._require_current_password(user, asked)
        journey = self._mailing.journey(request, challenge_of(asked.code_challenge, asked.code_challenge_method))
        email = normal_email(asked.email) if asked.email else None
        new = _Changes(await self._columns(user, asked), asked.data, email, journey)
        nonce = self._needed_nonce(session, asked)
        try:
            async with self._service.pool.connection() as connection:
                user = await users.locked(connection, user.id)
                failure = await self._wrong_nonce(connection, user, nonce)
                answer = None
                if failure is None:
                    await self._note(connection, request, user, new)
                    answer = await self._apply(connection, user, session, new)
        except UniqueViolation:
            raise _taken() from None
        # Raised after the commit: the count of wrong codes must last.
        if failure:
            raise failure
        return JSONResponse(answer)

    async def _note(self, connection: Connection, request: Request, user: User, new: _Changes) -> None:
        if "encrypted_password" in new.columns:
            await self._service.note(connection, request, user, "user_updated_password")
        await self._service.note(connection, request, user, "user_modified")

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
        return columns

    def _needed_nonce(self, session: Session | None, asked: UserChange) -> str | None:
        """The code that this change must bring, None when it needs none: whoever signed in lately does not."""
        if not asked.password or not self._settings.update_password_require_reauthentication:
            return None
        if session is not None and datetime.now(UTC) - session.created_at < REAUTHENTICATION_AGE:
            return None
        if not asked.nonce:
            raise AuthFailure(400, "reauthentication_needed", "Password update requires reauthentication")
        return asked.nonce

    async def _wrong_nonce(self, connection: Connection, user: User, nonce: str | None) -> AuthFailure | None:
        if nonce is None:
            return None
        waiting = await one_time_tokens.of_address(connection, user.email or "", ["reauthentication_token"])
        mine = [token for token in waiting if token.user_id == user.id]
        life, attempts = self._settings.otp_expiry_seconds, self._settings.otp_attempts_max
        for token in mine:
            if token.is_open_to_codes(life_seconds=life, attempts_max=attempts) and token.has_code(nonce):
                await one_time_tokens.consume(connection, token)
                return None
        await one_time_tokens.count_failure(connection, mine)
        return AuthFailure(422, "reauthentication_not_valid", "Nonce has expired or is invalid")

    async def _apply(
        self, connection: Connection, user: User, session: Session | None, new: _Changes
    ) -> dict[str, Any]:
        columns = dict(new.columns)
        if new.data is not None:
            # Here, where nobody else changes it: two changes at once both count.
            columns["raw_user_meta_data"] = merged(user.raw_user_meta_data, new.data)
        if columns:
            user = await users.change(connection, user.id, **columns)
        if "encrypted_password" in columns:
            # Whoever asked for a link to choose a password has one now.
            await one_time_tokens.remove(connection, user.id, ["recovery_token"])
            await sessions.end(connection, user.id, scope="others", current=session.id if session else None)
        if new.email and new.email != user.email:
            user = await self._with_email(connection, user, new.email, new.journey)
        [person] = await users.as_json(connection, user)
        return person

    async def _with_email(self, connection: Connection, user: User, email: str, journey: Journey) -> User:
        """The person who asked for another address; it waits for the mail to be answered.

        Somebody anonymous has none to lose, so for them it is like a sign-up.
        """
        if await users.find_by_email(connection, email) is not None:
            raise _taken()
        if user.is_anonymous and self._settings.mailer_autoconfirm:
            return await confirmation.take_email(connection, user, email)
        await self._mailing.send_change(connection, user, email, journey)
        return await users.find_by_id(connection, user.id) or user


async def _recovering(connection: Connection, session: sessions.Session) -> bool:
    """Whether the session came from a mail, so that nobody can be asked for the password they forgot."""
    return any(entry["method"] in RECOVERY_METHODS for entry in await sessions.methods(connection, session.id))


def _guarded(user: User, asked: UserChange) -> bool:
    return bool(asked.password) or bool(asked.email and asked.email.strip().lower() != (user.email or ""))


async def _require_no_factor(connection: Connection, user: User) -> None:
    if await factors.has_verified(connection, user.id):
        message = "AAL2 session is required to update email or password when MFA is enabled."
        raise AuthFailure(401, "insufficient_aal", message)


def _taken() -> AuthFailure:
    return AuthFailure(422, "email_exists", "A user with this email address has already been registered")
