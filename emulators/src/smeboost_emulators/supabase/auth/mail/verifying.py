"""Use a link or a code of a mail: confirm, sign in, change the address.

Rules of this room:

- Everything happens in one transaction: the token is used up, the person changed and the session made, or nothing is.
- GET is for the link of the mail and always redirects (303): a session in the fragment, a PKCE code in the query, an
  error in the fragment (and in the query as well in a PKCE flow). HEAD uses nothing up, because programs that look at
  mails before people do ask with it.
- A wrong link and a wrong code answer `otp_expired` alike, whether or not anybody has the address.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from smeboost_emulators.supabase.auth import sessions, users
from smeboost_emulators.supabase.auth.allowances import Allowance
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid
from smeboost_emulators.supabase.auth.mail import confirmation, flow_states, one_time_tokens
from smeboost_emulators.supabase.auth.mail.mail_texts import MailKind
from smeboost_emulators.supabase.auth.mail.mailing import FORMS, Mailing
from smeboost_emulators.supabase.auth.mail.one_time_tokens import OneTimeToken, TokenType
from smeboost_emulators.supabase.auth.requests import Verification, parse
from smeboost_emulators.supabase.auth.service import AuthService, client_of, normal_email, refuse_phone
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection

FAILURES_WINDOW_SECONDS = 300.0
HASH_MAX_LENGTH = 100
ACCEPTED = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
TYPES: dict[str, tuple[TokenType, ...]] = {
    "signup": ("confirmation_token",),
    "invite": ("confirmation_token",),
    "magiclink": ("recovery_token",),
    "recovery": ("recovery_token",),
    "email_change": ("email_change_token_new", "email_change_token_current"),
    "email": ("confirmation_token", "recovery_token"),
}
# What a link of the general type `email` stands for.
_KIND_OF: dict[TokenType, MailKind] = {"confirmation_token": "signup", "recovery_token": "magiclink"}
_OAUTH_NAMES = {400: "invalid_request", 401: "unauthorized_client", 403: "access_denied", 500: "server_error"}


@dataclass(frozen=True)
class _Outcome:
    """What became of a token: a session, a code to exchange, or neither after the first half of a change."""

    session: dict[str, Any] | None = None
    code: str | None = None


@dataclass(frozen=True)
class _Guess:
    """An address, a code, and what the code is said to be for."""

    email: str
    code: str
    kind: str


@dataclass(frozen=True)
class _Used:
    """A token that is used up now, and whether the answer is a code to exchange instead of a session."""

    token: OneTimeToken
    kind: str
    may_exchange: bool = False


class Verifying:
    """GET and POST /verify."""

    def __init__(self, service: AuthService, mailing: Mailing) -> None:
        self._service = service
        self._settings = service.settings
        self._mailing = mailing
        self._failures = Allowance(service.settings.verify_failures_max, FAILURES_WINDOW_SECONDS)

    async def follow(self, request: Request) -> Response:
        """GET /verify: the link of a mail."""
        query = request.query_params
        place = self._mailing.place(query.get("redirect_to"), request.headers.get("referer"))
        token_hash = query.get("token", "")
        is_pkce = token_hash.startswith(one_time_tokens.PKCE_PREFIX)
        if request.method == "HEAD":
            return Response()
        try:
            kind = query.get("type", "")
            if not token_hash or not kind:
                raise invalid("Verify requires a token and a verification type")
            outcome = await self._by_hash(request, token_hash, kind, may_exchange=is_pkce)
        except AuthFailure as exc:
            return _to(place, fragment=_told(exc), query=_told(exc) if is_pkce else None)
        if outcome.code:
            return _to(place, query={"code": outcome.code}, keep_query=True)
        if outcome.session is None:
            told = {"message": ACCEPTED}
            return _to(place, fragment=told, query=told if is_pkce else None, keep_query=True)
        return _to(place, fragment=_session_fragment(outcome.session, kind), keep_query=True)

    async def verify(self, request: Request) -> Response:
        """POST /verify: an address and a code, or the hash of a link; a session is the answer."""
        asked = parse(await self._service.body(request), Verification)
        if not asked.type:
            raise invalid("Verify requires a verification type")
        if bool(asked.token) == bool(asked.token_hash):
            raise invalid("Verify requires either a token or a token hash")
        if asked.token_hash:
            if asked.email or asked.phone:
                raise invalid("Only the token_hash and type should be provided")
            outcome = await self._by_hash(request, asked.token_hash, asked.type, may_exchange=False)
        else:
            outcome = await self._by_code(request, asked)
        if outcome.session is None:
            return JSONResponse({"code": "200", "msg": ACCEPTED})
        return JSONResponse(outcome.session)

    async def _by_hash(self, request: Request, token_hash: str, kind: str, *, may_exchange: bool) -> _Outcome:
        types = _types_of(kind)
        asker = self._asker(request)
        expired = AuthFailure(403, "otp_expired", "Email link is invalid or has expired")
        try:
            async with self._service.pool.connection() as connection:
                token = await self._find(connection, token_hash, types)
                user = await users.lock(connection, token.user_id) if token else None
                if token is None or user is None or token.is_expired(self._settings.otp_expiry_seconds):
                    self._failures.take(asker)
                    raise expired
                if not await one_time_tokens.consume(connection, token):
                    raise expired
                return await self._finish(request, connection, user, _Used(token, kind, may_exchange))
        except UniqueViolation:
            raise _taken() from None

    def _asker(self, request: Request) -> str:
        """Whose wrong tries are counted; who had too many is refused before anything is looked at."""
        asker = client_of(request).ip or ""
        if self._failures.is_spent(asker):
            raise AuthFailure(429, "over_request_rate_limit", "Request rate limit reached")
        return asker

    async def _find(self, connection: Connection, token_hash: str, types: tuple[TokenType, ...]) -> OneTimeToken | None:
        if len(token_hash) > HASH_MAX_LENGTH or "\0" in token_hash:
            return None
        return await one_time_tokens.find_by_hash(connection, token_hash, types)

    async def _by_code(self, request: Request, asked: Verification) -> _Outcome:
        if asked.phone and not asked.email:
            refuse_phone(asked.phone)
        if not asked.email or asked.phone:
            raise invalid("Only an email address or phone number should be provided on verify")
        guess = _Guess(normal_email(asked.email), asked.token or "", asked.type or "")
        _types_of(guess.kind)
        asker = self._asker(request)
        try:
            async with self._service.pool.connection() as connection:
                outcome = await self._tried(request, connection, guess)
        except UniqueViolation:
            raise _taken() from None
        # Raised after the commit: the count of wrong codes must last.
        if outcome is None:
            self._failures.take(asker)
            raise AuthFailure(403, "otp_expired", "Token has expired or is invalid")
        return outcome

    async def _tried(self, request: Request, connection: Connection, guess: _Guess) -> _Outcome | None:
        """What the code leads to; None, and a wrong try is counted, when it is not right."""
        email, types = guess.email, _types_of(guess.kind)
        people = {token.user_id for token in await one_time_tokens.of_address(connection, email, types)}
        locked = [await users.lock(connection, user_id) for user_id in sorted(people)]
        waiting = await one_time_tokens.of_address(connection, email, types)
        life, attempts = self._settings.otp_expiry_seconds, self._settings.otp_attempts_max
        usable = [token for token in waiting if token.is_open_to_codes(life_seconds=life, attempts_max=attempts)]
        right = next((token for token in usable if token.has_code(guess.code)), None)
        user = next((user for user in locked if user and right and user.id == right.user_id), None)
        if right is None or user is None:
            await one_time_tokens.count_failure(connection, usable)
            return None
        await one_time_tokens.consume(connection, right)
        return await self._finish(request, connection, user, _Used(right, guess.kind))

    async def _finish(self, request: Request, connection: Connection, user: User, used: _Used) -> _Outcome:
        kind = used.kind
        if user.deleted_at is not None:
            raise AuthFailure(403, "otp_expired", "Token has expired or is invalid")
        if user.banned:
            raise AuthFailure(403, "user_banned", "User is banned")
        if kind == "email_change":
            both = self._settings.secure_email_change and bool(user.email)
            changed = await confirmation.change_email(connection, user, used.token, both=both)
        else:
            changed = await confirmation.confirm(connection, user)
        if changed is None:
            return _Outcome()
        if used.may_exchange:
            form = FORMS[kind if kind in FORMS else _KIND_OF[used.token.token_type]]
            return _Outcome(code=await flow_states.issue_code(connection, changed.id, method=form.method))
        await self._note(connection, request, changed, is_new=user.confirmed_at is None)
        session, refresh_token = await sessions.start(
            connection, changed.id, method="otp", client=client_of(request), most=self._settings.sessions_per_user_max
        )
        signed_in = await confirmation.note_sign_in(connection, changed)
        answer = await self._service.token_response(request, connection, signed_in, session, refresh_token)
        return _Outcome(session=answer)

    async def _note(self, connection: Connection, request: Request, user: User, *, is_new: bool) -> None:
        action = "user_signedup" if is_new else "login"
        await self._service.note(connection, request, user, action, provider="email")


def _types_of(kind: str) -> tuple[TokenType, ...]:
    if kind in {"sms", "phone_change"}:
        refuse_phone(kind)
    if kind not in TYPES:
        raise invalid("Invalid email verification type")
    return TYPES[kind]


def _taken() -> AuthFailure:
    return AuthFailure(422, "email_exists", "A user with this email address has already been registered")


def _told(failure: AuthFailure) -> dict[str, str]:
    name = _OAUTH_NAMES.get(failure.status)
    return ({"error": name} if name else {}) | {"error_code": failure.code, "error_description": failure.message}


def _session_fragment(session: dict[str, Any], kind: str) -> dict[str, str]:
    names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
    return {name: str(session[name]) for name in names} | {"type": kind}


def _to(
    place: str, *, fragment: dict[str, str] | None = None, query: dict[str, str] | None = None, keep_query: bool = False
) -> Response:
    """A redirect; the mark `sb` tells clients that the fragment is ours."""
    parts = urlsplit(place)
    kept = parse_qsl(parts.query, keep_blank_values=True) if keep_query else []
    names = query or {}
    text = urlencode([pair for pair in kept if pair[0] not in names] + list(names.items()))
    tail = f"{urlencode(fragment)}&sb=" if fragment else ""
    url = urlunsplit(parts._replace(query=text, fragment=tail))
    response = RedirectResponse(url, 303)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
