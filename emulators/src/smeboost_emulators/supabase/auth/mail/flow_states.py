"""PKCE (RFC 7636): rows of `auth.flow_state`, from the challenge of a request to the code that is exchanged.

Rules of this room:

- A person has one flow of a method; a new one takes the place of the old one, which is what bounds the table.
- The code is given out when the link of the mail is followed, and is good once, with the verifier, for some minutes.
"""

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

from psycopg.rows import class_row

from smeboost_emulators.supabase.auth.errors import AuthFailure, invalid
from smeboost_emulators.supabase.pools import Connection

CHALLENGE_LENGTH_MIN = 43
CHALLENGE_LENGTH_MAX = 128
METHODS = frozenset({"s256", "plain"})
_CHALLENGE = re.compile(r"[a-zA-Z._~0-9-]+", re.ASCII)


@dataclass(frozen=True)
class Challenge:
    """What a client wants to be asked for later: the verifier of `value`."""

    value: str
    method: str


@dataclass(frozen=True)
class FlowState:
    """A row of `auth.flow_state`."""

    id: UUID
    user_id: UUID | None
    code_challenge: str
    code_challenge_method: str
    authentication_method: str
    auth_code_issued_at: datetime | None

    def accepts(self, verifier: str) -> bool:
        """Whether `verifier` answers the challenge."""
        answer = verifier.encode(errors="replace")
        if self.code_challenge_method == "s256":
            answer = base64.urlsafe_b64encode(sha256(answer).digest()).rstrip(b"=")
        return hmac.compare_digest(self.code_challenge.encode(), answer)


def challenge_of(value: str | None, method: str | None) -> Challenge | None:
    """The challenge of a request, None when it has none.

    Raises:
        AuthFailure: validation_failed.
    """
    if not value and not method:
        return None
    if not value or not method:
        raise invalid("PKCE flow requires code_challenge_method and code_challenge")
    if not CHALLENGE_LENGTH_MIN <= len(value) <= CHALLENGE_LENGTH_MAX:
        raise invalid(f"code challenge has to be between {CHALLENGE_LENGTH_MIN} and {CHALLENGE_LENGTH_MAX} characters")
    if not _CHALLENGE.fullmatch(value):
        allowed = "alphanumeric characters, hyphens, periods, underscores and tildes"
        raise invalid(f"code challenge can only contain {allowed}")
    if method.lower() not in METHODS:
        raise invalid(f"unsupported code_challenge method {method[:50]!r}")
    return Challenge(value, method.lower())


async def begin(connection: Connection, user_id: UUID, challenge: Challenge, *, method: str) -> None:
    """Remember a challenge until the person follows the link; `method` is how the session will say it began."""
    await connection.execute(
        "delete from auth.flow_state where user_id = %s and authentication_method = %s", (user_id, method)
    )
    await connection.execute(
        """insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type,
             authentication_method, created_at, updated_at)
           values (%s, %s, %s, %s, %s, %s, %s, now(), now())""",
        (uuid4(), user_id, str(uuid4()), challenge.method, challenge.value, method, method),
    )


async def issue_code(connection: Connection, user_id: UUID, *, method: str) -> str:
    """The code of a person's flow, which can be exchanged from now on.

    Raises:
        AuthFailure: flow_state_not_found.
    """
    cursor = await connection.execute(
        """update auth.flow_state set auth_code_issued_at = now(), updated_at = now()
           where user_id = %s and authentication_method = %s returning auth_code""",
        (user_id, method),
    )
    row = await cursor.fetchone()
    if row is None:
        raise _unknown()
    return str(row[0])


async def redeem(connection: Connection, code: str, verifier: str, *, life: timedelta) -> FlowState:
    """Use a code up; the flow that it was given out for.

    Raises:
        AuthFailure: flow_state_not_found, flow_state_expired, bad_code_verifier.
    """
    async with connection.cursor(row_factory=class_row(FlowState)) as cursor:
        await cursor.execute(
            """select id, user_id, code_challenge, code_challenge_method::text as code_challenge_method,
                 authentication_method, auth_code_issued_at from auth.flow_state where auth_code = %s for update""",
            (code,),
        )
        flow = await cursor.fetchone()
    if flow is None or flow.auth_code_issued_at is None:
        raise _unknown()
    if datetime.now(UTC) > flow.auth_code_issued_at + life:
        raise AuthFailure(422, "flow_state_expired", "invalid flow state, flow state has expired")
    if not flow.accepts(verifier):
        message = "code challenge does not match previously saved code verifier"
        raise AuthFailure(400, "bad_code_verifier", message)
    await connection.execute("delete from auth.flow_state where id = %s", (flow.id,))
    return flow


def _unknown() -> AuthFailure:
    return AuthFailure(404, "flow_state_not_found", "invalid flow state, no valid flow state found")
