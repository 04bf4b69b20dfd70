"""The log-ins that SQL of others runs under: what they may not do, the database refuses.

Rules of this room:

- A statement of somebody else never runs on a connection whose log-in may more than it shall: `set role none`,
  `set_config('role', ...)` and their kin lead back to the log-in, so the log-in itself must be harmless. `set role`
  from an owner's connection, or looking through the statement, would not do.
- The reader sees every row (pg_read_all_data, bypassrls) and writes none. The actor has no rights of its own and may
  become anon, authenticated or service_role, as PostgREST's `authenticator` does. Both are read-only by default.
- Their passwords follow from the one in SUPABASE_DB_URL, so that several processes agree without keeping anything; as
  SCRAM verifiers they are in no log. Without a password there, each process makes its own.
- A role that this server did not make is never touched.
"""

import asyncio
import hashlib
import hmac
import secrets
from typing import Literal

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow
from smeboost_shared.errors import Misconfigured

from smeboost_supabase.database_errors import DATABASE_FAULTS, database_error
from smeboost_supabase.settings import SupabaseSettings

Purpose = Literal["read", "act"]
MARK = "Made by smeboost-supabase for statements of others; see its README before you change it."
LOCK_KEY = 7_218_046_512_883_962
ACTED_ROLES = ("anon", "authenticated", "service_role")
_FIX = "Make log-ins as the README of smeboost-supabase says and set SUPABASE_READ_DB_URL and SUPABASE_ACT_DB_URL."
_VARIABLES: dict[Purpose, str] = {"read": "SUPABASE_READ_DB_URL", "act": "SUPABASE_ACT_DB_URL"}
_DANGEROUS = (
    "pg_write_all_data",
    "pg_read_server_files",
    "pg_write_server_files",
    "pg_execute_server_program",
    "pg_signal_backend",
)
_MAY_TOO_MUCH = """
select
  (
    select rolsuper or rolcreaterole or rolcreatedb or rolreplication
    from pg_catalog.pg_roles where rolname = session_user
  )
  or exists (
    select from pg_catalog.pg_roles where rolname = any(%(dangerous)s) and pg_has_role(session_user, oid, 'member')
  )
  or %(reads)s and exists (
    select from pg_catalog.pg_class c cross join aclexplode(c.relacl) a
    where a.grantee <> 0 and a.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
      and pg_has_role(session_user, a.grantee, 'member')
  )
  or %(reads)s and exists (select from pg_catalog.pg_class where pg_has_role(session_user, relowner, 'member'))
"""


class Logins:
    """Connections under the log-ins for reading and for acting as somebody."""

    def __init__(self, settings: SupabaseSettings) -> None:
        self._settings = settings
        self._own_secret = secrets.token_hex(32)
        self._making = asyncio.Lock()

    async def prepare(self) -> None:
        """Make both log-ins, as SUPABASE_DB_URL's, where they do not work yet; raises as `connect` does."""
        purposes: tuple[Purpose, ...] = ("read", "act")
        for purpose in purposes:
            await (await self.connect(purpose)).close()

    async def connect(self, purpose: Purpose) -> psycopg.AsyncConnection[TupleRow]:
        """An open connection whose log-in may no more than `purpose` says.

        Raises:
            Misconfigured: there is no such log-in and it cannot be made, or the one that is set may too much.
            VendorUnavailable: the database cannot be reached.
        """
        given = self._settings.read_db_url if purpose == "read" else self._settings.act_db_url
        variable = _VARIABLES[purpose] if given else "SUPABASE_DB_URL"
        try:
            connection = await (self._open(given.get_secret_value()) if given else self._opened_or_made(purpose))
        except DATABASE_FAULTS as exc:
            raise database_error(exc, variable=variable) from None
        try:
            await self._check(connection, purpose)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _opened_or_made(self, purpose: Purpose) -> psycopg.AsyncConnection[TupleRow]:
        url = self._url(purpose)
        try:
            return await self._open(url)
        except psycopg.OperationalError:
            # There is no such role yet, or its password belongs to an earlier one in SUPABASE_DB_URL.
            async with self._making:
                await self._make(purpose)
        return await self._open(url)

    async def _open(self, url: str) -> psycopg.AsyncConnection[TupleRow]:
        return await psycopg.AsyncConnection.connect(
            url,
            connect_timeout=max(2, round(self._settings.connect_timeout_seconds)),
            # A pooler in transaction mode keeps no prepared statements.
            prepare_threshold=None,
        )

    async def _check(self, connection: psycopg.AsyncConnection[TupleRow], purpose: Purpose) -> None:
        asked = {"dangerous": list(_DANGEROUS), "reads": purpose == "read"}
        found = await (await connection.execute(_MAY_TOO_MUCH, asked)).fetchone()
        await connection.rollback()
        if found is None or found[0] is not False:
            what = f"The log-in of {_VARIABLES[purpose]}, or the one made in its place,"
            raise Misconfigured(f"{what} may do more than it should, so no statement is run with it.", hint=_FIX)

    # --- making them ----------------------------------------------------------------------------------------------

    def _role(self, purpose: Purpose) -> str:
        return self._settings.read_role + ("_as" if purpose == "act" else "")

    def _password(self, role: str) -> str:
        key = conninfo_to_dict(self._owner_url()).get("password")
        return hmac.digest(str(key or self._own_secret).encode(), f"smeboost {role}".encode(), hashlib.sha256).hex()

    def _owner_url(self) -> str:
        if self._settings.db_url is None:
            raise Misconfigured("SUPABASE_DB_URL is not set.", hint="Set it to the project's connection string.")
        return self._settings.db_url.get_secret_value()

    def _url(self, purpose: Purpose) -> str:
        role = self._role(purpose)
        # A pooler tells projects apart by what follows the dot in the user's name.
        _, dot, project = str(conninfo_to_dict(self._owner_url()).get("user") or "").partition(".")
        return make_conninfo(self._owner_url(), user=role + dot + project, password=self._password(role))

    async def _make(self, purpose: Purpose) -> None:
        role = self._role(purpose)
        async with await self._open(self._owner_url()) as connection:
            await connection.execute("select pg_advisory_xact_lock(%s)", [LOCK_KEY])
            try:
                await self._make_role(connection, role, purpose)
            except psycopg.errors.InsufficientPrivilege:
                raise Misconfigured(
                    f"The log-in {role!r} does not work, and SUPABASE_DB_URL's may not make it.", hint=_FIX
                ) from None

    async def _make_role(self, connection: psycopg.AsyncConnection[TupleRow], role: str, purpose: Purpose) -> None:
        mark = await (
            await connection.execute(
                "select shobj_description(oid, 'pg_authid') from pg_catalog.pg_roles where rolname = %s", [role]
            )
        ).fetchone()
        if mark and mark[0] != MARK:
            raise Misconfigured(f"There is a role {role!r} that this server did not make.", hint=_FIX)
        verifier = connection.pgconn.encrypt_password(self._password(role).encode(), role.encode(), b"scram-sha-256")
        name, password = sql.Identifier(role), sql.Literal(verifier.decode())
        inherits = sql.SQL("inherit bypassrls" if purpose == "read" else "noinherit")
        if not mark:
            await connection.execute(sql.SQL("create role {} login {}").format(name, inherits))
            await connection.execute(sql.SQL("comment on role {} is {}").format(name, sql.Literal(MARK)))
        await connection.execute(sql.SQL("alter role {} password {}").format(name, password))
        await connection.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(name))
        rows = await connection.execute(
            "select rolname from pg_catalog.pg_roles where rolname = any(%s)",
            [["pg_read_all_data"] if purpose == "read" else list(ACTED_ROLES)],
        )
        for (granted,) in await rows.fetchall():
            await connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(granted), name))
