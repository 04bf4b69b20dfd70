"""As whom a call is made: the configured key, a person who signed in, or any user or role."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import SecretStr
from smeboost_shared.errors import FieldProblem, InvalidInput

from smeboost_supabase.clients.impersonation import Impersonation
from smeboost_supabase.clients.sign_ins import SignIns

Answer = TypeVar("Answer")


class Acting:
    """Makes calls with the right access token."""

    def __init__(self, sign_ins: SignIns, impersonation: Impersonation) -> None:
        self._sign_ins = sign_ins
        self._impersonation = impersonation

    async def call(
        self, session: SecretStr | None, run_as: str | None, once: Callable[[str | None], Awaitable[Answer]]
    ) -> Answer:
        """Make `once` with a token, or with None for the configured key; raises as the two do that give tokens.

        Raises:
            InvalidInput: both a session and `run_as` are given.
        """
        if run_as is None:
            return await self._sign_ins.as_person(session, once)
        if session is not None:
            problem = FieldProblem(field="run_as", message="cannot be given together with session")
            raise InvalidInput("Act as whom?", errors=[problem])
        async with self._impersonation.token(run_as) as token:
            return await once(token)
