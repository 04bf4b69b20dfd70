"""PKCE: a link ends in a code, and the code and its verifier in a session, once."""

import base64
import threading
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from supabase_auth.errors import AuthApiError

from supabase import ClientOptions, create_client

PASSWORD = "correct horse"
VERIFIER = "a-verifier-of-a-client.with~characters_43-or-more"


@pytest.fixture
def http(mailing_backend, http_of):
    return http_of(mailing_backend)


@pytest.fixture
def pkce_client(mailing_backend):
    """An official client that asks for codes."""
    with httpx.Client(timeout=10) as transport:
        options = ClientOptions(httpx_client=transport, flow_type="pkce", auto_refresh_token=False)
        yield create_client(mailing_backend.url, mailing_backend.anon_key, options)


@pytest.fixture
def code_for(http, mailing_backend, mails_to):
    """Ask for a mail with a challenge, follow its link, and give the code."""

    def ask(email, *, path="otp", challenge=None, method="s256", **body):
        asked = {"email": email, "code_challenge": challenge or challenge_of(VERIFIER), "code_challenge_method": method}
        assert http.post(f"/auth/v1/{path}", json=asked | body).status_code == 200
        return code_in(http.get(mails_to(mailing_backend, email)[0]["link"], headers={"apikey": ""}))

    return ask


@pytest.fixture
def known(mailing_backend, new_email):
    def make():
        email = new_email()
        mailing_backend.create_user(email, PASSWORD)
        return email

    return make


def challenge_of(verifier):
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def code_in(answer):
    assert answer.status_code == 303
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))["code"]


def exchange(http, code, verifier=VERIFIER):
    return http.post("/auth/v1/token?grant_type=pkce", json={"auth_code": code, "code_verifier": verifier})


def refusal(answer):
    return answer.status_code, answer.json()["error_code"]


def methods_of(session):
    payload = session["access_token"].split(".")[1]
    return [
        entry["method"] for entry in httpx.Response(200, content=base64.urlsafe_b64decode(payload + "==")).json()["amr"]
    ]


def test_the_official_client_signs_up_and_exchanges_the_code(pkce_client, http, new_email, mailing_backend, mails_to):
    email = new_email()

    pkce_client.auth.sign_up({"email": email, "password": PASSWORD})
    [mail] = mails_to(mailing_backend, email)
    code = code_in(http.get(mail["link"]))
    session = pkce_client.auth.exchange_code_for_session({"auth_code": code}).session

    assert mail["token_hash"].startswith("pkce_")
    assert session.user.email == email
    assert session.user.email_confirmed_at is not None


def test_the_official_client_recovers_with_a_code(pkce_client, http, known, mailing_backend, mails_to):
    email = known()

    pkce_client.auth.reset_password_for_email(email, {"redirect_to": "http://app.shop.example.com/new?step=2"})
    followed = http.get(mails_to(mailing_backend, email)[0]["link"])
    session = pkce_client.auth.exchange_code_for_session({"auth_code": code_in(followed)}).session

    assert followed.headers["location"].startswith("http://app.shop.example.com/new?step=2&code=")
    assert session.user.email == email


def test_a_one_time_password_of_a_flow_is_also_good_as_a_code_of_digits(pkce_client, known, mailing_backend, mails_to):
    email = known()

    pkce_client.auth.sign_in_with_otp({"email": email})
    [mail] = mails_to(mailing_backend, email)

    assert pkce_client.auth.verify_otp({"type": "email", "email": email, "token": mail["code"]}).session


@pytest.mark.parametrize("case", [("otp", "magiclink"), ("recover", "recovery"), ("signup", "email/signup")])
def test_the_session_says_how_it_began(http, code_for, known, new_email, case):
    path, method = case
    email = new_email() if path == "signup" else known()

    session = exchange(http, code_for(email, path=path, password=PASSWORD)).json()

    assert methods_of(session) == [method]
    assert session["user"]["email"] == email


@pytest.mark.parametrize("method", ["plain", "PLAIN"])
def test_a_plain_challenge_is_its_own_verifier(http, code_for, known, method):
    code = code_for(known(), challenge=VERIFIER, method=method)

    assert exchange(http, code, VERIFIER).status_code == 200


def test_a_code_needs_its_verifier_and_is_good_once(http, code_for, known):
    code = code_for(known())

    assert refusal(exchange(http, code, VERIFIER + "x")) == (400, "bad_code_verifier")
    assert refusal(exchange(http, code, challenge_of(VERIFIER))) == (400, "bad_code_verifier")
    assert exchange(http, code).status_code == 200
    assert refusal(exchange(http, code)) == (404, "flow_state_not_found")


def test_two_exchanges_of_one_code_give_one_session(http, code_for, known):
    code, answers, gate = code_for(known()), [], threading.Barrier(4)

    def run():
        gate.wait(5)
        answers.append(exchange(http, code).status_code)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert sorted(answers) == [200, 404, 404, 404]


def test_an_old_code_is_refused(http, code_for, known, mailing_backend, execute_on):
    code = code_for(known())
    aged = "update auth.flow_state set auth_code_issued_at = now() - interval '5 minutes 1 second' where auth_code = %s"
    execute_on(mailing_backend, aged, code)

    assert refusal(exchange(http, code)) == (422, "flow_state_expired")


def test_a_code_is_good_only_after_its_link_was_followed(http, known, mailing_backend, execute_on):
    email = known()
    body = {"email": email, "code_challenge": challenge_of(VERIFIER), "code_challenge_method": "s256"}
    http.post("/auth/v1/otp", json=body)
    query = "select auth_code from auth.flow_state f join auth.users u on u.id = f.user_id where u.email = %s"
    [(code,)] = execute_on(mailing_backend, query, email)

    assert refusal(exchange(http, code)) == (404, "flow_state_not_found")


def test_a_used_link_says_so_in_query_and_fragment(http, code_for, known, mailing_backend, mails_to):
    email = known()
    code_for(email)

    place = urlsplit(http.get(mails_to(mailing_backend, email)[0]["link"]).headers["location"])

    assert dict(parse_qsl(place.query))["error_code"] == "otp_expired"
    assert dict(parse_qsl(place.fragment))["error_code"] == "otp_expired"


@pytest.mark.parametrize(
    "challenge",
    [
        {"code_challenge": "a" * 43},
        {"code_challenge_method": "s256"},
        {"code_challenge": "a" * 42, "code_challenge_method": "s256"},
        {"code_challenge": "a" * 129, "code_challenge_method": "s256"},
        {"code_challenge": "ä" * 43, "code_challenge_method": "s256"},
        {"code_challenge": "a" * 43, "code_challenge_method": "md5"},
    ],
)
@pytest.mark.parametrize("path", ["otp", "recover", "signup"])
def test_a_challenge_that_cannot_be_answered_is_refused(http, new_email, challenge, path):
    answer = http.post(f"/auth/v1/{path}", json={"email": new_email(), "password": PASSWORD, **challenge})

    assert refusal(answer) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "validation_failed"),
        ({"auth_code": "x"}, 400, "validation_failed"),
        ({"auth_code": "\0", "code_verifier": "x"}, 404, "flow_state_not_found"),
        ({"auth_code": "x" * 100_000, "code_verifier": "x"}, 404, "flow_state_not_found"),
        ({"auth_code": 1, "code_verifier": "x"}, 400, "bad_json"),
    ],
)
def test_an_unacceptable_exchange_is_refused(http, body, status, code):
    assert refusal(http.post("/auth/v1/token?grant_type=pkce", json=body)) == (status, code)


def test_the_official_client_hears_of_a_wrong_code(pkce_client):
    with pytest.raises(AuthApiError) as refused:
        pkce_client.auth.exchange_code_for_session({"auth_code": "none", "code_verifier": VERIFIER})

    assert (refused.value.status, refused.value.code) == (404, "flow_state_not_found")
