"""PostgreSQL goes away and comes back; the backend stays."""

import time

import httpx
import psycopg
from anyio.from_thread import start_blocking_portal

PASSWORD = "correct horse"
PATIENCE_SECONDS = 5


def until(attempt, wanted):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = attempt()
        if answer.status_code == wanted:
            return answer
        assert time.monotonic() < deadline, answer.text


def test_a_restart_of_the_database_is_survived(stoppable_postgres, start_supabase_backend, client_for):
    database = stoppable_postgres()
    with start_supabase_backend(database.url) as backend:
        with psycopg.connect(database.url) as connection:
            connection.execute("create table public.things as select 1 as id")
        backend.create_user("ada@example.com", PASSWORD)
        client = client_for(backend=backend)
        client.auth.sign_in_with_password({"email": "ada@example.com", "password": PASSWORD})
        headers = {"apikey": backend.anon_key}
        with httpx.Client(base_url=backend.url, headers=headers, timeout=10) as http:
            until(lambda: http.get("/rest/v1/things"), 200)
            database.stop()

            down = http.get("/rest/v1/things")
            sign_in = http.post(
                "/auth/v1/token?grant_type=password", json={"email": "ada@example.com", "password": PASSWORD}
            )
            health = http.get("/healthz")

            assert (down.status_code, down.json()["code"]) == (503, "PGRST001")
            assert down.headers["retry-after"] == "1"
            assert (sign_in.status_code, sign_in.json()["error_code"]) == (503, "database_unavailable")
            assert health.status_code == 503

            database.start()
            back = until(lambda: http.get("/rest/v1/things"), 200)

        assert back.json() == [{"id": 1}]
        # The session is in the database, so it lives on.
        assert client.auth.refresh_session().user.email == "ada@example.com"
        # And the listener listens again: a new table is known.
        with psycopg.connect(database.url) as connection:
            connection.execute("create table public.later as select 2 as id")
        assert client.table("later").select("*").execute().data == [{"id": 2}]


def test_a_killed_connection_costs_nobody_an_error(start_supabase_backend, new_database, execute_on):
    with start_supabase_backend(new_database()) as backend:
        execute_on(backend, "create table public.things as select 1 as id")
        headers = {"apikey": backend.anon_key}
        with httpx.Client(base_url=backend.url, headers=headers, timeout=10) as http:
            until(lambda: http.get("/rest/v1/things"), 200)
            for _ in range(3):
                execute_on(
                    backend,
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()",
                )
                assert http.get("/rest/v1/things").json() == [{"id": 1}]
                assert http.get("/auth/v1/settings").status_code == 200


def test_a_slow_statement_is_ended(start_supabase_backend, new_database, execute_on):
    with start_supabase_backend(new_database(), statement_timeout_seconds=0.2) as backend:
        execute_on(backend, "create view public.slow as select pg_sleep(30)::text as done")
        answer = httpx.get(f"{backend.url}/rest/v1/slow", headers={"apikey": backend.anon_key})

        # 57014 is a 500 in PostgREST's table of errors, too.
        assert (answer.status_code, answer.json()["code"]) == (500, "57014")


def test_a_full_pool_says_so(start_supabase_backend, new_database, execute_on):
    knobs = {"db_pool": 1, "db_pool_acquisition_timeout_seconds": 0.2, "statement_timeout_seconds": 5}
    with start_supabase_backend(new_database(), **knobs) as backend:
        execute_on(backend, "create table public.things as select 1 as id")
        headers = {"apikey": backend.anon_key}
        with (
            psycopg.connect(backend.database_url) as locker,
            httpx.Client(base_url=backend.url, headers=headers, timeout=10) as http,
            start_blocking_portal() as portal,
        ):
            until(lambda: http.get("/rest/v1/things"), 200)
            locker.execute("lock table public.things")
            blocked = portal.start_task_soon(request_things, backend.url, headers)
            wait_for_a_blocked_statement(backend, execute_on)
            full = http.get("/rest/v1/things")
            locker.rollback()

            assert (full.status_code, full.json()["code"]) == (504, "PGRST003")
            assert blocked.result(PATIENCE_SECONDS).status_code == 200


def wait_for_a_blocked_statement(backend, execute_on):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not execute_on(
        backend, "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    ):
        assert time.monotonic() < deadline


async def request_things(url, headers):
    async with httpx.AsyncClient(headers=headers, timeout=10) as http:
        return await http.get(f"{url}/rest/v1/things")
