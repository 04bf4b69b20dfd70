"""One-time tokens: rows of `auth.one_time_tokens`, which the links and codes of mails lead to.

Rules of this room:

- A token is kept as GoTrue keeps it, the SHA-224 of address and code in hex, with `pkce_` before it in a PKCE flow.
- A person has one token of a type; a new one takes the place of the old one.
- Whoever uses a token deletes its row in the transaction that acts on it, so that it is good for one of two requests
  at once. Before that the row of the person is locked: it is always the first lock of several.
- A code is short, so a token counts the wrong ones that were tried. After too many no code is right any more; the
  link still is, because that cannot be made invalid by somebody who only knows the address.
"""

import hmac
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha224
from typing import Literal
from uuid import UUID, uuid4

from psycopg.rows import class_row

from smeboost_emulators.supabase.pools import Connection

PKCE_PREFIX = "pkce_"
TokenType = Literal[
    "confirmation_token",
    "recovery_token",
    "email_change_token_new",
    "email_change_token_current",
    "reauthentication_token",
]
EMAIL_CHANGE_NEW: TokenType = "email_change_token_new"
EMAIL_CHANGE_CURRENT: TokenType = "email_change_token_current"
HALVES: tuple[TokenType, ...] = (EMAIL_CHANGE_NEW, EMAIL_CHANGE_CURRENT)
"""The two tokens of a change of address."""
_SELECT = """select t.id, t.user_id, t.token_type::text as token_type, t.token_hash, t.relates_to,
               t.created_at at time zone 'utc' as created_at, coalesce(a.failures, 0) as failures
             from auth.one_time_tokens t left join _smeboost.token_attempts a on a.token_id = t.id where """


@dataclass(frozen=True)
class OneTimeToken:
    """A token that waits to be used; `relates_to` is the address it was mailed to."""

    id: UUID
    user_id: UUID
    token_type: TokenType
    token_hash: str
    relates_to: str
    created_at: datetime
    failures: int

    @property
    def is_for_old_address(self) -> bool:
        """Whether it is the half of a change of address that went to the old one."""
        return self.token_type == EMAIL_CHANGE_CURRENT

    def is_open_to_codes(self, *, life_seconds: int, attempts_max: int) -> bool:
        """Whether a right code would still be accepted."""
        return not self.is_expired(life_seconds) and self.failures < attempts_max

    def is_expired(self, life_seconds: int) -> bool:
        """Whether it is too old to be used."""
        return datetime.now(UTC) > self.created_at + timedelta(seconds=life_seconds)

    def has_code(self, code: str) -> bool:
        """Whether `code` is the one that was mailed; compared in constant time."""
        return hmac.compare_digest(self.token_hash.removeprefix(PKCE_PREFIX), code_hash(self.relates_to, code))


def new_code(length: int) -> str:
    """A code of so many digits."""
    return "".join(secrets.choice(string.digits) for _ in range(length))


def code_hash(address: str, code: str) -> str:
    """What is kept of a code."""
    return sha224((address + code).encode(errors="replace")).hexdigest()


async def store(connection: Connection, user_id: UUID, token_type: TokenType, *, token_hash: str, address: str) -> None:
    """Keep a token, in the place of an older one of its type; the person is locked."""
    await remove(connection, user_id, [token_type])
    await connection.execute(
        """insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
           values (%s, %s, %s, %s, %s, now() at time zone 'utc', now() at time zone 'utc')""",
        (uuid4(), user_id, token_type, token_hash, address),
    )


async def find_by_hash(connection: Connection, token_hash: str, types: Sequence[TokenType]) -> OneTimeToken | None:
    """The token with this hash, if it is of one of the types."""
    query = _SELECT + "t.token_hash = %s and t.token_type::text = any(%s)"
    async with connection.cursor(row_factory=class_row(OneTimeToken)) as cursor:
        return await (await cursor.execute(query.encode(), (token_hash, list(types)))).fetchone()


async def of_address(connection: Connection, address: str, types: Sequence[TokenType]) -> list[OneTimeToken]:
    """The tokens of these types that were mailed to an address, the newest first."""
    query = _SELECT + "t.relates_to = %s and t.token_type::text = any(%s) order by t.created_at desc"
    async with connection.cursor(row_factory=class_row(OneTimeToken)) as cursor:
        return await (await cursor.execute(query.encode(), (address, list(types)))).fetchall()


async def consume(connection: Connection, token: OneTimeToken) -> bool:
    """Use a token up; False when somebody else was faster."""
    cursor = await connection.execute("delete from auth.one_time_tokens where id = %s", (token.id,))
    return cursor.rowcount == 1


async def remove(connection: Connection, user_id: UUID, types: Sequence[TokenType]) -> None:
    """Delete a person's tokens of some types."""
    await connection.execute(
        "delete from auth.one_time_tokens where user_id = %s and token_type::text = any(%s)", (user_id, list(types))
    )


async def remove_all(connection: Connection, user_id: UUID) -> None:
    """Delete every token of a person."""
    await connection.execute("delete from auth.one_time_tokens where user_id = %s", (user_id,))


async def count_failure(connection: Connection, tokens: Sequence[OneTimeToken]) -> None:
    """Remember that a wrong code was tried for these tokens; their people are locked."""
    for token in tokens:
        await connection.execute(
            """insert into _smeboost.token_attempts (token_id, failures)
               select id, 1 from auth.one_time_tokens where id = %s
               on conflict (token_id) do update set failures = token_attempts.failures + 1""",
            (token.id,),
        )
