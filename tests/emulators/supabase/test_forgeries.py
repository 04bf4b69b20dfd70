"""Tokens that somebody made up, keys that change, and what verifiers may read."""

import base64
import hmac
import json
import time

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from smeboost_shared.errors import Misconfigured

PASSWORD = "correct horse"
SECRET = "a shared secret of more than thirty-two characters"


def encoded(part):
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(header, claims, secret):
    """HS256 by hand: libraries refuse to do such things."""
    text = f"{encoded(header)}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256'))}"


def decoded(token):
    header, payload, _ = token.split(".")
    return [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, payload)]


@pytest.fixture
def token(http, person):
    somebody = person()
    body = {"email": somebody.email, "password": somebody.password}
    return http.post("/auth/v1/token?grant_type=password", json=body).json()["access_token"]


@pytest.fixture
def public_key(http):
    return http.get("/auth/v1/.well-known/jwks.json").json()["keys"][0]


def none(header, claims, public_key):
    return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{encoded(claims)}."


def none_with_the_kid(header, claims, public_key):
    return f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}."


def no_signature(header, claims, public_key):
    return f"{encoded(header)}.{encoded(claims)}."


def public_key_as_secret(header, claims, public_key):
    return signed({**header, "alg": "HS256"}, claims, ECKey.import_key(public_key).as_pem(private=False))


def public_jwk_as_secret(header, claims, public_key):
    return signed({"alg": "HS256"}, claims, json.dumps(public_key).encode())


def own_key_with_their_kid(header, claims, public_key):
    return jwt.encode(header, claims, ECKey.generate_key("P-256"), algorithms=["ES256"])


def own_key_with_its_kid(header, claims, public_key):
    return jwt.encode({**header, "kid": "mine"}, claims, ECKey.generate_key("P-256"), algorithms=["ES256"])


def own_key_in_the_header(header, claims, public_key):
    key = ECKey.generate_key("P-256")
    mine = {"alg": "ES256", "jwk": key.as_dict(private=False)}
    return jwt.encode(mine, claims, key, algorithms=["ES256"])


def zero_signature(header, claims, public_key):
    return f"{encoded(header)}.{encoded(claims)}.{encoded(bytes(64))}"


@pytest.mark.parametrize(
    "forge",
    [
        none,
        none_with_the_kid,
        no_signature,
        public_key_as_secret,
        public_jwk_as_secret,
        own_key_with_their_kid,
        own_key_with_its_kid,
        own_key_in_the_header,
        zero_signature,
    ],
)
def test_a_token_that_somebody_made_is_refused(http, token, public_key, forge):
    header, claims = decoded(token)
    headers = {"authorization": f"Bearer {forge(header, {**claims, 'role': 'service_role'}, public_key)}"}

    auth, admin = http.get("/auth/v1/user", headers=headers), http.get("/auth/v1/admin/users", headers=headers)

    assert [(answer.status_code, answer.json()["error_code"]) for answer in (auth, admin)] == [(403, "bad_jwt")] * 2
    assert http.get("/rest/v1/things", headers=headers).status_code == 401


@pytest.mark.parametrize("change", [{"role": "service_role"}, {"aal": "aal2"}, {"exp": 9_999_999_999}])
def test_a_token_whose_claims_were_changed_is_refused(http, token, change):
    _, claims = decoded(token)
    header, _, signature = token.split(".")

    answer = http.get(
        "/auth/v1/user", headers={"authorization": f"Bearer {header}.{encoded({**claims, **change})}.{signature}"}
    )

    assert (answer.status_code, answer.json()["error_code"]) == (403, "bad_jwt")


def test_a_signed_token_does_not_borrow_the_session_of_somebody_else(start_supabase_backend, new_database):
    with (
        start_supabase_backend(new_database(), gotrue_jwt_secret=SECRET, jwt_algorithm="HS256") as backend,
        httpx.Client(base_url=backend.url, headers={"apikey": backend.anon_key}) as call,
    ):
        owner = call.post("/auth/v1/signup", json={"email": "owner@example.com", "password": PASSWORD}).json()
        other = call.post("/auth/v1/signup", json={"email": "other@example.com", "password": PASSWORD}).json()
        _, claims = decoded(owner["access_token"])

        def ask(**changes):
            signed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
            token = jwt.encode({"alg": "HS256"}, signed, OctKey.import_key(SECRET), algorithms=["HS256"])
            answer = call.get("/auth/v1/user", headers={"authorization": f"Bearer {token}"})
            return answer.json().get("error_code", answer.status_code)

        outcomes = [
            ask(),
            ask(session_id=None),
            ask(sub=other["user"]["id"]),
            ask(session_id="not a uuid"),
            ask(aud="somebody else"),
            ask(aud=["authenticated", "somebody else"]),
            ask(aud=["authenticated"]),
            ask(sub=None),
            ask(exp=int(time.time()) - 1),
        ]

    assert outcomes == [
        200,
        200,
        "session_not_found",
        "session_not_found",
        "unexpected_audience",
        "unexpected_audience",
        200,
        "bad_jwt",
        "bad_jwt",
    ]


def test_nobody_makes_oneself_more_than_one_is(http, new_email):
    more = {"role": "service_role", "app_metadata": {"admin": True}, "is_anonymous": True, "aud": "x", "id": "x"}
    body = {"email": new_email(), "password": PASSWORD, "data": {"role": "service_role"}, **more}

    session = http.post("/auth/v1/signup", json=body).json()
    headers = {"authorization": f"Bearer {session['access_token']}"}
    changing = http.put("/auth/v1/user", headers=headers, json={"role": "service_role", "banned_until": None})
    raising = http.put("/auth/v1/user", headers=headers, json={"app_metadata": {"admin": True}})

    _, claims = decoded(session["access_token"])
    assert (claims["role"], claims["aud"], claims["is_anonymous"]) == ("authenticated", "authenticated", False)
    assert claims["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert changing.json()["role"] == "authenticated"
    assert raising.json()["error_code"] == "not_admin"


def key(kid, *operations):
    generated = ECKey.generate_key("P-256", parameters={"kid": kid, "alg": "ES256"}, private=True)
    return {**generated.as_dict(private=True), "key_ops": list(operations)}


def test_keys_are_replaced_while_older_tokens_stay_good(start_supabase_backend, new_database, client_for, new_email):
    database, email = new_database(), new_email()
    first, second = key("first"), key("second")

    def keys(signing, *standby):
        return json.dumps([{**signing, "key_ops": ["sign"]}, *({**each, "key_ops": ["verify"]} for each in standby)])

    def status(backend, token):
        headers = {"apikey": backend.anon_key, "authorization": f"Bearer {token}"}
        return httpx.get(f"{backend.url}/auth/v1/user", headers=headers).status_code

    with start_supabase_backend(database, jwt_keys=keys(first, second)) as backend:
        client = client_for(backend=backend)
        old = client.auth.sign_up({"email": email, "password": PASSWORD}).session.access_token
        listed = httpx.get(f"{backend.url}/auth/v1/.well-known/jwks.json").json()["keys"]
        assert client.auth.get_claims()["headers"]["kid"] == "first"
    with start_supabase_backend(database, jwt_keys=keys(second, first)) as backend:
        client = client_for(backend=backend)
        new = client.auth.sign_in_with_password({"email": email, "password": PASSWORD}).session.access_token
        assert client.auth.get_claims()["headers"]["kid"] == "second"
        assert (status(backend, old), status(backend, new)) == (200, 200)
    with start_supabase_backend(database, jwt_keys=keys(second)) as backend:
        assert (status(backend, old), status(backend, new)) == (403, 200)

    assert [each["kid"] for each in listed] == ["first", "second"]
    assert all("d" not in each and each["key_ops"] == ["verify"] for each in listed)


def test_tokens_signed_with_the_secret_are_checked_by_asking(start_supabase_backend, new_database, client_for):
    with start_supabase_backend(new_database(), gotrue_jwt_secret=SECRET, jwt_algorithm="HS256") as backend:
        client = client_for(backend=backend)
        client.auth.sign_up({"email": "asked@example.com", "password": PASSWORD})

        claims = client.auth.get_claims()

        assert claims["headers"]["alg"] == "HS256"
        assert claims["claims"]["email"] == "asked@example.com"


SMALL = {"kty": "oct", "k": encoded(b"twenty bytes of key."), "key_ops": ["sign"]}


@pytest.mark.parametrize(
    "keys",
    [
        "{}",
        "[]",
        "not json",
        json.dumps([key("a", "verify")]),
        json.dumps([key("a", "sign"), key("b", "sign")]),
        json.dumps([key("a", "sign"), key("a", "verify")]),
        json.dumps([{**key("a", "sign"), "alg": "none"}]),
        json.dumps([{**key("a", "sign"), "alg": "HS256"}]),
        json.dumps([{**ECKey.generate_key("P-384").as_dict(private=True), "key_ops": ["sign"]}]),
        json.dumps([{name: value for name, value in key("a", "sign").items() if name != "d"}]),
        json.dumps([SMALL]),
        json.dumps([{"kty": "RSA", "key_ops": ["sign"]}]),
        json.dumps([{"kty": "XYZ", "key_ops": ["sign"]}]),
    ],
)
def test_keys_that_cannot_be_are_refused_at_the_start(start_supabase_backend, new_database, keys):
    with pytest.raises(Misconfigured, match="GOTRUE_JWT_KEYS"), start_supabase_backend(new_database(), jwt_keys=keys):
        raise AssertionError("it started")


def test_rsa_signs_too(start_supabase_backend, new_database, client_for):
    jwk = RSAKey.generate_key(2048, parameters={"kid": "rsa"}).as_dict(private=True)
    keys = json.dumps([{**jwk, "key_ops": ["sign", "verify"]}])
    with start_supabase_backend(new_database(), jwt_keys=keys) as backend:
        client = client_for(backend=backend)
        client.auth.sign_up({"email": "rsa@example.com", "password": PASSWORD})

        assert client.auth.get_claims()["headers"]["alg"] == "RS256"


def test_verifiers_find_the_keys_by_the_issuer_without_an_api_key(supabase_backend, token):
    _, claims = decoded(token)
    with httpx.Client() as stranger:
        found = stranger.get(f"{claims['iss']}/.well-known/openid-configuration").json()
        keys = stranger.get(found["jwks_uri"]).json()["keys"]

    assert found["issuer"] == claims["iss"] == f"{supabase_backend.url}/auth/v1"
    assert found["id_token_signing_alg_values_supported"] == ["ES256"]
    assert decoded(token)[0]["kid"] in [each["kid"] for each in keys]


def test_a_new_password_of_an_administrator_ends_the_sessions(http, admin_http, token):
    _, claims = decoded(token)

    admin_http.put(f"/auth/v1/admin/users/{claims['sub']}", json={"password": "another horse"})

    answer = http.get("/auth/v1/user", headers={"authorization": f"Bearer {token}"})
    assert answer.json()["error_code"] == "session_not_found"
