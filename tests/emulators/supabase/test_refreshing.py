"""How long a session lives, and what many refreshes at once make of it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import psycopg
import pytest
from pyotp.totp import TOTP

PASSWORD = "correct horse"
MANY = 50


@pytest.fixture(scope="module")
def strict_backend(start_supabase_backend, new_database):
    """No re-use interval, and sessions that end."""
    limits = {"sessions_timebox": "1h", "sessions_inactivity_timeout": "30m", "sessions_allow_low_aal": "10m"}
    patience = {"refresh_token_reuse_seconds": 0, "refresh_wait_seconds": 30}
    with start_supabase_backend(new_database(), **limits, **patience) as backend:
        yield backend


@pytest.fixture(scope="module")
def call(strict_backend):
    limits = httpx.Limits(max_connections=MANY)
    with httpx.Client(
        base_url=strict_backend.url, headers={"apikey": strict_backend.anon_key}, limits=limits, timeout=30
    ) as client:
        yield client


@pytest.fixture(scope="module")
def impatient_call(start_supabase_backend, strict_backend):
    """A second backend on the same database, in which refreshes do not wait long."""
    with (
        start_supabase_backend(strict_backend.database_url, refresh_wait_seconds=0.3) as backend,
        httpx.Client(base_url=backend.url, headers={"apikey": backend.anon_key}, timeout=30) as client,
    ):
        yield client


@pytest.fixture
def session(strict_backend, call):
    """A factory of sessions of a new person."""

    def make():
        email = f"{uuid4().hex}@example.com"
        strict_backend.create_user(email, PASSWORD)
        return sign_in(call, email)

    return make


@pytest.fixture
def change(strict_backend, execute_on):
    """Change columns of the session that a token response speaks of."""

    def apply(session, assignments):
        statement = f"update auth.sessions set {assignments} where user_id = %s"
        execute_on(strict_backend, statement, session["user"]["id"])

    return apply


def sign_in(call, email):
    answer = call.post("/auth/v1/token?grant_type=password", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200
    return answer.json()


def refresh(call, token):
    return call.post("/auth/v1/token?grant_type=refresh_token", json={"refresh_token": token})


def test_many_refreshes_at_once_leave_one_session_with_a_working_chain(call, session, strict_backend, execute_on):
    first = session()
    together = threading.Barrier(MANY)

    def one(_):
        together.wait(10)
        return refresh(call, first["refresh_token"])

    with ThreadPoolExecutor(MANY) as threads:
        answers = list(threads.map(one, range(MANY)))

    assert {answer.status_code for answer in answers} == {200}
    [successor] = {answer.json()["refresh_token"] for answer in answers}
    rows = execute_on(
        strict_backend,
        """select count(distinct s.id), count(*), count(*) filter (where not revoked)
           from auth.sessions s join auth.refresh_tokens t on t.session_id = s.id where s.user_id = %s""",
        first["user"]["id"],
    )
    assert rows == [(1, 2, 1)]
    chain = [successor]
    for _ in range(3):
        chain.append(refresh(call, chain[-1]).json()["refresh_token"])
    assert len(set(chain)) == 4
    reader = {"authorization": f"Bearer {answers[-1].json()['access_token']}"}
    assert call.get("/auth/v1/user", headers=reader).status_code == 200


def test_a_stolen_token_that_comes_late_ends_the_family_for_thief_and_owner(call, session):
    first = session()
    second = refresh(call, first["refresh_token"]).json()
    third = refresh(call, second["refresh_token"]).json()

    theft = refresh(call, first["refresh_token"])
    owner = refresh(call, third["refresh_token"])

    assert theft.json()["error_code"] == "refresh_token_already_used"
    assert owner.json()["error_code"] == "refresh_token_already_used"


def test_a_refresh_that_waits_too_long_is_a_conflict(impatient_call, session, strict_backend):
    mine = session()
    with psycopg.connect(strict_backend.database_url) as connection:
        connection.execute("select from auth.sessions where user_id = %s for update", (mine["user"]["id"],))

        waited = refresh(impatient_call, mine["refresh_token"])

    assert (waited.status_code, waited.json()["error_code"]) == (409, "conflict")
    assert refresh(impatient_call, mine["refresh_token"]).status_code == 200


def test_those_who_wait_hold_up_nobody_else(impatient_call, session, strict_backend):
    busy, other = session(), session()
    with psycopg.connect(strict_backend.database_url) as connection, ThreadPoolExecutor(30) as threads:
        connection.execute("select from auth.sessions where user_id = %s for update", (busy["user"]["id"],))
        waiting = [threads.submit(refresh, impatient_call, busy["refresh_token"]) for _ in range(30)]

        assert refresh(impatient_call, other["refresh_token"]).status_code == 200
        assert {answer.result().status_code for answer in waiting} == {409}


@pytest.mark.parametrize(
    ("assignments", "why"),
    [
        ("created_at = now() - interval '61 minutes', refreshed_at = now() at time zone 'utc'", ""),
        ("not_after = now() - interval '1 second'", ""),
        ("refreshed_at = (now() - interval '31 minutes') at time zone 'utc'", " (Inactivity)"),
    ],
)
def test_a_session_that_is_over_gives_no_more_tokens(call, session, change, assignments, why):
    mine = session()
    change(mine, assignments)

    answer = refresh(call, mine["refresh_token"])

    assert (answer.status_code, answer.json()["error_code"]) == (400, "session_expired")
    assert answer.json()["msg"] == f"Invalid Refresh Token: Session Expired{why}"


def test_a_session_within_its_limits_lives_on(call, session, change):
    mine = session()
    change(mine, "created_at = now() - interval '50 minutes', refreshed_at = now() at time zone 'utc'")

    assert refresh(call, mine["refresh_token"]).status_code == 200


def test_who_has_a_second_factor_may_not_stay_below_it(call, session, change):
    mine = session()
    headers = {"authorization": f"Bearer {mine['access_token']}"}
    factor = call.post("/auth/v1/factors", headers=headers, json={"factor_type": "totp"}).json()
    path = f"/auth/v1/factors/{factor['id']}"
    challenge = call.post(f"{path}/challenge", headers=headers).json()["id"]
    code = TOTP(factor["totp"]["secret"]).at(time.time())
    raised = call.post(f"{path}/verify", headers=headers, json={"challenge_id": challenge, "code": code}).json()
    low = sign_in(call, mine["user"]["email"])
    change(mine, "created_at = now() - interval '11 minutes'")

    assert refresh(call, low["refresh_token"]).json()["error_code"] == "session_expired"
    assert refresh(call, raised["refresh_token"]).status_code == 200


def test_one_session_each_ends_the_older_one_at_its_next_refresh(start_supabase_backend, new_database):
    with start_supabase_backend(new_database(), sessions_single_per_user=True) as backend:
        backend.create_user("single@example.com", PASSWORD)
        with httpx.Client(base_url=backend.url, headers={"apikey": backend.anon_key}) as call:
            older = sign_in(call, "single@example.com")
            newer = sign_in(call, "single@example.com")

            refused = refresh(call, older["refresh_token"])
            kept = refresh(call, newer["refresh_token"])

    assert refused.json()["error_code"] == "session_expired"
    assert kept.status_code == 200


def test_tokens_that_were_revoked_long_ago_are_forgotten(call, session, strict_backend, execute_on):
    first = session()
    second = refresh(call, first["refresh_token"]).json()
    execute_on(
        strict_backend,
        "update auth.refresh_tokens set updated_at = updated_at - interval '25 hours' where token = %s",
        first["refresh_token"],
    )

    refresh(call, second["refresh_token"])

    assert refresh(call, first["refresh_token"]).json()["error_code"] == "refresh_token_not_found"
