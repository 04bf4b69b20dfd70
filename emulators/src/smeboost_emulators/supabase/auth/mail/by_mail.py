"""Requests that end in a mail: one-time password, recovery, resend, reauthentication.

Rules of this room:

- The answer does not tell whether an address is known: `{}` either way, and who asks again too soon gets the same 429.
  The exceptions are GoTrue's own: `create_user: false`, and a sign-up that is closed.
"""

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import users
from smeboost_emulators.supabase.auth.audit import Action
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid
from smeboost_emulators.supabase.auth.mail.flow_states import challenge_of
from smeboost_emulators.supabase.auth.mail.mail_texts import MailKind
from smeboost_emulators.supabase.auth.mail.mailing import Journey, Mailing
from smeboost_emulators.supabase.auth.requests import MailedCode, Recovery, Resending, parse
from smeboost_emulators.supabase.auth.service import AuthService, normal_email, refuse_phone
from smeboost_emulators.supabase.auth.users import NewUser, User
from smeboost_emulators.supabase.pools import Connection

NOTED: dict[MailKind, Action] = {
    "signup": "user_confirmation_requested",
    "magiclink": "user_recovery_requested",
    "recovery": "user_recovery_requested",
    "reauthentication": "user_reauthenticate_requested",
}
RESENT = frozenset({"signup", "email_change", "sms", "phone_change"})


class ByMail:
    """POST /otp, /magiclink, /recover and /resend, GET /reauthenticate."""

    def __init__(self, service: AuthService, mailing: Mailing) -> None:
        self._service = service
        self._settings = service.settings
        self._mailing = mailing

    async def one_time_password(self, request: Request) -> Response:
        """POST /otp and /magiclink: mail a code and a link to sign in; whoever is new is signed up."""
        asked = parse(await self._service.body(request), MailedCode)
        if asked.email and asked.phone:
            raise invalid("Only an email address or phone number should be provided")
        refuse_phone(asked.phone)
        self._require_mail(422)
        if not asked.email:
            raise invalid("One of email or phone must be set")
        email = normal_email(asked.email)
        journey = self._journey(request, asked.code_challenge, asked.code_challenge_method)
        newcomer = self._service.newcomer(email, asked.data or {}, confirmed=self._settings.mailer_autoconfirm)
        may_add = asked.create_user is not False
        try:
            await self._send_code(request, email, newcomer if may_add else None, journey)
        except UniqueViolation:
            # Somebody with the address came in between; then there is somebody to mail to.
            await self._send_code(request, email, None, journey)
        return JSONResponse({})

    async def _send_code(self, request: Request, email: str, newcomer: NewUser | None, journey: Journey) -> None:
        async with self._service.pool.connection() as connection:
            found = await users.find_by_email(connection, email)
            if found is None:
                user = await self._added(connection, request, newcomer)
            else:
                user = await users.locked(connection, found.id)
            kind: MailKind = "magiclink" if user.confirmed_at else "signup"
            await self._send(connection, request, user, kind, journey)

    async def _added(self, connection: Connection, request: Request, newcomer: NewUser | None) -> User:
        if newcomer is None:
            raise AuthFailure(422, "otp_disabled", "Signups not allowed for otp")
        if self._settings.disable_signup:
            raise AuthFailure(422, "signup_disabled", "Signups not allowed for this instance")
        user = await users.add(connection, newcomer)
        if newcomer.confirmed:
            await self._service.note(connection, request, user, "user_signedup", provider="email")
        return user

    async def recover(self, request: Request) -> Response:
        """POST /recover: mail a link to choose a new password, if somebody has the address."""
        asked = parse(await self._service.body(request), Recovery)
        if not asked.email:
            raise invalid("Password recovery requires an email")
        email = normal_email(asked.email)
        journey = self._journey(request, asked.code_challenge, asked.code_challenge_method)
        await self._send_if_known(request, email, "recovery", journey)
        return JSONResponse({})

    async def resend(self, request: Request) -> Response:
        """POST /resend: mail the confirmation of a sign-up or of a new address again."""
        asked = parse(await self._service.body(request), Resending)
        if asked.type not in RESENT:
            raise invalid("Missing one of these types: signup, email_change, sms, phone_change")
        if asked.email and asked.phone:
            raise invalid("Only an email address or phone number should be provided.")
        if asked.phone or asked.type in {"sms", "phone_change"}:
            refuse_phone(asked.phone or "any")
        if not asked.email:
            raise invalid("Type provided requires an email address")
        self._require_mail(400)
        journey = self._journey(request, asked.code_challenge, asked.code_challenge_method)
        kind: MailKind = "signup" if asked.type == "signup" else "email_change"
        await self._send_if_known(request, normal_email(asked.email), kind, journey)
        return JSONResponse({})

    async def reauthenticate(self, request: Request) -> Response:
        """GET /reauthenticate: mail a code that a change of password asks for."""
        claims = self._service.claims(request)
        async with self._service.pool.connection() as connection:
            user, _ = await self._service.current(connection, claims)
            user = await users.locked(connection, user.id)
            if not user.email:
                raise AuthFailure(
                    422, "validation_failed", "Reauthentication requires the user to have an email or a phone number"
                )
            if user.confirmed_at is None:
                raise AuthFailure(422, "email_not_confirmed", "Please verify your email first.")
            await self._send(connection, request, user, "reauthentication", self._mailing.journey(request))
        return JSONResponse({})

    async def _send_if_known(self, request: Request, email: str, kind: MailKind, journey: Journey) -> None:
        async with self._service.pool.connection() as connection:
            found = await users.find_by_email(connection, email)
            user = await users.lock(connection, found.id) if found else None
            if user is None or not _is_due(user, kind):
                self._mailing.unknown.require(f"{kind} {email}")
            elif kind == "email_change":
                await self._mailing.send_change(connection, user, user.email_change or "", journey)
            else:
                await self._send(connection, request, user, kind, journey)

    async def _send(
        self, connection: Connection, request: Request, user: User, kind: MailKind, journey: Journey
    ) -> None:
        await self._mailing.send(connection, user, kind, journey)
        await self._service.note(connection, request, user, NOTED[kind])

    def _journey(self, request: Request, challenge: str | None, method: str | None) -> Journey:
        return self._mailing.journey(request, challenge_of(challenge, method))

    def _require_mail(self, status: int) -> None:
        if not self._settings.external_email_enabled:
            raise AuthFailure(status, "email_provider_disabled", "Email logins are disabled")


def _is_due(user: User, kind: MailKind) -> bool:
    """Whether there is anything to mail: nobody confirms twice."""
    if kind == "signup":
        return user.confirmed_at is None
    return bool(user.email_change) if kind == "email_change" else True
