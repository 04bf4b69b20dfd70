"""The inbox: mails that are kept in the database instead of being sent.

Rules of this room:

- A mail is stored in the transaction that made its link, so there is none without the other.
- The inbox holds a bounded number of mails; the oldest go first.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg.rows import class_row

from smeboost_emulators.supabase.pools import Connection

_NEWEST = """select id, recipient, subject, kind, text_body, html_body, link, code, token_hash, sent_at
             from _smeboost.mails where %(recipient)s::text is null or recipient = %(recipient)s
             order by id desc limit %(limit)s"""


@dataclass(frozen=True)
class NewMail:
    """A mail that is about to be kept; `code` and `link` are what its texts show."""

    recipient: str
    subject: str
    kind: str
    text_body: str
    html_body: str
    link: str | None
    code: str
    token_hash: str


@dataclass(frozen=True)
class Mail:
    """A row of `_smeboost.mails`."""

    id: int
    recipient: str
    subject: str
    kind: str
    text_body: str
    html_body: str
    link: str | None
    code: str | None
    token_hash: str | None
    sent_at: datetime


async def keep(connection: Connection, mail: NewMail, *, messages_max: int) -> None:
    """Put a mail into the inbox, and let the oldest go when there are more than `messages_max`."""
    await connection.execute(
        """insert into _smeboost.mails (recipient, subject, kind, text_body, html_body, link, code, token_hash)
           values (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            mail.recipient,
            mail.subject,
            mail.kind,
            mail.text_body,
            mail.html_body,
            mail.link,
            mail.code,
            mail.token_hash,
        ),
    )
    # What another request removes already is skipped: waiting for it could be mutual.
    await connection.execute(
        """delete from _smeboost.mails where id in (
             select id from _smeboost.mails where id <= (
               select id from _smeboost.mails order by id desc offset %s limit 1)
             for update skip locked)""",
        (messages_max,),
    )


async def newest(connection: Connection, *, recipient: str | None, limit: int) -> list[Mail]:
    """The mails, newest first; only those to `recipient` (in lower case) when one is given."""
    async with connection.cursor(row_factory=class_row(Mail)) as cursor:
        await cursor.execute(_NEWEST, {"recipient": recipient, "limit": limit})
        return await cursor.fetchall()


async def remove(connection: Connection, mail_id: int | None = None) -> int:
    """Delete one mail, or all; gives how many there were."""
    cursor = await connection.execute(
        "delete from _smeboost.mails where %(id)s::bigint is null or id = %(id)s", {"id": mail_id}
    )
    return cursor.rowcount


def mail_json(mail: Mail) -> dict[str, object]:
    """A mail as the inbox shows it."""
    return {
        "id": mail.id,
        "recipient": mail.recipient,
        "subject": mail.subject,
        "kind": mail.kind,
        "text": mail.text_body,
        "html": mail.html_body,
        "link": mail.link,
        "code": mail.code,
        "token_hash": mail.token_hash,
        "sent_at": mail.sent_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
