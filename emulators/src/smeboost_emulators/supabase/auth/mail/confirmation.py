"""What a used token changes about a person: a confirmed address, another address, a sign-in."""

from datetime import UTC, datetime

from smeboost_emulators.supabase.auth import users
from smeboost_emulators.supabase.auth.mail import one_time_tokens
from smeboost_emulators.supabase.auth.mail.one_time_tokens import HALVES, OneTimeToken, TokenType
from smeboost_emulators.supabase.auth.service import merged
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection

HALF_DONE = 1


async def confirm(connection: Connection, user: User) -> User:
    """Note that the address is the person's; nothing happens when that is known."""
    if user.email_confirmed_at is not None:
        return user
    metadata = merged(user.raw_user_meta_data, {"email_verified": True})
    now = datetime.now(UTC)
    return await users.change(connection, user.id, email_confirmed_at=now, raw_user_meta_data=metadata)


async def note_sign_in(connection: Connection, user: User) -> User:
    """Note when the person came in."""
    return await users.change(connection, user.id, last_sign_in_at=datetime.now(UTC))


async def change_email(connection: Connection, user: User, token: OneTimeToken, *, both: bool) -> User | None:
    """Confirm one half of a change of address; None when the other half is still to come.

    The new address counts once somebody who reads its mail has said so, and, if `both`, who reads the old one's too.

    Raises:
        psycopg.errors.UniqueViolation: somebody else has the address by now.
    """
    half_done = user.email_change_confirm_status == HALF_DONE
    if not half_done and (both or token.is_for_old_address):
        await users.change(connection, user.id, email_change_confirm_status=HALF_DONE)
        return None
    return await take_email(connection, user, user.email_change or token.relates_to)


async def take_email(connection: Connection, user: User, email: str) -> User:
    """Give a person a confirmed address; links to the old one are good no more.

    Raises:
        psycopg.errors.UniqueViolation: somebody else has the address.
    """
    mailed: list[TokenType] = [*HALVES, "recovery_token", "confirmation_token"]
    await one_time_tokens.remove(connection, user.id, mailed)
    return await users.change(
        connection,
        user.id,
        email=email,
        email_confirmed_at=datetime.now(UTC),
        email_change="",
        email_change_confirm_status=0,
        raw_user_meta_data=merged(user.raw_user_meta_data, {"email": email, "email_verified": True}),
    )
