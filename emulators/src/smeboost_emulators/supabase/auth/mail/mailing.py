"""Mail somebody a link and a code: make the token, keep it, and put the mail into the inbox.

Rules of this room:

- Everything happens in the caller's transaction, which has locked the person (`users.lock`): what is refused leaves
  nothing behind, and two requests at once do not get around the pause between mails.
- A link begins with an address of ours, never with a host name that a stranger sent along: whoever follows it would
  hand the token over.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request

from smeboost_emulators.local_clients import host_of, is_loopback
from smeboost_emulators.supabase.auth import users
from smeboost_emulators.supabase.auth.allowances import Allowance
from smeboost_emulators.supabase.auth.errors import AuthFailure
from smeboost_emulators.supabase.auth.mail import flow_states, mails, one_time_tokens
from smeboost_emulators.supabase.auth.mail.flow_states import Challenge
from smeboost_emulators.supabase.auth.mail.mail_texts import MailKind, compose
from smeboost_emulators.supabase.auth.mail.mails import NewMail
from smeboost_emulators.supabase.auth.mail.one_time_tokens import (
    EMAIL_CHANGE_CURRENT,
    EMAIL_CHANGE_NEW,
    HALVES,
    PKCE_PREFIX,
    TokenType,
    code_hash,
    new_code,
)
from smeboost_emulators.supabase.auth.mail.pauses import Pauses, too_soon
from smeboost_emulators.supabase.auth.mail.redirects import Redirects
from smeboost_emulators.supabase.auth.service import AuthService
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection

AUTH_PATH = "/auth/v1"
HOUR_SECONDS = 3600.0
EVERYBODY = "everybody"


@dataclass(frozen=True)
class Journey:
    """How a link goes: it begins with `base_url`, ends at `redirect_to`, and keeps a PKCE challenge in between."""

    base_url: str
    redirect_to: str
    challenge: Challenge | None = None


@dataclass(frozen=True)
class Purpose:
    """What a token is for: the kind of its mail, its type, and the address that it proves."""

    kind: MailKind
    token_type: TokenType
    address: str


@dataclass(frozen=True)
class Ticket:
    """What was made for somebody: the code, the hash that the link carries, and the link."""

    code: str
    token_hash: str
    link: str


@dataclass(frozen=True)
class _Form:
    """How mails of a kind are kept: the type of their token, when the last one went, and how the session began."""

    token_type: TokenType
    sent_column: str
    method: str


FORMS: dict[MailKind, _Form] = {
    "signup": _Form("confirmation_token", "confirmation_sent_at", "email/signup"),
    "invite": _Form("confirmation_token", "confirmation_sent_at", "invite"),
    "magiclink": _Form("recovery_token", "recovery_sent_at", "magiclink"),
    "recovery": _Form("recovery_token", "recovery_sent_at", "recovery"),
    "email_change": _Form("email_change_token_new", "email_change_sent_at", "email_change"),
    "reauthentication": _Form("reauthentication_token", "reauthentication_sent_at", "otp"),
}


class Mailing:
    """What sends mails; `own_url` is where this backend listens."""

    def __init__(self, service: AuthService) -> None:
        self._settings = service.settings
        self._own_url = service.own_url
        self._redirects = Redirects(self._settings.site_url, self._settings.uri_allow_list)
        limit = self._settings.emails_sent_max
        self._sent = Allowance(limit, HOUR_SECONDS) if limit is not None else None
        # Who is not known must wait as long as who is, or the wait would tell.
        self.unknown = Pauses(self._settings.smtp_max_frequency.total_seconds())

    def journey(self, request: Request, challenge: Challenge | None = None, redirect_to: str | None = None) -> Journey:
        """The way of a link that this request asks for: `redirect_to` of body, query or header, else the Referer."""
        wanted = (
            redirect_to,
            request.query_params.get("redirect_to"),
            request.headers.get("redirect_to"),
            request.headers.get("referer"),
        )
        return Journey(self._base_url(request), self._redirects.chosen(*wanted), challenge)

    def place(self, wanted: str | None, referrer: str | None) -> str:
        """Where somebody who follows a link comes out."""
        return self._redirects.chosen(wanted, referrer)

    async def send(self, connection: Connection, user: User, kind: MailKind, journey: Journey) -> None:
        """Mail a locked person a link and a code.

        Raises:
            AuthFailure: over_email_send_rate_limit.
        """
        form = FORMS[kind]
        if kind != "invite":
            self._require_pause(getattr(user, form.sent_column))
        if journey.challenge and kind != "invite":
            await flow_states.begin(connection, user.id, journey.challenge, method=form.method)
        address = user.email or ""
        ticket = await self.issue(connection, user.id, Purpose(kind, form.token_type, address), journey)
        await self._keep(connection, user, kind, address, ticket)
        await users.change(connection, user.id, **{form.sent_column: datetime.now(UTC)})

    async def send_change(self, connection: Connection, user: User, new_email: str, journey: Journey) -> None:
        """Mail the new address, and the old one when both must agree, about a change of the first to the second.

        Raises:
            AuthFailure: over_email_send_rate_limit.
        """
        form = FORMS["email_change"]
        self._require_pause(user.email_change_sent_at)
        if journey.challenge:
            await flow_states.begin(connection, user.id, journey.challenge, method=form.method)
        await one_time_tokens.remove(connection, user.id, HALVES)
        changed = await users.change(
            connection,
            user.id,
            email_change=new_email,
            email_change_sent_at=datetime.now(UTC),
            email_change_confirm_status=0,
        )
        halves: list[tuple[TokenType, str]] = [(EMAIL_CHANGE_NEW, new_email)]
        if self._settings.secure_email_change and user.email:
            halves.append((EMAIL_CHANGE_CURRENT, user.email))
        for token_type, address in halves:
            purpose = Purpose("email_change", token_type, address)
            ticket = await self.issue(connection, user.id, purpose, journey)
            await self._keep(connection, changed, "email_change", address, ticket)

    async def issue(self, connection: Connection, user_id: UUID, purpose: Purpose, journey: Journey) -> Ticket:
        """Make and keep a token for a person without mailing it."""
        code = new_code(self._settings.otp_length)
        prefix = PKCE_PREFIX if journey.challenge else ""
        token_hash = prefix + code_hash(purpose.address, code)
        await one_time_tokens.store(
            connection, user_id, purpose.token_type, token_hash=token_hash, address=purpose.address
        )
        target = quote(journey.redirect_to, safe="")
        link = f"{journey.base_url}{AUTH_PATH}/verify?token={token_hash}&type={purpose.kind}&redirect_to={target}"
        return Ticket(code, token_hash, link)

    async def _keep(self, connection: Connection, user: User, kind: MailKind, address: str, ticket: Ticket) -> None:
        if self._sent and not self._sent.take(EVERYBODY):
            raise AuthFailure(429, "over_email_send_rate_limit", "email rate limit exceeded")
        link = None if kind == "reauthentication" else ticket.link
        text = compose(kind, email=user.email or "", new_email=user.email_change or "", code=ticket.code, link=link)
        mail = NewMail(address, text.subject, kind, text.text, text.html, link, ticket.code, ticket.token_hash)
        await mails.keep(connection, mail, messages_max=self._settings.inbox_messages_max)

    def _require_pause(self, last: datetime | None) -> None:
        if last is None:
            return
        rest = last + self._settings.smtp_max_frequency - datetime.now(UTC)
        if rest > timedelta():
            raise too_soon(rest.total_seconds())

    def _base_url(self, request: Request) -> str:
        if self._settings.api_external_url:
            return self._settings.api_external_url.rstrip("/").removesuffix(AUTH_PATH)
        return str(request.base_url).rstrip("/") if is_loopback(host_of(request)) else self._own_url
