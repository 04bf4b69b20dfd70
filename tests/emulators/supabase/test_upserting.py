"""PUT, upserts, bodies that are not JSON, forms of the answer, and transactions that are rolled back."""

import pytest

SINGULAR = {"accept": "application/vnd.pgrst.object+json"}
FULL = {"prefer": "return=representation"}


@pytest.fixture
def things(new_table, execute):
    name = new_table("id int primary key, name text default 'unnamed', qty int default 7, extra jsonb")
    execute(f"insert into public.{name} values (1, 'a', 1), (2, 'b', 2)")
    return name


def rows(execute, table):
    return execute(f"select id, name, qty from public.{table} order by id")


def test_put_inserts_and_replaces_one_row(http, things, execute):
    new = http.put(f"/rest/v1/{things}?id=eq.3", json={"id": 3, "name": "c"}, headers=FULL)
    same = http.put(f"/rest/v1/{things}?id=eq.3", json={"id": 3, "name": "d"}, headers=FULL)
    silent = http.put(f"/rest/v1/{things}?id=eq.1", json={"id": 1, "qty": 9})

    assert (new.status_code, new.json()[0]["name"]) == (201, "c")
    assert (same.status_code, same.json()[0]["name"]) == (200, "d")
    assert (silent.status_code, silent.text) == (204, "")
    assert rows(execute, things) == [(1, "a", 9), (2, "b", 2), (3, "d", 7)]


@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        ("", {"id": 1}, 405, "PGRST105"),
        ("name=eq.a", {"id": 1}, 405, "PGRST105"),
        ("id=gt.1", {"id": 1}, 405, "PGRST105"),
        ("id=not.eq.1", {"id": 1}, 405, "PGRST105"),
        ("id=eq.1&name=eq.a", {"id": 1}, 405, "PGRST105"),
        ("id=eq.1&id=eq.1", {"id": 1}, 405, "PGRST105"),
        ("or=(id.eq.1)", {"id": 1}, 405, "PGRST105"),
        ("id=eq.1&limit=1", {"id": 1}, 400, "PGRST114"),
        ("id=eq.1&offset=0", {"id": 1}, 400, "PGRST114"),
        ("id=eq.1", {"id": 2, "name": "x"}, 400, "PGRST115"),
        ("id=eq.1", {"name": "x"}, 400, "PGRST115"),
        ("id=eq.1", [{"id": 1}, {"id": 2}], 400, "PGRST115"),
        ("id=eq.x", {"id": 1}, 400, "22P02"),
    ],
)
def test_put_names_one_row_by_its_whole_key(http, things, execute, *, query, body, status, code):
    answer = http.put(f"/rest/v1/{things}?{query}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert rows(execute, things) == [(1, "a", 1), (2, "b", 2)]


def test_an_upsert_that_inserts_nothing_is_no_creation(http, things):
    merge = {"prefer": "resolution=merge-duplicates,return=representation"}

    merged = http.post(f"/rest/v1/{things}", json=[{"id": 1, "qty": 5}], headers=merge)
    mixed = http.post(f"/rest/v1/{things}", json=[{"id": 1, "qty": 6}, {"id": 9, "qty": 6}], headers=merge)

    assert (merged.status_code, mixed.status_code) == (200, 201)
    assert merged.headers["preference-applied"] == "resolution=merge-duplicates, return=representation"


def test_csv_is_a_body(http, things, execute):
    lines = 'id,name,qty\r\n3,"x, ""y""\nz",NULL\r\n4,,5\r\n'

    answer = http.post(f"/rest/v1/{things}", content=lines, headers={"content-type": "text/csv"})

    assert answer.status_code == 201
    assert rows(execute, things)[2:] == [(3, 'x, "y"\nz', None), (4, "", 5)]


@pytest.mark.parametrize("body", [b"", b"id,id\n1,2", b"id,name\n1", b'id\n"1', b"\xff\n1"])
def test_csv_that_is_no_table_is_refused(http, things, body):
    answer = http.post(f"/rest/v1/{things}", content=body, headers={"content-type": "text/csv"})

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")


def test_a_form_is_a_body(http, things, execute):
    http.post(f"/rest/v1/{things}", data={"id": "3", "name": "a & b"}).raise_for_status()
    http.patch(f"/rest/v1/{things}?id=eq.3", data={"qty": "8"}).raise_for_status()

    assert rows(execute, things)[2:] == [(3, "a & b", 8)]


def test_another_kind_of_body_is_refused(http, things):
    answer = http.post(f"/rest/v1/{things}", content=b"id", headers={"content-type": "application/yaml"})

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST102")


def test_rows_come_as_csv(client_for, http, things, execute):
    execute(f"""insert into public.{things} values (3, 'x, "y"', null), (4, 'back\\slash', 0), (5, '', 0)""")
    table = client_for().table(things)

    answer = table.select("id,name,qty").order("id").csv().execute()

    assert answer.data == 'id,name,qty\n1,a,1\n2,b,2\n3,"x, ""y""",\n4,"back\\slash",0\n5,"",0'
    written = http.post(f"/rest/v1/{things}?select=id", json={"id": 6}, headers={**FULL, "accept": "text/csv"})
    assert (written.text, written.headers["content-type"]) == ("id\n6", "text/csv; charset=utf-8")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/json", "application/json; charset=utf-8"),
        ("text/html, */*;q=0.1", "application/json; charset=utf-8"),
        ("text/csv;q=0.5, application/json;q=0.9", "application/json; charset=utf-8"),
        ("application/vnd.pgrst.array+json;nulls=stripped", "application/vnd.pgrst.array+json;nulls=stripped"),
        ("application/vnd.pgrst.object+json;nulls=stripped", "application/vnd.pgrst.object+json;nulls=stripped"),
    ],
)
def test_the_form_wanted_most_is_chosen(http, things, accept, media_type):
    answer = http.get(f"/rest/v1/{things}?select=id,extra&id=eq.1", headers={"accept": accept})

    assert (answer.status_code, answer.headers["content-type"].startswith(media_type)) == (200, True)
    assert ("extra" in answer.text) is ("stripped" not in accept)


@pytest.mark.parametrize(
    "accept", ["application/geo+json", "application/vnd.pgrst.plan+json", "text/plain", "application/json;q=0", "x"]
)
def test_a_form_that_is_not_made_is_refused(http, things, accept):
    answer = http.get(f"/rest/v1/{things}", headers={"accept": accept})

    assert (answer.status_code, answer.json()["code"]) == (406, "PGRST107")


def test_a_transaction_is_rolled_back_only_where_requests_may_choose(
    http, things, execute, *, start_supabase_backend, new_database, execute_on, client_for
):
    rolled = {"prefer": "tx=rollback,return=representation"}
    kept = http.post(f"/rest/v1/{things}", json={"id": 3}, headers=rolled)
    assert kept.headers["preference-applied"] == "return=representation"
    assert len(rows(execute, things)) == 3

    with start_supabase_backend(new_database(), db_tx_end="commit-allow-override", db_plan_enabled=True) as backend:
        execute_on(backend, "create table public.things (id int primary key)")
        undone = http.post(
            f"{backend.url}/rest/v1/things", json={"id": 1}, headers={**rolled, "apikey": backend.anon_key}
        )
        assert (undone.status_code, undone.json()) == (201, [{"id": 1}])
        assert undone.headers["preference-applied"] == "return=representation, tx=rollback"
        assert execute_on(backend, "select * from public.things") == []

        table = client_for(backend=backend).table("things")
        text = table.select("*").explain(analyze=True, verbose=True).execute()
        assert "actual time" in text
        plan = table.select("*").eq("id", 5).explain(format="json").execute().data
        assert plan[0]["Plan"]["Node Type"] == "Aggregate"
