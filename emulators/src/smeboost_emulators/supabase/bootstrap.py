"""Make a plain PostgreSQL database into one that a Supabase project's migrations expect.

Rules of this room:

- The statements live in `steps/*.sql`, one file a step, in the order of their names. A step runs once for a database:
  a second start must not give back a right that the owner has taken away. What a later version needs is a new step.
- A database of a version that kept no list has the first steps already, so these find out what is there.
- All steps are one transaction, and two backends that start at once wait for each other.
- The service log-ins get the password of the url, as in Supabase's own Compose file (one POSTGRES_PASSWORD for all).
"""

from importlib.resources import files

from psycopg import AsyncConnection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

SERVICE_LOGINS = ("authenticator", "supabase_auth_admin", "supabase_realtime_admin", "supabase_storage_admin")
CONNECT_TIMEOUT_SECONDS = 10
# Roles belong to the whole server, so two databases of one server may be prepared at the same time.
_ONE_AT_A_TIME = "lock table pg_catalog.pg_authid in share row exclusive mode"
_LEDGER = """
create schema if not exists _smeboost;
revoke all on schema _smeboost from public;
create table if not exists _smeboost.steps (name text primary key, done_at timestamptz not null default now());
"""


async def bootstrap(database_url: str) -> None:
    """Run the steps that this database has not had.

    `database_url` is a superuser's; the default privileges hold for what that user creates in `public`.

    Raises:
        psycopg.Error: the database cannot be reached, or the user is not a superuser.
    """
    password = conninfo_to_dict(database_url).get("password")
    timeout = CONNECT_TIMEOUT_SECONDS
    async with await AsyncConnection.connect(database_url, connect_timeout=timeout) as connection:
        await connection.execute(_ONE_AT_A_TIME)
        await connection.execute(_LEDGER)
        done = {name for (name,) in await (await connection.execute("select name from _smeboost.steps")).fetchall()}
        for name, statements in _steps():
            if name not in done:
                await connection.execute(statements)
                await connection.execute("insert into _smeboost.steps (name) values (%s)", (name,))
        if password is None:
            return
        for role in SERVICE_LOGINS:
            change = sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(password))
            await connection.execute(change)


def login_url(database_url: str, role: str) -> str:
    """The url of the same database for one of the `SERVICE_LOGINS`."""
    return make_conninfo(database_url, user=role)


def _steps() -> list[tuple[str, bytes]]:
    folder = files("smeboost_emulators.supabase") / "steps"
    found = sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
    return [(path.name, path.read_bytes()) for path in found]
