"""The audit log: rows of `auth.audit_log_entries`, one for what a person or an administrator did.

Rules of this room:

- An entry is written in the transaction of what it tells of: either both last or neither.
- No entry holds a password, a token, a code or a secret.
- Entries older than `SUPABASE_AUDIT_LOG_DAYS` go, a few with each new one, so that the log has an end.
"""

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, Literal, LiteralString
from uuid import UUID, uuid4

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Json

from smeboost_emulators.supabase.pools import Connection

NOBODY = UUID(int=0)
FORGOTTEN_AT_ONCE = 10
ADDRESS_MAX_LENGTH = 64
Action = Literal[
    "challenge_created",
    "factor_deleted",
    "factor_in_progress",
    "factor_unenrolled",
    "factor_updated",
    "identity_unlinked",
    "login",
    "logout",
    "token_refreshed",
    "token_revoked",
    "user_confirmation_requested",
    "user_deleted",
    "user_invited",
    "user_modified",
    "user_reauthenticate_requested",
    "user_recovery_requested",
    "user_signedup",
    "user_updated_password",
    "verification_attempted",
]
_LOG_TYPES: dict[str, str] = {
    "login": "account",
    "logout": "account",
    "user_signedup": "team",
    "user_deleted": "team",
    "user_invited": "team",
    "token_refreshed": "token",
    "token_revoked": "token",
    "user_confirmation_requested": "user",
    "user_modified": "user",
    "user_reauthenticate_requested": "user",
    "user_recovery_requested": "user",
    "user_updated_password": "user",
}
# What GET /admin/audit?query=scope:text looks at.
SCOPES: dict[str, LiteralString] = {
    "author": "payload->>'actor_username' ilike %(text)s or payload->>'actor_name' ilike %(text)s",
    "action": "payload->>'action' ilike %(text)s",
    "type": "payload->>'log_type' ilike %(text)s",
}


@dataclass(frozen=True)
class Actor:
    """Who did it; `id` is `NOBODY` for the service role."""

    id: UUID
    username: str
    name: str | None = None
    via_sso: bool = False


async def record(
    connection: Connection,
    actor: Actor,
    action: Action,
    *,
    ip: str | None,
    traits: dict[str, object],
    keep: timedelta,
) -> None:
    """Write one entry, and forget a few that are older than `keep`."""
    payload: dict[str, object] = {
        "actor_id": str(actor.id),
        "actor_via_sso": actor.via_sso,
        "actor_username": actor.username,
        "action": action,
        "log_type": _LOG_TYPES.get(action, "factor" if action != "identity_unlinked" else "user"),
    }
    named = {"actor_name": actor.name} if actor.name else {}
    detailed = {"traits": traits} if traits else {}
    await connection.execute(
        """insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
           values (%s, %s, %s, clock_timestamp(), %s)""",
        (NOBODY, uuid4(), Json({**payload, **named, **detailed}), (ip or "")[:ADDRESS_MAX_LENGTH]),
    )
    await connection.execute(
        """delete from auth.audit_log_entries where id in (
             select id from auth.audit_log_entries where created_at < now() - %s::interval
             order by created_at limit %s for update skip locked)""",
        (keep, FORGOTTEN_AT_ONCE),
    )


async def list_page(
    connection: Connection, *, scope: str | None, text: str, limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """A page of entries, the newest first, and how many match in all.

    Raises:
        KeyError: there is no such scope.
    """
    condition = sql.SQL(SCOPES[scope] if scope else "true")
    values = {"text": f"%{_literally(text)}%", "limit": limit, "offset": offset}
    query = sql.SQL(
        """select id, payload, created_at, ip_address from auth.audit_log_entries where {}
           order by created_at desc, id limit %(limit)s offset %(offset)s"""
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query.format(condition), values)).fetchall()
    counting = sql.SQL("select count(*) from auth.audit_log_entries where {}").format(condition)
    counted = await (await connection.execute(counting, values)).fetchone()
    return [_entry(row) for row in rows], int(counted[0]) if counted else 0


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    moment = row["created_at"].astimezone(UTC).isoformat().replace("+00:00", "Z") if row["created_at"] else None
    return {"id": str(row["id"]), "payload": row["payload"], "created_at": moment, "ip_address": row["ip_address"]}


def _literally(text: str) -> str:
    """`text` without the meaning that LIKE gives to some characters."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
