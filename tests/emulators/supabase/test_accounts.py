"""What a person may do with the account: passwords by the rules, identities; and what the audit log tells of it."""

import time

import httpx
import pytest
from pyotp.totp import TOTP
from supabase_auth.errors import AuthApiError, AuthWeakPasswordError

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def strict_backend(start_supabase_backend, new_database):
    """Strong passwords, the current one for a new one, identities that may go, another audience and role."""
    settings = {
        "password_min_length": 10,
        "password_required_characters": "abcdefghijklmnopqrstuvwxyz:0123456789:\\:!",
        "password_change_needs_current": True,
        "manual_linking_enabled": True,
        "jwt_aud": "customers",
        "jwt_default_group_name": "authenticated",
        "jwt_admin_roles": "service_role, authenticated",
    }
    with start_supabase_backend(new_database(), **settings) as backend:
        yield backend


@pytest.fixture
def strict_client(strict_backend, client_for, new_email):
    client, email = client_for(backend=strict_backend), new_email()
    client.auth.sign_up({"email": email, "password": "horse 1: right"})
    return client


@pytest.mark.parametrize(
    ("password", "reasons"),
    [
        ("short1!", ["length"]),
        ("long enough", ["characters"]),
        ("LONG ENOUGH 1!", ["characters"]),
        ("short", ["length", "characters"]),
    ],
)
def test_a_weak_password_is_refused_with_its_reasons(strict_backend, client_for, new_email, password, reasons):
    with pytest.raises(AuthWeakPasswordError) as refused:
        client_for(backend=strict_backend).auth.sign_up({"email": new_email(), "password": password})

    assert refused.value.reasons == reasons


def test_who_has_a_password_from_before_the_rules_is_told(start_supabase_backend, strict_backend, new_email):
    email = new_email()
    with start_supabase_backend(strict_backend.database_url) as lenient:
        lenient.create_user(email, "horses")
    with httpx.Client(base_url=strict_backend.url, headers={"apikey": strict_backend.anon_key}) as call:
        answer = call.post("/auth/v1/token?grant_type=password", json={"email": email, "password": "horses"})

    assert answer.status_code == 200
    assert answer.json()["weak_password"]["reasons"] == ["length", "characters"]


@pytest.mark.parametrize(
    ("current", "code"),
    [({}, "current_password_required"), ({"current_password": "wrong 1: horse"}, "current_password_invalid")],
)
def test_a_new_password_may_need_the_current_one(strict_client, current, code):
    with pytest.raises(AuthApiError) as refused:
        strict_client.auth.update_user({"password": "horse 2: right", **current})

    assert refused.value.code == code
    assert strict_client.auth.update_user({"password": "horse 2: right", "current_password": "horse 1: right"}).user


def test_the_audience_and_the_role_of_new_people_are_settings(strict_client, strict_backend, execute_on):
    session = strict_client.auth.get_session()
    claims = strict_client.auth.get_claims()["claims"]
    execute_on(strict_backend, "update auth.users set aud = 'staff' where id = %s", session.user.id)
    answer = httpx.get(
        f"{strict_backend.url}/auth/v1/user",
        headers={"apikey": strict_backend.anon_key, "authorization": f"Bearer {session.access_token}"},
    )

    assert (claims["aud"], claims["role"]) == ("customers", "authenticated")
    assert (answer.status_code, answer.json()["error_code"]) == (403, "unexpected_audience")


def test_the_roles_of_administrators_are_a_setting(strict_client, strict_backend):
    token = strict_client.auth.get_session().access_token

    answer = httpx.get(
        f"{strict_backend.url}/auth/v1/admin/users?per_page=1",
        headers={"apikey": strict_backend.anon_key, "authorization": f"Bearer {token}"},
    )

    assert answer.status_code == 200


def test_one_of_two_identities_goes_and_the_last_one_stays(strict_client, strict_backend, execute_on):
    user = strict_client.auth.get_user().user
    execute_on(
        strict_backend,
        """insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
           values (%s, %s, jsonb_build_object('sub', 'x', 'email', %s::text), 'github', now(), now())""",
        user.id,
        user.id,
        f"other-{user.email}",
    )
    first = next(each for each in strict_client.auth.get_user_identities().identities if each.provider == "email")

    strict_client.auth.unlink_identity(first)
    rest = strict_client.auth.get_user().user
    with pytest.raises(AuthApiError) as last:
        strict_client.auth.unlink_identity(rest.identities[0])

    assert [identity.provider for identity in rest.identities] == ["github"]
    assert rest.email == f"other-{user.email}"
    assert rest.app_metadata["providers"] == ["github"]
    assert last.value.code == "single_identity_not_deletable"


def test_an_identity_of_somebody_else_does_not_exist(strict_client, strict_backend, execute_on, new_email):
    me = strict_client.auth.get_user().user
    stranger = strict_backend.create_user(new_email(), "horse 1: right")
    execute_on(
        strict_backend,
        """insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
           values (%s, %s, '{}', 'github', now(), now())""",
        me.id,
        me.id,
    )

    answer = httpx.delete(
        f"{strict_backend.url}/auth/v1/user/identities/{stranger['identities'][0]['identity_id']}",
        headers={
            "apikey": strict_backend.anon_key,
            "authorization": f"Bearer {strict_client.auth.get_session().access_token}",
        },
    )

    assert (answer.status_code, answer.json()["error_code"]) == (422, "identity_not_found")


def test_identities_stay_while_linking_is_off(signed_in, http):
    client = signed_in()
    headers = {"authorization": f"Bearer {client.auth.get_session().access_token}"}
    identity = client.auth.get_user_identities().identities[0]

    unlinking = http.delete(f"/auth/v1/user/identities/{identity.identity_id}", headers=headers)
    linking = http.get("/auth/v1/user/identities/authorize?provider=github", headers=headers)

    assert (unlinking.status_code, unlinking.json()["error_code"]) == (404, "manual_linking_disabled")
    assert (linking.status_code, linking.json()["error_code"]) == (404, "manual_linking_disabled")


def test_there_is_no_provider_to_link_with(strict_client):
    with pytest.raises(AuthApiError) as refused:
        strict_client.auth.link_identity({"provider": "github"})

    assert (refused.value.status, refused.value.code) == (501, "not_supported")


def actions(admin_http, user_id):
    entries = admin_http.get("/auth/v1/admin/audit?per_page=100").json()
    mine = [entry["payload"] for entry in entries if user_id in str(entry["payload"])]
    return [payload["action"] for payload in reversed(mine)]


def test_the_audit_log_tells_what_happened_and_no_secret(client_for, admin_http, new_email):
    client, email = client_for(), new_email()
    user = client.auth.sign_up({"email": email, "password": PASSWORD, "options": {"data": {"full_name": "Ada"}}}).user
    factor = client.auth.mfa.enroll({"factor_type": "totp"})
    code = TOTP(factor.totp.secret).at(time.time())
    client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code})
    refresh_token = client.auth.refresh_session().session.refresh_token
    client.auth.update_user({"password": "another horse"})
    client.auth.sign_out()
    admin_http.put(f"/auth/v1/admin/users/{user.id}", json={"ban_duration": "1h"})
    admin_http.delete(f"/auth/v1/admin/users/{user.id}")

    text = admin_http.get(f"/auth/v1/admin/audit?query=author:{email}").text

    assert actions(admin_http, user.id) == [
        "user_signedup",
        "login",
        "factor_in_progress",
        "challenge_created",
        "verification_attempted",
        "token_refreshed",
        "user_updated_password",
        "user_modified",
        "logout",
        "user_modified",
        "user_deleted",
    ]
    assert '"actor_name":"Ada"' in text
    for secret in (PASSWORD, "another horse", factor.totp.secret, code, refresh_token):
        assert secret not in text


@pytest.mark.parametrize(
    ("query", "count"), [("action:user_signedup", 1), ("action:user%", 0), ("type:team", 1), ("author:'; --", 0)]
)
def test_the_audit_log_is_searched_in_pages(admin_http, http, new_email, query, count):
    http.post("/auth/v1/signup", json={"email": new_email(), "password": PASSWORD})

    answer = admin_http.get("/auth/v1/admin/audit", params={"query": query, "per_page": 1})

    assert len(answer.json()) == count
    assert (int(answer.headers["x-total-count"]) >= 1) is bool(count)


@pytest.mark.parametrize("query", ["nobody:x", "author", "author:\0"])
def test_an_unknown_scope_of_the_audit_log_is_refused(admin_http, query):
    answer = admin_http.get("/auth/v1/admin/audit", params={"query": query})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


def test_old_entries_of_the_audit_log_go_and_it_can_be_switched_off(
    start_supabase_backend, new_database, execute_on, new_email
):
    database = new_database()
    with start_supabase_backend(database, audit_log_disabled=True) as backend:
        backend.create_user(new_email(), PASSWORD)
        assert execute_on(backend, "select count(*) from auth.audit_log_entries") == [(0,)]
    with start_supabase_backend(database, audit_log_days=30) as backend:
        backend.create_user(new_email(), PASSWORD)
        execute_on(backend, "update auth.audit_log_entries set created_at = created_at - interval '31 days'")
        backend.create_user(new_email(), PASSWORD)
        assert execute_on(backend, "select count(*) from auth.audit_log_entries") == [(1,)]
