"""Who makes a request of storage, and the transaction that does its database work as that caller.

The service's own look-ups (is the bucket public? what are its limits?) are made as `service_role`.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from psycopg import AsyncRawCursor
from psycopg.rows import dict_row
from starlette.requests import Request

from smeboost_emulators.supabase.callers import Caller, Circumstances, become, caller_of
from smeboost_emulators.supabase.pools import Pool
from smeboost_emulators.supabase.storage.errors import access_denied, invalid_request, no_such_bucket
from smeboost_emulators.supabase.storage.names import checked_bucket
from smeboost_emulators.supabase.storage.rows import Bucket, Rows
from smeboost_emulators.supabase.tokens import Keyring, TokenRejected

SERVICE = Caller("service_role", {"role": "service_role"})
SEARCH_PATH = ("storage", "public", "extensions")
# Deleting is the service's own business; see `storage.protect_delete`.
_TELL = "select set_config('storage.operation', $1, true), set_config('storage.allow_delete_query', 'true', true)"


class Sessions:
    """Callers and their transactions."""

    def __init__(self, pool: Pool, keyring: Keyring) -> None:
        self._pool = pool
        self._keyring = keyring

    def caller(self, request: Request) -> Caller:
        """Who asks.

        Raises:
            StorageFailure: there is no token, or one that is not valid.
        """
        authorization = request.headers.get("authorization")
        if authorization is None:
            raise invalid_request("headers must have required property 'authorization'")
        try:
            return caller_of(authorization, self._keyring, leeway_seconds=0)
        except TokenRejected as exc:
            message = '"exp" claim timestamp check failed' if str(exc) == "JWT expired" else str(exc)
            raise access_denied(message) from None

    @asynccontextmanager
    async def begin(self, caller: Caller, request: Request, operation: str) -> AsyncGenerator[Rows]:
        """A transaction that has become the caller; committed at the end, rolled back on an error.

        Raises:
            DatabaseDown, PoolBusy, psycopg.Error: 22023 or 42501 when the caller's role cannot be taken.
        """
        circumstances = Circumstances(request.method, request.url.path, SEARCH_PATH, request.headers)
        async with self._pool.connection() as connection:
            cursor = AsyncRawCursor(connection, row_factory=dict_row)
            await become(cursor, caller, circumstances, read_only=False)
            await cursor.execute(_TELL, (f"storage.{operation}",))
            yield Rows(connection, cursor)

    async def bucket(self, request: Request, name: str) -> Bucket:
        """A bucket, whoever asks.

        Raises:
            StorageFailure: InvalidBucketName, NoSuchBucket.
        """
        async with self.begin(SERVICE, request, "bucket.get") as rows:
            bucket = await rows.bucket(checked_bucket(name))
        if bucket is None:
            raise no_such_bucket()
        return bucket


def owner_of(caller: Caller) -> str | None:
    """The person that a caller is, if it is one."""
    subject = caller.claims.get("sub")
    return subject if isinstance(subject, str) else None
