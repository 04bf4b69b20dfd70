"""Calling functions: arguments, overloads, what comes back, what is refused."""

import json
from uuid import uuid4

import httpx
import pytest
from postgrest.exceptions import APIError

OBJECT = {"accept": "application/vnd.pgrst.object+json"}


@pytest.fixture
def new_function(execute):
    """A factory of functions in `public`: gives the name; `{}` in the definition stands for it."""
    made = []

    def make(definition, *, name=None):
        name = name or f"fn_{uuid4().hex[:10]}"
        execute(f"create function public.{definition.replace('{}', name, 1)}")
        made.append(name)
        return name

    yield make
    for name in dict.fromkeys(made):
        execute(f"drop routine if exists public.{name}") if made.count(name) == 1 else _drop_all(execute, name)


def _drop_all(execute, name):
    for (shown,) in execute("select p.oid::regprocedure::text from pg_proc p where proname = %s", name):
        execute(f"drop function {shown}")


@pytest.fixture
def tasks(new_table, execute):
    name = new_table("id int primary key, title text, points int")
    execute(f"insert into public.{name} values (1, 'a', 5), (2, 'b', 3), (3, 'c', 9)")
    return name


def test_one_value_comes_bare(client_for, new_function):
    add = new_function("{}(a int, b int default 10) returns int language sql immutable as 'select a + b'")
    client = client_for()

    assert client.rpc(add, {"a": 1, "b": 2}).execute().data == 3
    assert client.rpc(add, {"a": 1}).execute().data == 11
    assert client.rpc(add, {"a": 1, "b": 2}, get=True).execute().data == 3


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("{}() returns text language sql as $$ select 'x' $$", "x"),
        ("{}() returns text language sql as $$ select null::text $$", None),
        ("{}() returns jsonb language sql as $$ select '{\"a\": [1]}'::jsonb $$", {"a": [1]}),
        ("{}() returns int[] language sql as $$ select array[1, 2] $$", [1, 2]),
        ("{}() returns setof int language sql as $$ select generate_series(1, 3) $$", [1, 2, 3]),
        ("{}() returns setof int language sql as $$ select 1 where false $$", []),
        ("{}(out a int, out b text) language sql as $$ select 1, 'x' $$", {"a": 1, "b": "x"}),
        ("{}(out a int) language sql as $$ select 1 $$", {"a": 1}),
        ("{}() returns table(a int) language sql as $$ values (1), (2) $$", [{"a": 1}, {"a": 2}]),
        ("{}() returns table(a int, b text) language sql as $$ values (1, 'x') $$", [{"a": 1, "b": "x"}]),
        ("{}() returns record language plpgsql as $$ begin return row(1, 'x'::text); end $$", {"f1": 1, "f2": "x"}),
    ],
)
def test_the_result_has_the_shape_of_the_function(client_for, new_function, definition, expected):
    assert client_for().rpc(new_function(definition), {}).execute().data == expected


def test_inout_arguments_are_given_and_given_back(client_for, new_function):
    double = new_function("{}(inout n int) language sql as 'select n * 2'")

    assert client_for().rpc(double, {"n": 4}).execute().data == {"n": 8}


def test_a_function_without_a_result_answers_nothing(http, new_function):
    nothing = new_function("{}() returns void language sql as 'select 1'")

    answer = http.post(f"/rest/v1/rpc/{nothing}")

    assert (answer.status_code, answer.text) == (204, "")


def test_rows_are_selected_filtered_ordered_paged_and_counted(client_for, http, new_function, tasks):
    all_tasks = new_function(
        f"{{}}() returns setof public.{tasks} language sql stable as 'select * from public.{tasks}'"
    )
    client = client_for()

    rows = client.rpc(all_tasks, {}).select("id,name:title").gt("points", 3).order("points", desc=True).execute()
    assert rows.data == [{"id": 3, "name": "c"}, {"id": 1, "name": "a"}]
    counted = client.rpc(all_tasks, {}, count="exact").lt("id", 3).limit(1).execute()
    assert (counted.count, len(counted.data)) == (2, 1)
    assert client.rpc(all_tasks, {}, count="exact", head=True).execute().count == 3
    assert client.rpc(all_tasks, {}).eq("id", 2).single().execute().data["title"] == "b"
    paged = http.get(f"/rest/v1/rpc/{all_tasks}?limit=2&offset=1", headers={"prefer": "count=exact"})
    assert (paged.status_code, paged.headers["content-range"]) == (206, "1-2/3")
    gone = http.get(f"/rest/v1/rpc/{all_tasks}?offset=9", headers={"prefer": "count=exact"})
    assert (gone.status_code, gone.json()["code"]) == (416, "PGRST103")


def test_columns_of_a_table_result_are_filtered(client_for, new_function):
    pairs = new_function(
        "{}(top int) returns table(n int, square int) language sql immutable"
        " as 'select g, g * g from generate_series(1, top) g'"
    )

    rows = client_for().rpc(pairs, {"top": 5}).select("square").gte("n", 4).order("n", desc=True).execute()

    assert rows.data == [{"square": 25}, {"square": 16}]


def test_one_row_of_a_table_comes_as_an_object(client_for, new_function, tasks):
    first = new_function(f"{{}}() returns public.{tasks} language sql as 'select * from public.{tasks} where id = 1'")

    assert client_for().rpc(first, {}).execute().data == {"id": 1, "title": "a", "points": 5}


def test_every_argument_keeps_its_type(client_for, http, new_function):
    show = new_function(
        "{}(j jsonb, a int[], t timestamptz, b boolean, n numeric) returns jsonb language sql immutable"
        " as $$ select jsonb_build_array(j, a, t at time zone 'utc', b, n) $$"
    )
    expected = [{"k": [1]}, [1, 2], "2026-01-01T00:00:00", True, 0.5]

    posted = {"j": {"k": [1]}, "a": [1, 2], "t": "2026-01-01T00:00:00Z", "b": True, "n": 0.5}
    assert client_for().rpc(show, posted).execute().data == expected
    got = {"j": '{"k": [1]}', "a": "{1,2}", "t": "2026-01-01T00:00:00Z", "b": "true", "n": "0.5"}
    assert http.get(f"/rest/v1/rpc/{show}", params=got).json() == expected
    assert http.post(f"/rest/v1/rpc/{show}", data=got).json() == expected


def test_a_variadic_argument_takes_many(http, new_function):
    total = new_function(
        "{}(variadic v int[]) returns bigint language sql immutable as 'select sum(x) from unnest(v) x'"
    )

    assert http.get(f"/rest/v1/rpc/{total}?v=1&v=2&v=3").json() == 6
    assert http.post(f"/rest/v1/rpc/{total}", json={"v": [4, 5]}).json() == 9


@pytest.mark.parametrize(
    ("type_name", "kind", "body", "expected"),
    [
        ("json", "application/json", b'{"a": 1}', {"a": 1}),
        ("jsonb", "application/json", b"[1, 2]", [1, 2]),
        ("text", "text/plain", b"plain \xc3\xa9", "plain é"),
    ],
)
def test_a_body_is_the_only_argument(http, new_function, *, type_name, kind, body, expected):
    echo = new_function(f"{{}}({type_name}) returns {type_name} language sql immutable as 'select $1'")

    answer = http.post(f"/rest/v1/rpc/{echo}", content=body, headers={"content-type": kind})

    assert (answer.status_code, answer.json()) == (200, expected)


def test_a_text_that_postgresql_cannot_hold_is_refused_and_not_cut(http, new_function):
    echo = new_function("{}(text) returns text language sql immutable as 'select $1'")

    answer = http.post(f"/rest/v1/rpc/{echo}", content=b"before\0after", headers={"content-type": "text/plain"})

    assert (answer.status_code, answer.json()["code"]) == (400, "22000")


def test_bytes_come_and_go_as_they_are(http, new_function):
    echo = new_function("{}(bytea) returns bytea language sql immutable as 'select $1'")
    binary = {"content-type": "application/octet-stream", "accept": "application/octet-stream"}

    answer = http.post(f"/rest/v1/rpc/{echo}", content=b"\x00\xff\n", headers=binary)

    assert (answer.content, answer.headers["content-type"]) == (b"\x00\xff\n", "application/octet-stream")


def test_a_text_comes_as_it_is(http, new_function):
    page = new_function("{}() returns text language sql immutable as $$ select 'a \"b\"' $$")

    answer = http.get(f"/rest/v1/rpc/{page}", headers={"accept": "text/plain"})

    assert (answer.text, answer.headers["content-type"]) == ('a "b"', "text/plain; charset=utf-8")
    refused = http.get(f"/rest/v1/rpc/{page}", headers={"accept": "text/html"})
    assert (refused.status_code, refused.json()["code"]) == (406, "PGRST107")


def test_a_function_that_writes_is_not_called_by_get(http, new_function, tasks, execute):
    write = new_function(f"{{}}() returns int language sql as 'update public.{tasks} set points = 0 returning 1'")
    lie = new_function(f"{{}}() returns int language plpgsql stable as 'begin return public.{write}(); end'")

    got = http.get(f"/rest/v1/rpc/{write}")
    lied = http.post(f"/rest/v1/rpc/{lie}")

    assert (got.status_code, got.json()["code"]) == (405, "25006")
    assert (lied.status_code, lied.json()["code"]) == (405, "25006")
    assert http.post(f"/rest/v1/rpc/{write}").json() == 1
    assert execute(f"select sum(points) from public.{tasks}") == [(0,)]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_another_method_is_refused(http, new_function, method):
    one = new_function("{}() returns int language sql as 'select 1'")

    answer = http.request(method, f"/rest/v1/rpc/{one}", json={})

    assert (answer.status_code, answer.json()["code"]) == (405, "PGRST101")


def test_overloads_are_told_apart_by_the_names_of_arguments(client_for, new_function):
    name = new_function("{}(a int) returns text language sql as $$ select 'a' $$")
    new_function("{}(a int, b int) returns text language sql as $$ select 'ab' $$", name=name)
    new_function("{}() returns text language sql as $$ select 'none' $$", name=name)
    client = client_for()

    assert client.rpc(name, {"a": 1}).execute().data == "a"
    assert client.rpc(name, {"a": 1, "b": 2}).execute().data == "ab"
    assert client.rpc(name, {}).execute().data == "none"


def test_overloads_that_differ_by_type_alone_are_ambiguous_unless_one_is_permitted(http, execute, new_function):
    name = new_function("{}(a int) returns text language sql as $$ select 'int' $$")
    new_function("{}(a text) returns text language sql as $$ select 'text' $$", name=name)

    answer = http.post(f"/rest/v1/rpc/{name}", json={"a": 1})
    assert (answer.status_code, answer.json()["code"]) == (300, "PGRST203")
    assert f"public.{name}(a => int4), public.{name}(a => text)" in answer.json()["message"]

    execute(f"revoke execute on function public.{name}(text) from public, anon")
    assert http.post(f"/rest/v1/rpc/{name}", json={"a": 1}).json() == "int"
    execute(f"revoke execute on function public.{name}(int) from public, anon")
    hidden = http.post(f"/rest/v1/rpc/{name}", json={"a": 1})
    assert (hidden.status_code, hidden.json()["code"]) == (401, "42501")


def test_a_call_that_fits_no_function_says_what_may_be_meant(client_for, http, new_function):
    name = new_function("{}(first int, second int) returns int language sql as 'select 1'")

    with pytest.raises(APIError) as refused:
        client_for().rpc(name, {"first": 1, "secnd": 2}).execute()
    assert refused.value.code == "PGRST202"
    assert refused.value.message == f"Could not find the function public.{name}(first, secnd) in the schema cache"
    assert refused.value.hint == f"Perhaps you meant to call the function public.{name}(first, second)"
    assert refused.value.details == (
        f"Searched for the function public.{name} with parameters first, secnd or with a single unnamed json/jsonb"
        " parameter, but no matches were found in the schema cache."
    )
    missing = http.get(f"/rest/v1/rpc/{name[:-1]}").json()
    assert missing["message"].endswith(f"public.{name[:-1]} without parameters in the schema cache")
    assert missing["hint"] == f"Perhaps you meant to call the function public.{name}"


def test_a_hint_names_nothing_that_the_caller_may_not_use(http, admin_http, new_function, new_table, execute):
    secret = new_function("{}(a int) returns int language sql as 'select 1'")
    execute(f"revoke execute on function public.{secret}(int) from public, anon, authenticated")
    table = new_table("id int")
    execute(f"revoke all on public.{table} from anon, authenticated")

    for path, name in ((f"rpc/{secret[:-1]}", secret), (f"rpc/{secret}", "(a)"), (table[:-1], table)):
        stranger, admin = http.get(f"/rest/v1/{path}"), admin_http.get(f"/rest/v1/{path}")
        assert (stranger.status_code, name in stranger.text) == (404, False)
        assert name in admin.json()["hint"]


def test_functions_of_other_schemas_are_not_found(http):
    for name in ("pg_sleep", "uid", "version", "pgrst_ddl_watch"):
        answer = http.post(f"/rest/v1/rpc/{name}", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "PGRST202")


def test_a_function_that_was_changed_is_called_as_it_is_now(http, execute, new_function):
    name = new_function("{}(a int) returns int language sql as 'select a'")
    assert http.post(f"/rest/v1/rpc/{name}", json={"a": 1}).json() == 1
    execute(f"drop function public.{name}(int)")
    execute(f"create function public.{name}(b int) returns int language sql as 'select b * 2'")

    assert http.post(f"/rest/v1/rpc/{name}", json={"b": 1}).json() == 2


def test_too_many_rows_undo_a_call(client_for, http, new_function, tasks, execute):
    write = new_function(
        f"{{}}() returns setof int language sql as 'update public.{tasks} set points = 0 returning id'"
    )
    one = new_function("{}() returns int language sql as 'select 1'")

    with pytest.raises(APIError) as exceeded:
        client_for().rpc(write, {}).max_affected(2).execute()
    with pytest.raises(APIError) as pointless:
        client_for().rpc(one, {}).max_affected(2).execute()

    assert (exceeded.value.code, pointless.value.code) == ("PGRST124", "PGRST128")
    assert execute(f"select sum(points) from public.{tasks}") == [(17,)]
    singular = http.post(f"/rest/v1/rpc/{write}", headers=OBJECT)
    assert (singular.status_code, singular.json()["code"]) == (406, "PGRST116")


@pytest.mark.parametrize(
    ("raised", "status", "code"),
    [
        ("raise sqlstate 'PT402' using message = 'pay'", 402, "PT402"),
        ("raise 'no'", 400, "P0001"),
        ("raise sqlstate '23505'", 409, "23505"),
        ("raise sqlstate 'PT999'", 500, "PT999"),
        ("raise sqlstate 'PGRST' using message = 'x', detail = '{}'", 500, "PGRST121"),
        ("raise insufficient_privilege", 401, "42501"),
    ],
)
def test_a_function_chooses_the_status_of_its_error(http, new_function, raised, status, code):
    fails = new_function(f"{{}}() returns int language plpgsql as $$ begin {raised}; end $$")

    answer = http.post(f"/rest/v1/rpc/{fails}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["proxy-status"] == f"PostgREST; error={code}"


def test_a_function_makes_the_whole_error(http, new_function):
    message = json.dumps({"code": "X1", "message": "m", "details": "d", "hint": "h"})
    detail = json.dumps({"status": 418, "headers": {"X-Powered-By": "tea"}})
    fails = new_function(
        "{}() returns int language plpgsql as"
        f" $$ begin raise sqlstate 'PGRST' using message = '{message}', detail = '{detail}'; end $$"
    )

    answer = http.post(f"/rest/v1/rpc/{fails}")

    assert (answer.status_code, answer.json()) == (418, json.loads(message))
    assert answer.headers["x-powered-by"] == "tea"


def test_a_function_chooses_status_and_headers_of_its_answer(http, new_function):
    made = new_function(
        "{}(status text, headers text) returns text language sql as"
        " $$ select set_config('response.status', status, true) || set_config('response.headers', headers, true) $$"
    )

    def answer(status: str, headers: str) -> httpx.Response:
        return http.post(f"/rest/v1/rpc/{made}", json={"status": status, "headers": headers})

    good = answer("202", '[{"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}, {"Content-Type": "text/x"}]')
    assert (good.status_code, good.headers.get_list("set-cookie")) == (202, ["a=1", "b=2"])
    assert good.headers["content-type"] == "text/x"
    for status in ("abc", "99", "1000", "2 00"):
        assert (answer(status, "[]").status_code, answer(status, "[]").json()["code"]) == (500, "PGRST112")
    for headers in ("{}", "x", '[{"a": 1}]', '[{"a": "b", "c": "d"}]', '[{"a": "b\\r\\nc: d"}]', '[{"a b": "c"}]'):
        assert (answer("200", headers).status_code, answer("200", headers).json()["code"]) == (500, "PGRST111")


def test_what_a_function_sets_for_its_session_is_not_in_other_answers(http, new_function):
    lasting = new_function(
        "{}() returns text language sql as $$ select set_config('response.status', '299', false)"
        " || set_config('response.headers', '[{\"x-lasting\": \"yes\"}]', false) $$"
    )
    one = new_function("{}() returns int language sql as 'select 1'")

    assert http.post(f"/rest/v1/rpc/{lasting}").status_code == 299
    answers = [http.post(f"/rest/v1/rpc/{one}") for _ in range(12)]

    assert {(answer.status_code, "x-lasting" in answer.headers) for answer in answers} == {(200, False)}


def test_a_value_has_no_columns(http, new_function):
    one = new_function("{}() returns int language sql as 'select 1'")

    for query in ("select=id", "id=eq.1", "order=id"):
        answer = http.post(f"/rest/v1/rpc/{one}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "42703")


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("application/json", b"{", 400, "PGRST102"),
        ("application/json", b"[1]", 404, "PGRST202"),
        ("application/yaml", b"a: 1", 400, "PGRST102"),
        ("text/plain", b"x", 404, "PGRST202"),
        ("application/json", b'{"a": "x"}', 400, "22P02"),
        ("application/json", b'{"a": 1, "b": 2}', 404, "PGRST202"),
    ],
)
def test_a_bad_call_is_refused_with_its_code(http, new_function, *, kind, body, status, code):
    one = new_function("{}(a int) returns int language sql as 'select a'")

    answer = http.post(f"/rest/v1/rpc/{one}", content=body, headers={"content-type": kind})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
