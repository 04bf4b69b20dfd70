"""Logging in, staying in and getting out."""

import json
import time

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

BASES = "/api/airtable/bases"
SECRET = "a-secret-of-tests-that-is-long-enough-for-hs256"


async def bases_with(gateway, token: str):
    return await gateway.http.get(BASES, headers={"Authorization": f"Bearer {token}"})


def claims_of(token: str) -> dict:
    return jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"]).claims


def signed(claims: dict, *, key: str = SECRET, algorithm: str = "HS256") -> str:
    registry = JWSRegistry(algorithms=[algorithm])
    return jwt.encode({"alg": algorithm}, claims, OctKey.import_key(key), registry=registry)


async def test_logging_in_gives_what_the_contract_says(gateway):
    answer = await gateway.log_in("viewer")
    assert (answer["token_type"], answer["expires_in"], answer["mfa_required"]) == ("Bearer", 900, False)
    claims = claims_of(answer["access_token"])
    assert (claims["iss"], claims["aud"], claims["role"]) == ("smeboost", "smeboost-gateway", "viewer")
    assert claims["exp"] - claims["iat"] == 900


@pytest.mark.parametrize("role", ["admin", "editor", "viewer"])
async def test_me_tells_the_role_that_the_membership_gives(gateway, role):
    me = (await gateway.ask("GET", "/api/auth/me", who=role)).json()
    assert (me["email"], me["role"]) == (f"{role}@example.com", role)


async def test_an_unknown_person_and_a_wrong_password_get_the_same_answer(gateway):
    answers = []
    for email in ("nobody@example.com", "editor@example.com"):
        refused = await gateway.http.post("/api/auth/login", json={"email": email, "password": "wrong"})
        assert refused.status_code == 401
        answers.append({**refused.json(), "request_id": ""})
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not_authenticated"


async def test_a_person_without_membership_is_told_so(gateway):
    body = {"email": "outsider@example.com", "password": gateway.password}
    refused = await gateway.http.post("/api/auth/login", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert "member" in refused.json()["detail"]


async def test_logging_in_leaves_no_session_at_supabase(gateway, people):
    def sessions() -> int:
        with psycopg.connect(people.database_url) as connection:
            row = connection.execute("select count(*) from auth.sessions").fetchone()
            assert row is not None
            return row[0]

    before = sessions()
    await gateway.log_in("editor")
    assert sessions() == before


async def test_a_request_without_a_token_is_challenged(gateway):
    refused = await gateway.http.get(BASES)
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    assert refused.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer a.b.c", "Bearer " + "x" * 5000])
async def test_a_header_that_is_no_token_is_refused(gateway, header):
    refused = await gateway.http.get(BASES, headers={"Authorization": header})
    assert refused.status_code == 401


async def test_an_expired_token_says_how_to_go_on(start_gateway):
    gateway = await start_gateway(access_token_seconds=1)
    token = (await gateway.log_in())["access_token"]
    assert (await bases_with(gateway, token)).status_code == 200
    until = claims_of(token)["exp"]
    while time.time() <= until:
        expired = await bases_with(gateway, token)
    expired = await bases_with(gateway, token)
    assert (expired.status_code, expired.json()["code"]) == (401, "token_expired")
    assert "refresh" in expired.json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "somebody-else"},
        {"aud": None},
        {"iss": "somebody-else"},
        {"exp": None},
        {"sid": None},
        {"sid": "unknown"},
        {"sub": "somebody-else"},
        {"exp": "soon"},
    ],
)
async def test_a_token_that_was_not_issued_for_this_is_refused(gateway, change):
    claims = claims_of((await gateway.log_in())["access_token"]) | change
    forged = signed({name: value for name, value in claims.items() if value is not None})
    assert (await bases_with(gateway, forged)).status_code == 401


async def test_a_token_with_another_key_or_algorithm_is_refused(gateway):
    claims = claims_of((await gateway.log_in())["access_token"])
    assert (await bases_with(gateway, signed(claims, key="another-key-that-is-long-enough-too!"))).status_code == 401
    assert (await bases_with(gateway, signed(claims, algorithm="HS512"))).status_code == 401
    header = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    payload = signed(claims).split(".")[1]
    assert (await bases_with(gateway, f"{header}.{payload}.")).status_code == 401


async def test_logging_out_ends_the_access_token_at_once(gateway):
    session = await gateway.log_in()
    headers = {"Authorization": f"Bearer {session['access_token']}"}
    assert (await gateway.http.get(BASES, headers=headers)).status_code == 200
    assert (await gateway.http.post("/api/auth/logout", headers=headers)).status_code == 204
    assert (await gateway.http.get(BASES, headers=headers)).status_code == 401
    refused = await gateway.http.post("/api/auth/refresh", json={"refresh_token": session["refresh_token"]})
    assert refused.status_code == 401


async def test_refreshing_gives_new_tokens_and_keeps_the_session(gateway):
    first = await gateway.log_in()
    second = (await gateway.http.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert claims_of(second["access_token"])["sid"] == claims_of(first["access_token"])["sid"]
    assert (await bases_with(gateway, second["access_token"])).status_code == 200


async def test_a_refresh_token_used_twice_ends_the_session_for_everybody(gateway):
    first = await gateway.log_in()
    second = (await gateway.http.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()
    reused = await gateway.http.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert (reused.status_code, reused.json()["code"]) == (401, "not_authenticated")
    assert (await bases_with(gateway, second["access_token"])).status_code == 401
    after = await gateway.http.post("/api/auth/refresh", json={"refresh_token": second["refresh_token"]})
    assert after.status_code == 401


async def test_a_guessed_refresh_token_is_refused(gateway):
    refused = await gateway.http.post("/api/auth/refresh", json={"refresh_token": "guess"})
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")


async def test_sessions_live_on_when_the_gateway_is_started_again(start_gateway):
    first = await start_gateway()
    token = (await first.log_in())["access_token"]
    second = await start_gateway(redis=first.settings.redis)
    assert (await bases_with(second, token)).status_code == 200


async def test_attempts_are_limited_by_email(start_gateway):
    gateway = await start_gateway(logins_per_minute_by_email=3)
    body = {"email": "Victim@example.com", "password": "wrong"}
    statuses = [(await gateway.http.post("/api/auth/login", json=body)).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]
    other = await gateway.http.post("/api/auth/login", json=body | {"email": "other@example.com"})
    assert other.status_code == 401


async def test_attempts_are_limited_by_address(start_gateway):
    gateway = await start_gateway(logins_per_minute_by_address=2)
    answers = [
        await gateway.http.post("/api/auth/login", json={"email": f"{n}@example.com", "password": "wrong"})
        for n in range(3)
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[2].headers["retry-after"]) >= 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "a@b.example"}, "password"),
        ({"email": "no-at-sign", "password": "x"}, "email"),
        ({"email": "a@b.example", "password": "x" * 1001}, "password"),
        ({"email": "a@b.example", "password": ""}, "password"),
        ({"email": "a@b.example", "password": "x", "otp": "1"}, "otp"),
        ({"email": 7, "password": "x"}, "email"),
    ],
)
async def test_a_login_that_is_not_one_names_the_field_and_never_the_password(gateway, body, field):
    refused = await gateway.http.post("/api/auth/login", json=body)
    assert refused.status_code == 422
    assert [problem["field"] for problem in refused.json()["errors"]] == [field]
    assert "xxx" not in json.dumps(refused.json())
