"""Make a plain PostgreSQL database into one that a Supabase project's migrations expect.

Rules of this room:

- The statements live in `bootstrap.sql`; all of them may run again, and for two databases of one server at once.
- The service log-ins get the password of the url, as in Supabase's own Compose file (one POSTGRES_PASSWORD for all).
"""

from importlib.resources import files

from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

SERVICE_LOGINS = ("authenticator", "supabase_auth_admin")
CONNECT_TIMEOUT_SECONDS = 10


async def bootstrap(database_url: str) -> None:
    """Create roles, the auth schema and its helper functions, and Supabase's default privileges; idempotent.

    `database_url` is a superuser's; the default privileges hold for what that user creates in `public`.

    Raises:
        psycopg.Error: the database cannot be reached, or the user is not a superuser.
    """
    statements = (files("smeboost_emulators.supabase") / "bootstrap.sql").read_bytes()
    password = conninfo_to_dict(database_url).get("password")
    timeout = CONNECT_TIMEOUT_SECONDS
    async with await AsyncConnection.connect(database_url, connect_timeout=timeout) as connection:
        await connection.execute(statements)
        if password is None:
            return
        for role in SERVICE_LOGINS:
            change = sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password))
            await connection.execute(change)


def login_url(database_url: str, role: str) -> str:
    """The url of the same database for one of the `SERVICE_LOGINS`."""
    return make_conninfo(database_url, user=role)
