"""Sign up, sign in, refresh and sign out."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from psycopg.errors import UniqueViolation
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smeboost_emulators.supabase.auth import sessions, users
from smeboost_emulators.supabase.auth.anonymous import AnonymousSignIn
from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid, not_supported
from smeboost_emulators.supabase.auth.mail import flow_states
from smeboost_emulators.supabase.auth.mail.flow_states import challenge_of
from smeboost_emulators.supabase.auth.mail.mailing import Journey, Mailing
from smeboost_emulators.supabase.auth.refreshing import Refreshing
from smeboost_emulators.supabase.auth.requests import CodeGrant, PasswordGrant, SignUp, parse
from smeboost_emulators.supabase.auth.service import AuthService, client_of, normal_email, refuse_phone
from smeboost_emulators.supabase.auth.sessions import LogoutScope
from smeboost_emulators.supabase.auth.users import NewUser, User
from smeboost_emulators.supabase.pools import Connection

LOGOUT_SCOPES: dict[str, LogoutScope] = {"global": "global", "local": "local", "others": "others"}


class SignIn:
    """The endpoints that begin and end sessions."""

    def __init__(self, service: AuthService, mailing: Mailing) -> None:
        self._service = service
        self._settings = service.settings
        self._anonymous = AnonymousSignIn(service)
        self._mailing = mailing
        self._refreshing = Refreshing(service)

    async def sign_up(self, request: Request) -> Response:
        """POST /signup: a session when e-mails count as confirmed, else the bare person and a mail to confirm."""
        asked = parse(await self._service.body(request), SignUp)
        if not asked.email and not asked.phone:
            return JSONResponse(await self._anonymous.begin(request, asked.data or {}))
        if self._settings.disable_signup:
            raise AuthFailure(422, "signup_disabled", "Signups not allowed for this instance")
        refuse_phone(asked.phone)
        if not asked.password:
            raise invalid("Signup requires a valid password")
        if not self._settings.external_email_enabled:
            raise AuthFailure(400, "email_provider_disabled", "Email signups are disabled")
        email = normal_email(asked.email or "")
        journey = self._mailing.journey(request, challenge_of(asked.code_challenge, asked.code_challenge_method))
        # Before anybody looks whether the address is taken, so that both answers take equally long.
        password_hash = await self._service.hash_password(asked.password)
        confirmed = self._settings.mailer_autoconfirm
        new = self._service.newcomer(email, asked.data or {}, confirmed=confirmed, password_hash=password_hash)
        answer = await self._added(request, email, new, journey)
        if answer is None and confirmed:
            raise AuthFailure(422, "user_already_exists", "User already registered")
        return JSONResponse(_pretended(new) if answer is None else answer)

    async def _added(self, request: Request, email: str, new: NewUser, journey: Journey) -> dict[str, Any] | None:
        """What the new person sees; None when the address is taken."""
        # The other one may be faster, between our look and our insert.
        with suppress(UniqueViolation):
            async with self._service.pool.connection() as connection:
                found = await users.find_by_email(connection, email)
                if found is None:
                    user = await users.add(connection, new)
                    if new.confirmed:
                        await self._service.note(connection, request, user, "user_signedup", provider="email")
                        return await self._begin(request, connection, user)
                    return await self._asked_to_confirm(connection, request, user, journey)
                user = await users.locked(connection, found.id)
                if user.confirmed_at is None and not new.confirmed:
                    return await self._asked_to_confirm(connection, request, user, journey)
        return None

    async def _asked_to_confirm(
        self, connection: Connection, request: Request, user: User, journey: Journey
    ) -> dict[str, Any]:
        """Mail the link. Who signs up again is asked again, and changes nothing: nobody knows whose address it is."""
        await self._mailing.send(connection, user, "signup", journey)
        await self._service.note(connection, request, user, "user_confirmation_requested", provider="email")
        [person] = await users.as_json(connection, await users.find_by_id(connection, user.id) or user)
        return person

    async def token(self, request: Request) -> Response:
        """POST /token: by `grant_type` a sign-in with a password or a PKCE code, or a refresh."""
        grant = request.query_params.get("grant_type", "")
        if grant == "password":
            return JSONResponse(await self._by_password(request))
        if grant == "refresh_token":
            return JSONResponse(await self._refreshing.answer(request))
        if grant == "pkce":
            return JSONResponse(await self._by_code(request))
        if grant in {"id_token", "web3"}:
            raise not_supported(f"grant_type {grant}")
        raise AuthFailure(400, "invalid_credentials", "unsupported_grant_type")

    async def _by_code(self, request: Request) -> dict[str, Any]:
        asked = parse(await self._service.body(request), CodeGrant)
        if not asked.auth_code or not asked.code_verifier:
            raise invalid("invalid request: both auth code and code verifier should be non-empty")
        code, verifier = asked.auth_code.replace("\0", ""), asked.code_verifier
        async with self._service.pool.connection() as connection:
            flow = await flow_states.redeem(connection, code, verifier, life=self._settings.flow_state_expiry)
            user = await users.find_by_id(connection, flow.user_id) if flow.user_id else None
            if user is None or user.deleted_at is not None:
                raise AuthFailure(404, "user_not_found", "User not found")
            if user.banned:
                raise AuthFailure(403, "user_banned", "User is banned")
            return await self._begin(request, connection, user, method=flow.authentication_method)

    async def _by_password(self, request: Request) -> dict[str, Any]:
        asked = parse(await self._service.body(request), PasswordGrant)
        refuse_phone(asked.phone)
        if not asked.email:
            raise invalid("missing email or phone")
        if not self._settings.external_email_enabled:
            raise AuthFailure(422, "email_provider_disabled", "Email logins are disabled")
        email = asked.email.strip().lower().replace("\0", "")
        async with self._service.pool.connection() as connection:
            user = await users.find_by_email(connection, email)
        # The connection is given back before the slow part.
        if not await self._service.passwords.matches(asked.password or "", user.encrypted_password if user else None):
            raise AuthFailure(400, "invalid_credentials", "Invalid login credentials")
        if user is None:
            raise AuthFailure(400, "invalid_credentials", "Invalid login credentials")
        if user.banned:
            raise AuthFailure(400, "user_banned", "User is banned")
        if user.confirmed_at is None:
            raise AuthFailure(400, "email_not_confirmed", "Email not confirmed")
        async with self._service.pool.connection() as connection:
            answer = await self._begin(request, connection, user)
        weak = self._service.weakness(asked.password or "")
        told = {"weak_password": {"message": weak.message, "reasons": list(weak.reasons)}} if weak else {}
        return {**answer, **told}

    async def _begin(
        self, request: Request, connection: Connection, user: User, *, method: str = "password"
    ) -> dict[str, Any]:
        user = await users.change(connection, user.id, last_sign_in_at=datetime.now(UTC))
        session, token = await sessions.start(
            connection, user.id, method=method, client=client_of(request), most=self._settings.sessions_per_user_max
        )
        await self._service.note(connection, request, user, "login", provider="email")
        return await self._service.token_response(request, connection, user, session, token)

    async def sign_out(self, request: Request) -> Response:
        """POST /logout: end all sessions, this one, or all but this one."""
        name = request.query_params.get("scope", "global")
        if name not in LOGOUT_SCOPES:
            raise invalid(f"Unsupported logout scope {name[:50]!r}")
        claims = self._service.claims(request)
        async with self._service.pool.connection() as connection:
            user, session = await self._service.current(connection, claims)
            current = session.id if session else None
            await sessions.end(connection, user.id, scope=LOGOUT_SCOPES[name], current=current)
            await self._service.note(connection, request, user, "logout")
        return Response(status_code=204)


def _pretended(new: NewUser) -> dict[str, Any]:
    """An answer that does not tell whether the address is known: it looks like a new person without identities."""
    now = datetime.now(UTC)
    person = User(
        id=uuid4(),
        aud=new.aud,
        role=new.role,
        email=new.email,
        raw_app_meta_data={"provider": "email", "providers": ["email"]},
        raw_user_meta_data={},
        created_at=now,
        updated_at=now,
    )
    return users.user_json(person, [])
