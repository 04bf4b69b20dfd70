"""Sessions and their refresh tokens.

Rules of this room (GoTrue's, version 1 tokens):

- A refresh revokes the token that was shown and stores a child of it; both belong to one session.
- A revoked token is still good when it is the parent of the active one (the answer got lost: the same active token is
  given again) or when it was revoked less than the re-use interval ago. Otherwise somebody copied it: all tokens of
  the session are revoked.
- Whoever changes the tokens of a session holds the lock on the session's row.
"""

import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, LiteralString
from uuid import UUID, uuid4

from psycopg import sql
from psycopg.rows import class_row, dict_row

from smeboost_emulators.supabase.pools import Connection

TOKEN_LENGTH = 12
TOKEN_FORM = re.compile(r"[a-z0-9]{12}", re.ASCII)
_ALPHABET = string.ascii_lowercase + string.digits
USER_AGENT_MAX_LENGTH = 1000
# GoTrue's; a copied token that is shown later than this is merely unknown.
REVOKED_REMEMBERED = timedelta(hours=24)

_SELECT = sql.SQL(
    """select id, user_id, coalesce(aal::text, 'aal1') as aal, not_after, coalesce(created_at, now()) as created_at,
         refreshed_at at time zone 'utc' as refreshed_at from auth.sessions where {}"""
)

LogoutScope = Literal["global", "local", "others"]


@dataclass(frozen=True)
class Client:
    """Who asks, as far as a session remembers it."""

    user_agent: str | None
    ip: str | None


@dataclass(frozen=True)
class RefreshToken:
    """A row of `auth.refresh_tokens`."""

    token: str
    user_id: str
    session_id: UUID | None
    parent: str | None
    revoked: bool
    updated_at: datetime


@dataclass(frozen=True)
class Session:
    """A row of `auth.sessions`, as far as tokens speak of it."""

    id: UUID
    user_id: UUID
    aal: str
    not_after: datetime | None
    created_at: datetime
    refreshed_at: datetime | None


async def start(
    connection: Connection, user_id: UUID, *, method: str, client: Client, most: int
) -> tuple[Session, str]:
    """A new session of a person who proved who they are by `method`, and its first refresh token.

    Of more than `most` sessions those that rested longest end.
    """
    now = datetime.now(UTC)
    session = Session(id=uuid4(), user_id=user_id, aal="aal1", not_after=None, created_at=now, refreshed_at=None)
    await connection.execute(
        """insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
           values (%s, %s, now(), now(), 'aal1', %s, %s)""",
        (session.id, user_id, (client.user_agent or "")[:USER_AGENT_MAX_LENGTH], client.ip),
    )
    await note_method(connection, session.id, method)
    await _end_oldest(connection, user_id, most)
    return session, await _store_token(connection, session, parent=None)


async def find(connection: Connection, session_id: UUID, *, lock: bool = False) -> Session | None:
    """The session, locked until the transaction ends if asked."""
    query = _SELECT.format(sql.SQL("id = %s")) + sql.SQL(" for update" if lock else "")
    async with connection.cursor(row_factory=class_row(Session)) as cursor:
        return await (await cursor.execute(query, (session_id,))).fetchone()


async def of_user(connection: Connection, user_id: UUID) -> list[Session]:
    """All sessions of a person."""
    async with connection.cursor(row_factory=class_row(Session)) as cursor:
        return await (await cursor.execute(_SELECT.format(sql.SQL("user_id = %s")), (user_id,))).fetchall()


async def lock_if_free(connection: Connection, session_id: UUID) -> bool:
    """Lock a session until the transaction ends, unless somebody else has the lock or it is gone."""
    query = "select from auth.sessions where id = %s for update skip locked"
    return await (await connection.execute(query, (session_id,))).fetchone() is not None


async def methods(connection: Connection, session_id: UUID) -> list[dict[str, Any]]:
    """The `amr` claim of a session: how the person proved who they are, newest first."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """select authentication_method as method, extract(epoch from updated_at)::bigint as timestamp
               from auth.mfa_amr_claims where session_id = %s order by updated_at desc""",
            (session_id,),
        )
        return await cursor.fetchall()


async def find_token(connection: Connection, token: str) -> RefreshToken | None:
    """The refresh token with this value."""
    return await _token(connection, "token = %s", (token,))


async def active_token(connection: Connection, session_id: UUID) -> RefreshToken | None:
    """The newest token of a session that is not revoked."""
    return await _token(connection, "session_id = %s and revoked is not true", (session_id,))


def is_reusable(token: RefreshToken, active: RefreshToken | None, *, reuse_seconds: int) -> bool:
    """Whether a revoked token was shown again in good faith: see the rules of this room."""
    if active is not None and active.parent == token.token:
        return True
    return datetime.now(UTC) <= token.updated_at + timedelta(seconds=reuse_seconds)


async def rotate(connection: Connection, session: Session, token: RefreshToken) -> str:
    """Revoke `token` and give its child; tokens that were revoked more than a day ago are forgotten."""
    await connection.execute(
        "update auth.refresh_tokens set revoked = true, updated_at = now() where token = %s", (token.token,)
    )
    await connection.execute(
        "delete from auth.refresh_tokens where session_id = %s and revoked and updated_at < now() - %s::interval",
        (session.id, REVOKED_REMEMBERED),
    )
    return await _store_token(connection, session, parent=token.token)


async def raise_level(connection: Connection, session: Session, factor_id: UUID, *, method: str) -> None:
    """Note that the person of a session has proved a second factor."""
    await connection.execute(
        "update auth.sessions set aal = 'aal2', factor_id = %s, updated_at = now() where id = %s",
        (factor_id, session.id),
    )
    await note_method(connection, session.id, method)


async def lower_level(connection: Connection, user_id: UUID, factor_id: UUID) -> None:
    """Take back what a factor that is gone has proved."""
    await connection.execute(
        """delete from auth.mfa_amr_claims where authentication_method = 'totp' and session_id in
             (select id from auth.sessions where user_id = %s and factor_id = %s)""",
        (user_id, factor_id),
    )
    await connection.execute(
        """update auth.sessions set aal = 'aal1', factor_id = null, updated_at = now()
           where user_id = %s and factor_id = %s""",
        (user_id, factor_id),
    )


async def end_below_second_level(connection: Connection, user_id: UUID) -> None:
    """Remove the sessions of a person that have proved no second factor."""
    await connection.execute(
        "delete from auth.sessions where user_id = %s and (aal is null or aal < 'aal2')", (user_id,)
    )


async def note_method(connection: Connection, session_id: UUID, method: str) -> None:
    """Add to the `amr` claim of a session, or renew what is there."""
    await connection.execute(
        """insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
           values (%s, %s, now(), now(), %s)
           on conflict (session_id, authentication_method) do update set updated_at = now()""",
        (uuid4(), session_id, method),
    )


async def note_refresh(connection: Connection, session: Session, client: Client) -> None:
    """Remember when a session was last refreshed, and from where."""
    await connection.execute(
        """update auth.sessions set refreshed_at = now() at time zone 'utc', updated_at = now(), user_agent = %s,
             ip = %s where id = %s""",
        ((client.user_agent or "")[:USER_AGENT_MAX_LENGTH], client.ip, session.id),
    )


async def revoke_family(connection: Connection, session_id: UUID) -> None:
    """Revoke every refresh token of a session."""
    await connection.execute(
        "update auth.refresh_tokens set revoked = true, updated_at = now() where session_id = %s", (session_id,)
    )


async def end(connection: Connection, user_id: UUID, *, scope: LogoutScope, current: UUID | None) -> None:
    """Remove sessions, and with them their refresh tokens: all of a person, the current one, or all but that."""
    conditions: dict[LogoutScope, tuple[LiteralString, Sequence[UUID | None]]] = {
        "global": ("user_id = %s", (user_id,)),
        "local": ("user_id = %s and id = %s", (user_id, current)),
        "others": ("user_id = %s and id is distinct from %s", (user_id, current)),
    }
    condition, values = conditions[scope]
    await connection.execute(sql.SQL("delete from auth.sessions where {}").format(sql.SQL(condition)), values)


async def _end_oldest(connection: Connection, user_id: UUID, most: int) -> None:
    await connection.execute(
        """delete from auth.sessions where id in (
             select id from auth.sessions where user_id = %s
             order by coalesce(refreshed_at at time zone 'utc', created_at) desc nulls last, id offset %s)""",
        (user_id, most),
    )


async def _store_token(connection: Connection, session: Session, *, parent: str | None) -> str:
    token = "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))
    await connection.execute(
        """insert into auth.refresh_tokens (token, user_id, session_id, parent, revoked, created_at, updated_at)
           values (%s, %s, %s, %s, false, now(), now())""",
        (token, str(session.user_id), session.id, parent),
    )
    return token


async def _token(connection: Connection, condition: LiteralString, values: Sequence[object]) -> RefreshToken | None:
    query = sql.SQL(
        """select token, user_id, session_id, parent, coalesce(revoked, false) as revoked,
             coalesce(updated_at, created_at, now()) as updated_at
           from auth.refresh_tokens where {} order by id desc limit 1"""
    ).format(sql.SQL(condition))
    async with connection.cursor(row_factory=class_row(RefreshToken)) as cursor:
        return await (await cursor.execute(query, values)).fetchone()
