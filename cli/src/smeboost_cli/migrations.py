"""Apply `supabase/migrations/*.sql` as the Supabase CLI does, and record them where it does.

Rules of this room:

- A file is `<version>_<name>.sql`, the version digits only; files run in the order of their versions.
- Each file runs in one transaction together with its row in `supabase_migrations.schema_migrations`.
- Two runners take turns: an advisory lock is held for the whole run.
- History is not rewritten: a changed file, a missing one, or one that sorts before the last applied is refused
  with what to do about it, and nothing is applied.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from psycopg import AsyncConnection, Error, OperationalError, ProgrammingError
from smeboost_shared.errors import Conflict, Misconfigured, StoreUnavailable
from smeboost_shared.statements import controls_transaction, same_text, split_statements

CONNECT_TIMEOUT_SECONDS = 10
LOCK_TIMEOUT_SECONDS = 60
LOCK_KEY = 7_218_046_512_883_961
FILE_NAME = re.compile(r"(\d+)_(.*)\.sql")
FOLDER = Path("supabase/migrations")

HISTORY = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (
  version text not null primary key, statements text[], name text
);
"""


@dataclass(frozen=True)
class Migration:
    """One file of the folder."""

    version: str
    name: str
    path: Path
    text: str
    statements: list[str]

    @property
    def order(self) -> tuple[int, str]:
        """Versions are compared as numbers, so that their length does not matter."""
        return int(self.version), self.version


@dataclass(frozen=True)
class Applied:
    """One row of the history; a row that was only marked as applied has no statements."""

    version: str
    statements: list[str] | None


async def apply_migrations(database_url: str, folder: Path) -> list[str]:
    """Apply what is not applied yet; the names of the files that were, in order.

    Raises:
        Misconfigured: the folder or a file in it is not as it should be, or PostgreSQL refuses a statement of it.
        Conflict: the history and the folder contradict each other, or another runner holds the lock for too long.
        StoreUnavailable: the database cannot be reached.
    """
    migrations = read_folder(folder)
    try:
        connection = await AsyncConnection.connect(
            database_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_SECONDS
        )
    except ProgrammingError:
        # The driver's own words would repeat the URL, password included.
        raise Misconfigured("The database URL is not one: postgresql://user:password@host:5432/database") from None
    except OperationalError as exc:
        raise StoreUnavailable(f"Cannot reach the database: {exc}") from exc
    async with connection:
        await _lock(connection)
        pending = plan(migrations, await _history(connection))
        for migration in pending:
            await _apply(connection, migration)
    return [migration.path.name for migration in pending]


def read_folder(folder: Path) -> list[Migration]:
    """The migrations of `folder` in their order.

    Raises:
        Misconfigured: there is no such folder, a file has a wrong name or the version of another one, or it
            begins or ends transactions.
    """
    if not folder.is_dir():
        raise Misconfigured(f"There is no folder {folder} with migrations. Name it with --folder.")
    migrations = sorted((_read(path) for path in folder.glob("*.sql")), key=lambda migration: migration.order)
    for first, second in pairwise(migrations):
        if first.version == second.version:
            raise Misconfigured(f"{first.path.name} and {second.path.name} have the same version. Renumber one.")
    return migrations


def plan(migrations: Sequence[Migration], history: Sequence[Applied]) -> list[Migration]:
    """What is to be applied, in order.

    Raises:
        Conflict: the history and the folder contradict each other; the message says how and what to do.
    """
    files = {migration.version: migration for migration in migrations}
    applied = {row.version for row in history}
    for row in history:
        _check_recorded(row, files.get(row.version))
    last = max((files[version] for version in applied), key=lambda migration: migration.order, default=None)
    pending = [migration for migration in migrations if migration.version not in applied]
    for migration in pending:
        if last and migration.order < last.order:
            raise Conflict(
                f"{migration.path.name} is new but sorts before {last.path.name}, which is applied already. "
                "Give it a later version, so that every database gets both in the same order."
            )
    return pending


def default_folder() -> Path:
    """`supabase/migrations` of the project that we are in, or of the checkout that this code is part of."""
    here = Path.cwd()
    places = [*(place / FOLDER for place in (here, *here.parents)), Path(__file__).parents[3] / FOLDER]
    return next((place for place in places if place.is_dir()), here / FOLDER)


def _check_recorded(row: Applied, file: Migration | None) -> None:
    if file is None:
        raise Conflict(
            f"The database has migration {row.version}, but the folder has no such file. "
            "Bring the file back, or use a newer checkout: this database is ahead of it."
        )
    if row.statements is not None and not same_text(row.statements, file.statements):
        raise Conflict(
            f"{file.path.name} was changed after it was applied. Restore it as it was and put the change "
            "into a new file; a demo's data can also simply be removed and made anew."
        )


def _read(path: Path) -> Migration:
    matched = FILE_NAME.fullmatch(path.name)
    if not matched:
        raise Misconfigured(f"{path.name} is not named like a migration: 20261123090000_what_it_does.sql")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Misconfigured(f"{path.name} is not UTF-8 text.") from None
    statements = split_statements(text)
    for statement in statements:
        if controls_transaction(statement):
            word = statement.split()[0]
            raise Misconfigured(f"{path.name} uses {word}. Remove it: each file runs in a transaction of its own.")
    return Migration(version=matched[1], name=matched[2], path=path, text=text, statements=statements)


async def _lock(connection: AsyncConnection) -> None:
    await connection.execute("select set_config('lock_timeout', %s, false)", (f"{LOCK_TIMEOUT_SECONDS}s",))
    try:
        await connection.execute("select pg_advisory_lock(%s)", (LOCK_KEY,))
    except Error as exc:
        raise Conflict(f"Other migrations have been running on this database for {LOCK_TIMEOUT_SECONDS} s.") from exc


async def _history(connection: AsyncConnection) -> list[Applied]:
    await connection.execute(HISTORY)
    cursor = await connection.execute("select version, statements from supabase_migrations.schema_migrations")
    return [Applied(version=version, statements=statements) for version, statements in await cursor.fetchall()]


async def _apply(connection: AsyncConnection, migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.text.encode())
            await connection.execute(
                "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)",
                (migration.version, migration.name, migration.statements),
            )
    except Error as exc:
        raise Misconfigured(f"{migration.path.name}{_line(migration, exc)}: {exc.diag.message_primary or exc}") from exc


def _line(migration: Migration, exc: Error) -> str:
    position = exc.diag.statement_position
    return f", line {migration.text.count(chr(10), 0, int(position) - 1) + 1}" if position else ""
