"""Sign in without a name: a person with a session and nothing else.

PUT /user with an e-mail address makes such a person a known one, with the same id. Their tokens say `is_anonymous`, so
that policies can tell them from others.
"""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from smeboost_emulators.supabase.auth import sessions, users
from smeboost_emulators.supabase.auth.allowances import Allowance
from smeboost_emulators.supabase.auth.errors import AuthFailure
from smeboost_emulators.supabase.auth.service import AuthService, client_of
from smeboost_emulators.supabase.auth.users import NewUser

HOUR_SECONDS = 3600


class AnonymousSignIn:
    """POST /signup without an address."""

    def __init__(self, service: AuthService) -> None:
        self._service = service
        self._settings = service.settings
        self._allowance = Allowance(self._settings.anonymous_users_hourly_max, HOUR_SECONDS)

    async def begin(self, request: Request, data: dict[str, Any]) -> dict[str, Any]:
        """A session of a new anonymous person.

        Raises:
            AuthFailure: anonymous_provider_disabled, over_request_rate_limit, signup_disabled.
        """
        if not self._settings.anonymous_users_enabled:
            raise AuthFailure(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
        client = client_of(request)
        if not self._allowance.take(client.ip or ""):
            raise AuthFailure(429, "over_request_rate_limit", "Request rate limit reached")
        if self._settings.disable_signup:
            raise AuthFailure(422, "signup_disabled", "Signups not allowed for this instance")
        new = NewUser(
            email=None,
            password_hash=None,
            confirmed=False,
            user_metadata=data,
            app_metadata={},
            role=self._settings.jwt_default_group_name,
            aud=self._settings.jwt_aud,
        )
        async with self._service.pool.connection() as connection:
            user = await users.add(connection, new)
            user = await users.change(connection, user.id, last_sign_in_at=datetime.now(UTC))
            session, token = await sessions.start(
                connection, user.id, method="anonymous", client=client, most=self._settings.sessions_per_user_max
            )
            await self._service.note(connection, request, user, "user_signedup", provider="anonymous")
            return await self._service.token_response(request, connection, user, session, token)
