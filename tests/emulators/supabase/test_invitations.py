"""What the service role mails or has made: invitations, and links of every type."""

from functools import partial
from itertools import product

import pytest
from supabase_auth.errors import AuthApiError

PASSWORD = "correct horse"


@pytest.fixture
def admin(mailing_backend, client_for):
    return client_for(mailing_backend.service_role_key, backend=mailing_backend).auth.admin


@pytest.fixture
def mails(mailing_backend, mails_to):
    return partial(mails_to, mailing_backend)


@pytest.fixture
def client(mailing_backend, client_for):
    return client_for(backend=mailing_backend)


@pytest.fixture
def admin_http(mailing_backend, http_of):
    return http_of(mailing_backend, mailing_backend.service_role_key)


@pytest.fixture
def known(mailing_backend, new_email):
    def make(**attributes):
        email = new_email()
        mailing_backend.create_user(email, PASSWORD, **attributes)
        return email

    return make


def refusal(answer):
    return answer.status_code, answer.json()["error_code"]


def test_who_is_invited_comes_in_and_chooses_a_password(admin, client, new_email, mails):
    email = new_email()

    invited = admin.invite_user_by_email(email, {"data": {"team": "blue"}}).user
    [mail] = mails(email)
    accepted = client.auth.verify_otp({"type": "invite", "email": email, "token": mail["code"]}).user
    client.auth.update_user({"password": PASSWORD})

    assert mail["kind"] == "invite"
    assert invited.invited_at is not None
    assert invited.confirmed_at is None
    assert accepted.id == invited.id
    assert accepted.email_confirmed_at is not None
    assert accepted.user_metadata["team"] == "blue"
    assert client.auth.sign_in_with_password({"email": email, "password": PASSWORD}).session


def test_an_invitation_is_repeated_until_it_is_accepted(admin, client, new_email, mails):
    email = new_email()
    first, second = admin.invite_user_by_email(email).user, admin.invite_user_by_email(email).user
    newest, oldest = mails(email)

    with pytest.raises(AuthApiError):
        client.auth.verify_otp({"type": "invite", "token_hash": oldest["token_hash"]})
    client.auth.verify_otp({"type": "invite", "token_hash": newest["token_hash"]})
    with pytest.raises(AuthApiError) as refused:
        admin.invite_user_by_email(email)

    assert first.id == second.id
    assert (refused.value.status, refused.value.code) == (422, "email_exists")


def test_an_address_that_an_administrator_changed_makes_mailed_links_void(admin, client, new_email, mails):
    email = new_email()
    person = admin.create_user({"email": email, "email_confirm": True}).user
    client.auth.sign_in_with_otp({"email": email})
    [mail] = mails(email)

    admin.update_user_by_id(person.id, {"email": new_email()})

    with pytest.raises(AuthApiError) as refused:
        client.auth.verify_otp({"type": "magiclink", "token_hash": mail["token_hash"]})
    assert refused.value.code == "otp_expired"


@pytest.mark.parametrize("path", ["invite", "admin/generate_link"])
def test_only_the_service_role_invites_and_makes_links(mailing_backend, http_of, path):
    answer = http_of(mailing_backend).post(f"/auth/v1/{path}", json={"email": "a@example.com", "type": "magiclink"})

    assert refusal(answer) == (403, "not_admin")


@pytest.mark.parametrize("kind", ["signup", "invite", "magiclink"])
def test_a_link_for_somebody_new_adds_them(admin, client, new_email, mails, kind):
    email = new_email()
    wish = {"type": kind, "email": email, "password": PASSWORD, "options": {"data": {"name": "Ada"}}}

    made = admin.generate_link(wish)
    signed_in = client.auth.verify_otp(
        {"type": made.properties.verification_type, "token_hash": made.properties.hashed_token}
    )

    # A link to sign in is one to sign up for who was not there.
    assert made.properties.verification_type == ("invite" if kind == "invite" else "signup")
    assert signed_in.user.email == email
    assert signed_in.user.user_metadata["name"] == "Ada"
    assert mails(email) == []


@pytest.mark.parametrize("case", list(product(["magiclink", "recovery"], ["hash", "code", "link"])))
def test_a_link_for_somebody_known_signs_them_in(admin, client, admin_http, known, case):
    (kind, form), email = case, known()

    made = admin.generate_link({"type": kind, "email": email}).properties

    if form == "link":
        assert "access_token=" in admin_http.get(made.action_link, headers={"apikey": ""}).headers["location"]
    elif form == "code":
        assert client.auth.verify_otp({"type": kind, "email": email, "token": made.email_otp}).session
    else:
        assert client.auth.verify_otp({"type": kind, "token_hash": made.hashed_token}).session


def test_both_links_of_a_change_of_address_change_it(admin, client, known, new_email):
    old, new = known(), new_email()
    links = [
        admin.generate_link({"type": kind, "email": old, "new_email": new}).properties
        for kind in ("email_change_current", "email_change_new")
    ]

    half = client.auth.verify_otp({"type": "email_change", "token_hash": links[0].hashed_token})
    done = client.auth.verify_otp({"type": "email_change", "token_hash": links[1].hashed_token})

    assert half.session is None
    assert done.user.email == new


def test_a_link_to_another_new_address_makes_the_first_one_void(admin, client, known, new_email):
    email = known()
    first = admin.generate_link({"type": "email_change_new", "email": email, "new_email": new_email()}).properties
    admin.generate_link({"type": "email_change_current", "email": email, "new_email": new_email()})

    with pytest.raises(AuthApiError) as refused:
        client.auth.verify_otp({"type": "email_change", "token_hash": first.hashed_token})

    assert refused.value.code == "otp_expired"


def test_a_link_is_one_flat_object_with_the_person(admin_http, known, mailing_backend):
    email = known()

    made = admin_http.post(
        "/auth/v1/admin/generate_link",
        json={"type": "magiclink", "email": email, "redirect_to": "http://app.shop.example.com/in"},
    ).json()

    assert made["email"] == email
    assert made["recovery_sent_at"]
    assert made["redirect_to"] == "http://app.shop.example.com/in"
    assert made["action_link"] == (
        f"{mailing_backend.url}/auth/v1/verify?token={made['hashed_token']}&type=magiclink"
        "&redirect_to=http%3A%2F%2Fapp.shop.example.com%2Fin"
    )
    assert len(made["email_otp"]) == 6


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "validation_failed"),
        ({"type": "nothing", "email": "a@example.com"}, 400, "validation_failed"),
        ({"type": "magiclink"}, 400, "validation_failed"),
        ({"type": "magiclink", "email": "nobody"}, 400, "validation_failed"),
        ({"type": "signup", "email": "new@example.com"}, 400, "validation_failed"),
        ({"type": "signup", "email": "new@example.com", "password": "1"}, 422, "weak_password"),
        ({"type": "recovery", "email": "nobody@example.com"}, 404, "user_not_found"),
        ({"type": "email_change_new", "email": "nobody@example.com"}, 400, "validation_failed"),
        (
            {"type": "email_change_new", "email": "nobody@example.com", "new_email": "b@example.com"},
            404,
            "user_not_found",
        ),
    ],
)
def test_an_unacceptable_wish_for_a_link_is_refused(admin_http, body, status, code):
    assert refusal(admin_http.post("/auth/v1/admin/generate_link", json=body)) == (status, code)


@pytest.mark.parametrize("kind", ["signup", "invite"])
def test_who_has_confirmed_is_not_invited(admin_http, known, kind):
    body = {"type": kind, "email": known(), "password": PASSWORD}

    assert refusal(admin_http.post("/auth/v1/admin/generate_link", json=body)) == (422, "email_exists")


def test_an_address_of_somebody_else_gets_no_link(admin_http, known):
    body = {"type": "email_change_new", "email": known(), "new_email": known()}

    assert refusal(admin_http.post("/auth/v1/admin/generate_link", json=body)) == (422, "email_exists")
