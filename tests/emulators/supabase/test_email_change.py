"""Another address, and another password with a code from a mail."""

import threading
from functools import partial
from urllib.parse import parse_qsl, urlsplit

import pytest
from supabase_auth.errors import AuthApiError

PASSWORD = "correct horse"
SETTINGS = {"smtp_max_frequency": "0s"}


@pytest.fixture
def http(mailing_backend, http_of):
    return http_of(mailing_backend)


@pytest.fixture
def mails(mailing_backend, mails_to):
    return partial(mails_to, mailing_backend)


@pytest.fixture
def signed_in_client(mailing_backend, client_for, new_email):
    """An official client, signed in as somebody with a confirmed address."""

    def make():
        email, client = new_email(), client_for(backend=mailing_backend)
        mailing_backend.create_user(email, PASSWORD)
        client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
        return client, email

    return make


def verify(http, mail, **form):
    return http.post("/auth/v1/verify", json={"type": "email_change", **(form or {"token_hash": mail["token_hash"]})})


def refusal(answer):
    return answer.status_code, answer.json()["error_code"]


@pytest.mark.parametrize("first", ["old", "new"])
def test_an_address_changes_when_both_have_agreed(signed_in_client, http, mails, new_email, first):
    (client, old), new = signed_in_client(), new_email()
    pending = client.auth.update_user({"email": new}).user
    letters = {"old": mails(old)[0], "new": mails(new)[0]}
    second = "new" if first == "old" else "old"

    half = verify(http, letters[first])
    between = client.auth.get_user().user
    done = verify(http, letters[second])

    assert (pending.email, pending.new_email) == (old, new)
    assert half.json() == {
        "code": "200",
        "msg": "Confirmation link accepted. Please proceed to confirm link sent to the other email",
    }
    assert (between.email, between.new_email) == (old, new)
    user = done.json()["user"]
    assert user["email"] == new
    assert "new_email" not in user
    assert [identity["email"] for identity in user["identities"]] == [new]
    assert client.auth.sign_in_with_password({"email": new, "password": PASSWORD}).session
    with pytest.raises(AuthApiError):
        client.auth.sign_in_with_password({"email": old, "password": PASSWORD})


def test_one_half_cannot_agree_twice(signed_in_client, http, mails, new_email):
    (client, old), new = signed_in_client(), new_email()
    client.auth.update_user({"email": new})
    mail = mails(old)[0]
    verify(http, mail)

    assert refusal(verify(http, mail)) == (403, "otp_expired")
    assert client.auth.get_user().user.email == old


def test_codes_and_links_work_for_the_halves_too(signed_in_client, http, mails, new_email):
    (client, old), new = signed_in_client(), new_email()
    client.auth.update_user({"email": new})

    followed = http.get(mails(old)[0]["link"])
    done = client.auth.verify_otp({"type": "email_change", "email": new, "token": mails(new)[0]["code"]})

    fragment = dict(parse_qsl(urlsplit(followed.headers["location"]).fragment))
    assert fragment["message"].startswith("Confirmation link accepted")
    assert done.user.email == new


def test_a_change_of_mind_begins_anew(signed_in_client, http, mails, new_email):
    (client, old), first, second = signed_in_client(), new_email(), new_email()
    client.auth.update_user({"email": first})
    verify(http, mails(old)[0])
    stale = mails(first)[0]

    client.auth.update_user({"email": second})

    # What the old address agreed to was the other one.
    assert refusal(verify(http, stale)) == (403, "otp_expired")
    assert verify(http, mails(second)[0]).json()["code"] == "200"
    assert client.auth.get_user().user.email == old


def test_an_address_that_somebody_took_in_between_is_not_given_away(
    signed_in_client, http, mails, mailing_backend, new_email
):
    (client, old), new = signed_in_client(), new_email()
    client.auth.update_user({"email": new})
    verify(http, mails(old)[0])
    mail = mails(new)[0]
    mailing_backend.create_user(new, PASSWORD)

    assert refusal(verify(http, mail)) == (422, "email_exists")
    followed = http.get(mail["link"])
    assert dict(parse_qsl(urlsplit(followed.headers["location"]).fragment))["error_code"] == "email_exists"
    assert client.auth.get_user().user.email == old


def test_a_taken_address_is_refused_at_once(signed_in_client):
    (client, _), (_, taken) = signed_in_client(), signed_in_client()

    with pytest.raises(AuthApiError) as refused:
        client.auth.update_user({"email": taken})

    assert (refused.value.status, refused.value.code) == (422, "email_exists")


def test_the_mails_of_a_change_are_sent_again(signed_in_client, mails, new_email):
    (client, old), new = signed_in_client(), new_email()
    client.auth.update_user({"email": new})

    client.auth.resend({"type": "email_change", "email": old})

    assert [len(mails(address)) for address in (old, new)] == [2, 2]


def test_other_changes_are_made_at_once(signed_in_client, new_email):
    client, old = signed_in_client()

    user = client.auth.update_user({"email": new_email(), "data": {"name": "Ada"}}).user

    assert (user.email, user.user_metadata["name"]) == (old, "Ada")


def test_one_half_is_enough_when_that_is_set(start_supabase_backend, new_database, client_for, new_email, mails_to):
    with start_supabase_backend(new_database(), secure_email_change=False) as backend:
        client, old, new = client_for(backend=backend), new_email(), new_email()
        client.auth.sign_up({"email": old, "password": PASSWORD})
        client.auth.update_user({"email": new})
        [mail] = mails_to(backend, new)

        changed = client.auth.verify_otp({"type": "email_change", "token_hash": mail["token_hash"]}).user

        assert changed.email == new
        assert mails_to(backend, old) == []


def test_both_halves_at_once_change_the_address_once(signed_in_client, http, mails, new_email):
    (client, old), new = signed_in_client(), new_email()
    client.auth.update_user({"email": new})
    letters, answers, gate = [mails(old)[0], mails(new)[0]] * 2, [], threading.Barrier(4)

    def run(mail):
        gate.wait(5)
        answers.append(verify(http, mail))

    threads = [threading.Thread(target=run, args=(mail,)) for mail in letters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert sorted(answer.status_code for answer in answers) == [200, 200, 403, 403]
    assert sum("access_token" in answer.json() for answer in answers) == 1
    assert client.auth.get_user().user.email == new


def test_a_password_of_an_old_session_needs_a_code_from_a_mail(
    start_supabase_backend, new_database, client_for, mails_to, execute_on
):
    settings = {"update_password_require_reauthentication": True, **SETTINGS}
    with start_supabase_backend(new_database(), **settings) as backend:
        client, email = client_for(backend=backend), "ada@example.com"
        client.auth.sign_up({"email": email, "password": PASSWORD})
        client.auth.update_user({"password": "another horse"})
        execute_on(backend, "update auth.sessions set created_at = now() - interval '25 hours'")

        refusals = []
        for change in ({}, {"nonce": "000000x"}):
            with pytest.raises(AuthApiError) as refused:
                client.auth.update_user({"password": "third horse", **change})
            refusals.append((refused.value.status, refused.value.code))
        client.auth.reauthenticate()
        [mail] = mails_to(backend, email)
        client.auth.update_user({"password": "third horse", "nonce": mail["code"]})

        assert refusals == [(400, "reauthentication_needed"), (422, "reauthentication_not_valid")]
        assert mail["kind"] == "reauthentication"
        assert mail["link"] is None
        assert client.auth.sign_in_with_password({"email": email, "password": "third horse"}).session
        execute_on(backend, "update auth.sessions set created_at = now() - interval '25 hours'")
        with pytest.raises(AuthApiError) as refused:
            client.auth.update_user({"password": "fourth horse", "nonce": mail["code"]})
        assert refused.value.code == "reauthentication_not_valid"


def test_a_nonce_is_void_after_too_many_wrong_ones(
    start_supabase_backend, new_database, client_for, mails_to, execute_on
):
    settings = {"update_password_require_reauthentication": True, "otp_attempts_max": 2, **SETTINGS}
    with start_supabase_backend(new_database(), **settings) as backend:
        client = client_for(backend=backend)
        client.auth.sign_up({"email": "ada@example.com", "password": PASSWORD})
        execute_on(backend, "update auth.sessions set created_at = now() - interval '25 hours'")
        client.auth.reauthenticate()
        [mail] = mails_to(backend, "ada@example.com")
        for nonce in ("wrong", "wrong", mail["code"]):
            with pytest.raises(AuthApiError) as refused:
                client.auth.update_user({"password": "new horse", "nonce": nonce})
            assert refused.value.code == "reauthentication_not_valid"


def test_a_new_password_makes_a_mailed_link_void(signed_in_client, http, mails):
    client, email = signed_in_client()
    client.auth.reset_password_for_email(email)

    client.auth.update_user({"password": "another horse"})

    body = {"type": "recovery", "token_hash": mails(email)[0]["token_hash"]}
    assert refusal(http.post("/auth/v1/verify", json=body)) == (403, "otp_expired")


def test_two_changes_of_metadata_at_once_both_count(signed_in_client, http):
    client, _ = signed_in_client()
    bearer = {"authorization": f"Bearer {client.auth.get_session().access_token}"}
    gate = threading.Barrier(6)

    def change(number):
        gate.wait(5)
        http.put("/auth/v1/user", json={"data": {f"member_{number}": number}}, headers=bearer)

    threads = [threading.Thread(target=change, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    metadata = client.auth.get_user().user.user_metadata
    assert [metadata.get(f"member_{number}") for number in range(6)] == list(range(6))


async def test_the_asynchronous_client_asks_for_another_address(
    async_client, supabase_backend, person, new_email, mails_to
):
    somebody, new = person(), new_email()
    await async_client.auth.sign_in_with_password({"email": somebody.email, "password": PASSWORD})

    pending = await async_client.auth.update_user({"email": new})
    await async_client.auth.reauthenticate()

    assert pending.user.new_email == new
    assert [mail["kind"] for mail in mails_to(supabase_backend, somebody.email)] == ["reauthentication", "email_change"]
    assert [mail["kind"] for mail in mails_to(supabase_backend, new)] == ["email_change"]
