"""What a token may do on a private topic: the policies of `realtime.messages` say it.

Rules of this room (Supabase Realtime, "Authorization"):

- To hear needs a row of the topic that a SELECT policy shows, to say one that an INSERT policy lets in; broadcast and
  presence are asked for apart (`extension`). The database is asked by trying, and what was tried is rolled back.
- Who may hear neither may not join.
"""

import psycopg

from smeboost_emulators.supabase.pools import DatabaseDown, Pool, PoolBusy
from smeboost_emulators.supabase.realtime.channels import Access
from smeboost_emulators.supabase.realtime.connections import JoinRefused
from smeboost_emulators.supabase.realtime.tokens import Holder

UNAVAILABLE = "UnableToConnectToProject: Realtime was unable to connect to the project database"
_ACCESS = "select * from realtime.channel_access(%s, %s, %s)"
_SEARCH_PATH = "select set_config('search_path', %s, true)"


class Authorizer:
    """Asks the database."""

    def __init__(self, pool: Pool, search_path: tuple[str, ...]) -> None:
        self._pool = pool
        self._search_path = ", ".join('"' + name.replace('"', '""') + '"' for name in search_path)

    async def access(self, name: str, holder: Holder) -> Access:
        """What the holder may do on the private topic `name`.

        Raises:
            JoinRefused: the database cannot be asked.
        """
        caller = holder.caller
        if "\0" in name:
            return Access(False, False, False, False)
        try:
            async with self._pool.connection() as connection, connection.transaction(force_rollback=True):
                await connection.execute(_SEARCH_PATH, (self._search_path,))
                row = await (await connection.execute(_ACCESS, (name, caller.role, caller.claims_text))).fetchone()
        except (DatabaseDown, PoolBusy):
            raise JoinRefused(UNAVAILABLE) from None
        except psycopg.errors.QueryCanceled:
            raise JoinRefused("QueryCanceled: a policy of realtime.messages takes too long") from None
        except psycopg.OperationalError:
            raise JoinRefused(UNAVAILABLE) from None
        except psycopg.Error:
            # There is no such role, or nobody may become it.
            row = None
        return Access(*row) if row else Access(False, False, False, False)

    async def join(self, name: str, holder: Holder) -> Access:
        """As `access`, for somebody who wants to listen.

        Raises:
            JoinRefused: nothing of the topic may be heard, or the database cannot be asked.
        """
        access = await self.access(name, holder)
        if not access.hear_broadcast and not access.hear_presence:
            raise JoinRefused(f"Unauthorized: You do not have permissions to read from this Channel topic: {name}")
        return access
