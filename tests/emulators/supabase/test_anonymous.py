"""People without a name: they have a session, and become known people by giving an address."""

import httpx
import pytest
from supabase_auth.errors import AuthApiError

from supabase import AsyncClientOptions, acreate_client

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def open_house(start_supabase_backend, new_database):
    with start_supabase_backend(new_database(), anonymous_users_enabled=True) as backend:
        yield backend


@pytest.fixture
def guest(open_house, client_for):
    client = client_for(backend=open_house)
    client.auth.sign_in_anonymously({"options": {"data": {"colour": "blue"}}})
    return client


def test_anonymous_sign_in_is_off_until_it_is_switched_on(client_for, http):
    with pytest.raises(AuthApiError) as refused:
        client_for().auth.sign_in_anonymously()

    assert refused.value.code == "anonymous_provider_disabled"
    assert http.get("/auth/v1/settings").json()["external"]["anonymous_users"] is False


def test_a_guest_has_a_session_that_says_what_it_is(guest, open_house):
    claims = guest.auth.get_claims()["claims"]
    user = guest.auth.get_user().user
    settings = httpx.get(f"{open_house.url}/auth/v1/settings", headers={"apikey": open_house.anon_key}).json()

    assert claims["is_anonymous"] is True
    assert claims["amr"][0]["method"] == "anonymous"
    assert (claims["role"], claims["email"]) == ("authenticated", "")
    assert user.is_anonymous is True
    assert (user.identities, user.user_metadata, user.app_metadata) == ([], {"colour": "blue"}, {})
    assert guest.auth.refresh_session().user.id == user.id
    assert settings["external"]["anonymous_users"] is True


async def test_the_asynchronous_client_signs_in_anonymously(open_house):
    async with httpx.AsyncClient() as http:
        options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False)
        client = await acreate_client(open_house.url, open_house.anon_key, options)
        answer = await client.auth.sign_in_anonymously()

    assert answer.user
    assert answer.user.is_anonymous is True


def test_a_guest_becomes_a_known_person_with_the_same_id(guest, open_house, client_for, new_email):
    before, email = guest.auth.get_user().user, new_email()

    changed = guest.auth.update_user({"email": email, "password": PASSWORD}).user
    guest.auth.refresh_session()

    later = client_for(backend=open_house)
    known = later.auth.sign_in_with_password({"email": email, "password": PASSWORD}).user
    assert changed.is_anonymous is False
    assert (known.id, known.email, known.user_metadata["colour"]) == (before.id, email, "blue")
    assert known.app_metadata == {"provider": "email", "providers": ["email"]}
    assert [(identity.provider, identity.identity_data["email"]) for identity in known.identities] == [("email", email)]
    assert guest.auth.get_claims()["claims"]["is_anonymous"] is False


def test_a_guest_needs_an_address_before_a_password(guest):
    with pytest.raises(AuthApiError) as refused:
        guest.auth.update_user({"password": PASSWORD})

    assert (refused.value.status, refused.value.code) == (422, "validation_failed")


def test_a_guest_cannot_take_the_address_of_somebody_else(guest, open_house, new_email):
    email = new_email()
    open_house.create_user(email, PASSWORD)

    with pytest.raises(AuthApiError) as refused:
        guest.auth.update_user({"email": email})

    assert refused.value.code == "email_exists"
    assert guest.auth.get_user().user.is_anonymous is True


def test_a_guest_has_no_second_factor(guest):
    with pytest.raises(AuthApiError) as refused:
        guest.auth.mfa.enroll({"factor_type": "totp"})

    assert (refused.value.status, refused.value.code) == (403, "no_authorization")


def test_guests_of_one_address_are_counted(start_supabase_backend, new_database):
    with (
        start_supabase_backend(new_database(), anonymous_users_enabled=True, anonymous_users_hourly_max=2) as backend,
        httpx.Client(base_url=backend.url, headers={"apikey": backend.anon_key}) as call,
    ):
        answers = [call.post("/auth/v1/signup", json={}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["error_code"] == "over_request_rate_limit"
