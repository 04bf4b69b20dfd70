"""The admin API of the official client."""

import bcrypt
import pytest
from supabase_auth.errors import AuthApiError

PASSWORD = "correct horse"


@pytest.fixture
def admin(client_for, supabase_backend):
    return client_for(supabase_backend.service_role_key).auth.admin


def test_a_created_person_signs_in(admin, client_for, new_email):
    email = new_email()

    created = admin.create_user({"email": email, "password": PASSWORD, "email_confirm": True}).user

    signed_in = client_for().auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert signed_in.user.id == created.id


def test_an_unconfirmed_person_is_confirmed_later(admin, client_for, new_email):
    email = new_email()
    created = admin.create_user({"email": email, "password": PASSWORD}).user

    with pytest.raises(AuthApiError) as refused:
        client_for().auth.sign_in_with_password({"email": email, "password": PASSWORD})
    admin.update_user_by_id(created.id, {"email_confirm": True})

    assert refused.value.code == "email_not_confirmed"
    assert client_for().auth.sign_in_with_password({"email": email, "password": PASSWORD}).session


def test_a_person_comes_with_an_imported_hash_and_an_id(admin_http, client_for, new_email):
    email, hashed = new_email(), bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, prefix=b"2a")).decode()
    wanted = "6e7a1c1e-3f0b-4f0e-9b63-2f6e3a2b1c4d"

    answer = admin_http.post(
        "/auth/v1/admin/users", json={"id": wanted, "email": email, "password_hash": hashed, "email_confirm": True}
    )

    assert answer.json()["id"] == wanted
    assert client_for().auth.sign_in_with_password({"email": email, "password": PASSWORD}).user.id == wanted
    admin_http.delete(f"/auth/v1/admin/users/{wanted}")


def test_people_are_listed_in_pages(admin, admin_http, person):
    people = [person().id for _ in range(3)]

    page = admin_http.get("/auth/v1/admin/users", params={"page": 1, "per_page": 2})
    listed = admin.list_users(page=1, per_page=3)

    assert [user.id for user in listed] == people[::-1]
    assert int(page.headers["x-total-count"]) >= 3
    assert 'rel="next"' in page.headers["link"]
    assert len(page.json()["users"]) == 2


def test_a_person_is_read_changed_and_deleted(admin, person):
    somebody = person(app_metadata={"plan": "free"})

    changed = admin.update_user_by_id(somebody.id, {"app_metadata": {"plan": "team"}, "role": "editor"}).user
    read = admin.get_user_by_id(somebody.id).user
    admin.delete_user(somebody.id)

    assert changed.app_metadata == {"provider": "email", "providers": ["email"], "plan": "team"}
    assert read.role == "editor"
    with pytest.raises(AuthApiError) as gone:
        admin.get_user_by_id(somebody.id)
    assert (gone.value.status, gone.value.code) == (404, "user_not_found")


def test_a_taken_address_is_refused(admin, person):
    with pytest.raises(AuthApiError) as refused:
        admin.create_user({"email": person().email, "password": PASSWORD})

    assert (refused.value.status, refused.value.code) == (422, "email_exists")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nobody", None, 404, "validation_failed"),
        ("GET", "/00000000-0000-4000-8000-000000000000", None, 404, "user_not_found"),
        ("GET", "?page=0", None, 400, "validation_failed"),
        ("GET", "?per_page=9999999999999999999999999", None, 400, "validation_failed"),
        ("GET", f"?page={'0' * 19}1{'9' * 5_000}", None, 400, "validation_failed"),
        ("POST", "", {"password": PASSWORD}, 400, "validation_failed"),
        ("POST", "", {"email": "h@example.com", "password_hash": "plain"}, 400, "validation_failed"),
        ("POST", "", {"email": "h@example.com", "ban_duration": "soon"}, 400, "validation_failed"),
        ("POST", "", {"email": "h@example.com", "ban_duration": "999999999h"}, 400, "validation_failed"),
        ("POST", "", {"email": "h@example.com", "id": "1"}, 400, "validation_failed"),
        ("POST", "", {"email": "h@example.com", "user_metadata": {"a": "\0"}}, 400, "validation_failed"),
        ("POST", "", {"email": "h@example.com", "user_metadata": "x"}, 400, "bad_json"),
        ("POST", "", {"email": "h@example.com", "role": "x" * 64}, 400, "validation_failed"),
    ],
)
def test_an_unacceptable_admin_request_is_refused(admin_http, *, method, path, body, status, code):
    answer = admin_http.request(method, f"/auth/v1/admin/users{path}", json=body)

    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


def test_only_the_service_role_is_an_admin(http, signed_in):
    token = signed_in().auth.get_session().access_token

    as_anon = http.get("/auth/v1/admin/users")
    as_person = http.get("/auth/v1/admin/users", headers={"authorization": f"Bearer {token}"})
    as_nobody = http.get("/auth/v1/admin/users", headers={"authorization": "Basic eDp5"})

    assert (as_anon.status_code, as_anon.json()["error_code"]) == (403, "not_admin")
    assert (as_person.status_code, as_person.json()["error_code"]) == (403, "not_admin")
    assert (as_nobody.status_code, as_nobody.json()["error_code"]) == (401, "no_authorization")
