"""Settings of REST: from the environment, from the database, of a role; who a token names; profiles."""

import time

import httpx
import pytest
from smeboost_emulators.testing.waiting import until

SECRET = "a-secret-of-more-than-thirty-two-characters"


@pytest.fixture(scope="module")
def backend(start_supabase_backend, new_database, execute_on):
    with start_supabase_backend(
        new_database(), gotrue_jwt_secret=SECRET, app_settings={"tenant": "acme"}, jwt_aud="shop"
    ) as started:
        execute_on(started, "create schema shop")
        execute_on(started, "grant usage on schema shop to anon")
        execute_on(started, "create table shop.goods as select 1 as id")
        execute_on(started, "grant select on shop.goods to anon")
        execute_on(started, "create table public.things as select g as id from generate_series(1, 5) g")
        execute_on(
            started,
            "create function public.setting(name text) returns text language sql stable"
            " as $$ select current_setting(name, true) $$",
        )
        execute_on(
            started, "create function public.nap() returns text language sql as $$ select pg_sleep(0.3)::text $$"
        )
        yield started


@pytest.fixture
def rest(backend):
    def ask(path, *, method="GET", token=None, content=None, **headers):
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given["authorization"] = f"Bearer {token or backend.anon_key}"
        url = f"{backend.url}/rest/v1/{path}"
        return httpx.request(method, url, content=content, headers={**given, "apikey": backend.anon_key}, timeout=10)

    return ask


@pytest.fixture
def configured(backend, execute_on, rest):
    """Settings of the log-in in this database, until the test ends."""
    database = execute_on(backend, "select quote_ident(current_database())")[0][0]

    def set_all(until_true, **settings):
        for name, value in settings.items():
            execute_on(backend, f"alter role authenticator in database {database} set pgrst.{name} = '{value}'")
        execute_on(backend, "notify pgrst, 'reload config'")
        until(until_true, seconds=5)

    yield set_all
    execute_on(backend, f"alter role authenticator in database {database} reset all")
    execute_on(backend, "notify pgrst, 'reload config'")
    until(
        lambda: len(rest("things").json()) == 5 and rest("things", accept_profile="shop").status_code == 406, seconds=5
    )


def token_of(claims):
    from joserfc import jwt
    from joserfc.jwk import OctKey

    return jwt.encode({"alg": "HS256"}, {"exp": time.time() + 60, **claims}, OctKey.import_key(SECRET))


def test_settings_of_the_database_win_and_are_read_again(rest, configured):
    assert rest("goods", accept_profile="shop").json()["code"] == "PGRST106"

    configured(
        lambda: rest("goods", accept_profile="shop").status_code == 200 and len(rest("things").json()) == 2,
        db_schemas="public, shop",
        db_max_rows="2",
        db_plan_enabled="true",
        jwt_secret="of no use",
        db_tx_end="never",
    )

    answer = rest("goods", accept_profile="shop")
    assert (answer.json(), answer.headers["content-profile"]) == ([{"id": 1}], "shop")
    assert rest("things", accept="application/vnd.pgrst.plan+json").status_code == 200


def test_a_role_has_settings_of_its_own(rest, backend, execute_on, configured):
    database = execute_on(backend, "select quote_ident(current_database())")[0][0]
    execute_on(backend, f"alter role anon in database {database} set statement_timeout = '50ms'")
    try:
        configured(lambda: rest("rpc/setting?name=statement_timeout").json() == "50ms")
        slow = rest("rpc/nap", method="POST")
    finally:
        execute_on(backend, f"alter role anon in database {database} reset all")

    assert (slow.status_code, slow.json()["code"]) == (500, "57014")


def test_a_function_has_a_timeout_of_its_own(rest, backend, execute_on):
    execute_on(
        backend,
        "create function public.hasty() returns text language sql set statement_timeout = '50ms'"
        " as $$ select pg_sleep(0.3)::text $$",
    )

    assert rest("rpc/hasty", method="POST").json()["code"] == "57014"


def test_functions_read_the_projects_settings_and_the_request(rest):
    assert rest("rpc/setting?name=app.settings.tenant").json() == "acme"
    assert rest("rpc/setting?name=request.path").json() == "/rpc/setting"
    assert rest("rpc/setting?name=request.method").json() == "GET"


def test_a_request_has_a_time_zone(rest):
    told = rest("rpc/setting?name=timezone", prefer="timezone=America/Argentina/Buenos_Aires")
    unknown = rest("rpc/setting?name=timezone", prefer="timezone=Nowhere/City")
    strict = rest("rpc/setting?name=timezone", prefer="handling=strict, timezone=Nowhere/City")

    assert told.json() == "America/Argentina/Buenos_Aires"
    assert told.headers["preference-applied"] == "timezone=America/Argentina/Buenos_Aires"
    assert (unknown.status_code, "preference-applied" in unknown.headers) == (200, False)
    assert (strict.status_code, strict.json()["code"]) == (400, "PGRST122")


def test_a_function_is_called_before_every_request(rest, backend, execute_on, configured):
    execute_on(
        backend,
        "create or replace function public.guard() returns void language plpgsql as $$ begin"
        " perform set_config('response.headers', '[{\"X-Guard\": \"on\"}]', true);"
        " if current_setting('request.headers', true)::json ->> 'x-bad' = 'yes'"
        " then raise sqlstate 'PT429' using message = 'slow down'; end if; end $$",
    )
    configured(lambda: rest("things").headers.get("x-guard") == "on", db_pre_request="public.guard")

    refused = [
        rest("things", x_bad="yes"),
        rest("things", x_bad="yes", prefer="count=planned"),
        rest("things", x_bad="yes", accept="application/vnd.pgrst.object+json"),
        # Nothing is changed, so no statement is needed but this one.
        rest("things?id=eq.1", method="PATCH", content="{}", x_bad="yes"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(429, "PT429")] * 4


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"role": "anon"}, 200, None),
        ({"role": "anon", "aud": "shop"}, 200, None),
        ({"role": "anon", "aud": ["else", "shop"]}, 200, None),
        ({"role": "anon", "aud": "else"}, 401, "PGRST303"),
        ({"role": "anon", "aud": 5}, 401, "PGRST303"),
        ({}, 200, None),
        ({"role": "nobody"}, 401, "22023"),
        ({"role": "none"}, 401, "22023"),
        ({"role": "postgres"}, 403, "42501"),
        ({"role": "supabase_auth_admin"}, 403, "42501"),
        ({"role": ["anon"]}, 401, "22023"),
        ({"role": "anon; drop table public.things"}, 401, "22023"),
        ({"role": 'anon"'}, 401, "22023"),
        ({"role": "anon" + "x" * 100}, 401, "22023"),
        ({"role": "anon\0"}, 401, "22023"),
    ],
)
def test_a_token_names_its_role_and_its_audience(rest, claims, status, code):
    answer = rest("things", token=token_of(claims))

    assert (answer.status_code, None if status == 200 else answer.json()["code"]) == (status, code)


def test_the_role_may_be_anywhere_in_the_claims(rest, configured):
    token = token_of({"app": {"roles": ["x", "service_role"]}})
    configured(
        lambda: rest("rpc/setting?name=role", token=token).json() == "service_role",
        jwt_role_claim_key='.app.roles[?(@ ^== "service")]',
    )

    assert rest("rpc/setting?name=role", token=token_of({"role": "service_role"})).json() == "anon"


def test_without_an_anonymous_role_a_token_is_needed(rest, configured):
    configured(lambda: rest("things", token=token_of({})).status_code == 401, db_anon_role="")

    answer = rest("things", token=token_of({}))
    assert answer.json()["code"] == "PGRST302"
    assert rest("things").status_code == 200
