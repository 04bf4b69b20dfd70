"""Sessions of the official client: sign in, refresh, sign out; and what each refusal is called."""

import base64
import json

import pytest
from supabase_auth.errors import AuthApiError, AuthWeakPasswordError

PASSWORD = "correct horse"


def sign_in(http, person):
    answer = http.post("/auth/v1/token?grant_type=password", json={"email": person.email, "password": person.password})
    assert answer.status_code == 200
    return answer.json()


def refresh(http, token):
    return http.post("/auth/v1/token?grant_type=refresh_token", json={"refresh_token": token})


def bearer(session):
    return {"authorization": f"Bearer {session['access_token']}"}


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_sign_in_gives_a_session_of_that_person(client_for, person):
    somebody = person(user_metadata={"name": "Ada"})

    answer = client_for().auth.sign_in_with_password({"email": somebody.email, "password": PASSWORD})

    assert answer.user.id == somebody.id
    assert answer.user.user_metadata["name"] == "Ada"
    assert answer.user.app_metadata == {"provider": "email", "providers": ["email"]}
    assert [identity.provider for identity in answer.user.identities] == ["email"]
    assert answer.user.last_sign_in_at is not None
    assert answer.session.expires_in == 3600


def test_the_address_is_read_in_any_case(http, person):
    somebody = person()

    answer = http.post(
        "/auth/v1/token?grant_type=password", json={"email": somebody.email.upper(), "password": PASSWORD}
    )

    assert answer.json()["user"]["id"] == somebody.id


def test_claims_verify_locally_through_the_public_keys(signed_in, supabase_backend):
    client = signed_in()

    claims = client.auth.get_claims()

    assert claims["headers"]["alg"] == "ES256"
    assert claims["claims"]["role"] == "authenticated"
    assert claims["claims"]["iss"] == f"{supabase_backend.url}/auth/v1"
    assert claims["claims"]["amr"][0]["method"] == "password"


def test_the_public_keys_hold_no_secret_and_need_no_api_key(http, supabase_backend):
    keys = http.get("/auth/v1/.well-known/jwks.json", headers={"apikey": ""}).json()["keys"]

    assert [key["kty"] for key in keys] == ["EC"]
    assert not {"d", "k"} & set(keys[0])


def test_get_user_asks_the_server(signed_in, person):
    somebody = person()

    assert signed_in(somebody).auth.get_user().user.email == somebody.email


def test_refresh_gives_a_new_pair_for_the_same_session(signed_in):
    client = signed_in()
    before = client.auth.get_session()

    after = client.auth.refresh_session().session

    assert after.refresh_token != before.refresh_token
    old, new = claims_of(before.access_token), claims_of(after.access_token)
    assert new["session_id"] == old["session_id"]
    assert new["sub"] == old["sub"]


def test_a_lost_answer_can_be_asked_for_again(http, person):
    first = sign_in(http, person())["refresh_token"]
    second = refresh(http, first).json()["refresh_token"]

    again = refresh(http, first)

    assert again.status_code == 200
    assert again.json()["refresh_token"] == second


def test_a_copied_refresh_token_ends_the_whole_family(http, person, execute):
    first = sign_in(http, person())["refresh_token"]
    second = refresh(http, first).json()["refresh_token"]
    third = refresh(http, second).json()["refresh_token"]
    # As if the interval of tolerance had passed.
    execute("update auth.refresh_tokens set updated_at = now() - interval '1 minute' where token = %s", first)

    reused = refresh(http, first)

    assert (reused.status_code, reused.json()["error_code"]) == (400, "refresh_token_already_used")
    execute("update auth.refresh_tokens set updated_at = now() - interval '1 minute' where token = %s", third)
    assert refresh(http, third).json()["error_code"] == "refresh_token_already_used"


def test_a_token_shown_again_within_the_interval_is_still_good(http, person):
    first = sign_in(http, person())["refresh_token"]
    second = refresh(http, first).json()["refresh_token"]
    refresh(http, second)

    assert refresh(http, first).status_code == 200


@pytest.mark.parametrize(
    ("token", "code"),
    [("abcdefghijk0", "refresh_token_not_found"), ("short", "validation_failed"), ("A" * 40, "validation_failed")],
)
def test_an_unknown_refresh_token_is_refused(http, token, code):
    answer = refresh(http, token)

    assert (answer.status_code, answer.json()["error_code"]) == (400, code)


def test_a_missing_refresh_token_is_an_oauth_error(http):
    answer = http.post("/auth/v1/token?grant_type=refresh_token", json={})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_sign_out_everywhere_ends_every_session(http, person):
    somebody = person()
    here, there = sign_in(http, somebody), sign_in(http, somebody)

    answer = http.post("/auth/v1/logout", headers=bearer(here))

    assert answer.status_code == 204
    for session in (here, there):
        assert http.get("/auth/v1/user", headers=bearer(session)).json()["error_code"] == "session_not_found"
        assert refresh(http, session["refresh_token"]).json()["error_code"] == "refresh_token_not_found"


def test_sign_out_here_leaves_the_other_session(http, person):
    somebody = person()
    here, there = sign_in(http, somebody), sign_in(http, somebody)

    http.post("/auth/v1/logout?scope=local", headers=bearer(here))

    assert http.get("/auth/v1/user", headers=bearer(here)).status_code == 403
    assert http.get("/auth/v1/user", headers=bearer(there)).status_code == 200


def test_sign_out_of_the_others_leaves_this_session(http, person):
    somebody = person()
    here, there = sign_in(http, somebody), sign_in(http, somebody)

    http.post("/auth/v1/logout?scope=others", headers=bearer(here))

    assert http.get("/auth/v1/user", headers=bearer(here)).status_code == 200
    assert http.get("/auth/v1/user", headers=bearer(there)).status_code == 403


def test_an_unknown_scope_of_sign_out_is_refused(http, person):
    answer = http.post("/auth/v1/logout?scope=nowhere", headers=bearer(sign_in(http, person())))

    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


def test_the_official_client_signs_out(signed_in):
    client = signed_in()

    client.auth.sign_out()

    assert client.auth.get_session() is None


def test_a_wrong_password_and_an_unknown_person_look_the_same(client_for, person, new_email):
    somebody = person()

    for email in (somebody.email, new_email()):
        with pytest.raises(AuthApiError) as refused:
            client_for().auth.sign_in_with_password({"email": email, "password": "wrong"})
        assert (refused.value.status, refused.value.code) == (400, "invalid_credentials")
        assert refused.value.message == "Invalid login credentials"


def test_a_second_sign_up_with_an_address_is_refused(client_for, person):
    with pytest.raises(AuthApiError) as refused:
        client_for().auth.sign_up({"email": person().email, "password": PASSWORD})

    assert (refused.value.status, refused.value.code) == (422, "user_already_exists")


def test_a_short_password_is_refused_with_the_reason(client_for, new_email):
    with pytest.raises(AuthWeakPasswordError) as refused:
        client_for().auth.sign_up({"email": new_email(), "password": "12345"})

    assert refused.value.reasons == ["length"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"email": "nobody", "password": PASSWORD}, 400, "validation_failed"),
        ({"email": "a\0@example.com", "password": PASSWORD}, 400, "validation_failed"),
        ({"email": "nul@example.com", "password": "abc\0defgh"}, 400, "validation_failed"),
        ({"email": "nul@example.com", "password": PASSWORD, "data": {"a": "\0"}}, 400, "validation_failed"),
        ({"email": "long@example.com", "password": "x" * 73}, 400, "validation_failed"),
        ({"email": "nobody@example.com"}, 400, "validation_failed"),
        ({"email": 5, "password": PASSWORD}, 400, "bad_json"),
        ({"email": "a@example.com", "password": PASSWORD, "data": []}, 400, "bad_json"),
        ({"phone": "123", "password": PASSWORD}, 400, "phone_provider_disabled"),
        ({}, 422, "anonymous_provider_disabled"),
        ([], 400, "bad_json"),
    ],
)
def test_an_unacceptable_sign_up_is_refused(http, body, status, code):
    answer = http.post("/auth/v1/signup", json=body)

    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"email":"\\ud800"}'])
def test_a_body_that_is_no_json_is_refused(http, body):
    answer = http.post("/auth/v1/token?grant_type=password", content=body)

    assert (answer.status_code, answer.json()["error_code"]) == (400, "bad_json")


def test_a_body_over_a_megabyte_is_refused(http):
    answer = http.post("/auth/v1/signup", content=b'{"email":"' + b"a" * 1_048_576 + b'"}')

    assert (answer.status_code, answer.json()["error_code"]) == (413, "validation_failed")


def test_the_error_form_follows_the_api_version(http):
    new = http.get("/auth/v1/user", headers={"x-supabase-api-version": "2024-01-01"})
    old = http.get("/auth/v1/user")

    assert new.json().keys() == {"code", "message"}
    assert new.json()["code"] == "bad_jwt"
    assert new.headers["x-supabase-api-version"] == "2024-01-01"
    assert (old.json()["code"], old.json()["error_code"]) == (403, "bad_jwt")
    assert old.headers["x-sb-error-code"] == "bad_jwt"


def test_a_token_of_somebody_else_is_refused(http, person):
    head, payload, signature = sign_in(http, person())["access_token"].split(".")
    forged = json.loads(base64.urlsafe_b64decode(payload + "=="))
    body = base64.urlsafe_b64encode(json.dumps({**forged, "role": "service_role"}).encode()).rstrip(b"=").decode()

    answer = http.get("/auth/v1/user", headers={"authorization": f"Bearer {head}.{body}.{signature}"})

    assert (answer.status_code, answer.json()["error_code"]) == (403, "bad_jwt")


def test_a_deleted_person_has_no_session(http, admin_http, person):
    somebody = person()
    session = sign_in(http, somebody)

    admin_http.delete(f"/auth/v1/admin/users/{somebody.id}")

    answer = http.get("/auth/v1/user", headers=bearer(session))
    assert (answer.status_code, answer.json()["error_code"]) == (403, "user_not_found")


def test_a_banned_person_is_kept_out(http, admin_http, person):
    somebody = person()
    session = sign_in(http, somebody)

    admin_http.put(f"/auth/v1/admin/users/{somebody.id}", json={"ban_duration": "24h"})

    again = http.post("/auth/v1/token?grant_type=password", json={"email": somebody.email, "password": PASSWORD})
    assert (again.status_code, again.json()["error_code"]) == (400, "user_banned")
    assert refresh(http, session["refresh_token"]).json()["error_code"] == "user_banned"
    assert http.get("/auth/v1/user", headers=bearer(session)).json()["error_code"] == "user_banned"


def test_a_person_changes_metadata_member_by_member(signed_in):
    client = signed_in()
    client.auth.update_user({"data": {"name": "Ada", "town": "London"}})

    changed = client.auth.update_user({"data": {"town": None, "age": 36}}).user

    assert changed.user_metadata["name"] == "Ada"
    assert changed.user_metadata["age"] == 36
    assert "town" not in changed.user_metadata


def test_a_new_password_ends_the_other_sessions(http, person):
    somebody = person()
    here, there = sign_in(http, somebody), sign_in(http, somebody)

    answer = http.put("/auth/v1/user", json={"password": "another horse"}, headers=bearer(here))

    assert answer.status_code == 200
    assert http.get("/auth/v1/user", headers=bearer(here)).status_code == 200
    assert http.get("/auth/v1/user", headers=bearer(there)).status_code == 403
    assert sign_in(http, type(somebody)(somebody.id, somebody.email, "another horse"))


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"password": PASSWORD}, 422, "same_password"),
        ({"password": "1"}, 422, "weak_password"),
        ({"app_metadata": {"admin": True}}, 403, "not_admin"),
        ({"phone": "123"}, 400, "phone_provider_disabled"),
        ({"email": "no address"}, 400, "validation_failed"),
    ],
)
def test_an_unacceptable_change_of_oneself_is_refused(http, person, change, status, code):
    answer = http.put("/auth/v1/user", json=change, headers=bearer(sign_in(http, person())))

    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_a_taken_address_is_refused_on_change(http, person):
    answer = http.put("/auth/v1/user", json={"email": person().email}, headers=bearer(sign_in(http, person())))

    assert (answer.status_code, answer.json()["error_code"]) == (422, "email_exists")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "authorize"),
        ("POST", "sso"),
        ("POST", "passkeys"),
        ("POST", "oauth/token"),
        ("GET", "admin/sso/providers"),
    ],
)
def test_what_is_not_built_says_so(http, method, path):
    answer = http.request(method, f"/auth/v1/{path}")

    assert (answer.status_code, answer.json()["error_code"]) == (501, "not_supported")


def test_an_unknown_path_and_a_wrong_method_are_told_apart(http):
    assert http.get("/auth/v1/nowhere").status_code == 404
    assert http.get("/auth/v1/signup").status_code == 405


def test_settings_say_what_is_on(http):
    settings = http.get("/auth/v1/settings").json()

    assert settings["mailer_autoconfirm"] is True
    assert [name for name, on in settings["external"].items() if on] == ["email"]
    assert http.get("/auth/v1/health").json()["name"] == "GoTrue"


def test_sign_up_can_be_closed_and_tokens_signed_with_the_secret(
    start_supabase_backend, new_database, client_for, new_email
):
    with start_supabase_backend(new_database(), disable_signup=True, jwt_algorithm="HS256") as backend:
        client, email = client_for(backend=backend), new_email()

        with pytest.raises(AuthApiError) as refused:
            client.auth.sign_up({"email": email, "password": PASSWORD})
        backend.create_user(email, PASSWORD)
        client.auth.sign_in_with_password({"email": email, "password": PASSWORD})

        assert (refused.value.status, refused.value.code) == (422, "signup_disabled")
        assert client.auth.get_claims()["headers"]["alg"] == "HS256"
