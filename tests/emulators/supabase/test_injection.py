"""SQL in every place of a REST request: nothing runs, nothing changes, and no answer is a failure of ours."""

import json
import time
from urllib.parse import quote

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

JWT_SECRET = "a-secret-of-more-than-thirty-two-characters"
MARK = "insert into public.canary values (1)"
ATTACKS = [
    f"'; {MARK}; --",
    f'"; {MARK}; --',
    f"1; {MARK}",
    f"1); {MARK}; --",
    f'id"); {MARK}; --',
    f"$$; {MARK}; $$",
    f"\\'; {MARK}; --",
    "(select public.poison())",
    "public.poison()",
    "'||public.poison()||'",
    '"||public.poison()||"',
    "id.eq.1) or public.poison() is null or (1=1",
    '{"a\\"\'||public.poison()||\'"}',
    "$1",
    "%s %(name)s %%",
    "/* */ -- #",
    "id; set role postgres",
    "id::text; reset role",
    "\x00",
    "' union select secret from vault.box --",
]
PLACES = {
    "filter value": lambda text: {"params": {"name": f"eq.{text}"}},
    "filter value bare": lambda text: {"params": {"name": text}},
    "filter name": lambda text: {"params": {text: "eq.1"}},
    "filter operator": lambda text: {"params": {"id": f"{text}.1"}},
    "list member": lambda text: {"params": {"name": f"in.({text})"}},
    "array": lambda text: {"params": {"tags": f"cs.{{{text}}}"}},
    "quantified": lambda text: {"params": {"name": f"eq(any).{{{text}}}"}},
    "text search": lambda text: {"params": {"name": f"fts({text}).{text}"}},
    "logic": lambda text: {"params": {"or": f"(name.eq.{text},{text})"}},
    "json path": lambda text: {"params": {f"data->>{text}": "eq.1", "select": f"data->{text}"}},
    "select": lambda text: {"params": {"select": text}},
    "alias": lambda text: {"params": {"select": f'"{text}":name'}},
    "cast": lambda text: {"params": {"select": f"name::{text}"}},
    "order": lambda text: {"params": {"order": text}},
    "order modifier": lambda text: {"params": {"order": f"id.{text}"}},
    "limit": lambda text: {"params": {"limit": text}},
    "offset": lambda text: {"params": {"offset": text}},
    "range": lambda text: {"headers": {"range": text, "range-unit": text}},
    "accept": lambda text: {"headers": {"accept": f"{text}, application/json"}},
    "accept parameter": lambda text: {
        "headers": {"accept": f'application/vnd.pgrst.plan; options={text}; for="{text}"'}
    },
    "accept profile": lambda text: {"headers": {"accept-profile": text}},
    "timezone": lambda text: {"headers": {"prefer": f"timezone={text}"}},
    "max-affected": lambda text: {"headers": {"prefer": f"handling=strict,max-affected={text}"}},
    "count": lambda text: {"headers": {"prefer": f"count={text}"}},
    "tx": lambda text: {"headers": {"prefer": f"tx={text}"}},
    "cookie": lambda text: {"headers": {"cookie": f"{text}={text}"}},
    "any header": lambda text: {"headers": {"x-forwarded-for": text, "user-agent": text}},
    "relation": lambda text: {"path": text},
    "function": lambda text: {"path": "rpc", "under": text},
    "function argument": lambda text: {"path": "rpc/echo", "params": {"word": text}},
    "function argument name": lambda text: {"path": "rpc/echo", "params": {text: "x"}},
    "function variadic": lambda text: {"path": "rpc/join", "params": {"words": [text, text]}},
    "function result": lambda text: {
        "path": "rpc/every",
        "params": {"name": f"eq.{text}", "select": text, "order": text},
    },
    "root profile": lambda text: {"path": "", "headers": {"accept-profile": text}},
    "post on_conflict": lambda text: {
        "method": "POST",
        "params": {"on_conflict": text},
        "json": {"id": 1},
        "headers": {"prefer": "resolution=merge-duplicates"},
    },
    "post columns": lambda text: {"method": "POST", "params": {"columns": text}, "json": {"id": 1}},
    "post member": lambda text: {"method": "POST", "json": {text: 1}},
    "post value": lambda text: {"method": "POST", "json": {"id": 1, "name": text, "tags": [text]}},
    "post default": lambda text: {
        "method": "POST",
        "json": [{"id": text}, {"id": 1}],
        "headers": {"prefer": "missing=default"},
    },
    "post csv header": lambda text: {
        "method": "POST",
        "content": f'id,"{text}"\n1,x'.encode(),
        "headers": {"content-type": "text/csv"},
    },
    "post csv value": lambda text: {
        "method": "POST",
        "content": f'id,name\n1,"{text}"'.encode(),
        "headers": {"content-type": "text/csv"},
    },
    "post form": lambda text: {"method": "POST", "data": {text: text, "id": "1"}},
    "post content type": lambda text: {"method": "POST", "json": {"id": 1}, "headers": {"content-type": text}},
    "post content profile": lambda text: {"method": "POST", "json": {}, "headers": {"content-profile": text}},
    "post returned": lambda text: {
        "method": "POST",
        "json": {"id": 1},
        "params": {"select": text},
        "headers": {"prefer": "return=representation"},
    },
    "patch value": lambda text: {"method": "PATCH", "json": {"name": text}, "params": {"id": f"eq.{text}"}},
    "patch member": lambda text: {"method": "PATCH", "json": {text: 1}, "params": {"id": "eq.1"}},
    "put key": lambda text: {"method": "PUT", "json": {"id": text}, "params": {"id": f"eq.{text}"}},
    "delete filter": lambda text: {"method": "DELETE", "params": {"name": f"eq.{text}"}},
    "delete filter name": lambda text: {"method": "DELETE", "params": {text: "eq.1"}},
    "call member": lambda text: {"method": "POST", "path": "rpc/echo", "json": {text: "x"}},
    "call value": lambda text: {"method": "POST", "path": "rpc/echo", "json": {"word": text}},
    "call body": lambda text: {
        "method": "POST",
        "path": "rpc/whole",
        "content": text.encode(),
        "headers": {"content-type": "text/plain"},
    },
    "call columns": lambda text: {
        "method": "POST",
        "path": "rpc/echo",
        "params": {"columns": text},
        "json": {"word": "x"},
    },
}
STATE = """
select (select count(*) from public.canary), (select json_agg(s order by id) from public.shelf s),
  (select count(*) from pg_class), (select count(*) from pg_proc), (select count(*) from pg_roles),
  (select json_agg(setconfig) from pg_db_role_setting)
"""


@pytest.fixture(scope="module")
def attacked(start_supabase_backend, new_database, execute_on):
    """A backend that remembers when anything of an attack has run; `state` is all that could have changed."""
    settings = {"gotrue_jwt_secret": JWT_SECRET, "db_tx_end": "commit-allow-override", "db_plan_enabled": True}
    with start_supabase_backend(new_database(), **settings) as backend:
        for statement in (
            "create schema vault; create table vault.box as select 'the-secret' as secret",
            "create table public.canary (n int)",
            "create function public.poison() returns text language sql security definer"
            " as 'insert into public.canary values (1) returning n::text'",
            "create table public.shelf (id int primary key, name text, tags text[], data jsonb)",
            "create function public.echo(word text) returns text language sql stable as 'select word'",
            "create function public.whole(text) returns text language sql stable as 'select $1'",
            "create function public.join(variadic words text[]) returns text language sql stable"
            " as $$ select array_to_string(words, ' ') $$",
            "create function public.every() returns setof public.shelf language sql stable"
            " as 'select * from public.shelf'",
            # A write that gets through is seen as such: the table takes none.
            "insert into public.shelf values (5, 'x', '{}', '{}')",
            "alter table public.shelf add constraint closed check (id = 5 and name = 'x') not valid",
            "revoke execute on function public.poison() from public, anon",
        ):
            execute_on(backend, statement)
        yield backend


@pytest.fixture
def state(attacked, execute_on):
    return lambda: execute_on(attacked, STATE)


def send(backend, *, path="shelf", under=None, method="GET", headers=None, **more) -> httpx.Response:
    parts = [path if path.startswith("rpc/") else quote(path, safe=""), *([quote(under, safe="")] if under else [])]
    raw = {name: value.encode() for name, value in (headers or {}).items()}
    url = f"{backend.url}/rest/v1/{'/'.join(parts)}"
    return httpx.request(method, url, headers={"apikey": backend.anon_key, **raw}, timeout=20, **more)


def answers(backend, request):
    """The answer, or none for what is no HTTP and never leaves the client or reaches us."""
    try:
        answer = send(backend, **request)
    except (httpx.LocalProtocolError, httpx.InvalidURL):
        return []
    return [] if "Invalid HTTP request" in answer.text else [answer]


def check(answer, place, text):
    assert answer.status_code < 500, (place, text, answer.text)
    assert "the-secret" not in answer.text, (place, text)


@pytest.mark.parametrize("place", PLACES)
def test_sql_in_a_request_never_runs(attacked, state, place):
    before = state()

    for text in ATTACKS:
        for answer in answers(attacked, PLACES[place](text)):
            check(answer, place, text)

    assert state() == before


@pytest.mark.parametrize("claim", ["role", "sub", "email", "app_metadata"])
def test_sql_in_a_claim_never_runs(attacked, state, claim):
    before = state()

    for text in [*ATTACKS, "postgres", "authenticator", "supabase_auth_admin", "none", "pg_read_all_data"]:
        claims = {"exp": time.time() + 60, "role": "anon", claim: text}
        token = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(JWT_SECRET))
        answer = send(attacked, headers={"authorization": f"Bearer {token}"})
        check(answer, claim, text)
        assert answer.status_code == (200 if claim != "role" else answer.status_code)
        assert claim != "role" or answer.json()["code"] in {"22023", "42501"}

    assert state() == before


def test_an_argument_arrives_as_the_text_it_is(attacked):
    for text in [text for text in ATTACKS if "\x00" not in text]:
        posted = send(attacked, path="rpc/echo", method="POST", content=json.dumps({"word": text}).encode())
        assert posted.json() == text
        whole = send(
            attacked, path="rpc/whole", method="POST", content=text.encode(), headers={"content-type": "text/plain"}
        )
        assert whole.json() == text
