"""Reading rows: every filter against values, order, pages, counts, forms."""

import pytest
from postgrest.exceptions import APIError

COLUMNS = """id int primary key, name text, price numeric, qty int, sold boolean, tags text[], span int4range,
  data jsonb, words tsvector, made date"""
ROWS = """
  (1, 'Apple', 1.50, 10, true, '{red,sweet}', '[1,5)', '{"a":{"b":"x"},"n":1,"l":[10,20]}',
    to_tsvector('english', 'The fat cats ate rats'), '2026-01-01'),
  (2, 'Banana', 0.25, 0, false, '{yellow}', '[5,9)', '{"a":{"b":"y"},"n":2}',
    to_tsvector('english', 'A dog sat'), '2026-02-01'),
  (3, 'cherry, red', 12.00, 5, null, '{red,small}', '[10,20)', '{"a":null}',
    to_tsvector('english', 'cat and dog'), '2026-03-01'),
  (4, 'Date "x"', null, null, true, null, null, null, null, null)
"""


@pytest.fixture(scope="module")
def goods(execute):
    execute(f"create table public.goods ({COLUMNS})")
    execute(f"insert into public.goods values {ROWS}")
    execute("create view public.cheap as select id, name from public.goods where price < 2")
    execute('create table public."odd name"("a.b" int, "c d" text, "per%cent" text, "q""q" text)')
    execute("""insert into public."odd name" values (1, 'x', 'y', 'z')""")
    yield "goods"
    execute('drop table public.goods cascade; drop table public."odd name"')


@pytest.fixture
def ids(http, goods):
    """The ids that a query finds."""

    def find(*parameters, **more):
        answer = http.get(f"/rest/v1/{goods}", params=[*parameters, *more.items(), ("select", "id"), ("order", "id")])
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()]

    return find


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("id=gte.1&id=gte.1", "id=gte.3&id=lte.3", ([1, 2, 3, 4], [3])),
        ("id=gte.1&id=gte.1", "id=gte.2&id=gte.4", ([1, 2, 3, 4], [4])),
        ("id=gte.3&id=gte.1", "id=gte.1&id=gte.3", ([3, 4], [3, 4])),
        ("name=like.A*&id=in.(1,2)", "name=like.*n*&id=in.(2,3)", ([1], [2])),
        ("or=(id.eq.1,and(id.gt.1,id.lt.3))", "or=(id.eq.4,and(id.gt.2,id.lt.4))", ([1, 2], [3, 4])),
        ("or=(id.eq.1,id.eq.2)", "or=(id.eq.2,id.eq.2)", ([1, 2], [2])),
        ("or=(id.eq.1,id.eq.2)", "and=(id.eq.1,id.eq.2)", ([1, 2], [])),
        ("id=not.eq.1", "id=eq.1", ([2, 3, 4], [1])),
        ("sold=is.true", "sold=is.false", ([1, 4], [2])),
        ("data->>n=eq.1", "data->>n=eq.2", ([1], [2])),
        ("data->a->>b=eq.x", "data->l->>0=eq.10", ([1], [1])),
        ("words=fts(english).cat", "words=fts(english).dog", ([1, 3], [2, 3])),
        ("words=fts(english).cats", "words=fts(simple).cats", ([1, 3], [])),
        ("id=gt.1&limit=1", "id=gt.2&limit=2", ([2], [3, 4])),
        ("id=gt.0&offset=1", "id=gt.1&offset=2", ([2, 3, 4], [4])),
        ("id=eq(any).{1,2}", "id=eq(any).{3}", ([1, 2], [3])),
    ],
)
@pytest.mark.parametrize("count", [None, "exact", "planned", "estimated"])
def test_a_request_gets_its_own_answer_after_one_of_the_same_shape(http, goods, *, first, second, expected, count):
    headers = {"prefer": f"count={count}"} if count else {}
    turns = [first, second, first, second, second, first]
    answers = [http.get(f"/rest/v1/{goods}?select=id&order=id&{query}", headers=headers) for query in turns]

    found = [[row["id"] for row in answer.json()] for answer in answers]
    assert found == [expected[0 if query is first else 1] for query in turns]


@pytest.mark.parametrize(
    ("column", "condition", "expected"),
    [
        ("id", "eq.2", [2]),
        ("name", "eq.cherry, red", [3]),
        ("name", 'eq.Date "x"', [4]),
        ("id", "neq.2", [1, 3, 4]),
        ("price", "gt.1.5", [3]),
        ("price", "gte.1.5", [1, 3]),
        ("price", "lt.1.5", [2]),
        ("price", "lte.1.5", [1, 2]),
        ("made", "gte.2026-02-01", [2, 3]),
        ("name", "like.*an*", [2]),
        ("name", "like.%an%", [2]),
        ("name", "ilike.A*", [1]),
        ("name", "ilike.CHERRY*", [3]),
        ("name", "match.^[AB]", [1, 2]),
        ("name", "imatch.^c", [3]),
        ("id", "in.(1,3)", [1, 3]),
        ("id", "in.()", []),
        ("name", 'in.("cherry, red",Apple)', [1, 3]),
        ("name", r'in.("Date \"x\"")', [4]),
        ("sold", "is.true", [1, 4]),
        ("sold", "is.false", [2]),
        ("sold", "is.unknown", [3]),
        ("price", "is.null", [4]),
        ("price", "is.not_null", [1, 2, 3]),
        ("price", "isdistinct.1.5", [2, 3, 4]),
        ("tags", "cs.{red}", [1, 3]),
        ("tags", "cd.{red,sweet,sour}", [1]),
        ("tags", "ov.{yellow,small}", [2, 3]),
        ("span", "cs.[6,7)", [2]),
        ("span", "sl.[9,10)", [1, 2]),
        ("span", "sr.[3,5)", [2, 3]),
        ("span", "nxr.[1,9)", [1, 2]),
        ("span", "nxl.[5,6)", [2, 3]),
        ("span", "adj.[9,10)", [2, 3]),
        ("data", 'cs.{"n":1}', [1]),
        ("words", "fts.cat", [1, 3]),
        ("words", "fts(english).cat", [1, 3]),
        ("words", "plfts.fat cat", [1]),
        ("words", "phfts(english).fat cats", [1]),
        ("words", "wfts.cat -dog", [1]),
        ("name", "fts(english).apples", [1]),
        ("name", "like(any).{A*,B*}", [1, 2]),
        ("name", "like(all).{*a*,B*}", [2]),
        ("id", "eq(any).{1,4}", [1, 4]),
        ("qty", "gte(all).{1,5}", [1, 3]),
        ("id", "not.eq.2", [1, 3, 4]),
        ("price", "not.is.null", [1, 2, 3]),
        ("id", "not.in.(1,2)", [3, 4]),
        ("tags", "not.cs.{red}", [2]),
        ("data->a->>b", "eq.x", [1]),
        ("data->>n", "gte.2", [2]),
        ("data->n", "gt.1", [2]),
        ("data->l->0", "eq.10", [1]),
        ("data->l->>-1", "eq.20", [1]),
        ("tags->>0", "eq.red", [1, 3]),
        ("or", "(id.eq.1,name.eq.Banana)", [1, 2]),
        ("and", "(id.gt.1,id.lt.4)", [2, 3]),
        ("not.and", "(id.gt.1,id.lt.4)", [1, 4]),
        ("not.or", "(id.eq.1,id.eq.2)", [3, 4]),
        ("or", '(name.eq."cherry, red",and(qty.gt.0,sold.not.is.null),id.in.(4))', [1, 3, 4]),
        ("or", "(tags.cs.{yellow},data->a->>b.eq.x)", [1, 2]),
        ("or", "(not.and(id.gte.2,id.lte.4),id.not.lt.4)", [1, 4]),
    ],
)
def test_a_filter_finds_its_rows(ids, column, condition, expected):
    assert ids((column, condition)) == expected


def test_filters_are_joined_by_and(ids):
    assert ids(("id", "gt.1"), ("id", "lt.4"), name="like.B*") == [2]


def test_the_official_clients_filters_find_the_same(client_for, goods):
    table = client_for().table(goods)

    def found(query):
        return [row["id"] for row in query.order("id").execute().data]

    assert found(table.select("id").eq("name", "cherry, red")) == [3]
    assert found(table.select("id").in_("name", ["cherry, red", 'Date "x"'])) == [3, 4]
    assert found(table.select("id").contains("tags", ["red"])) == [1, 3]
    assert found(table.select("id").contains("data", {"n": 1})) == [1]
    assert found(table.select("id").overlaps("tags", ["yellow", "small"])) == [2, 3]
    assert found(table.select("id").is_("price", None)) == [4]
    assert found(table.select("id").not_.is_("price", None)) == [1, 2, 3]
    assert found(table.select("id").or_("id.eq.1,id.eq.4")) == [1, 4]
    assert found(table.select("id").ilike("name", "%AN%")) == [2]
    assert found(table.select("id").range_adjacent("span", (8, 10))) == [2, 3]
    assert found(table.select("id").text_search("words", "fat & cat", options={"config": "english"})) == [1]
    assert found(table.select("id").match({"sold": True, "qty": 10})) == [1]


def test_values_have_postgrests_types(http, goods):
    row = http.get(f"/rest/v1/{goods}?id=eq.1&select=price,qty,sold,tags,span,data,made").text

    assert row == (
        '[{"price":1.50,"qty":10,"sold":true,"tags":["red","sweet"],"span":"[1,5)",'
        '"data":{"a": {"b": "x"}, "l": [10, 20], "n": 1},"made":"2026-01-01"}]'
    )


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("name", {"name": "Apple"}),
        ("label:name,qty", {"label": "Apple", "qty": 10}),
        ("qty::text", {"qty": "10"}),
        ("cost:price::integer", {"cost": 2}),
        ("price::double precision", {"price": 1.5}),
        ("data->a->>b", {"b": "x"}),
        ("first:data->l->0", {"first": 10}),
        ("data->l->0", {"l": 10}),
        ("data->>n::int", {"n": 1}),
        ("tags->0", {"tags": "red"}),
        ('"name"', {"name": "Apple"}),
        ("", {}),
    ],
)
def test_select_shapes_the_rows(http, goods, select, expected):
    answer = http.get(f"/rest/v1/{goods}", params={"select": select, "id": "eq.1"})

    assert answer.json() == [expected]


def test_names_with_odd_characters_are_quoted(http, goods):
    answer = http.get("/rest/v1/odd name", params={"select": '"a.b",c d,"per%cent","q\\"q"', '"a.b"': "eq.1"})

    assert answer.json() == [{"a.b": 1, "c d": "x", "per%cent": "y", 'q"q': "z"}]


def test_a_view_is_read_like_a_table(http, goods):
    assert http.get("/rest/v1/cheap?order=id").json() == [{"id": 1, "name": "Apple"}, {"id": 2, "name": "Banana"}]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("price", [2, 1, 3, 4]),
        ("price.desc", [4, 3, 1, 2]),
        ("price.desc.nullslast", [3, 1, 2, 4]),
        ("price.nullsfirst", [4, 2, 1, 3]),
        ("sold.desc.nullslast,id.desc", [4, 1, 2, 3]),
        ("data->>n.nullslast,id", [1, 2, 3, 4]),
    ],
)
def test_order_sorts_the_rows(http, goods, order, expected):
    rows = http.get(f"/rest/v1/{goods}", params={"select": "id", "order": order}).json()

    assert [row["id"] for row in rows] == expected


@pytest.mark.parametrize(
    ("query", "headers", "ids", "shown", "status"),
    [
        ("", {}, [1, 2, 3, 4], "0-3/*", 200),
        ("limit=2", {}, [1, 2], "0-1/*", 200),
        ("limit=2&offset=1", {}, [2, 3], "1-2/*", 200),
        ("offset=9", {}, [], "*/*", 200),
        ("limit=0", {}, [], "*/*", 200),
        ("", {"range": "1-2"}, [2, 3], "1-2/*", 200),
        ("", {"range": "2-"}, [3, 4], "2-3/*", 200),
        ("limit=1", {"range": "1-2"}, [2], "1-1/*", 200),
        ("limit=2", {"prefer": "count=exact"}, [1, 2], "0-1/4", 206),
        ("", {"prefer": "count=exact"}, [1, 2, 3, 4], "0-3/4", 200),
        ("id=gt.9", {"prefer": "count=exact"}, [], "*/0", 200),
        ("limit=2", {"prefer": "count=estimated"}, [1, 2], "0-1/4", 206),
    ],
)
def test_pages_and_counts(http, goods, *, query, headers, ids, shown, status):
    answer = http.get(f"/rest/v1/{goods}?select=id&order=id&{query}", headers=headers)

    assert [row["id"] for row in answer.json()] == ids
    assert answer.headers["content-range"] == shown
    assert answer.status_code == status


def test_a_page_beyond_a_counted_end_is_refused(http, goods):
    answer = http.get(f"/rest/v1/{goods}?offset=9", headers={"prefer": "count=exact"})

    assert (answer.status_code, answer.json()["code"]) == (416, "PGRST103")


def test_the_planner_counts_when_asked(http, goods, execute):
    execute("analyze public.goods")

    answer = http.get(f"/rest/v1/{goods}?limit=1", headers={"prefer": "count=planned"})

    assert answer.headers["content-range"] == "0-0/4"
    assert answer.headers["preference-applied"] == "count=planned"


def test_head_gives_the_count_and_no_body(http, client_for, goods):
    answer = http.head(f"/rest/v1/{goods}", headers={"prefer": "count=exact"})
    counted = client_for().table(goods).select("*", count="exact", head=True).execute()

    assert (answer.content, answer.headers["content-range"]) == (b"", "0-3/4")
    assert counted.count == 4


def test_no_answer_has_more_rows_than_the_limit(start_supabase_backend, new_database, execute_on, client_for):
    with start_supabase_backend(new_database(), db_max_rows=3) as backend:
        execute_on(backend, "create table public.many as select generate_series(1, 10) as id")
        client = client_for(backend=backend)

        assert len(client.table("many").select("*").execute().data) == 3
        assert len(client.table("many").select("*").limit(100).execute().data) == 3
        # More rows than are counted one by one: the planner's number, which says that there are more.
        assert client.table("many").select("*", count="estimated").execute().count > 3


def test_single_and_maybe_single(client_for, goods):
    table = client_for().table(goods)

    assert table.select("name").eq("id", 1).single().execute().data == {"name": "Apple"}
    assert table.select("name").eq("id", 1).maybe_single().execute().data == {"name": "Apple"}
    assert table.select("name").eq("id", 99).maybe_single().execute() is None
    for condition in (("id", 99), ("sold", True)):
        with pytest.raises(APIError) as refused:
            table.select("name").eq(*condition).single().execute()
        assert refused.value.code == "PGRST116"
        assert "rows" in str(refused.value.details)


def test_nulls_are_stripped_when_asked(http, goods):
    accept = {"accept": "application/vnd.pgrst.object+json;nulls=stripped"}

    answer = http.get(f"/rest/v1/{goods}?id=eq.4&select=id,price,sold", headers=accept)

    assert answer.json() == {"id": 4, "sold": True}
    assert answer.headers["content-type"].startswith("application/vnd.pgrst.object+json;nulls=stripped")


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("goods?id=5", {}, 400, "PGRST100"),
        ("goods?id=foo.5", {}, 400, "PGRST100"),
        ("goods?id=is.maybe", {}, 400, "PGRST100"),
        ("goods?id=in.1,2", {}, 400, "PGRST100"),
        ("goods?id=eq(some).1", {}, 400, "PGRST100"),
        ("goods?or=id.eq.1", {}, 400, "PGRST100"),
        ("goods?order=id.up", {}, 400, "PGRST100"),
        ("goods?limit=many", {}, 400, "PGRST100"),
        ("goods?offset=99999999999999999999999", {}, 400, "PGRST100"),
        pytest.param(f"goods?offset={'0' * 5_000}", {}, 400, "PGRST100", id="more-digits-than-python-reads"),
        ("goods?limit=-1", {}, 416, "PGRST103"),
        ("goods", {"range": "5-2"}, 416, "PGRST103"),
        ("goods?id=eq.abc", {}, 400, "22P02"),
        ("goods?id=eq.99999999999999999999", {}, 400, "22003"),
        ("goods?id=eq.%00", {}, 400, "22021"),
        ("go%00ods", {}, 400, "22021"),
        ("goods?nope=eq.1", {}, 400, "42703"),
        ("goods?select=nope", {}, 400, "42703"),
        ("goods?order=nope", {}, 400, "42703"),
        ("goods?select=id::nope", {}, 400, "42704"),
        ("goods?id=like.1*", {}, 404, "42883"),
        ("goods?words=fts(klingon).x", {}, 400, "42704"),
        ("goods?name=match.(", {}, 400, "2201B"),
        ("nowhere", {}, 404, "PGRST205"),
        ("pg_class", {}, 404, "PGRST205"),
        ("goods", {"accept-profile": "auth"}, 406, "PGRST106"),
        ("goods?select=id.sum()", {}, 400, "PGRST123"),
        ("goods?select=count()", {}, 400, "PGRST123"),
        ("goods?select=*,others(*)", {}, 400, "PGRST200"),
        ("goods?select=x:others!inner(*)", {}, 400, "PGRST200"),
        ("goods?select=...others(*)", {}, 400, "PGRST200"),
        ("goods?others.id=eq.1", {}, 400, "PGRST108"),
        ("goods?others.order=id", {}, 400, "PGRST108"),
        ("goods?order=others(id)", {}, 400, "PGRST108"),
        ("goods?select=id.plus()", {}, 400, "PGRST100"),
        ("rpc/do_it", {}, 404, "PGRST202"),
        ("goods/1/2", {}, 404, "PGRST125"),
        ("goods", {"prefer": "handling=strict,colour=red"}, 400, "PGRST122"),
    ],
)
def test_a_bad_request_is_refused_with_its_code(http, goods, *, path, headers, status, code):
    answer = http.get(f"/rest/v1/{path}", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json().keys() == {"code", "message", "details", "hint"}
    assert answer.headers["proxy-status"] == f"PostgREST; error={code}"


def test_a_misspelt_table_is_answered_with_a_guess(http, goods):
    assert http.get("/rest/v1/good").json()["hint"] == "Perhaps you meant the table 'public.goods'"


def test_the_error_of_a_head_is_in_a_header(http, goods):
    answer = http.head(f"/rest/v1/{goods}?nope=eq.1")

    assert (answer.content, answer.headers["proxy-status"]) == (b"", "PostgREST; error=42703")


def test_a_very_deep_tree_is_refused(http, goods):
    answer = http.get(f"/rest/v1/{goods}", params={"or": "(" + "and(" * 200 + "id.eq.1" + ")" * 200 + ")"})

    assert (answer.status_code, answer.json()["code"]) == (400, "PGRST100")


def test_a_new_table_and_a_new_column_are_known_at_once(http, execute, new_table):
    name = new_table("id int")
    assert http.get(f"/rest/v1/{name}").json() == []

    execute(f"alter table public.{name} add column added text")
    assert http.get(f"/rest/v1/{name}?select=added").json() == []

    execute(f"drop table public.{name}")
    assert http.get(f"/rest/v1/{name}").status_code == 404


def test_a_second_schema_is_reached_by_its_profile(start_supabase_backend, new_database, execute_on, client_for):
    with start_supabase_backend(new_database(), db_schemas="public,shop") as backend:
        execute_on(backend, "create schema shop; create table shop.things as select 1 as id")
        execute_on(backend, "grant usage on schema shop to anon; grant select on shop.things to anon")

        answer = client_for(schema="shop", backend=backend).table("things").select("*").execute()

        assert answer.data == [{"id": 1}]
        with pytest.raises(APIError) as refused:
            client_for(backend=backend).table("things").select("*").execute()
        assert refused.value.code == "PGRST205"
