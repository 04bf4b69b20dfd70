"""People and their identities: rows of `auth.users` and `auth.identities`, and the JSON they are shown as."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID, uuid4

from psycopg import sql
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from smeboost_emulators.supabase.auth.errors import AuthFailure
from smeboost_emulators.supabase.auth.factors import factors
from smeboost_emulators.supabase.auth.factors.factors import Factor, factor_json
from smeboost_emulators.supabase.pools import Connection

AUDIENCE = "authenticated"
NO_INSTANCE = UUID(int=0)
COLUMNS = sql.SQL(
    """id, aud, role, email, encrypted_password, email_confirmed_at, phone, phone_confirmed_at, confirmed_at,
       invited_at, confirmation_sent_at, recovery_sent_at, last_sign_in_at, raw_app_meta_data, raw_user_meta_data,
       created_at, updated_at, banned_until, deleted_at, is_anonymous, is_sso_user, email_change, email_change_sent_at,
       email_change_confirm_status, reauthentication_sent_at"""
)


@dataclass(frozen=True, kw_only=True)
class User:
    """A row of `auth.users`; only `id` is certain, because seed scripts insert what they like."""

    id: UUID
    aud: str | None = None
    role: str | None = None
    email: str | None = None
    encrypted_password: str | None = None
    email_confirmed_at: datetime | None = None
    phone: str | None = None
    phone_confirmed_at: datetime | None = None
    confirmed_at: datetime | None = None
    invited_at: datetime | None = None
    confirmation_sent_at: datetime | None = None
    recovery_sent_at: datetime | None = None
    last_sign_in_at: datetime | None = None
    raw_app_meta_data: dict[str, Any] | None = None
    raw_user_meta_data: dict[str, Any] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    banned_until: datetime | None = None
    deleted_at: datetime | None = None
    is_anonymous: bool = False
    is_sso_user: bool = False
    email_change: str | None = None
    email_change_sent_at: datetime | None = None
    email_change_confirm_status: int | None = None
    reauthentication_sent_at: datetime | None = None

    @property
    def banned(self) -> bool:
        """Whether a ban is in force now."""
        return self.banned_until is not None and self.banned_until > datetime.now(UTC)


@dataclass(frozen=True)
class NewUser:
    """What is known of a person who is being added; metadata and password hash are final, no e-mail is anonymous."""

    email: str | None
    password_hash: str | None
    confirmed: bool
    user_metadata: dict[str, Any]
    app_metadata: dict[str, Any]
    role: str = AUDIENCE
    id: UUID | None = None
    aud: str = AUDIENCE

    @property
    def provider_metadata(self) -> dict[str, Any]:
        """What app_metadata says of the ways in."""
        return {"provider": "email", "providers": ["email"]} if self.email else {}


async def find_by_email(connection: Connection, email: str) -> User | None:
    """The person with this address, given in lower case; single sign-on accounts do not count."""
    return await _one(connection, "lower(email) = %s and not is_sso_user and deleted_at is null", email)


async def find_by_id(connection: Connection, user_id: UUID) -> User | None:
    """The person with this id."""
    return await _one(connection, "id = %s", user_id)


async def lock(connection: Connection, user_id: UUID) -> User | None:
    """The person with this id, changed by nobody else until the transaction ends; always the first lock."""
    await connection.execute("select from auth.users where id = %s for no key update", (user_id,))
    return await find_by_id(connection, user_id)


async def locked(connection: Connection, user_id: UUID) -> User:
    """The same for a person who was there a moment ago.

    Raises:
        AuthFailure: user_not_found, when they were deleted since.
    """
    await lock(connection, user_id)
    return await _known(connection, user_id)


async def list_page(
    connection: Connection, *, aud: str, limit: int, offset: int, containing: str = "", oldest_first: bool = False
) -> tuple[list[User], int]:
    """A page of people of an audience, newest first unless asked otherwise, and how many there are in all.

    `containing` is looked for in the address, in any case in the metadata's `full_name`.
    """
    condition = sql.SQL(
        """aud = %(aud)s and (%(text)s = '' or strpos(email, %(text)s) > 0
             or strpos(lower(raw_user_meta_data ->> 'full_name'), lower(%(text)s)) > 0)"""
    )
    order = sql.SQL("created_at asc, id" if oldest_first else "created_at desc, id")
    values = {"aud": aud, "text": containing, "limit": limit, "offset": offset}
    query = sql.SQL("select {} from auth.users where {} order by {} limit %(limit)s offset %(offset)s")
    async with connection.cursor(row_factory=class_row(User)) as cursor:
        people = await (await cursor.execute(query.format(COLUMNS, condition, order), values)).fetchall()
    counting = sql.SQL("select count(*) from auth.users where {}").format(condition)
    counted = await (await connection.execute(counting, values)).fetchone()
    return people, int(counted[0]) if counted else 0


async def add(connection: Connection, new: NewUser) -> User:
    """Insert a person, with an e-mail identity if there is an address.

    Raises:
        psycopg.errors.UniqueViolation: somebody has the address or the id.
    """
    user_id = new.id or uuid4()
    values = {
        "instance_id": NO_INSTANCE,
        "id": user_id,
        "aud": new.aud,
        "role": new.role,
        "email": new.email,
        "encrypted_password": new.password_hash,
        "raw_app_meta_data": Jsonb({**new.provider_metadata, **new.app_metadata}),
        "raw_user_meta_data": Jsonb(new.user_metadata),
    }
    await connection.execute(
        """insert into auth.users (instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data,
             raw_user_meta_data, is_anonymous, email_confirmed_at, confirmation_token, recovery_token,
             email_change_token_new, email_change, created_at, updated_at)
           values (%(instance_id)s, %(id)s, %(aud)s, %(role)s, %(email)s, %(encrypted_password)s,
             %(raw_app_meta_data)s, %(raw_user_meta_data)s, %(is_anonymous)s, case when %(confirmed)s then now() end,
             '', '', '', '', now(), now())""",
        {**values, "confirmed": new.confirmed, "is_anonymous": not new.email},
    )
    await _match_identity(connection, user_id)
    return await _known(connection, user_id)


async def change(connection: Connection, user_id: UUID, **columns: object) -> User:
    """Set some columns."""
    assignments = [
        *(sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in columns),
        sql.SQL("updated_at = now()"),
    ]
    values = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in columns.items()}
    await connection.execute(
        sql.SQL("update auth.users set {} where id = %(user_id)s").format(sql.SQL(", ").join(assignments)),
        {**values, "user_id": user_id},
    )
    if "email" in columns or "email_confirmed_at" in columns:
        await _match_identity(connection, user_id)
    return await _known(connection, user_id)


async def _match_identity(connection: Connection, user_id: UUID) -> None:
    """Make the e-mail identity say what the row says; the first address makes an anonymous person a known one."""
    await connection.execute(
        """update auth.identities i set updated_at = now(), identity_data = i.identity_data || jsonb_build_object(
             'email', u.email, 'email_verified', u.email_confirmed_at is not null)
           from auth.users u where u.id = i.user_id and i.user_id = %s and i.provider = 'email'""",
        (user_id,),
    )
    await connection.execute(
        """insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at,
             updated_at)
           select id::text, id, jsonb_build_object('sub', id, 'email', email, 'email_verified',
             email_confirmed_at is not null, 'phone_verified', false), 'email', now(), now(), now()
           from auth.users u where id = %s and coalesce(email, '') <> '' and not exists
             (select from auth.identities i where i.user_id = u.id and i.provider = 'email')""",
        (user_id,),
    )
    await connection.execute(
        """update auth.users set is_anonymous = false, raw_app_meta_data = coalesce(raw_app_meta_data, '{}')
             || '{"provider": "email", "providers": ["email"]}'
           where id = %s and is_anonymous and email_confirmed_at is not null and coalesce(email, '') <> ''""",
        (user_id,),
    )


async def remove(connection: Connection, user_id: UUID) -> None:
    """Delete a person; identities, sessions and tokens go along."""
    await connection.execute("delete from auth.users where id = %s", (user_id,))


async def as_json(connection: Connection, *people: User) -> list[dict[str, Any]]:
    """The public form of people, identities and factors included; hashes and secrets are not part of it."""
    identities: dict[UUID, list[dict[str, Any]]] = {person.id: [] for person in people}
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            "select * from auth.identities where user_id = any(%s) order by created_at, id", (list(identities),)
        )
        async for row in cursor:
            identities[row["user_id"]].append(_identity_json(row))
    second = await factors.of_users(connection, list(identities))
    return [user_json(person, identities[person.id], second[person.id]) for person in people]


def user_json(user: User, identities: list[dict[str, Any]], second: Sequence[Factor] = ()) -> dict[str, Any]:
    """A person as GoTrue shows one; members that are always there, then those that have a value."""
    always = {
        "id": str(user.id),
        "aud": user.aud or AUDIENCE,
        "role": user.role or "",
        "email": user.email or "",
        "phone": user.phone or "",
        "app_metadata": user.raw_app_meta_data or {},
        "user_metadata": user.raw_user_meta_data or {},
        "identities": identities,
        "created_at": _timestamp(user.created_at or datetime.fromtimestamp(0, UTC)),
        "updated_at": _timestamp(user.updated_at or datetime.fromtimestamp(0, UTC)),
        "is_anonymous": user.is_anonymous,
    }
    moments = {
        name: getattr(user, name)
        for name in (
            "email_confirmed_at",
            "phone_confirmed_at",
            "confirmed_at",
            "invited_at",
            "confirmation_sent_at",
            "recovery_sent_at",
            "email_change_sent_at",
            "reauthentication_sent_at",
            "last_sign_in_at",
            "banned_until",
            "deleted_at",
        )
    }
    listed = {"factors": [factor_json(factor) for factor in second]} if second else {}
    pending = {"new_email": user.email_change} if user.email_change else {}
    return (
        always | pending | listed | {name: _timestamp(moment) for name, moment in moments.items() if moment is not None}
    )


def _identity_json(row: dict[str, Any]) -> dict[str, Any]:
    moments = {name: row[name] for name in ("last_sign_in_at", "created_at", "updated_at") if row[name]}
    return {
        "identity_id": str(row["id"]),
        "id": row["provider_id"],
        "user_id": str(row["user_id"]),
        "identity_data": row["identity_data"],
        "provider": row["provider"],
        **{name: _timestamp(moment) for name, moment in moments.items()},
        "email": row["email"] or "",
    }


def _timestamp(moment: datetime) -> str:
    """RFC 3339 with `T` and `Z`; the Python client's models refuse PostgreSQL's own form."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def _one(connection: Connection, condition: LiteralString, value: object) -> User | None:
    query = sql.SQL("select {} from auth.users where {} order by created_at limit 1").format(
        COLUMNS, sql.SQL(condition)
    )
    async with connection.cursor(row_factory=class_row(User)) as cursor:
        return await (await cursor.execute(query, (value,))).fetchone()


async def _known(connection: Connection, user_id: UUID) -> User:
    user = await find_by_id(connection, user_id)
    if user is None:
        raise AuthFailure(404, "user_not_found", "User not found")
    return user
