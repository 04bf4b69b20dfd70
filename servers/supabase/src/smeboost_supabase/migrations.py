"""Migrations, in the history that the Supabase CLI keeps (`supabase_migrations.schema_migrations`)."""

import re
from datetime import UTC, datetime

import psycopg
from smeboost_shared.errors import Conflict, FieldProblem, InvalidInput, NotFound

from smeboost_supabase.changing import run_one, statements_of
from smeboost_supabase.database import Connection, Database
from smeboost_supabase.models import Migration, MigrationOutcome, MigrationPage

LOCK_KEY = 7_218_046_512_883_961
"""The one that `smeboost migrate` takes too."""
NAME = re.compile(r"[a-z0-9_]{1,100}")
VERSION = re.compile(r"\d{1,20}")
_EXISTS = "select to_regclass('supabase_migrations.schema_migrations') is not null as found"
_LIST = """
select version, name, coalesce(cardinality(statements), 0) as statements
from supabase_migrations.schema_migrations
order by version::numeric desc, version desc limit %s offset %s
"""
_ONE = "select version, name, statements from supabase_migrations.schema_migrations where version = %s"
_HISTORY = (
    "create schema if not exists supabase_migrations",
    "create table if not exists supabase_migrations.schema_migrations "
    "(version text not null primary key, statements text[], name text)",
    "alter table supabase_migrations.schema_migrations add column if not exists statements text[]",
    "alter table supabase_migrations.schema_migrations add column if not exists name text",
)


async def list_migrations(database: Database, *, limit: int, offset: int) -> MigrationPage:
    """Applied migrations, the newest first."""
    if not (await database.ask(_EXISTS))[0]["found"]:
        return MigrationPage(migrations=[], next_offset=None)
    rows = await database.ask(_LIST, [limit + 1, offset])
    shown = [Migration.model_validate(row) for row in rows[:limit]]
    return MigrationPage(migrations=shown, next_offset=offset + limit if len(rows) > limit else None)


async def get_migration(database: Database, version: str) -> MigrationPage:
    """One applied migration with its SQL.

    Raises:
        NotFound: it was not applied.
    """
    found = (await database.ask(_EXISTS))[0]["found"] and await database.ask(_ONE, [version])
    if not found:
        raise NotFound(f"No migration {version[:20]!r} was applied.")
    texts: list[str] = found[0]["statements"] or []
    one = Migration(version=version, name=found[0]["name"], statements=len(texts), sql=";\n\n".join(texts))
    return MigrationPage(migrations=[one], next_offset=None)


def checked_names(name: str, version: str | None) -> str:
    """The version to apply under: `version`, or the present time as the CLI writes it.

    Raises:
        InvalidInput: the name or the version cannot be part of a file's name.
    """
    if not NAME.fullmatch(name):
        problem = FieldProblem(field="name", message="must be snake_case, such as add_orders")
        raise InvalidInput("The migration's name is not valid.", errors=[problem])
    if version is not None and not VERSION.fullmatch(version):
        problem = FieldProblem(field="version", message="must be digits, such as 20261123090000")
        raise InvalidInput("The migration's version is not valid.", errors=[problem])
    return version or f"{datetime.now(UTC):%Y%m%d%H%M%S}"


async def apply_migration(database: Database, version: str, name: str, text: str) -> MigrationOutcome:
    """Run `text` and record it, in one transaction; raises as `changing.execute` does.

    Raises:
        Conflict: this version was applied already.
    """
    statements = statements_of(text)
    async with database.changing() as connection:
        for statement in _HISTORY:
            await connection.execute(statement)
        await connection.execute("select pg_advisory_xact_lock(%s)", [LOCK_KEY])
        later = await _check_new(connection, version)
        for statement in statements:
            await run_one(connection, statement)
        await connection.execute(
            "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)",
            [version, name, statements],
        )
    return MigrationOutcome(done=True, version=version, file=f"{version}_{name}.sql", applied_before_later=later)


async def _check_new(connection: Connection, version: str) -> bool:
    cursor: psycopg.AsyncCursor[tuple[bool, bool]] = connection.cursor()
    await cursor.execute(
        "select coalesce(bool_or(version = %(version)s), false), "
        "coalesce(bool_or(version::numeric > %(version)s::numeric), false) from supabase_migrations.schema_migrations",
        {"version": version},
    )
    found = await cursor.fetchone()
    if found and found[0]:
        raise Conflict(f"Migration {version} was applied already.", hint="Choose another version, or leave it out.")
    return bool(found and found[1])
