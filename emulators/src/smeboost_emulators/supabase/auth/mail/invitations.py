"""What the service role may mail, or have made to mail itself: invitations and links of every type."""

from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import users
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid
from smeboost_emulators.supabase.auth.mail import one_time_tokens
from smeboost_emulators.supabase.auth.mail.mail_texts import MailKind
from smeboost_emulators.supabase.auth.mail.mailing import FORMS, Journey, Mailing, Purpose, Ticket
from smeboost_emulators.supabase.auth.mail.one_time_tokens import EMAIL_CHANGE_CURRENT, EMAIL_CHANGE_NEW, HALVES
from smeboost_emulators.supabase.auth.requests import Invitation, LinkWish, parse
from smeboost_emulators.supabase.auth.service import AuthService, merged, normal_email
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection

TAKEN = "A user with this email address has already been registered"
KINDS: dict[str, MailKind] = {
    "signup": "signup",
    "invite": "invite",
    "magiclink": "magiclink",
    "recovery": "recovery",
    "email_change_current": "email_change",
    "email_change_new": "email_change",
}


@dataclass(frozen=True)
class _Wish:
    """A link that is to be made: what for, for whom, and the hash of a new person's password."""

    type: str
    email: str
    new_email: str
    password_hash: str | None
    data: dict[str, object]

    @property
    def changes_email(self) -> bool:
        return self.type in {"email_change_current", "email_change_new"}


class Invitations:
    """POST /invite and /admin/generate_link; both ask for the service role first."""

    def __init__(self, service: AuthService, mailing: Mailing) -> None:
        self._service = service
        self._settings = service.settings
        self._mailing = mailing

    async def invite(self, request: Request) -> Response:
        """POST /invite: add a person without a password and mail them a link; who is invited may be so again."""
        role = self._service.require_admin(request)
        asked = parse(await self._service.body(request), Invitation)
        email, journey = normal_email(asked.email or ""), self._mailing.journey(request)
        try:
            async with self._service.pool.connection() as connection:
                user = await self._unconfirmed(connection, email, asked.data or {})
                await self._mailing.send(connection, user, "invite", journey)
                invited = await users.change(connection, user.id, invited_at=datetime.now(UTC))
                traits = {"user_id": str(user.id), "user_email": email}
                await self._service.note(connection, request, role, "user_invited", **traits)
                [person] = await users.as_json(connection, invited)
        except UniqueViolation:
            raise AuthFailure(422, "email_exists", TAKEN) from None
        return JSONResponse(person)

    async def _unconfirmed(self, connection: Connection, email: str, data: dict[str, object]) -> User:
        found = await users.find_by_email(connection, email)
        if found is None:
            return await users.add(connection, self._service.newcomer(email, data, confirmed=False))
        user = await users.locked(connection, found.id)
        if user.confirmed_at is not None:
            raise AuthFailure(422, "email_exists", TAKEN)
        return user

    async def generate_link(self, request: Request) -> Response:
        """POST /admin/generate_link: a link and a code, which nobody mails; person and link are one flat object."""
        self._service.require_admin(request)
        asked = parse(await self._service.body(request), LinkWish)
        wish = await self._wish(asked)
        journey = self._mailing.journey(request, redirect_to=asked.redirect_to)
        try:
            async with self._service.pool.connection() as connection:
                wish, user = await self._person(connection, wish)
                ticket = await self._made(connection, user, wish, journey)
                changed = await self._noted(connection, user, wish)
                [person] = await users.as_json(connection, changed)
        except UniqueViolation:
            raise AuthFailure(422, "email_exists", TAKEN) from None
        return JSONResponse(person | _properties(ticket, wish, journey))

    async def _wish(self, asked: LinkWish) -> _Wish:
        if asked.type not in KINDS:
            raise invalid(f"Invalid email action link type requested: {(asked.type or '')[:50]}")
        if asked.type == "email_change_current" and not self._settings.secure_email_change:
            raise invalid("Enable secure email change to generate link for current email")
        email = normal_email(asked.email or "")
        changes = asked.type in {"email_change_current", "email_change_new"}
        new_email = normal_email(asked.new_email or "") if changes else ""
        password_hash = await self._service.hash_password(asked.password) if asked.password else None
        return _Wish(asked.type, email, new_email, password_hash, asked.data or {})

    async def _person(self, connection: Connection, wish: _Wish) -> tuple[_Wish, User]:
        """Whom the link is for, and what it is for: a link to sign in is one to sign up for somebody new."""
        found = await users.find_by_email(connection, wish.email)
        if found is None:
            if wish.type not in {"signup", "invite", "magiclink"}:
                raise AuthFailure(404, "user_not_found", "User with this email not found")
            if wish.type == "signup" and not wish.password_hash:
                raise invalid("Signup requires a valid password")
            kind = "invite" if wish.type == "invite" else "signup"
            new = self._service.newcomer(wish.email, wish.data, confirmed=False, password_hash=wish.password_hash)
            return _Wish(kind, wish.email, "", None, wish.data), await users.add(connection, new)
        user = await users.locked(connection, found.id)
        if wish.type in {"signup", "invite"} and user.confirmed_at is not None:
            raise AuthFailure(422, "email_exists", TAKEN)
        if wish.type == "signup" and wish.data:
            metadata = merged(user.raw_user_meta_data, wish.data)
            user = await users.change(connection, user.id, raw_user_meta_data=metadata)
        return wish, user

    async def _made(self, connection: Connection, user: User, wish: _Wish, journey: Journey) -> Ticket:
        kind = KINDS[wish.type]
        if not wish.changes_email:
            purpose = Purpose(kind, FORMS[kind].token_type, wish.email)
            return await self._mailing.issue(connection, user.id, purpose, journey)
        other = await users.find_by_email(connection, wish.new_email)
        if other is not None and other.id != user.id:
            raise AuthFailure(422, "email_exists", TAKEN)
        if user.email_change != wish.new_email:
            # What was confirmed or waits to be is about another address.
            await one_time_tokens.remove(connection, user.id, HALVES)
        if wish.type == "email_change_new":
            purpose = Purpose(kind, EMAIL_CHANGE_NEW, wish.new_email)
        else:
            purpose = Purpose(kind, EMAIL_CHANGE_CURRENT, wish.email)
        return await self._mailing.issue(connection, user.id, purpose, journey)

    async def _noted(self, connection: Connection, user: User, wish: _Wish) -> User:
        now = datetime.now(UTC)
        columns: dict[str, object] = {FORMS[KINDS[wish.type]].sent_column: now}
        if wish.type == "invite":
            columns["invited_at"] = now
        if wish.changes_email:
            columns |= {"email_change": wish.new_email, "email_change_confirm_status": 0}
        return await users.change(connection, user.id, **columns)


def _properties(ticket: Ticket, wish: _Wish, journey: Journey) -> dict[str, str]:
    return {
        "action_link": ticket.link,
        "email_otp": ticket.code,
        "hashed_token": ticket.token_hash,
        "verification_type": wish.type,
        "redirect_to": journey.redirect_to,
    }
