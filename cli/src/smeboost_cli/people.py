"""The demo's people: made through the backend's admin API, as an administrator of a real project would."""

from collections.abc import Sequence
from uuid import UUID

import httpx2
import psycopg
from psycopg import AsyncConnection
from smeboost_shared.errors import StoreUnavailable, VendorBadAnswer, VendorUnavailable

from smeboost_cli.readyfile import DemoUser

WORKSPACE_ID = UUID("5a0e0b1c-7d1f-4c52-9a53-1f2f1c1a0d01")
WORKSPACE_NAME = "Demo"
TIMEOUT_SECONDS = 15.0


async def add_people(people: Sequence[DemoUser], *, database_url: str, supabase_url: str, service_key: str) -> None:
    """Make those who are missing, and the workspace that they are members of; those who exist stay as they are.

    Raises:
        VendorUnavailable: the backend does not answer.
        VendorBadAnswer: it refuses.
        StoreUnavailable: the database refuses, or cannot be reached.
    """
    try:
        await _add(people, database_url, supabase_url, service_key)
    except psycopg.Error as exc:
        raise StoreUnavailable(f"The demo's people cannot be added: {exc}") from exc


async def _add(people: Sequence[DemoUser], database_url: str, supabase_url: str, service_key: str) -> None:
    async with await AsyncConnection.connect(database_url, autocommit=True) as connection:
        known = await _ids(connection)
        missing = [person for person in people if person.email not in known]
        if missing:
            await _create(missing, supabase_url, service_key)
            known = await _ids(connection)
        async with connection.transaction():
            await connection.execute(
                "insert into public.workspaces (id, name) values (%s, %s) on conflict do nothing",
                (WORKSPACE_ID, WORKSPACE_NAME),
            )
            for person in people:
                await connection.execute(
                    "insert into public.members (workspace_id, user_id, role) values (%s, %s, %s) "
                    "on conflict do nothing",
                    (WORKSPACE_ID, known[person.email], person.role),
                )


async def _ids(connection: AsyncConnection) -> dict[str, UUID]:
    cursor = await connection.execute("select email, id from auth.users where email is not null")
    return dict(await cursor.fetchall())


async def _create(people: Sequence[DemoUser], supabase_url: str, service_key: str) -> None:
    headers = {"apikey": service_key, "Authorization": f"Bearer {service_key}"}
    async with httpx2.AsyncClient(base_url=supabase_url, headers=headers, timeout=TIMEOUT_SECONDS) as client:
        for person in people:
            new = {"email": person.email, "password": person.password, "email_confirm": True}
            try:
                answer = await client.post("/auth/v1/admin/users", json=new)
            except httpx2.TransportError as exc:
                raise VendorUnavailable(f"The Supabase backend does not answer: {exc}") from exc
            if answer.is_error:
                raise VendorBadAnswer(f"The Supabase backend refuses to add {person.email}: {answer.text[:500]}")
