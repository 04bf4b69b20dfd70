"""What migrations find in a database that has been prepared."""

import asyncio

import psycopg
import pytest
from psycopg import sql
from smeboost_emulators.supabase.bootstrap import bootstrap


@pytest.fixture
def prepared(new_database):
    url = new_database()
    asyncio.run(bootstrap(url))
    return url


def test_preparing_twice_and_several_at_once_changes_nothing(prepared, new_database):
    async def prepare_all():
        await asyncio.gather(*(bootstrap(url) for url in (prepared, prepared, new_database())))

    asyncio.run(prepare_all())


def test_the_roles_are_supabases(prepared):
    with psycopg.connect(prepared) as connection:
        roles = connection.execute(
            "select rolname, rolcanlogin, rolbypassrls, rolinherit, rolsuper from pg_roles where rolname = any(%s)"
            " order by rolname",
            (
                [
                    "anon",
                    "authenticated",
                    "authenticator",
                    "service_role",
                    "supabase_auth_admin",
                    "supabase_storage_admin",
                ],
            ),
        ).fetchall()

    assert roles == [
        ("anon", False, False, False, False),
        ("authenticated", False, False, False, False),
        ("authenticator", True, False, False, False),
        ("service_role", False, True, False, False),
        ("supabase_auth_admin", True, False, False, False),
        ("supabase_storage_admin", True, False, False, False),
    ]


def test_helper_functions_read_the_claims(prepared):
    claims = '{"sub":"6e7a1c1e-3f0b-4f0e-9b63-2f6e3a2b1c4d","role":"authenticated","email":"ada@example.com"}'
    with psycopg.connect(prepared) as connection:
        nothing = connection.execute("select auth.uid(), auth.role(), auth.email(), auth.jwt()").fetchone()
        connection.execute("select set_config('request.jwt.claims', %s, true)", (claims,))
        found = connection.execute(
            "select auth.uid()::text, auth.role(), auth.email(), auth.jwt() ->> 'sub'"
        ).fetchone()

    assert nothing == (None, None, None, None)
    subject = "6e7a1c1e-3f0b-4f0e-9b63-2f6e3a2b1c4d"
    assert found == (subject, "authenticated", "ada@example.com", subject)


@pytest.mark.parametrize("table", ["auth.users", "auth.sessions", "auth.refresh_tokens", "_smeboost.signing_keys"])
@pytest.mark.parametrize("role", ["anon", "authenticated", "service_role"])
def test_no_api_role_reads_what_is_auths(prepared, role, table):
    with psycopg.connect(prepared) as connection:
        connection.execute("select set_config('role', %s, false)", (role,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(sql.SQL("select * from {}").format(sql.Identifier(*table.split("."))))


def test_a_migrations_table_is_open_to_the_api_roles_until_policies_close_it(prepared):
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute("create table public.things (id int, owner uuid references auth.users (id))")
        connection.execute("set role anon")
        assert connection.execute("select * from public.things").fetchall() == []


def test_a_second_start_gives_back_no_right_that_was_taken_away(prepared):
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute("revoke usage on schema public from anon, public")
        connection.execute("alter default privileges in schema public revoke all on tables from anon")

    asyncio.run(bootstrap(prepared))

    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute("create table public.things (id int)")
        seen = connection.execute(
            "select has_schema_privilege('anon', 'public', 'usage'), has_table_privilege('anon', 'things', 'select')"
        ).fetchone()
    assert seen == (False, False)


def test_a_database_of_a_version_that_kept_no_list_is_taken_over(prepared):
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute("drop table _smeboost.steps")

    asyncio.run(bootstrap(prepared))

    with psycopg.connect(prepared) as connection:
        assert connection.execute("select count(*) > 2 from _smeboost.steps").fetchone() == (True,)
