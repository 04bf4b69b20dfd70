"""The admin API of the official client."""

import bcrypt
import httpx
import pytest
from argon2 import PasswordHasher
from supabase_auth.errors import AuthApiError

from supabase import AsyncClientOptions, acreate_client

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


def test_people_are_filtered_and_sorted(admin_http, person):
    first = person(user_metadata={"full_name": "Zoë Quickly"})
    second = person(user_metadata={"full_name": "zoë Slowly"})

    def found(**parameters):
        answer = admin_http.get("/auth/v1/admin/users", params=parameters)
        return [user["id"] for user in answer.json()["users"]]

    assert found(filter=first.email) == [first.id]
    assert found(filter="ZOË", sort="created_at asc") == [first.id, second.id]
    assert found(filter="zoë", sort="created_at desc") == [second.id, first.id]
    assert found(filter="%") == []
    link = admin_http.get("/auth/v1/admin/users", params={"filter": "zoë", "per_page": 1}).headers["link"]
    assert '</admin/users?page=2&per_page=1&filter=zo%C3%AB>; rel="next"' in link


@pytest.mark.parametrize("sort", ["email asc", "created_at sideways", "created_at; drop table x"])
def test_another_order_of_people_is_refused(admin_http, sort):
    answer = admin_http.get("/auth/v1/admin/users", params={"sort": sort})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


def test_who_is_deleted_softly_leaves_a_row_that_tells_nothing(admin, http, client_for, person, execute):
    somebody = person(user_metadata={"city": "Jena"})
    client = client_for()
    session = client.auth.sign_in_with_password({"email": somebody.email, "password": somebody.password}).session

    admin.delete_user(somebody.id, should_soft_delete=True)
    admin.delete_user(somebody.id, should_soft_delete=True)

    left = admin.get_user_by_id(somebody.id).user
    headers = {"authorization": f"Bearer {session.access_token}"}
    assert left.email != somebody.email
    assert (left.user_metadata, left.app_metadata) == ({}, {})
    assert [identity.identity_data for identity in left.identities] == [{}]
    assert http.get("/auth/v1/user", headers=headers).json()["error_code"] == "user_not_found"
    assert execute("select count(*) from auth.sessions where user_id = %s", somebody.id) == [(0,)]
    with pytest.raises(AuthApiError) as refused:
        client.auth.sign_in_with_password({"email": somebody.email, "password": somebody.password})
    assert refused.value.code == "invalid_credentials"
    again = admin.create_user({"email": somebody.email, "password": PASSWORD, "email_confirm": True}).user
    assert again.id != somebody.id


@pytest.mark.parametrize(
    "hashed",
    [
        "$2b$31$" + "a" * 53,
        "$2b$10$short",
        "$argon2id$v=19$m=8388608,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27uA",
        "$argon2id$v=19$m=65536,t=100000,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27uA",
        "$argon2id$nonsense",
        "$fbscrypt$v=1,n=30,r=8,p=1,ss=Bw==,sk=anhz$c2FsdA==$aGFzaA==",
        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=a$c2FsdA==$aGFzaA==",
        "plain text",
    ],
)
def test_a_hash_that_is_none_or_costs_too_much_is_refused(admin_http, new_email, hashed):
    answer = admin_http.post("/auth/v1/admin/users", json={"email": new_email(), "password_hash": hashed})

    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


def test_people_from_firebase_and_with_argon2_sign_in_with_their_passwords(admin, client_for, new_email):
    # The example of https://github.com/firebase/scrypt
    signer = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="
    right = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ=="
    hashes = [f"$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk={signer}$42xEC+ixf3L2lw==${right}"]
    hashes.append(PasswordHasher(time_cost=1, memory_cost=1024).hash("user1password"))

    for hashed in hashes:
        email = new_email()
        admin.create_user({"email": email, "password_hash": hashed, "email_confirm": True})

        assert client_for().auth.sign_in_with_password({"email": email, "password": "user1password"}).session
        with pytest.raises(AuthApiError) as refused:
            client_for().auth.sign_in_with_password({"email": email, "password": "user2password"})
        assert refused.value.code == "invalid_credentials"


async def test_the_asynchronous_client_administers_people(supabase_backend, new_email):
    async with httpx.AsyncClient() as http:
        options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False)
        client = await acreate_client(supabase_backend.url, supabase_backend.service_role_key, options)
        admin, email = client.auth.admin, new_email()

        made = await admin.create_user({"email": email, "password": PASSWORD, "app_metadata": {"plan": "gold"}})
        changed = await admin.update_user_by_id(made.user.id, {"role": "editor", "ban_duration": "1h30m"})
        listed = await admin.list_users(page=1, per_page=1)
        await admin.delete_user(made.user.id)
        with pytest.raises(AuthApiError) as gone:
            await admin.get_user_by_id(made.user.id)

    assert made.user.app_metadata["plan"] == "gold"
    assert changed.user.role == "editor"
    assert [user.id for user in listed] == [made.user.id]
    assert (gone.value.status, gone.value.code) == (404, "user_not_found")


def test_the_sessions_that_rested_longest_give_way(execute, person, client_for):
    somebody = person()
    execute(
        """insert into auth.sessions (id, user_id, created_at, updated_at, aal)
           select gen_random_uuid(), %s, now() - interval '1 day' - number * interval '1 minute', now(), 'aal1'
           from generate_series(1, 1000) number""",
        somebody.id,
    )

    client_for().auth.sign_in_with_password({"email": somebody.email, "password": somebody.password})

    rows = execute(
        "select count(*), max(created_at) > now() - interval '1 hour' from auth.sessions where user_id = %s",
        somebody.id,
    )
    assert rows == [(1000, True)]
