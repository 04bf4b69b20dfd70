"""Sign up, sign in and recover by mail, with the official clients and over plain HTTP."""

import threading
from functools import partial
from hashlib import sha224
from urllib.parse import parse_qsl, urlsplit

import pytest
from supabase_auth.errors import AuthApiError

PASSWORD = "correct horse"


@pytest.fixture
def http(mailing_backend, http_of):
    return http_of(mailing_backend)


@pytest.fixture
def client(mailing_backend, client_for):
    return client_for(backend=mailing_backend)


@pytest.fixture
def mails(mailing_backend, mails_to):
    """The mails to an address, newest first."""
    return partial(mails_to, mailing_backend)


@pytest.fixture
def last_mail(mails):
    return lambda email: mails(email)[0]


@pytest.fixture
def run_sql(mailing_backend, execute_on):
    return partial(execute_on, mailing_backend)


@pytest.fixture
def known(mailing_backend, new_email):
    """The address of somebody who has confirmed it."""

    def make(**attributes):
        email = new_email()
        mailing_backend.create_user(email, PASSWORD, **attributes)
        return email

    return make


def fragment_of(answer):
    return dict(parse_qsl(urlsplit(answer.headers["location"]).fragment, keep_blank_values=True))


def code_of(answer):
    return answer.status_code, answer.json()["error_code"]


def test_a_sign_up_waits_for_its_confirmation(client, new_email, last_mail):
    email = new_email()

    signed_up = client.auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": {"name": "Ada"}}})
    with pytest.raises(AuthApiError) as refused:
        client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    mail = last_mail(email)
    verified = client.auth.verify_otp({"type": "signup", "email": email, "token": mail["code"]})

    assert signed_up.session is None
    assert signed_up.user.confirmed_at is None
    assert signed_up.user.confirmation_sent_at is not None
    assert refused.value.code == "email_not_confirmed"
    assert mail["kind"] == "signup"
    assert verified.user.email_confirmed_at is not None
    assert verified.user.user_metadata["email_verified"] is True
    assert verified.user.user_metadata["name"] == "Ada"
    assert verified.user.identities[0].identity_data["email_verified"] is True
    assert client.auth.sign_in_with_password({"email": email, "password": PASSWORD}).session


def test_a_sign_up_with_a_known_address_looks_like_any_other(client, known, mails):
    email = known()

    again = client.auth.sign_up({"email": email, "password": "another horse"})

    assert again.session is None
    assert again.user.email == email
    # What tells a client: nobody new has no identity.
    assert again.user.identities == []
    assert mails(email) == []
    assert client.auth.sign_in_with_password({"email": email, "password": PASSWORD}).session


def test_a_sign_up_that_was_not_confirmed_is_mailed_again_and_keeps_its_password(http, new_email, last_mail):
    email = new_email()
    first = http.post("/auth/v1/signup", json={"email": email, "password": PASSWORD}).json()
    old = last_mail(email)

    second = http.post("/auth/v1/signup", json={"email": email, "password": "another horse"}).json()

    assert second["id"] == first["id"]
    assert code_of(http.post("/auth/v1/verify", json={"type": "signup", "token_hash": old["token_hash"]})) == (
        403,
        "otp_expired",
    )
    http.post("/auth/v1/verify", json={"type": "signup", "token_hash": last_mail(email)["token_hash"]})
    assert http.post("/auth/v1/token?grant_type=password", json={"email": email, "password": PASSWORD}).is_success


def test_the_link_of_a_mail_ends_in_a_session(http, known, last_mail):
    email = known()
    http.post("/auth/v1/otp?redirect_to=http://app.shop.example.com/in?page=2", json={"email": email})

    followed = http.get(last_mail(email)["link"], headers={"apikey": ""})

    place = urlsplit(followed.headers["location"])
    fragment = fragment_of(followed)
    assert followed.status_code == 303
    assert (place.netloc, place.path, place.query) == ("app.shop.example.com", "/in", "page=2")
    assert fragment["type"] == "magiclink"
    assert fragment["token_type"] == "bearer"
    assert "sb" in fragment
    person = http.get("/auth/v1/user", headers={"authorization": f"Bearer {fragment['access_token']}"}).json()
    assert person["email"] == email
    assert http.post(
        "/auth/v1/token?grant_type=refresh_token", json={"refresh_token": fragment["refresh_token"]}
    ).is_success


def test_a_link_is_good_once(http, known, last_mail):
    email = known()
    http.post("/auth/v1/otp", json={"email": email})
    link = last_mail(email)["link"]
    http.get(link)

    again = http.get(link)

    assert again.status_code == 303
    assert fragment_of(again) == {
        "error": "access_denied",
        "error_code": "otp_expired",
        "error_description": "Email link is invalid or has expired",
        "sb": "",
    }


def test_who_only_looks_at_a_link_does_not_use_it_up(http, known, last_mail):
    email = known()
    http.post("/auth/v1/otp", json={"email": email})
    link = last_mail(email)["link"]

    looked = http.head(link)

    assert looked.status_code == 200
    assert "access_token" in fragment_of(http.get(link))


@pytest.mark.parametrize("query", ["", "token=abc", "type=signup", "token=abc&type=nothing", "token=%00&type=signup"])
def test_a_broken_link_leads_to_the_site_with_an_error(http, query):
    answer = http.get(f"/auth/v1/verify?{query}", headers={"apikey": ""})

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("http://shop.example.com#")
    assert fragment_of(answer)["error"] in {"invalid_request", "access_denied"}


def test_two_followers_of_one_link_get_one_session(http, known, last_mail, run_sql):
    email = known()
    http.post("/auth/v1/otp", json={"email": email})
    mail, answers, gate = last_mail(email), [], threading.Barrier(6)

    def follow(body):
        gate.wait(5)
        answers.append(http.post("/auth/v1/verify", json=body).status_code)

    forms = [
        {"type": "magiclink", "token_hash": mail["token_hash"]},
        {"type": "email", "email": email, "token": mail["code"]},
    ]
    threads = [threading.Thread(target=follow, args=(forms[number % 2],)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert sorted(answers) == [200, 403, 403, 403, 403, 403]
    count = run_sql(
        "select count(*) from auth.sessions s join auth.users u on u.id = s.user_id where u.email = %s",
        email,
    )
    assert count == [(1,)]


def test_a_one_time_password_signs_in_who_is_known(client, known, last_mail):
    email = known()

    client.auth.sign_in_with_otp({"email": email, "options": {"should_create_user": False}})
    mail = last_mail(email)
    session = client.auth.verify_otp({"type": "email", "email": email, "token": mail["code"]}).session

    assert mail["kind"] == "magiclink"
    assert session.user.email == email
    assert client.auth.get_user().user.last_sign_in_at is not None


async def test_the_asynchronous_client_signs_in_and_recovers_by_mail(
    async_client, supabase_backend, mails_to, person, new_email
):
    newcomer, somebody = new_email(), person()
    await async_client.auth.sign_in_with_otp({"email": newcomer, "options": {"data": {"name": "Ada"}}})
    [mail] = mails_to(supabase_backend, newcomer)
    first = await async_client.auth.verify_otp({"type": "magiclink", "token_hash": mail["token_hash"]})
    await async_client.auth.sign_out()
    await async_client.auth.reset_password_for_email(somebody.email)
    [mail] = mails_to(supabase_backend, somebody.email)
    second = await async_client.auth.verify_otp({"type": "recovery", "email": somebody.email, "token": mail["code"]})
    changed = await async_client.auth.update_user({"password": "another horse"})

    assert first.user.email == newcomer
    assert first.user.user_metadata["name"] == "Ada"
    assert second.user.id == somebody.id == changed.user.id
    again = await async_client.auth.sign_in_with_password({"email": somebody.email, "password": "another horse"})
    assert again.session is not None


def test_a_stranger_is_not_signed_up_when_that_is_not_wanted(client, new_email, mails):
    email = new_email()

    with pytest.raises(AuthApiError) as refused:
        client.auth.sign_in_with_otp({"email": email, "options": {"should_create_user": False}})

    assert (refused.value.status, refused.value.code) == (422, "otp_disabled")
    assert mails(email) == []


def test_a_newcomer_by_mail_has_no_password(http, new_email, last_mail):
    email = new_email()
    http.post("/auth/v1/magiclink", json={"email": email})
    http.post("/auth/v1/verify", json={"type": "email", "email": email, "token": last_mail(email)["code"]})

    for password in ("", "x", PASSWORD):
        answer = http.post("/auth/v1/token?grant_type=password", json={"email": email, "password": password})
        assert code_of(answer) == (400, "invalid_credentials")


def test_recovery_answers_alike_for_everybody(http, known, new_email, mails):
    email, stranger = known(), new_email()

    answers = [http.post("/auth/v1/recover", json={"email": address}) for address in (email, stranger)]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {}), (200, {})]
    assert [mail["kind"] for mail in mails(email)] == ["recovery"]
    assert mails(stranger) == []


@pytest.mark.parametrize("path", ["recover", "resend"])
def test_who_asks_too_soon_waits_whether_or_not_the_address_is_known(
    start_supabase_backend, new_database, http_of, new_email, path
):
    settings = {"smtp_max_frequency": "1m", "mailer_autoconfirm": False}
    with start_supabase_backend(new_database(), **settings) as backend:
        http, people = http_of(backend), [new_email(), new_email(), new_email()]
        backend.create_user(people[0], PASSWORD)
        backend.create_user(people[1], PASSWORD, email_confirm=False)
        bodies = [{"type": "signup", "email": email} for email in people]

        first = [http.post(f"/auth/v1/{path}", json=body).status_code for body in bodies]
        second = [http.post(f"/auth/v1/{path}", json=body) for body in bodies]

    assert first == [200, 200, 200]
    assert [code_of(answer) for answer in second] == [(429, "over_email_send_rate_limit")] * 3
    for answer in second:
        assert answer.json()["msg"].startswith("For security purposes, you can only request this after ")


def test_mails_of_an_hour_have_a_limit(start_supabase_backend, new_database, http_of, new_email):
    with start_supabase_backend(new_database(), emails_sent_max=1) as backend:
        http = http_of(backend)
        answers = [http.post("/auth/v1/otp", json={"email": new_email()}) for _ in range(2)]
        people = http_of(backend, backend.service_role_key).get("/auth/v1/admin/users").json()["users"]

    assert answers[0].status_code == 200
    assert code_of(answers[1]) == (429, "over_email_send_rate_limit")
    # Nobody is added whom no mail could reach.
    assert len(people) == 1


def test_a_code_has_the_length_and_is_kept_as_a_hash(
    start_supabase_backend, new_database, http_of, execute_on, mails_to
):
    with start_supabase_backend(new_database(), otp_length=8) as backend:
        http_of(backend).post("/auth/v1/otp", json={"email": "ada@example.com"})
        [mail] = mails_to(backend, "ada@example.com")
        rows = execute_on(backend, "select token_type::text, token_hash, relates_to from auth.one_time_tokens")

    expected = sha224(b"ada@example.com" + mail["code"].encode()).hexdigest()
    assert len(mail["code"]) == 8
    assert rows == [("recovery_token", expected, "ada@example.com")]


@pytest.mark.parametrize("form", ["code", "hash"])
def test_what_is_old_is_refused(http, known, last_mail, run_sql, form):
    email = known()
    http.post("/auth/v1/otp", json={"email": email})
    mail = last_mail(email)
    run_sql(
        "update auth.one_time_tokens set created_at = created_at - interval '1 hour 1 second' where relates_to = %s",
        email,
    )
    body = {"email": email, "token": mail["code"]} if form == "code" else {"token_hash": mail["token_hash"]}

    assert code_of(http.post("/auth/v1/verify", json={"type": "email", **body})) == (403, "otp_expired")


def test_a_code_is_void_after_too_many_wrong_ones_but_the_link_is_not(http, known, last_mail):
    email = known()
    http.post("/auth/v1/otp", json={"email": email})
    mail = last_mail(email)
    wrong = "1" * 6 if mail["code"] != "1" * 6 else "2" * 6

    tried = [
        code_of(http.post("/auth/v1/verify", json={"type": "email", "email": email, "token": wrong})) for _ in range(10)
    ]

    right = {"type": "email", "email": email, "token": mail["code"]}
    assert tried == [(403, "otp_expired")] * 10
    assert code_of(http.post("/auth/v1/verify", json=right)) == (403, "otp_expired")
    assert "access_token" in fragment_of(http.get(mail["link"]))


def test_wrong_hashes_of_one_address_have_a_limit(start_supabase_backend, new_database, http_of):
    with start_supabase_backend(new_database(), verify_failures_max=2) as backend:
        http = http_of(backend)
        answers = [
            code_of(http.post("/auth/v1/verify", json={"type": "email", "token_hash": f"{number:056x}"}))
            for number in range(3)
        ]

    assert answers == [(403, "otp_expired"), (403, "otp_expired"), (429, "over_request_rate_limit")]


def test_a_token_of_one_type_is_not_good_for_another(http, known, last_mail):
    email = known()
    http.post("/auth/v1/recover", json={"email": email})
    mail = last_mail(email)

    for kind in ("signup", "invite", "email_change"):
        answer = http.post("/auth/v1/verify", json={"type": kind, "token_hash": mail["token_hash"]})
        assert code_of(answer) == (403, "otp_expired")
    assert http.post("/auth/v1/verify", json={"type": "recovery", "token_hash": mail["token_hash"]}).is_success


def test_a_banned_person_does_not_come_in_by_mail(http, known, last_mail):
    email = known(ban_duration="24h")
    http.post("/auth/v1/otp", json={"email": email})
    mail = last_mail(email)

    refused = http.post("/auth/v1/verify", json={"type": "email", "email": email, "token": mail["code"]})

    assert code_of(refused) == (403, "user_banned")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "validation_failed"),
        ({"type": "email"}, 400, "validation_failed"),
        ({"type": "email", "token": "123456"}, 400, "validation_failed"),
        ({"token": "123456", "email": "a@example.com"}, 400, "validation_failed"),
        ({"type": "email", "token": "1", "token_hash": "1", "email": "a@example.com"}, 400, "validation_failed"),
        ({"type": "email", "token_hash": "1", "email": "a@example.com"}, 400, "validation_failed"),
        ({"type": "nothing", "token_hash": "1"}, 400, "validation_failed"),
        ({"type": "nothing", "token": "1", "email": "a@example.com"}, 400, "validation_failed"),
        ({"type": "email", "token": "1", "email": "nobody"}, 400, "validation_failed"),
        ({"type": "email", "token": "123456", "email": "nobody@example.com"}, 403, "otp_expired"),
        ({"type": "email", "token": "\0", "email": "nobody@example.com"}, 403, "otp_expired"),
        ({"type": "email", "token_hash": "\0"}, 403, "otp_expired"),
        ({"type": "email", "token_hash": "x" * 100_000}, 403, "otp_expired"),
        ({"type": "sms", "phone": "123", "token": "123456"}, 400, "phone_provider_disabled"),
        ({"type": "email", "token": 123456, "email": "a@example.com"}, 400, "bad_json"),
    ],
)
def test_an_unacceptable_verification_is_refused(http, body, status, code):
    assert code_of(http.post("/auth/v1/verify", json=body)) == (status, code)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("otp", {}, 400, "validation_failed"),
        ("otp", {"email": "nobody"}, 400, "validation_failed"),
        ("otp", {"phone": "123"}, 400, "phone_provider_disabled"),
        ("otp", {"phone": "123", "email": "a@example.com"}, 400, "validation_failed"),
        ("otp", {"email": "a@example.com", "data": {"a": "\0"}}, 400, "validation_failed"),
        ("recover", {}, 400, "validation_failed"),
        ("recover", {"email": "a\0@example.com"}, 400, "validation_failed"),
        ("resend", {"email": "a@example.com"}, 400, "validation_failed"),
        ("resend", {"email": "a@example.com", "type": "recovery"}, 400, "validation_failed"),
        ("resend", {"type": "signup"}, 400, "validation_failed"),
        ("resend", {"type": "sms", "phone": "123"}, 400, "phone_provider_disabled"),
    ],
)
def test_an_unacceptable_wish_for_a_mail_is_refused(http, path, body, status, code):
    assert code_of(http.post(f"/auth/v1/{path}", json=body)) == (status, code)


def test_a_confirmation_is_mailed_again(client, new_email, mails, known):
    email, confirmed = new_email(), known()
    client.auth.sign_up({"email": email, "password": PASSWORD})

    client.auth.resend({"type": "signup", "email": email})
    client.auth.resend({"type": "signup", "email": confirmed})

    assert [mail["kind"] for mail in mails(email)] == ["signup", "signup"]
    assert mails(confirmed) == []
    assert client.auth.verify_otp({"type": "signup", "email": email, "token": mails(email)[0]["code"]}).session


def test_sign_ups_can_be_closed_and_mail_switched_off(start_supabase_backend, new_database, http_of, new_email):
    settings = {"disable_signup": True, "external_email_enabled": False}
    with start_supabase_backend(new_database(), **settings) as backend:
        http = http_of(backend)
        credentials = {"email": new_email(), "password": PASSWORD}

        assert code_of(http.post("/auth/v1/token?grant_type=password", json=credentials)) == (
            422,
            "email_provider_disabled",
        )
        assert code_of(http.post("/auth/v1/otp", json=credentials)) == (422, "email_provider_disabled")
        assert http.get("/auth/v1/settings").json()["external"]["email"] is False
        assert code_of(http.post("/auth/v1/signup", json=credentials)) == (422, "signup_disabled")
