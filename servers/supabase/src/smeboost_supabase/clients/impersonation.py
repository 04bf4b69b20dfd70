"""Calls as any user or role of the project, to try out row level security.

Rules of this room:

- With the project's JWT secret a token is minted that lives for a minute. Without it, a secret key can sign a user in
  by a link that is never mailed; that session is ended after the call. A role alone needs the JWT secret, unless the
  configured key has that role.
- Tokens are made for one call and are never given out.
"""

import base64
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Mapping

from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import JsonValue, SecretStr
from smeboost_shared.errors import Misconfigured, SmeBoostError, VendorBadAnswer

from smeboost_supabase.actors import claims_of, find_actor
from smeboost_supabase.clients.auth_answers import ask_auth, ask_auth_admin
from smeboost_supabase.clients.project import Project
from smeboost_supabase.clients.users import Users
from smeboost_supabase.database import Database
from smeboost_supabase.logins import ACTED_ROLES

TOKEN_SECONDS = 60
_FIX = "Set SUPABASE_JWT_SECRET to the project's JWT secret."


class Impersonation:
    """Access tokens for other people and roles."""

    def __init__(self, project: Project, users: Users, database: Database | None) -> None:
        self._project = project
        self._users = users
        self._database = database

    @contextlib.asynccontextmanager
    async def token(self, run_as: str) -> AsyncGenerator[str | None]:
        """An access token of `run_as` for as long as the block runs; None when the configured key is what it names.

        Raises:
            InvalidInput, NotFound: it names nobody.
            Misconfigured, NotPermitted: the settings do not allow to act as somebody else.
        """
        secret = self._project.settings.jwt_secret
        if run_as in ACTED_ROLES and role_of_key(self._project.settings.key) == run_as:
            yield None
        elif secret is not None:
            yield mint(secret, {"role": run_as} if run_as in ACTED_ROLES else await self._claims(run_as))
        elif run_as in ACTED_ROLES:
            raise Misconfigured(f"The configured key has not the role {run_as}.", hint=_FIX)
        else:
            async with self._signed_in(run_as) as token:
                yield token

    async def _claims(self, run_as: str) -> dict[str, JsonValue]:
        if self._database is not None:
            return dict((await find_actor(self._database, run_as)).claims)
        one = await self._users.find(run_as)
        return claims_of(one.model_dump(mode="json"))

    @contextlib.asynccontextmanager
    async def _signed_in(self, run_as: str) -> AsyncGenerator[str]:
        one = await self._users.find(run_as)
        email = one.email
        if email is None:
            raise Misconfigured("A user without an address can be acted as only with the JWT secret.", hint=_FIX)
        admin = self._project.supabase.auth.admin
        link = await ask_auth_admin(lambda: admin.generate_link({"type": "magiclink", "email": email}), writes=True)
        auth = self._project.own_auth_client()
        hashed = link.properties.hashed_token
        answer = await ask_auth(lambda: auth.verify_otp({"type": "magiclink", "token_hash": hashed}))
        if answer.session is None:
            raise VendorBadAnswer("Supabase Auth answered a sign-in without a session.")
        token = answer.session.access_token
        try:
            yield token
        finally:
            # The call has its answer either way; a session that could not be ended ends by its own time.
            with contextlib.suppress(SmeBoostError):
                await ask_auth(lambda: admin.sign_out(token, "local"))


def mint(secret: SecretStr, claims: Mapping[str, JsonValue]) -> str:
    """A token for `claims` that lives `TOKEN_SECONDS` (RFC 7519, HS256 as the project's own)."""
    now = int(time.time())
    key = OctKey.import_key(secret.get_secret_value().encode())
    # Aged a little, for a project whose clock is behind ours.
    said = {"aud": "authenticated", **claims, "iat": now - 5, "exp": now + TOKEN_SECONDS}
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, said, key)


def role_of_key(key: SecretStr) -> str | None:
    """The database role that a project's API key stands for; None when the key does not say."""
    text = key.get_secret_value()
    if text.startswith("sb_"):
        return {"sb_s": "service_role", "sb_p": "anon"}.get(text[:4])
    try:
        body = text.split(".")[1]
        role = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))).get("role")
    except (ValueError, IndexError, AttributeError):
        return None
    return role if isinstance(role, str) else None
