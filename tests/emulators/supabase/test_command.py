"""The command in a real process: options, environment, ready line, signals."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
import psycopg
import pytest
from smeboost_emulators.supabase.serving import serving
from smeboost_emulators.supabase.settings import SupabaseBackendSettings
from smeboost_shared.errors import Misconfigured, StoreUnavailable
from smeboost_shared.settings import load

PATIENCE_SECONDS = 20
SECRET = "a-secret-for-tests-that-is-long-enough-1234"


@contextmanager
def command(*options, **variables):
    """The process and its lines up to the one that says it listens."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SUPABASE", "GOTRUE", "PGRST"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "smeboost_emulators", "supabase", "--port", "0", *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env={**clean, "SUPABASE_BCRYPT_COST": "4", **variables},
    )
    lines: list[str] = []
    try:
        assert process.stderr
        for line in process.stderr:
            lines.append(line.strip())
            if line.startswith("listening on "):
                break
        yield process, lines
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


def stopped(process, number=signal.SIGTERM):
    process.send_signal(number)
    return process.wait(PATIENCE_SECONDS)


def test_an_embedded_database_keeps_people_between_runs(tmp_path):
    answers = []
    person = {"email": "ada@example.com", "password": "correct horse"}
    for path in ("signup", "token?grant_type=password"):
        with command(SUPABASE_DATA_DIR=str(tmp_path / "data"), GOTRUE_JWT_SECRET=SECRET) as (process, lines):
            url = lines[-1].removeprefix("listening on ")
            [key] = [line.removeprefix("anon key: ") for line in lines if line.startswith("anon key: ")]
            [database] = [line.removeprefix("database: ") for line in lines if line.startswith("database: ")]
            with psycopg.connect(database) as connection:
                assert connection.execute("select to_regclass('auth.users') is not null").fetchone() == (True,)
            assert httpx.get(f"{url}/healthz").status_code == 200
            answers.append(httpx.post(f"{url}/auth/v1/{path}", json=person, headers={"apikey": key}).json())
            assert stopped(process) == 0

    assert answers[0]["user"]["id"] == answers[1]["user"]["id"]
    deadline = time.monotonic() + 5
    while (tmp_path / "data" / "cluster" / "postmaster.pid").exists():
        assert time.monotonic() < deadline


def test_secrets_come_from_the_environment_and_are_not_shown(new_database, storage_folder):
    files = {"FILE_STORAGE_BACKEND_PATH": str(storage_folder)}
    with command(SUPABASE_DB_URL=new_database(), **files, PGRST_JWT_SECRET=SECRET) as (process, lines):
        keys = dict(line.split(": ", 1) for line in lines if " key: " in line)
        assert stopped(process, signal.SIGINT) == 0
    given = files | {"SUPABASE_ANON_KEY": keys["anon key"], "SUPABASE_SERVICE_ROLE_KEY": keys["service_role key"]}
    with command(SUPABASE_DB_URL=new_database(), GOTRUE_JWT_SECRET=SECRET, **given) as (process, lines):
        assert stopped(process) == 0
        assert len(lines) == 1


def test_wrong_settings_give_one_line_and_status_2(new_database):
    variables = {"SUPABASE_DB_URL": new_database(), "PGRST_DB_MAX_ROWS": "many"}

    with command("--jwt-secret", "short", **variables) as (process, lines):
        assert process.wait(PATIENCE_SECONDS) == 2

    assert len(lines) == 1
    assert "GOTRUE_JWT_SECRET" in lines[0]
    assert "PGRST_DB_MAX_ROWS" in lines[0]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"anon_key": "nonsense"}, "SUPABASE_ANON_KEY"),
        ({"jwt_keys": "[]"}, "GOTRUE_JWT_KEYS"),
        ({"jwt_keys": '[{"kty":"EC","key_ops":["sign"]}]'}, "GOTRUE_JWT_KEYS"),
        ({"db_url": "postgresql://nobody:x@127.0.0.1:1/x"}, "the database cannot be reached"),
        ({"db_url": "nonsense"}, "SUPABASE_DB_URL"),
    ],
)
def test_what_is_found_wrong_at_the_start_names_the_setting(start_supabase_backend, new_database, settings, named):
    given = {"start_timeout_seconds": 0.1, "db_url": new_database(), **settings}
    with pytest.raises((Misconfigured, StoreUnavailable), match=named), start_supabase_backend(**given):
        pytest.fail("it started")


def test_a_port_that_is_taken_is_named(supabase_backend):
    port = int(supabase_backend.url.rpartition(":")[2])
    settings = load(SupabaseBackendSettings, db_url=supabase_backend.database_url)

    async def start():
        async with serving(settings, port=port):
            pytest.fail("it started")

    with pytest.raises(Misconfigured, match=f"127.0.0.1:{port}"):
        asyncio.run(start())
