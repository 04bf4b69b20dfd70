"""Second factors and their challenges: rows of `auth.mfa_factors` and `auth.mfa_challenges`.

Rules of this room:

- A factor's secret is written once, sealed, and leaves the database only to check a code.
- Whoever checks a code holds the lock on the factor's row, so that one code is good once and no try goes uncounted.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import sql
from psycopg.rows import class_row

from smeboost_emulators.supabase.pools import Connection

VERIFIED = "verified"
UNVERIFIED = "unverified"
TOTP = "totp"
# Only somebody on this machine, at a Unix socket, has no address.
LOCAL_ADDRESS = "127.0.0.1"
_BEGINNING = datetime.fromtimestamp(0, UTC)
_SELECT = sql.SQL(
    """select id, user_id, coalesce(friendly_name, '') as friendly_name, factor_type::text as factor_type,
         status::text as status, created_at, updated_at, last_challenged_at from auth.mfa_factors where {}"""
)


@dataclass(frozen=True)
class Factor:
    """A row of `auth.mfa_factors` without its secret."""

    id: UUID
    user_id: UUID
    friendly_name: str
    factor_type: str
    status: str
    created_at: datetime
    updated_at: datetime
    last_challenged_at: datetime | None

    @property
    def verified(self) -> bool:
        """Whether a code of it was right once."""
        return self.status == VERIFIED


@dataclass(frozen=True)
class Challenge:
    """A row of `auth.mfa_challenges`."""

    id: UUID
    created_at: datetime
    verified_at: datetime | None
    same_address: bool


@dataclass(frozen=True)
class Attempts:
    """What a factor was tried with: the period of its last right code, and wrong ones since `counted_since`."""

    last_step: int = 0
    failures: int = 0
    counted_since: datetime = _BEGINNING


async def of_user(connection: Connection, user_id: UUID) -> list[Factor]:
    """A person's factors, the oldest first."""
    return (await of_users(connection, [user_id]))[user_id]


async def of_users(connection: Connection, user_ids: list[UUID]) -> dict[UUID, list[Factor]]:
    """The factors of several people."""
    found: dict[UUID, list[Factor]] = {user_id: [] for user_id in user_ids}
    query = _SELECT.format(sql.SQL("user_id = any(%s) order by created_at, id"))
    async with connection.cursor(row_factory=class_row(Factor)) as cursor:
        await cursor.execute(query, (user_ids,))
        async for factor in cursor:
            found[factor.user_id].append(factor)
    return found


async def find(connection: Connection, user_id: UUID, factor_id: UUID, *, lock: bool = False) -> Factor | None:
    """A person's factor, locked until the transaction ends if asked."""
    suffix = sql.SQL(" for update" if lock else "")
    query = _SELECT.format(sql.SQL("id = %s and user_id = %s")) + suffix
    async with connection.cursor(row_factory=class_row(Factor)) as cursor:
        return await (await cursor.execute(query, (factor_id, user_id))).fetchone()


async def has_verified(connection: Connection, user_id: UUID) -> bool:
    """Whether a person has a factor that counts."""
    query = "select exists (select from auth.mfa_factors where user_id = %s and status = 'verified')"
    row = await (await connection.execute(query, (user_id,))).fetchone()
    return bool(row and row[0])


async def add(connection: Connection, factor_id: UUID, user_id: UUID, *, friendly_name: str, secret: str) -> None:
    """Store a TOTP factor that is not verified yet; `secret` is sealed.

    Raises:
        psycopg.errors.UniqueViolation: the person has one of that name.
    """
    await connection.execute(
        """insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, created_at, updated_at,
             secret)
           values (%s, %s, %s, 'totp', 'unverified', now(), now(), %s)""",
        (factor_id, user_id, friendly_name, secret),
    )


async def rename(connection: Connection, factor_id: UUID, friendly_name: str) -> None:
    """Give a factor another name.

    Raises:
        psycopg.errors.UniqueViolation: the person has another one of that name.
    """
    await connection.execute(
        "update auth.mfa_factors set friendly_name = %s, updated_at = now() where id = %s", (friendly_name, factor_id)
    )


async def secret_of(connection: Connection, factor_id: UUID) -> str:
    """The stored, perhaps sealed secret."""
    row = await (await connection.execute("select secret from auth.mfa_factors where id = %s", (factor_id,))).fetchone()
    return str(row[0] or "") if row else ""


async def keep_secret(connection: Connection, factor_id: UUID, secret: str) -> None:
    """Store the secret anew, sealed with another key."""
    await connection.execute("update auth.mfa_factors set secret = %s where id = %s", (secret, factor_id))


async def mark_verified(connection: Connection, factor_id: UUID) -> None:
    """Let a factor count from now on."""
    await connection.execute(
        "update auth.mfa_factors set status = 'verified', updated_at = now() where id = %s", (factor_id,)
    )


async def remove(connection: Connection, factor_id: UUID) -> None:
    """Delete a factor with its challenges."""
    await connection.execute("delete from auth.mfa_factors where id = %s", (factor_id,))


async def remove_unverified(connection: Connection, user_id: UUID, *, older_than: timedelta | None = None) -> None:
    """Delete a person's TOTP factors that nobody finished, all or those of a certain age without a challenge."""
    await connection.execute(
        """delete from auth.mfa_factors f where user_id = %(user)s and status = 'unverified' and factor_type = 'totp'
             and (%(age)s::interval is null or (created_at + %(age)s < now()
               and not exists (select from auth.mfa_challenges c where c.factor_id = f.id)))""",
        {"user": user_id, "age": older_than},
    )


async def remove_all(connection: Connection, user_id: UUID) -> None:
    """Delete every factor of a person."""
    await connection.execute("delete from auth.mfa_factors where user_id = %s", (user_id,))


async def challenges_since(connection: Connection, factor_id: UUID, age: timedelta) -> int:
    """How often a factor was challenged lately."""
    query = "select count(*) from auth.mfa_challenges where factor_id = %s and created_at > now() - %s::interval"
    row = await (await connection.execute(query, (factor_id, age))).fetchone()
    return int(row[0]) if row else 0


async def add_challenge(connection: Connection, factor_id: UUID, *, ip: str | None, forget: timedelta) -> Challenge:
    """Begin a challenge; those of the factor that are older than `forget` go."""
    await connection.execute(
        "delete from auth.mfa_challenges where factor_id = %s and created_at < now() - %s::interval",
        (factor_id, forget),
    )
    challenge_id, now = uuid4(), datetime.now(UTC)
    await connection.execute(
        "insert into auth.mfa_challenges (id, factor_id, created_at, ip_address) values (%s, %s, %s, %s)",
        (challenge_id, factor_id, now, ip or LOCAL_ADDRESS),
    )
    await connection.execute("update auth.mfa_factors set last_challenged_at = %s where id = %s", (now, factor_id))
    return Challenge(challenge_id, now, verified_at=None, same_address=True)


async def find_challenge(
    connection: Connection, factor_id: UUID, challenge_id: UUID, *, ip: str | None
) -> Challenge | None:
    """A challenge of a factor, and whether it began at the address `ip`."""
    query = """select id, created_at, verified_at, host(ip_address) = host(%s::inet) as same_address
               from auth.mfa_challenges where id = %s and factor_id = %s"""
    async with connection.cursor(row_factory=class_row(Challenge)) as cursor:
        return await (await cursor.execute(query, (ip or LOCAL_ADDRESS, challenge_id, factor_id))).fetchone()


async def end_challenge(connection: Connection, challenge_id: UUID) -> None:
    """Note that a challenge was answered."""
    await connection.execute("update auth.mfa_challenges set verified_at = now() where id = %s", (challenge_id,))


async def remove_challenge(connection: Connection, challenge_id: UUID) -> None:
    """Delete a challenge."""
    await connection.execute("delete from auth.mfa_challenges where id = %s", (challenge_id,))


async def attempts(connection: Connection, factor_id: UUID) -> Attempts:
    """What was tried with a factor."""
    query = "select last_step, failures, counted_since from _smeboost.factor_attempts where factor_id = %s"
    async with connection.cursor(row_factory=class_row(Attempts)) as cursor:
        return await (await cursor.execute(query, (factor_id,))).fetchone() or Attempts()


async def note_attempts(connection: Connection, factor_id: UUID, tried: Attempts) -> None:
    """Store what was tried with a factor."""
    await connection.execute(
        """insert into _smeboost.factor_attempts (factor_id, last_step, failures, counted_since)
           values (%(id)s, %(step)s, %(failures)s, %(since)s)
           on conflict (factor_id) do update
           set last_step = %(step)s, failures = %(failures)s, counted_since = %(since)s""",
        {"id": factor_id, "step": tried.last_step, "failures": tried.failures, "since": tried.counted_since},
    )


def factor_json(factor: Factor) -> dict[str, Any]:
    """A factor as GoTrue shows one."""
    named = {"friendly_name": factor.friendly_name} if factor.friendly_name else {}
    challenged = {"last_challenged_at": _timestamp(factor.last_challenged_at)} if factor.last_challenged_at else {}
    return {
        "id": str(factor.id),
        "created_at": _timestamp(factor.created_at),
        "updated_at": _timestamp(factor.updated_at),
        "status": factor.status,
        **named,
        "factor_type": factor.factor_type,
        **challenged,
    }


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
