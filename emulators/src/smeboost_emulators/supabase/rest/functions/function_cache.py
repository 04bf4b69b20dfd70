"""The functions of the exposed schemas, kept in step with the schema cache."""

import asyncio

from smeboost_emulators.supabase.pools import Pool
from smeboost_emulators.supabase.rest.configuration import RestConfiguration
from smeboost_emulators.supabase.rest.functions.catalogue import Functions, read_functions
from smeboost_emulators.supabase.rest.schema import SchemaCache


class FunctionCache:
    """Functions by schema and name; read when first needed after the schema cache was."""

    def __init__(self, pool: Pool, cache: SchemaCache, configuration: RestConfiguration) -> None:
        self._pool = pool
        self._cache = cache
        self._configuration = configuration
        self._lock = asyncio.Lock()
        self._read_at = -1
        self._functions: Functions = {}

    async def current(self) -> Functions:
        """The functions as they are now.

        Raises:
            DatabaseDown, PoolBusy, psycopg.Error: they could not be read.
        """
        if self._read_at != self._cache.reloads:
            async with self._lock:
                if self._read_at != self._cache.reloads:
                    await self._read()
        return self._functions

    async def is_old(self, schema: str, name: str) -> bool:
        """Whether the database has a callable function of this name that is not here, or no longer has one that is."""
        async with self._pool.connection() as connection:
            there = await read_functions(connection, (schema,), {}, name=name)
        here = self._functions.get((schema, name), ())
        versions = {function.version for function in there.get((schema, name), ())}
        return versions != {function.version for function in here}

    async def _read(self) -> None:
        read_at = self._cache.reloads
        async with self._pool.connection() as connection:
            self._functions = await read_functions(
                connection, self._configuration.current.schemas, self._cache.schema.relations
            )
        self._read_at = read_at
