"""Logging in and out.

Supabase knows people and passwords; we only ask it, and let go of its session at once. What we give out is our own:
an access token for some minutes, and a refresh token that is new after every use. A refresh token that is used a
second time means that two parties hold it, and ends the session (RFC 9700, section 4.14.2).
"""

from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from smeboost_redis.sessions import Session, Sessions
from smeboost_shared.errors import Conflict, Fault, NotAuthenticated, NotPermitted, RateLimited, SmeBoostError
from smeboost_shared.logs import get_logger
from smeboost_shared.toolkit import error_of
from starlette.responses import Response

from smeboost_gateway.gate import Gate, identity_of, session_data
from smeboost_gateway.identity import AccessTokens, Role
from smeboost_gateway.operations import AnyOperation, Ask, Nothing, Operation
from smeboost_gateway.settings import GatewaySettings
from smeboost_gateway.tools import Tools

EMAIL_CHARACTERS_MAX = 320
SECRET_CHARACTERS_MAX = 1000

log = get_logger("gateway")


class Credentials(BaseModel):
    """Who logs in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: str = Field(min_length=3, max_length=EMAIL_CHARACTERS_MAX, pattern=r"^[^@\s]+@[^@\s]+$")
    password: SecretStr = Field(min_length=1, max_length=SECRET_CHARACTERS_MAX)


class RefreshBody(BaseModel):
    """The newest refresh token of the session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    refresh_token: SecretStr = Field(min_length=1, max_length=SECRET_CHARACTERS_MAX)


class TokenAnswer(BaseModel):
    """What a program needs to go on."""

    access_token: str = Field(description="send it as Authorization: Bearer <access_token>")
    refresh_token: str = Field(description="good for one refresh; keep it secret")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the name of a scheme (RFC 6750)
    expires_in: int = Field(description="seconds that the access token is good for")
    mfa_required: bool = False


class Me(BaseModel):
    """The person of this session."""

    user_id: str
    email: str
    role: Role
    workspace_id: str


class Membership(BaseModel):
    """A row of `public.members`."""

    workspace_id: str
    role: Role


class LoginRoutes:
    """What there is at `/api/auth`."""

    def __init__(
        self, settings: GatewaySettings, tokens: AccessTokens, sessions: Sessions, gate: Gate, tools: Tools
    ) -> None:
        self._settings, self._tokens, self._sessions, self._gate, self._tools = settings, tokens, sessions, gate, tools

    def operations(self) -> list[AnyOperation]:
        """Log in, refresh, log out, who am I."""
        given: dict[int, type[BaseModel] | None] = {200: TokenAnswer}
        auth = "/api/auth"
        return [
            Operation("POST", f"{auth}/login", "Log in", self.login, Nothing, Credentials, given, public=True),
            Operation("POST", f"{auth}/refresh", "New tokens", self.refresh, Nothing, RefreshBody, given, public=True),
            Operation("POST", f"{auth}/logout", "End this session", self.logout, Nothing, Nothing, {204: None}),
            Operation("GET", f"{auth}/me", "Who am I", self.me, Nothing, Nothing, {200: Me}),
        ]

    async def login(self, ask: Ask[Nothing, Credentials]) -> Response:
        """Check the password, find the role, begin a session."""
        address = ask.request.client.host if ask.request.client else "unknown"
        await self._gate.admit_login(address, ask.body.email)
        user_id, email, membership = await self._person(ask.body)
        data = session_data(email, membership.role, membership.workspace_id)
        token, session = await self._sessions.create(user_id, data, self._settings.session_seconds)
        return self._tokens_answer(session, token)

    async def refresh(self, ask: Ask[Nothing, RefreshBody]) -> Response:
        """Rotate the session's token."""
        try:
            token = await self._sessions.rotate(ask.body.refresh_token.get_secret_value())
        except Conflict as exc:
            raise NotAuthenticated("This refresh token was used a moment ago.", hint="Use the newest one.") from exc
        session = await self._sessions.touch(token)
        if session is None:
            raise NotAuthenticated("The session has ended.", hint="Log in again.")
        return self._tokens_answer(session, token)

    async def logout(self, ask: Ask[Nothing, Nothing]) -> Response:
        """End the session: its access tokens end with it."""
        await self._sessions.revoke_by_id(ask.identity.session_id)
        return Response(status_code=204)

    async def me(self, ask: Ask[Nothing, Nothing]) -> Response:
        """The person of this session."""
        who = ask.identity
        return _answer(Me(user_id=who.user_id, email=who.email, role=who.role, workspace_id=who.workspace_id))

    def _tokens_answer(self, session: Session, refresh_token: str) -> Response:
        return _answer(
            TokenAnswer(
                access_token=self._tokens.issue(identity_of(session)),
                refresh_token=refresh_token,
                expires_in=self._settings.access_token_seconds,
            )
        )

    async def _person(self, credentials: Credentials) -> tuple[str, str, Membership]:
        email, password = credentials.email, credentials.password.get_secret_value()
        try:
            signed_in = await self._supabase("sign_in", {"email": email, "password": password})
        except RateLimited:
            raise
        except SmeBoostError as exc:
            if exc.fault is not Fault.CALLER:
                raise
            # One answer for an unknown e-mail and a wrong password: it must not tell who has an account.
            raise NotAuthenticated("The e-mail or the password is wrong.") from None
        try:
            membership = await self._membership(signed_in["session"], signed_in["user"]["id"])
        finally:
            await self._let_go(signed_in["session"])
        return signed_in["user"]["id"], signed_in["user"]["email"] or email, membership

    async def _membership(self, session: str, user_id: str) -> Membership:
        """The person's first membership, read as that person, so that row level security decides."""
        arguments: dict[str, Any] = {
            "table": "members",
            "columns": "workspace_id,role",
            "filters": [{"column": "user_id", "operator": "eq", "value": user_id}],
            "order": [{"column": "created_at"}],
            "limit": 1,
            "session": session,
        }
        rows = (await self._supabase("select_rows", arguments))["rows"]
        if not rows:
            raise NotPermitted(
                "You have an account, but you are not a member of a workspace.",
                hint="Ask an administrator to add you.",
            )
        return Membership.model_validate(rows[0])

    async def _let_go(self, session: str) -> None:
        try:
            await self._supabase("sign_out", {"session": session})
        except SmeBoostError as exc:
            log.warning("helper_session_not_ended", code=exc.code)

    async def _supabase(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        result = await self._tools.call("supabase", tool, arguments)
        error = error_of(result)
        if error is not None:
            raise error
        return result.structured_content or {}


def _answer(model: BaseModel) -> Response:
    body = msgspec.json.encode(model.model_dump(mode="json"))
    return Response(body, 200, {"Cache-Control": "no-store"}, "application/json")
