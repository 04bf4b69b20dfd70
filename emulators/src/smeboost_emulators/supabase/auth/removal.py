"""Delete a person softly: the row stays for what refers to it, and nothing in it says who it was (GoTrue's way)."""

import base64
import hashlib
from uuid import UUID

from smeboost_emulators.supabase.auth import sessions, users
from smeboost_emulators.supabase.auth.factors import factors
from smeboost_emulators.supabase.auth.mail import one_time_tokens
from smeboost_emulators.supabase.auth.users import User
from smeboost_emulators.supabase.pools import Connection

PHONE_MAX_LENGTH = 15


async def remove_softly(connection: Connection, user: User) -> None:
    """Make a person unrecognisable and end every session; doing it twice changes nothing more."""
    if user.deleted_at is not None:
        return
    await users.lock(connection, user.id)
    await connection.execute(
        """update auth.users set email = %(email)s, phone = %(phone)s, encrypted_password = null, email_change = '',
             phone_change = '', confirmation_token = '', recovery_token = '', email_change_token_current = '',
             email_change_token_new = '', phone_change_token = '', reauthentication_token = '',
             raw_user_meta_data = '{}', raw_app_meta_data = '{}', deleted_at = now(), updated_at = now()
           where id = %(id)s""",
        {
            "id": user.id,
            "email": unrecognisable(user.id, user.email) if user.email else None,
            "phone": unrecognisable(user.id, user.phone)[:PHONE_MAX_LENGTH] if user.phone else None,
        },
    )
    rows = await connection.execute("select id, provider_id from auth.identities where user_id = %s", (user.id,))
    for identity_id, provider_id in await rows.fetchall():
        await connection.execute(
            "update auth.identities set provider_id = %s, identity_data = '{}', updated_at = now() where id = %s",
            (unrecognisable(user.id, provider_id), identity_id),
        )
    await factors.remove_all(connection, user.id)
    await one_time_tokens.remove_all(connection, user.id)
    await sessions.end(connection, user.id, scope="global", current=None)


def unrecognisable(user_id: UUID, value: str) -> str:
    """A text that is the same for the same person and value, and tells neither."""
    digest = hashlib.sha256(f"{user_id}{value}".encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
