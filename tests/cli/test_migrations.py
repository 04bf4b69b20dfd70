"""Migrations: once, in order, whole or not at all, and honest about a history that does not fit."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from smeboost_cli.migrations import apply_migrations, default_folder
from smeboost_emulators.supabase.bootstrap import bootstrap
from smeboost_shared.errors import Conflict, Misconfigured, StoreUnavailable

ONE = "create table public.one (id int);\n-- a remark; with a semicolon\ninsert into public.one values (1);\n"
TWO = "create function public.two() returns int language sql begin atomic; select 2; end;\nselect public.two();\n"


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Write the files that are named, remove the others."""

    def write(files: Mapping[str, str]) -> Path:
        place = tmp_path / "migrations"
        place.mkdir(exist_ok=True)
        for old in place.iterdir():
            old.unlink()
        for name, text in files.items():
            (place / name).write_text(text, encoding="utf-8")
        return place

    return write


Folder = Callable[[Mapping[str, str]], Path]
NewDatabase = Callable[[], str]


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


async def test_each_file_is_applied_once_and_recorded(new_database: NewDatabase, folder: Folder) -> None:
    url = new_database()
    files = {"2_two.sql": TWO, "10_ten.sql": "select 10;", "1_one.sql": ONE}
    place = folder(files)
    assert await apply_migrations(url, place) == ["1_one.sql", "2_two.sql", "10_ten.sql"]
    assert await apply_migrations(url, place) == []
    assert ask(url, "select version, name, cardinality(statements) from supabase_migrations.schema_migrations") == [
        ("1", "one", 2),
        ("2", "two", 2),
        ("10", "ten", 1),
    ]
    assert ask(url, "select count(*) from public.one") == [(1,)]


async def test_our_own_migrations_apply_to_a_supabase_database(new_database: NewDatabase) -> None:
    url = new_database()
    await bootstrap(url)
    applied = await apply_migrations(url, default_folder())
    assert len(applied) == len(list(default_folder().glob("*.sql"))) > 0
    assert ask(url, "select to_regclass('public.members') is not null") == [(True,)]


async def test_a_failing_file_leaves_nothing_and_names_the_line(new_database: NewDatabase, folder: Folder) -> None:
    url = new_database()
    place = folder({"1_one.sql": ONE, "2_bad.sql": "create table public.two (id int);\nselect nonsense;\n"})
    with pytest.raises(Misconfigured, match=r'2_bad.sql, line 2: column "nonsense" does not exist'):
        await apply_migrations(url, place)
    assert ask(url, "select to_regclass('public.two') is null") == [(True,)]
    assert ask(url, "select version from supabase_migrations.schema_migrations") == [("1",)]
    assert await apply_migrations(url, folder({"1_one.sql": ONE, "2_bad.sql": "select 1;"})) == ["2_bad.sql"]


async def test_two_runners_at_once_apply_each_file_once(new_database: NewDatabase, folder: Folder) -> None:
    url = new_database()
    place = folder({"1_one.sql": ONE + "select pg_sleep(0.2);", "2_two.sql": TWO})
    both = await asyncio.gather(apply_migrations(url, place), apply_migrations(url, place))
    assert sorted(both) == [[], ["1_one.sql", "2_two.sql"]]


@pytest.mark.parametrize(
    ("later", "complaint"),
    [
        ({"2_two.sql": "select 'changed';"}, "2_two.sql was changed after it was applied"),
        ({}, "has migration 2, but the folder has no such file"),
        ({"2_two.sql": TWO, "1_late.sql": "select 1;"}, "1_late.sql is new but sorts before 2_two.sql"),
    ],
    ids=["changed", "missing", "out of order"],
)
async def test_a_history_that_does_not_fit_is_explained(
    new_database: NewDatabase, folder: Folder, later: dict[str, str], complaint: str
) -> None:
    url = new_database()
    await apply_migrations(url, folder({"2_two.sql": TWO}))
    with pytest.raises(Conflict, match=complaint):
        await apply_migrations(url, folder(later))


async def test_spacing_and_how_another_tool_cut_the_statements_do_not_count_as_a_change(
    new_database: NewDatabase, folder: Folder
) -> None:
    url = new_database()
    place = folder({"1_one.sql": ONE})
    await apply_migrations(url, place)
    with psycopg.connect(url) as connection:
        connection.execute("update supabase_migrations.schema_migrations set statements = array[%s]", (f"\n{ONE}\n;",))
    assert await apply_migrations(url, place) == []
    with psycopg.connect(url) as connection:
        connection.execute("update supabase_migrations.schema_migrations set statements = null")
    assert await apply_migrations(url, place) == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"one.sql": "select 1;"}, "one.sql is not named like a migration"),
        ({"1_a.sql": "select 1;", "1_b.sql": "select 1;"}, "1_a.sql and 1_b.sql have the same version"),
        ({"1_a.sql": "-- first\nBEGIN; select 1; commit;"}, "1_a.sql uses"),
    ],
    ids=["name", "version", "transaction"],
)
async def test_a_file_that_cannot_be_a_migration_is_refused_before_anything_runs(
    new_database: NewDatabase, folder: Folder, files: dict[str, str], complaint: str
) -> None:
    url = new_database()
    with pytest.raises(Misconfigured, match=complaint):
        await apply_migrations(url, folder(files))
    assert ask(url, "select to_regnamespace('supabase_migrations') is null") == [(True,)]


async def test_a_database_that_is_not_there_is_named_as_the_cause(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="Cannot reach the database"):
        await apply_migrations("postgresql://postgres:x@127.0.0.1:1/postgres", tmp_path)
