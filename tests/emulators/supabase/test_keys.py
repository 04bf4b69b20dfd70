"""The gateway's part: API keys, tokens, CORS, paths of services that are not here."""

import json
import time

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from smeboost_emulators.testing.waiting import until

SECRET = "a-secret-for-tests-that-is-long-enough-1234"


def test_a_request_without_a_key_is_refused(http):
    answer = http.get("/rest/v1/things", headers={"apikey": ""})

    assert answer.status_code == 401
    assert answer.json()["message"] == "No API key found in request"


def test_a_wrong_key_is_refused(http):
    answer = http.get("/rest/v1/things", headers={"apikey": "wrong-\xe9".encode()})

    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid API key")


def test_the_key_may_be_a_query_parameter(supabase_backend, notes):
    answer = httpx.get(f"{supabase_backend.url}/rest/v1/{notes}", params={"apikey": supabase_backend.anon_key})

    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("query", ["name=eq.%C3%A9", "name=eq.%FF", "select=id,name", "name=eq.a%2Bb"])
def test_a_key_in_the_query_leaves_the_other_parameters_as_they_are(supabase_backend, http, notes, query):
    url = f"{supabase_backend.url}/rest/v1/{notes}?{query}"
    plain = http.get(url)
    answer = httpx.get(f"{url}&apikey={supabase_backend.anon_key}")

    assert answer.status_code < 500
    assert (answer.status_code, answer.content) == (plain.status_code, plain.content)


def test_opaque_keys_stand_for_their_roles(start_supabase_backend, new_database):
    keys = {"publishable_key": "sb_publishable_abc", "secret_key": "sb_secret_abc"}
    answers = []
    with start_supabase_backend(new_database(), **keys) as backend:
        for key in keys.values():
            # The official client sends the key twice.
            headers = {"apikey": key, "authorization": f"Bearer {key}"}
            answers.append(httpx.get(f"{backend.url}/auth/v1/admin/users", headers=headers).status_code)

    assert answers == [403, 200]


def test_a_secret_that_is_given_signs_the_keys(start_supabase_backend, new_database):
    url = new_database()
    with start_supabase_backend(url, gotrue_jwt_secret=SECRET) as backend:
        first = backend
    with start_supabase_backend(url, pgrst_jwt_secret=SECRET, anon_key=first.anon_key) as backend:
        assert backend.anon_key == first.anon_key
        assert backend.service_role_key == first.service_role_key


@pytest.fixture(scope="module")
def secret_backend(start_supabase_backend, new_database):
    with start_supabase_backend(new_database(), gotrue_jwt_secret=SECRET) as backend:
        yield backend


@pytest.fixture
def call(secret_backend):
    """Make a call with a token of these claims, signed with the secret unless told otherwise."""

    def make(path, claims, *, secret=SECRET, algorithm="HS256"):
        token = jwt.encode({"alg": algorithm}, claims, OctKey.import_key(secret), algorithms=[algorithm])
        headers = {"apikey": secret_backend.anon_key, "authorization": f"Bearer {token}"}
        return httpx.get(f"{secret_backend.url}{path}", headers=headers)

    return make


def test_an_expired_token_is_refused_with_the_code_of_each_part(call):
    expired = {"role": "authenticated", "sub": "6e7a1c1e-3f0b-4f0e-9b63-2f6e3a2b1c4d", "exp": int(time.time()) - 60}

    auth, rest = call("/auth/v1/user", expired), call("/rest/v1/things", expired)

    assert (auth.status_code, auth.json()["error_code"]) == (403, "bad_jwt")
    assert (rest.status_code, rest.json()["code"], rest.json()["message"]) == (401, "PGRST303", "JWT expired")
    assert rest.headers["www-authenticate"].startswith("Bearer error=")


def test_rest_allows_clocks_half_a_minute_of_difference(call):
    just_expired = {"role": "anon", "exp": int(time.time()) - 5}

    assert call("/rest/v1/things", just_expired).json()["code"] == "PGRST205"
    assert call("/auth/v1/user", just_expired).json()["error_code"] == "bad_jwt"


def test_a_token_that_was_good_is_refused_once_its_time_is_over(call):
    ends_soon = {"role": "anon", "exp": int(time.time()) - 27}

    assert call("/rest/v1/things", ends_soon).json()["code"] == "PGRST205"
    late = until(lambda: (answer := call("/rest/v1/things", ends_soon)).status_code == 401 and answer)
    assert late.json()["code"] == "PGRST303"


def test_a_good_token_says_nothing_for_a_forged_one_with_the_same_claims(call):
    claims = {"role": "service_role", "sub": "the same"}
    codes = [call("/rest/v1/things", claims, secret=secret).json()["code"] for secret in (SECRET, "x" * 40, SECRET)]

    assert codes == ["PGRST205", "PGRST301", "PGRST205"]


@pytest.mark.parametrize(
    ("claims", "options", "status", "code"),
    [
        ({"role": "anon"}, {"secret": "x" * 40}, 401, "PGRST301"),
        ({"role": "anon"}, {"algorithm": "HS384"}, 401, "PGRST301"),
        ({"role": "anon", "exp": "soon"}, {}, 401, "PGRST303"),
        ({"role": "anon", "nbf": 9_999_999_999}, {}, 401, "PGRST303"),
        ({"role": "anon", "iat": 9_999_999_999}, {}, 401, "PGRST303"),
        ({"role": "nobody-like-that"}, {}, 401, "22023"),
        ({"role": "postgres"}, {}, 403, "42501"),
        ({"role": "supabase_auth_admin"}, {}, 403, "42501"),
    ],
)
def test_a_token_that_will_not_do_is_refused(call, secret_backend, execute_on, *, claims, options, status, code):
    execute_on(secret_backend, "create table if not exists public.present (id int)")

    answer = call("/rest/v1/present", claims, **options)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.e30", "eyJhbGciOiJub25lIn0.eyJyb2xlIjoicG9zdGdyZXMifQ."])
def test_a_token_that_is_none_is_refused(http, token):
    answer = http.get("/rest/v1/things", headers={"authorization": f"Bearer .{token}"})

    assert (answer.status_code, answer.json()["code"]) == (401, "PGRST301")


def test_made_keys_survive_a_restart(start_supabase_backend, new_database):
    url = new_database()
    with start_supabase_backend(url) as backend:
        first, jwks = backend, httpx.get(f"{backend.url}/auth/v1/.well-known/jwks.json").json()
    with start_supabase_backend(url) as backend:
        assert (backend.anon_key, backend.service_role_key) == (first.anon_key, first.service_role_key)
        assert httpx.get(f"{backend.url}/auth/v1/.well-known/jwks.json").json() == jwks


def test_a_configured_key_set_signs_tokens(start_supabase_backend, new_database, client_for, new_email):
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "kid": "mine",
        "alg": "ES256",
        "key_ops": ["sign", "verify"],
        "x": "VbP-KJlNrzfO23IdkjRHU1v_2RyGv6cGs-5Nsbc3tz0",
        "y": "mMwYO4W0CEOibSBKCHn8bucDWCc9MGkRfSy6gr0s468",
        "d": "vlSPrLILDABuBlnfHDHJRNpLkCWVUXSIXYSLQke6s34",
    }
    with start_supabase_backend(new_database(), jwt_keys=json.dumps([jwk])) as backend:
        client = client_for(backend=backend)
        client.auth.sign_up({"email": new_email(), "password": "correct horse"})

        assert client.auth.get_claims()["headers"]["kid"] == "mine"


def test_a_browser_may_call_from_any_origin(http):
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "apikey,prefer",
    }
    preflight = http.options("/rest/v1/things", headers={**asked, "apikey": ""})
    refused = http.get("/rest/v1/things", headers={"origin": "https://app.example", "apikey": ""})

    assert preflight.status_code == 200
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert refused.headers["access-control-allow-origin"] == "*"
    assert "Content-Range" in refused.headers["access-control-expose-headers"]


@pytest.mark.parametrize("prefix", ["functions", "graphql"])
def test_services_that_are_not_here_say_so(http, prefix):
    answer = http.get(f"/{prefix}/v1/anything")

    assert (answer.status_code, answer.json()["code"]) == (501, "not_supported")


def test_an_unknown_path_is_not_found(http):
    assert http.get("/nowhere").status_code == 404


def test_health_needs_no_key(http):
    assert http.get("/healthz", headers={"apikey": ""}).json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/rest/v1/things", "/auth/v1/user", "/storage/v1/x", "/healthz", "/nowhere"])
def test_a_method_that_nobody_knows_is_refused_as_json(http, path):
    answer = http.request("PROPFIND", path)

    assert answer.status_code == 405
    assert answer.json()["message"]
