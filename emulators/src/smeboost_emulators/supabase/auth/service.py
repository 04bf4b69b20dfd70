"""What the auth endpoints share: who is asking, what an acceptable e-mail and password are, and the token response."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from uuid import UUID, uuid4

from starlette.requests import Request

from smeboost_emulators.intake import read_body
from smeboost_emulators.supabase.auth import audit, sessions, users
from smeboost_emulators.supabase.auth.audit import Action, Actor
from smeboost_emulators.supabase.auth.durations import go_duration
from smeboost_emulators.supabase.auth.errors import AuthFailure, bad_token, invalid
from smeboost_emulators.supabase.auth.password_rules import Weakness, character_sets, weakness
from smeboost_emulators.supabase.auth.sessions import Client, Session
from smeboost_emulators.supabase.auth.users import NewUser, User
from smeboost_emulators.supabase.passwords import PASSWORD_MAX_BYTES, Passwords
from smeboost_emulators.supabase.pools import Connection, Pool
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_emulators.supabase.tokens import Claims, Keyring, TokenRejected

EMAIL_MAX_LENGTH = 255
BAN_YEARS_MAX = 100
# The form that HTML gives an <input type="email">, which is also what GoTrue checks.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*", re.ASCII)


@dataclass(frozen=True)
class AuthService:
    """The parts that every auth endpoint works with; `own_url` is where the backend listens."""

    settings: SupabaseBackendSettings
    pool: Pool
    keyring: Keyring
    passwords: Passwords
    own_url: str

    async def body(self, request: Request) -> bytes:
        """The request's body, at most 1 MB as in GoTrue."""
        return await read_body(request, limit_bytes=self.settings.auth_body_max_bytes)

    def claims(self, request: Request) -> Claims:
        """The verified claims of the bearer token.

        Raises:
            AuthFailure: no_authorization, bad_jwt.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise AuthFailure(401, "no_authorization", "This endpoint requires a valid Bearer token")
        try:
            return self.keyring.verify(token.strip())
        except TokenRejected as exc:
            reason = "token has invalid claims: token is expired" if str(exc) == "JWT expired" else str(exc)
            raise bad_token(reason) from None

    def require_admin(self, request: Request) -> str:
        """Let only the service role and its like through; the role is returned.

        Raises:
            AuthFailure: no_authorization, bad_jwt, not_admin.
        """
        role = str(self.claims(request).get("role"))
        if role not in self.settings.admin_roles:
            raise AuthFailure(403, "not_admin", "User not allowed")
        return role

    async def current(self, connection: Connection, claims: Claims) -> tuple[User, Session | None]:
        """The person and the session that a token speaks of.

        Raises:
            AuthFailure: bad_jwt, user_not_found, user_banned, unexpected_audience, session_not_found.
        """
        user_id = uuid_or_none(claims.get("sub"))
        if user_id is None:
            raise AuthFailure(403, "bad_jwt", "invalid claim: missing sub claim")
        user = await users.find_by_id(connection, user_id)
        if user is None or user.deleted_at is not None:
            raise AuthFailure(403, "user_not_found", "User from sub claim in JWT does not exist")
        if user.banned:
            raise AuthFailure(403, "user_banned", "User is banned")
        if not _meant_for(user, claims.get("aud")):
            raise AuthFailure(403, "unexpected_audience", "Token audience doesn't match request audience")
        return user, await self._session(connection, claims)

    async def _session(self, connection: Connection, claims: Claims) -> Session | None:
        if "session_id" not in claims:
            return None
        session_id = uuid_or_none(claims["session_id"])
        session = await sessions.find(connection, session_id) if session_id else None
        # Somebody else's session cannot come in a token that we signed, but what it may do is checked all the same.
        if session is None or session.user_id != uuid_or_none(claims.get("sub")):
            raise AuthFailure(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        return session

    async def token_response(
        self, request: Request, connection: Connection, user: User, session: Session, refresh_token: str
    ) -> dict[str, Any]:
        """What a sign-in or a refresh answers: an access token, the refresh token and the person."""
        now = int(time.time())
        expires_at = now + self.settings.jwt_expiry_seconds
        claims = {
            "iss": self.issuer(request),
            "sub": str(user.id),
            "aud": user.aud or users.AUDIENCE,
            "exp": expires_at,
            "iat": now,
            "email": user.email or "",
            "phone": user.phone or "",
            "app_metadata": user.raw_app_meta_data or {},
            "user_metadata": user.raw_user_meta_data or {},
            "role": user.role or users.AUDIENCE,
            "aal": session.aal,
            "amr": await sessions.methods(connection, session.id),
            "session_id": str(session.id),
            "is_anonymous": user.is_anonymous,
        }
        [person] = await users.as_json(connection, user)
        return {
            "access_token": self.keyring.sign(claims),
            "token_type": "bearer",
            "expires_in": self.settings.jwt_expiry_seconds,
            "expires_at": expires_at,
            "refresh_token": refresh_token,
            "user": person,
        }

    def issuer(self, request: Request) -> str:
        """The `iss` claim: the setting, or the address at which this request reached us."""
        return self.settings.jwt_issuer or f"{request.url.scheme}://{request.url.netloc}/auth/v1"

    def newcomer(
        self, email: str, data: dict[str, Any], *, confirmed: bool, password_hash: str | None = None
    ) -> NewUser:
        """Somebody who comes by themselves or is invited; who has no hash has no password."""
        user_id = uuid4()
        claims = {"sub": str(user_id), "email": email, "email_verified": confirmed, "phone_verified": False}
        return NewUser(
            email,
            password_hash,
            confirmed,
            user_metadata=data | claims,
            app_metadata={},
            id=user_id,
            role=self.settings.jwt_default_group_name,
            aud=self.settings.jwt_aud,
        )

    async def hash_password(self, password: str) -> str:
        """The hash of an acceptable new password.

        Raises:
            AuthFailure: weak_password, validation_failed.
        """
        if len(password.encode(errors="replace")) > PASSWORD_MAX_BYTES:
            raise invalid(f"Password cannot be longer than {PASSWORD_MAX_BYTES} characters")
        if weak := self.weakness(password):
            raise AuthFailure(422, "weak_password", weak.message, weak_password={"reasons": list(weak.reasons)})
        if "\0" in password:
            raise invalid("Password cannot contain a NUL character")
        return await self.passwords.hash(password)

    def weakness(self, password: str) -> Weakness | None:
        """What the settings find weak about a password."""
        sets = character_sets(self.settings.password_required_characters)
        return weakness(password, length_min=self.settings.password_min_length, character_sets=sets)

    async def note(
        self, connection: Connection, request: Request, actor: User | str, action: Action, **traits: object
    ) -> None:
        """Write an entry of the audit log; `actor` is a person, or the role of an administrator."""
        if self.settings.audit_log_disabled:
            return
        if isinstance(actor, str):
            who = Actor(audit.NOBODY, actor)
        else:
            name = (actor.raw_user_meta_data or {}).get("full_name")
            username = actor.phone or actor.email or ""
            who = Actor(actor.id, username, name if isinstance(name, str) else None, actor.is_sso_user)
        keep = timedelta(days=self.settings.audit_log_days)
        await audit.record(connection, who, action, ip=client_of(request).ip, traits=traits, keep=keep)


def _meant_for(user: User, audience: object) -> bool:
    if audience is None or user.aud is None:
        return True
    return audience in (user.aud, [user.aud])


def client_of(request: Request) -> Client:
    """Who asks, for the session's row."""
    return Client(
        user_agent=request.headers.get("user-agent"), ip=_address(request.client.host if request.client else "")
    )


def _address(host: str) -> str | None:
    """The address without its zone; a proxy may say something that is none."""
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        return None


def normal_email(email: str) -> str:
    """The address in lower case.

    Raises:
        AuthFailure: validation_failed.
    """
    email = email.strip().lower()
    if len(email) > EMAIL_MAX_LENGTH or not _EMAIL.fullmatch(email):
        raise invalid("Unable to validate email address: invalid format")
    return email


def refuse_phone(phone: str | None) -> None:
    """Say that phone numbers are not built here.

    Raises:
        AuthFailure: phone_provider_disabled.
    """
    if phone:
        raise AuthFailure(400, "phone_provider_disabled", "Phone log-ins are not supported by this backend")


def uuid_or_none(value: object) -> UUID | None:
    """The UUID that `value` spells, if it does."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def merged(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Metadata after an update: members are replaced one by one, null removes one."""
    everything = {**(old or {}), **new}
    return {name: value for name, value in everything.items() if value is not None}


def ban_end(duration: str) -> datetime | None:
    """When a ban of this length (Go's notation, `1h30m`, or `none`) ends.

    Raises:
        AuthFailure: validation_failed.
    """
    if duration == "none":
        return None
    try:
        length = go_duration(duration)
    except ValueError:
        raise invalid(f"invalid format for ban duration: {duration[:50]!r}; write e.g. 24h or none") from None
    if length > timedelta(days=366 * BAN_YEARS_MAX):
        raise invalid(f"ban duration is longer than {BAN_YEARS_MAX} years")
    return datetime.now(UTC) + length
