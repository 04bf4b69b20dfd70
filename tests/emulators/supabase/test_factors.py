"""Second factors: an authenticator app is enrolled, proves who somebody is, and is removed."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from xml.etree import ElementTree

import httpx
import pytest
from pyotp.totp import TOTP
from smeboost_shared.errors import Misconfigured
from supabase_auth.errors import AuthApiError

PASSWORD = "correct horse"
PERIOD_SECONDS = 30
NOWHERE = "00000000-0000-4000-8000-000000000000"


def code_of(secret, *, later=0):
    """The code of this period or of the next: both are good, and one that is made a moment too early stays good."""
    return TOTP(secret).at(time.time() + later * PERIOD_SECONDS)


@dataclass(frozen=True)
class Device:
    """Somebody's authenticator app, and the session that it raised."""

    factor_id: str
    secret: str
    session: dict
    used_code: str

    @property
    def headers(self):
        return {"authorization": f"Bearer {self.session['access_token']}"}


@pytest.fixture
def sign_in(http):
    def make(person, call=http):
        body = {"email": person.email, "password": person.password}
        answer = call.post("/auth/v1/token?grant_type=password", json=body)
        assert answer.status_code == 200
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    return make


@pytest.fixture
def enroll(http):
    def make(headers, call=http, **attributes):
        return call.post("/auth/v1/factors", headers=headers, json={"factor_type": "totp", **attributes})

    return make


@pytest.fixture
def verify(http):
    def make(headers, factor_id, code, call=http):
        challenge = call.post(f"/auth/v1/factors/{factor_id}/challenge", headers=headers)
        assert challenge.status_code == 200
        body = {"challenge_id": challenge.json()["id"], "code": code}
        return call.post(f"/auth/v1/factors/{factor_id}/verify", headers=headers, json=body)

    return make


@pytest.fixture
def device(sign_in, enroll, verify):
    """A factory of verified authenticator apps; the code of this period is used up."""

    def make(person):
        headers = sign_in(person)
        factor = enroll(headers).json()
        code = code_of(factor["totp"]["secret"])
        answer = verify(headers, factor["id"], code)
        assert answer.status_code == 200
        return Device(factor["id"], factor["totp"]["secret"], answer.json(), code)

    return make


def test_the_official_client_reaches_the_second_level(signed_in, person):
    client = signed_in(person())
    factor = client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone", "issuer": "SME Boost"})
    before = client.auth.mfa.get_authenticator_assurance_level()

    challenge = client.auth.mfa.challenge({"factor_id": factor.id})
    code = code_of(factor.totp.secret)
    verified = client.auth.mfa.verify({"factor_id": factor.id, "challenge_id": challenge.id, "code": code})

    after = client.auth.mfa.get_authenticator_assurance_level()
    listed = client.auth.mfa.list_factors()
    assert (before.current_level, before.next_level) == ("aal1", "aal1")
    assert (after.current_level, after.next_level) == ("aal2", "aal2")
    assert [method.method for method in after.current_authentication_methods] == ["totp", "password"]
    assert verified.user.factors[0].status == "verified"
    assert [(found.id, found.friendly_name) for found in listed.totp] == [(factor.id, "phone")]
    assert client.auth.refresh_session().session.refresh_token != verified.refresh_token
    assert client.auth.mfa.get_authenticator_assurance_level().current_level == "aal2"


async def test_the_official_asynchronous_client_removes_a_factor(async_client, person):
    somebody = person()
    await async_client.auth.sign_in_with_password({"email": somebody.email, "password": somebody.password})
    factor = await async_client.auth.mfa.enroll({"factor_type": "totp"})
    await async_client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code_of(factor.totp.secret)})

    removed = await async_client.auth.mfa.unenroll({"factor_id": factor.id})
    await async_client.auth.refresh_session()

    level = await async_client.auth.mfa.get_authenticator_assurance_level()
    assert removed.id == factor.id
    assert (level.current_level, level.next_level) == ("aal1", "aal1")
    assert [method.method for method in level.current_authentication_methods] == ["password"]
    assert (await async_client.auth.mfa.list_factors()).all == []


def test_a_secret_comes_as_an_address_and_as_a_drawing(sign_in, enroll, person):
    somebody = person()

    factor = enroll(sign_in(somebody), issuer="SME Boost").json()

    totp = factor["totp"]
    assert totp["uri"].startswith(f"otpauth://totp/SME%20Boost:{somebody.email.replace('@', '%40')}?")
    assert f"secret={totp['secret']}" in totp["uri"]
    assert ElementTree.fromstring(totp["qr_code"]).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314  # our own text
    assert "#" not in totp["qr_code"]
    other = enroll(sign_in(somebody), friendly_name="of no named issuer").json()
    assert other["totp"]["uri"].startswith("otpauth://totp/localhost:")


def test_a_secret_is_shown_once_and_to_no_role_of_the_api(http, admin_http, device, person, execute):
    mine = device(person())

    shown = http.get("/auth/v1/user", headers=mine.headers)
    as_admin = admin_http.get(f"/auth/v1/admin/users/{mine.session['user']['id']}/factors")
    readers = execute(
        """select role from unnest(array['anon', 'authenticated', 'service_role', 'authenticator']) role
           where has_table_privilege(role, 'auth.mfa_factors', 'select')"""
    )

    assert mine.secret not in shown.text + as_admin.text
    assert [factor["id"] for factor in as_admin.json()] == [mine.factor_id]
    assert readers == []


def test_a_right_code_ends_sessions_below_and_replaces_the_refresh_token(http, sign_in, enroll, verify, person):
    somebody = person()
    other = sign_in(somebody)
    body = {"email": somebody.email, "password": somebody.password}
    first = http.post("/auth/v1/token?grant_type=password", json=body).json()
    mine = {"authorization": f"Bearer {first['access_token']}"}
    unfinished = enroll(mine, friendly_name="never finished").json()
    factor = enroll(mine, friendly_name="phone").json()

    raised = verify(mine, factor["id"], code_of(factor["totp"]["secret"])).json()

    assert http.get("/auth/v1/user", headers=other).json()["error_code"] == "session_not_found"
    assert http.get("/auth/v1/user", headers=mine).status_code == 200
    assert [found["id"] for found in raised["user"]["factors"]] == [factor["id"]]
    assert unfinished["id"] != factor["id"]
    assert raised["refresh_token"] != first["refresh_token"]


def test_a_code_is_good_once(http, device, sign_in, verify, person):
    somebody = person()
    mine = device(somebody)
    again = sign_in(somebody)

    next_code = code_of(mine.secret, later=1)

    replayed = verify(again, mine.factor_id, mine.used_code)
    fresh = verify(again, mine.factor_id, next_code)
    replayed_fresh = verify(again, mine.factor_id, next_code)

    assert replayed.json()["error_code"] == "mfa_verification_failed"
    assert fresh.status_code == 200
    assert replayed_fresh.status_code == 422


def test_of_many_at_once_with_one_code_one_gets_in(http, sign_in, enroll, person):
    headers = sign_in(person())
    factor = enroll(headers).json()
    path = f"/auth/v1/factors/{factor['id']}"
    code = code_of(factor["totp"]["secret"])
    challenges = [http.post(f"{path}/challenge", headers=headers).json()["id"] for _ in range(8)]

    with ThreadPoolExecutor(8) as threads:
        statuses = list(
            threads.map(
                lambda challenge: (
                    http.post(
                        f"{path}/verify", headers=headers, json={"challenge_id": challenge, "code": code}
                    ).status_code
                ),
                challenges,
            )
        )

    assert sorted(statuses) == [200, *[422] * 7]


def test_a_challenge_is_answered_once_from_where_it_began_and_in_time(
    http, supabase_backend, *, sign_in, enroll, person, execute
):
    headers = sign_in(person())
    factor = enroll(headers).json()
    path = f"/auth/v1/factors/{factor['id']}"
    old, elsewhere, good = (http.post(f"{path}/challenge", headers=headers).json()["id"] for _ in range(3))
    execute("update auth.mfa_challenges set created_at = created_at - interval '301 seconds' where id = %s", old)
    code = code_of(factor["totp"]["secret"])

    def answer(challenge, call=http):
        reply = call.post(f"{path}/verify", headers=headers, json={"challenge_id": challenge, "code": code})
        return reply.json().get("error_code", reply.status_code)

    with httpx.Client(
        base_url=supabase_backend.url,
        headers={"apikey": supabase_backend.anon_key},
        transport=httpx.HTTPTransport(local_address="127.0.0.2"),
    ) as stranger:
        assert answer(elsewhere, stranger) == "mfa_ip_address_mismatch"
    assert answer(old) == "mfa_challenge_expired"
    assert answer(old) == "mfa_factor_not_found"
    assert answer(good) == 200
    assert answer(good) == "mfa_ip_address_mismatch"


def test_wrong_codes_are_counted_whatever_session_tries(http, start_supabase_backend, new_database, sign_in, verify):
    with start_supabase_backend(new_database(), mfa_attempts_max=3) as backend:
        backend.create_user("guessed@example.com", PASSWORD)
        body = {"email": "guessed@example.com", "password": PASSWORD}
        with httpx.Client(base_url=backend.url, headers={"apikey": backend.anon_key}) as call:

            def session():
                token = call.post("/auth/v1/token?grant_type=password", json=body).json()["access_token"]
                return {"authorization": f"Bearer {token}"}

            first, second = session(), session()
            factor = call.post("/auth/v1/factors", headers=first, json={"factor_type": "totp"}).json()
            path = f"/auth/v1/factors/{factor['id']}"
            challenges = [call.post(f"{path}/challenge", headers=first) for _ in range(4)]
            wrong = {"challenge_id": challenges[0].json()["id"], "code": "abcdef"}

            guesses = [
                call.post(f"{path}/verify", headers=headers, json=wrong).json()["error_code"]
                for headers in (first, second, first, second)
            ]
            right = {**wrong, "code": code_of(factor["totp"]["secret"])}
            too_late = call.post(f"{path}/verify", headers=first, json=right)

    assert [answer.status_code for answer in challenges] == [200, 200, 200, 429]
    assert guesses == [*["mfa_verification_failed"] * 3, "over_request_rate_limit"]
    assert (too_late.status_code, too_late.json()["error_code"]) == (429, "over_request_rate_limit")


def test_without_the_second_level_a_protected_account_is_not_changed(
    http, device, *, sign_in, enroll, person, new_email
):
    somebody = person()
    mine = device(somebody)
    low = sign_in(somebody)

    def change(headers, **what):
        answer = http.put("/auth/v1/user", headers=headers, json=what)
        return answer.status_code, answer.json().get("error_code")

    removal = http.delete(f"/auth/v1/factors/{mine.factor_id}", headers=low)

    assert change(low, password="another horse") == (401, "insufficient_aal")
    assert change(low, email=new_email()) == (401, "insufficient_aal")
    assert change(low, data={"city": "Jena"}) == (200, None)
    assert (removal.status_code, removal.json()["error_code"]) == (422, "insufficient_aal")
    second = enroll(low, friendly_name="second")
    assert (second.status_code, second.json()["error_code"]) == (403, "insufficient_aal")
    assert change(mine.headers, password="another horse") == (200, None)
    assert enroll(mine.headers, friendly_name="second").status_code == 200


def test_a_factor_of_somebody_else_is_not_found(http, device, sign_in, person):
    theirs, mine = device(person()), sign_in(person())
    path = f"/auth/v1/factors/{theirs.factor_id}"
    body = {"challenge_id": NOWHERE, "code": "123456"}

    answers = [
        http.post(f"{path}/challenge", headers=mine),
        http.post(f"{path}/verify", headers=mine, json=body),
        http.delete(path, headers=mine),
    ]

    assert [(answer.status_code, answer.json()["error_code"]) for answer in answers] == [
        (404, "mfa_factor_not_found")
    ] * 3


def test_names_are_unique_and_factors_are_few(http, sign_in, enroll, person):
    headers = sign_in(person())

    answers = [enroll(headers, friendly_name=f"device {number}") for number in range(11)]
    same = enroll(headers, friendly_name="device 0")

    assert [answer.status_code for answer in answers] == [*[200] * 10, 422]
    assert answers[-1].json()["error_code"] == "too_many_enrolled_mfa_factors"
    assert same.json()["error_code"] == "mfa_factor_name_conflict"


def test_a_factor_that_nobody_finished_makes_room(sign_in, enroll, person, execute):
    headers = sign_in(person())
    factor = enroll(headers, friendly_name="phone").json()
    execute("update auth.mfa_factors set created_at = created_at - interval '6 minutes' where id = %s", factor["id"])

    assert enroll(headers, friendly_name="phone").status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "validation_failed"),
        ({"factor_type": "sms"}, 400, "validation_failed"),
        ({"factor_type": "phone", "phone": "+491234567"}, 422, "mfa_phone_enroll_not_enabled"),
        ({"factor_type": "webauthn"}, 422, "mfa_webauthn_enroll_not_enabled"),
        ({"factor_type": "totp", "friendly_name": "x" * 256}, 400, "validation_failed"),
        ({"factor_type": "totp", "friendly_name": "x\0"}, 400, "validation_failed"),
        ({"factor_type": "totp", "issuer": "a:b"}, 400, "validation_failed"),
        ({"factor_type": "totp", "issuer": "字" * 255}, 400, "validation_failed"),
        ({"factor_type": 7}, 400, "bad_json"),
    ],
)
def test_an_unacceptable_factor_is_refused(sign_in, enroll, person, *, body, status, code):
    answer = enroll(sign_in(person()), **{"factor_type": None, **body})

    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"challenge_id": NOWHERE, "code": ""}, 400, "validation_failed"),
        ({"challenge_id": "7", "code": "123456"}, 400, "validation_failed"),
        ({"challenge_id": NOWHERE, "code": "123456"}, 422, "mfa_factor_not_found"),
    ],
)
def test_an_unacceptable_answer_to_a_challenge_is_refused(http, sign_in, enroll, person, *, body, status, code):
    headers = sign_in(person())
    path = f"/auth/v1/factors/{enroll(headers).json()['id']}/verify"

    answer = http.post(path, headers=headers, json=body)

    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


@pytest.mark.parametrize("code", ["", "000000", "12345", "1234567", "١٢٣٤٥٦", "'; drop table x; --", "9" * 99_999])
def test_any_text_for_a_code_is_harmless(sign_in, enroll, verify, person, code):
    headers = sign_in(person())
    factor = enroll(headers).json()

    answer = verify(headers, factor["id"], code)

    assert answer.status_code in {400, 422}


def test_an_administrator_renames_and_removes_factors(
    client_for, supabase_backend, *, admin_http, http, device, person
):
    somebody = person()
    mine = device(somebody)
    admin = client_for(supabase_backend.service_role_key).auth.admin
    path = f"/auth/v1/admin/users/{somebody.id}/factors/{mine.factor_id}"

    renamed = admin_http.put(path, json={"friendly_name": "lost"})
    listed = admin.mfa.list_factors({"user_id": somebody.id})
    removed = admin.mfa.delete_factor({"user_id": somebody.id, "id": mine.factor_id})

    assert renamed.json()["friendly_name"] == "lost"
    assert [factor.friendly_name for factor in listed] == ["lost"]
    assert removed.id == mine.factor_id
    assert "factors" not in http.get("/auth/v1/user", headers=mine.headers).json()
    refreshed = http.post(
        "/auth/v1/token?grant_type=refresh_token", json={"refresh_token": mine.session["refresh_token"]}
    )
    assert http.put(
        "/auth/v1/user",
        headers={"authorization": f"Bearer {refreshed.json()['access_token']}"},
        json={"password": "another horse"},
    ).is_success


def test_only_an_administrator_sees_the_factors_of_others(http, device, person):
    mine = device(person())

    answer = http.get(f"/auth/v1/admin/users/{mine.session['user']['id']}/factors", headers=mine.headers)

    assert answer.json()["error_code"] == "not_admin"


def test_factors_can_be_switched_off(start_supabase_backend, new_database, client_for):
    database = new_database()
    with start_supabase_backend(database) as backend:
        backend.create_user("off@example.com", PASSWORD)
        client = client_for(backend=backend)
        client.auth.sign_in_with_password({"email": "off@example.com", "password": PASSWORD})
        factor = client.auth.mfa.enroll({"factor_type": "totp"})
    with start_supabase_backend(database, totp_enroll_enabled=False, totp_verify_enabled=False) as backend:
        client = client_for(backend=backend)
        client.auth.sign_in_with_password({"email": "off@example.com", "password": PASSWORD})
        with pytest.raises(AuthApiError) as enrolling:
            client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "another"})
        with pytest.raises(AuthApiError) as challenging:
            client.auth.mfa.challenge({"factor_id": factor.id})

    assert enrolling.value.code == "mfa_totp_enroll_not_enabled"
    assert challenging.value.code == "mfa_totp_verify_not_enabled"


def test_a_sealed_secret_is_unreadable_in_the_database_and_opens_with_an_older_key(
    start_supabase_backend, new_database, client_for, execute_on
):
    database, old, new = new_database(), "A" * 43, "B" * 42 + "A"
    sealing = {"db_encryption": True, "db_encryption_key_id": "old", "db_encryption_key": old}
    with start_supabase_backend(database, **sealing) as backend:
        backend.create_user("sealed@example.com", PASSWORD)
        client = client_for(backend=backend)
        client.auth.sign_in_with_password({"email": "sealed@example.com", "password": PASSWORD})
        factor = client.auth.mfa.enroll({"factor_type": "totp"})
        [(stored,)] = execute_on(backend, "select secret from auth.mfa_factors")
    later = {"db_encryption_key_id": "new", "db_encryption_key": new, "db_decryption_keys": f"old:{old}"}
    with start_supabase_backend(database, db_encryption=True, **later) as backend:
        client = client_for(backend=backend)
        client.auth.sign_in_with_password({"email": "sealed@example.com", "password": PASSWORD})
        code = code_of(factor.totp.secret)
        verified = client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code})
        [(kept,)] = execute_on(backend, "select secret from auth.mfa_factors")

    assert '"key_id": "new"' in kept
    assert factor.totp.secret not in kept
    assert factor.totp.secret not in stored
    assert '"alg": "aes-gcm-hkdf"' in stored
    assert verified.user.factors[0].status == "verified"


@pytest.mark.parametrize("told", ["fe80::1%eth0", "somewhere", "'; --", "2001:db8::1"])
def test_whatever_a_proxy_says_of_the_address_is_harmless(http, person, enroll, told):
    somebody = person()
    proxied = {"x-forwarded-for": told}
    body = {"email": somebody.email, "password": somebody.password}
    session = http.post("/auth/v1/token?grant_type=password", headers=proxied, json=body).json()
    headers = {"authorization": f"Bearer {session['access_token']}", **proxied}
    factor = enroll(headers).json()
    path = f"/auth/v1/factors/{factor['id']}"
    challenge = http.post(f"{path}/challenge", headers=headers).json()["id"]
    answer = {"challenge_id": challenge, "code": code_of(factor["totp"]["secret"])}

    assert http.post(f"{path}/verify", headers=headers, json=answer).status_code == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"db_encryption": True},
        {"db_encryption_key": "short"},
        {"db_decryption_keys": "a:b"},
        {"mfa_factor_expiry": "5 minutes"},
        {"mfa_factor_expiry": "-5m"},
    ],
)
def test_settings_that_cannot_be_are_refused_at_the_start(start_supabase_backend, settings):
    with pytest.raises(Misconfigured), start_supabase_backend("postgresql://nobody@127.0.0.1:1/none", **settings):
        raise AssertionError("it started")
