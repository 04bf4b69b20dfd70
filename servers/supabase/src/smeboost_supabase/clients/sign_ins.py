"""People who sign in, and calls that are made as one of them.

Rules of this room:

- The shared SDK client never signs anybody in: the SDK would keep that person's token and send it with everybody's
  later calls. A sign-in and a refresh use an auth client of their own, which is thrown away.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import SecretStr
from smeboost_shared.errors import InvalidInput, SmeBoostError, TokenExpired, VendorBadAnswer

from smeboost_supabase.clients.auth_answers import ask_auth, grant_of, user_of
from smeboost_supabase.clients.project import Project
from smeboost_supabase.models import SignedIn, SignedOut, User
from smeboost_supabase.sessions import Grant, Sessions

Answer = TypeVar("Answer")


class SignIns:
    """The sign-ins of one project that this server holds; they end with `clear`."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._sessions = Sessions(
            self._refreshed,
            sessions_max=project.settings.sessions_max,
            idle_seconds=project.settings.session_idle_seconds,
        )

    def clear(self) -> None:
        """Forget every sign-in."""
        self._sessions.clear()

    async def sign_in(self, email: str, password: SecretStr) -> SignedIn:
        """Sign a person in with a password and hold the tokens.

        Raises:
            NotAuthenticated: email or password is wrong.
            NotPermitted: the account is banned or not confirmed, or the project does not allow this sign-in.
            RateLimited: too many sign-ins.
        """
        auth = self._project.own_auth_client()
        answer = await ask_auth(
            lambda: auth.sign_in_with_password({"email": email, "password": password.get_secret_value()})
        )
        grant = grant_of(answer.session)
        return _signed_in(self._sessions.open(grant), grant)

    async def refresh_session(self, session: SecretStr) -> SignedIn:
        """Renew the tokens of a sign-in now; raises as `Sessions.grant` does."""
        handle = session.get_secret_value()
        return _signed_in(handle, await self._sessions.renew(handle))

    async def get_user(self, session: SecretStr) -> User:
        """The person as the project has them now; raises as `Sessions.grant` does."""

        async def ask(token: str | None) -> User:
            answer = await ask_auth(lambda: self._project.supabase.auth.get_user(token))
            if answer is None:
                raise VendorBadAnswer
            return user_of(answer.user)

        return await self.as_person(session, ask)

    async def sign_out(self, session: SecretStr) -> SignedOut:
        """Forget a sign-in and end it in the project; raises as `Sessions.grant` does for a handle that is not held."""
        grant = self._sessions.close(session.get_secret_value())
        try:
            await self._end(grant)
        except TokenExpired:
            return SignedOut(revoked=True)
        except SmeBoostError:
            return SignedOut(revoked=False)
        return SignedOut(revoked=True)

    async def _end(self, grant: Grant) -> None:
        def end(present: Grant) -> Awaitable[None]:
            return ask_auth(
                lambda: self._project.supabase.auth.admin.sign_out(present.access.get_secret_value(), "local")
            )

        try:
            await end(grant)
        except TokenExpired:
            # Perhaps only the access token has aged, and its session goes on: a refused renewal tells.
            await end(await self._refreshed(grant))

    async def _refreshed(self, grant: Grant) -> Grant:
        auth = self._project.own_auth_client()
        try:
            answer = await ask_auth(lambda: auth.refresh_session(grant.refresh.get_secret_value()))
        except InvalidInput:
            # Auth calls a refresh token of another format invalid input; to the caller it is a session that ended.
            raise TokenExpired from None
        return grant_of(answer.session)

    async def as_person(self, session: SecretStr | None, call: Callable[[str | None], Awaitable[Answer]]) -> Answer:
        """Make `call` with the person's token; when the project says that it has ended, once more with a new one."""
        if session is None:
            return await call(None)
        handle = session.get_secret_value()
        grant = await self._sessions.grant(handle)
        try:
            return await call(grant.access.get_secret_value())
        except TokenExpired:
            grant = await self._sessions.renew(handle, grant)
            return await call(grant.access.get_secret_value())


def _signed_in(handle: str, grant: Grant) -> SignedIn:
    return SignedIn(session=handle, user=grant.user, expires_at=grant.expires_at)
