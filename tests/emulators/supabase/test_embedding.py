"""Related resources in `select`: every kind of relationship, named in every way, shaped, filtered and counted."""

import pytest

SCHEMA = """
create table shop_clients (id int primary key, name text, data jsonb);
create table shop_projects (id int primary key, name text, client_id int references shop_clients);
create table shop_tasks (id int primary key, name text, project_id int references shop_projects, hours numeric);
create table shop_people (id int primary key, name text);
create table shop_work (person_id int references shop_people, task_id int references shop_tasks, note text,
  primary key (person_id, task_id));
create table shop_passports (id int primary key, person_id int unique references shop_people, number text);
create table shop_places (id int primary key, city text);
create table shop_orders (id int primary key, billing int references shop_places, shipping int references shop_places);
create table shop_staff (id int primary key, name text, boss int references shop_staff);
create table shop_visits (a int, b int, primary key (a, b));
create table shop_rooms (id int primary key, a int, b int, foreign key (a, b) references shop_visits);
insert into shop_clients values (1, 'Microsoft', '{"a": {"b": 1}}'), (2, 'Apple', null);
insert into shop_projects values (1, 'Windows 7', 1), (2, 'Windows 10', 1), (3, 'IOS', 2), (4, 'OSX', 2),
  (5, 'Orphan', null);
insert into shop_tasks values (1, 'Design', 1, 1.5), (2, 'Code', 1, 2), (3, 'Plan', 2, 3), (4, 'Draw', 3, 4),
  (5, 'Write', 3, 5);
insert into shop_people values (1, 'Angela'), (2, 'Michael'), (3, 'Dwight');
insert into shop_work values (1, 1, 'x'), (1, 2, 'y'), (2, 4, 'z'), (3, 1, null);
insert into shop_passports values (1, 1, 'P1');
insert into shop_places values (1, 'Berlin'), (2, 'Paris');
insert into shop_orders values (1, 1, 2), (2, 2, 2);
insert into shop_staff values (1, 'Boss', null), (2, 'Mid', 1), (3, 'Low', 2), (4, 'Low two', 2);
insert into shop_visits values (1, 1), (1, 2);
insert into shop_rooms values (7, 1, 2), (8, null, null);
create view shop_project_list as select id as pid, name, client_id as customer from shop_projects;
create view shop_late as select pid, customer from shop_project_list where pid > 1;
create view shop_shouted as select id, upper(name) as shout from shop_clients;
create function full_name(shop_clients) returns text language sql stable as $$ select $1.name || '!' $$;
create function shop_owner(shop_projects) returns setof shop_clients rows 1 language sql stable
  as $$ select * from shop_clients where id = $1.client_id $$;
create function shop_siblings(shop_projects) returns setof shop_projects language sql stable
  as $$ select * from shop_projects p where p.client_id = $1.client_id and p.id <> $1.id $$;
create function shop_find(q text) returns setof shop_projects language sql stable
  as $$ select * from shop_projects where name like q $$;
create function shop_payer(shop_tasks) returns shop_clients language sql stable
  as $$ select c from shop_clients c join shop_projects p on p.client_id = c.id where p.id = $1.project_id $$;
"""


@pytest.fixture(scope="module")
def shop(execute, http):
    execute("begin;" + SCHEMA + "commit")
    yield
    names = [
        "clients",
        "projects",
        "tasks",
        "people",
        "work",
        "passports",
        "places",
        "orders",
        "staff",
        "visits",
        "rooms",
    ]
    execute("drop table " + ", ".join(f"shop_{name}" for name in names) + " cascade")


@pytest.fixture
def rows(http, shop):
    """The rows of `relation?query`."""

    def read(relation, query="", **headers):
        answer = http.get(f"/rest/v1/shop_{relation}?{query}", headers=headers)
        assert answer.status_code in {200, 206}, answer.text
        return answer.json()

    return read


def test_a_foreign_key_embeds_one_row_and_its_other_side_many(rows):
    assert rows("projects", "id=in.(1,5)&select=id,shop_clients(name)&order=id") == [
        {"id": 1, "shop_clients": {"name": "Microsoft"}},
        {"id": 5, "shop_clients": None},
    ]
    assert rows("clients", "id=eq.2&select=name,shop_projects(name)") == [
        {"name": "Apple", "shop_projects": [{"name": "IOS"}, {"name": "OSX"}]}
    ]


def test_embeds_nest(rows):
    query = "id=eq.1&select=name,shop_clients(*,shop_projects(id,shop_tasks(hours)))"

    assert rows("projects", query) == [
        {
            "name": "Windows 7",
            "shop_clients": {
                "id": 1,
                "name": "Microsoft",
                "data": {"a": {"b": 1}},
                "shop_projects": [
                    {"id": 1, "shop_tasks": [{"hours": 1.5}, {"hours": 2}]},
                    {"id": 2, "shop_tasks": [{"hours": 3}]},
                ],
            },
        }
    ]


def test_a_unique_foreign_key_embeds_one_row_in_both_directions(rows):
    assert rows("people", "select=name,shop_passports(number)&order=id&limit=2") == [
        {"name": "Angela", "shop_passports": {"number": "P1"}},
        {"name": "Michael", "shop_passports": None},
    ]
    assert rows("passports", "select=shop_people(name)") == [{"shop_people": {"name": "Angela"}}]


def test_a_junction_embeds_many_in_both_directions(rows):
    assert rows("people", "select=name,shop_tasks(name)&order=id") == [
        {"name": "Angela", "shop_tasks": [{"name": "Design"}, {"name": "Code"}]},
        {"name": "Michael", "shop_tasks": [{"name": "Draw"}]},
        {"name": "Dwight", "shop_tasks": [{"name": "Design"}]},
    ]
    assert rows("tasks", "id=eq.1&select=who:shop_people!shop_work(name)") == [
        {"who": [{"name": "Angela"}, {"name": "Dwight"}]}
    ]
    assert rows("work", "person_id=eq.2&select=note,shop_people(name),shop_tasks(name)") == [
        {"note": "z", "shop_people": {"name": "Michael"}, "shop_tasks": {"name": "Draw"}}
    ]


def test_a_key_of_several_columns_is_followed(rows):
    assert rows("rooms", "select=id,shop_visits(a,b)&order=id") == [
        {"id": 7, "shop_visits": {"a": 1, "b": 2}},
        {"id": 8, "shop_visits": None},
    ]


@pytest.mark.parametrize(
    "named",
    [
        "place:shop_places!shop_orders_billing_fkey(city)",
        "place:shop_places!billing(city)",
        "place:shop_orders_billing_fkey(city)",
        "place:billing(city)",
    ],
)
def test_one_of_several_foreign_keys_is_chosen_by_its_name_or_its_column(rows, named):
    assert rows("orders", f"id=eq.1&select={named}") == [{"place": {"city": "Berlin"}}]


def test_several_foreign_keys_are_the_callers_to_choose_from(http, shop):
    answer = http.get("/rest/v1/shop_orders?select=shop_places(*)")

    assert (answer.status_code, answer.json()["code"]) == (300, "PGRST201")
    assert answer.json()["details"] == [
        {
            "cardinality": "many-to-one",
            "embedding": "shop_orders with shop_places",
            "relationship": f"shop_orders_{column}_fkey using shop_orders({column}) and shop_places(id)",
        }
        for column in ("billing", "shipping")
    ]
    assert "'shop_places!shop_orders_billing_fkey', 'shop_places!shop_orders_shipping_fkey'" in answer.json()["hint"]


def test_a_table_embeds_itself_upwards_by_its_column_and_downwards_by_its_name(rows):
    assert rows("staff", "select=name,boss(name),below:shop_staff!boss(name)&order=id&limit=3") == [
        {"name": "Boss", "boss": None, "below": [{"name": "Mid"}]},
        {"name": "Mid", "boss": {"name": "Boss"}, "below": [{"name": "Low"}, {"name": "Low two"}]},
        {"name": "Low", "boss": {"name": "Mid"}, "below": []},
    ]
    assert rows("staff", "id=eq.1&select=shop_staff(shop_staff(name))") == [
        {"shop_staff": [{"shop_staff": [{"name": "Low"}, {"name": "Low two"}]}]}
    ]


def test_views_inherit_the_foreign_keys_of_the_columns_they_show(rows):
    assert rows("project_list", "pid=eq.3&select=shop_clients(name)") == [{"shop_clients": {"name": "Apple"}}]
    assert rows("projects", "id=eq.3&select=shop_shouted(shout)") == [{"shop_shouted": {"shout": "APPLE"}}]
    # A view of a view, and a view to a view.
    assert rows("late", "pid=eq.3&select=shop_shouted(shout)") == [{"shop_shouted": {"shout": "APPLE"}}]
    assert rows("shouted", "id=eq.1&select=shop_late(pid)") == [{"shop_late": [{"pid": 2}]}]


def test_functions_of_a_row_are_fields_and_relationships(rows):
    assert rows("clients", "select=id,full_name&full_name=eq.Apple!&order=full_name") == [
        {"id": 2, "full_name": "Apple!"}
    ]
    assert "full_name" not in rows("clients")[0]
    assert rows("projects", "id=eq.3&select=shop_owner(full_name),shop_siblings(name,shop_clients(name))") == [
        {"shop_owner": {"full_name": "Apple!"}, "shop_siblings": [{"name": "OSX", "shop_clients": {"name": "Apple"}}]}
    ]
    assert rows("tasks", "id=eq.3&select=shop_payer(name)") == [{"shop_payer": {"name": "Microsoft"}}]


def test_a_spread_puts_the_columns_of_one_row_beside_its_parents(rows):
    assert rows("projects", "id=in.(1,5)&select=name,...shop_clients(client:name,data->a->b)&order=id") == [
        {"name": "Windows 7", "client": "Microsoft", "b": 1},
        {"name": "Orphan", "client": None, "b": None},
    ]
    assert rows("tasks", "id=eq.4&select=name,...shop_projects(...shop_clients(client:name))") == [
        {"name": "Draw", "client": "Apple"}
    ]


def test_a_spread_of_many_rows_makes_arrays(rows):
    assert rows("clients", "select=name,...shop_projects(project:name,id)&shop_projects.order=id.desc&order=id") == [
        {"name": "Microsoft", "project": ["Windows 10", "Windows 7"], "id": [2, 1]},
        {"name": "Apple", "project": ["OSX", "IOS"], "id": [4, 3]},
    ]
    assert rows("staff", "id=eq.4&select=...shop_staff(name)") == [{"name": []}]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("shop_projects.name=like.Win*", {1: [1, 2], 2: []}),
        ("shop_projects.order=id.desc", {1: [2, 1], 2: [4, 3]}),
        ("shop_projects.order=id.desc&shop_projects.limit=1", {1: [2], 2: [4]}),
        ("shop_projects.order=id&shop_projects.limit=1&shop_projects.offset=1", {1: [2], 2: [4]}),
        ("shop_projects.or=(id.eq.1,name.eq.OSX)", {1: [1], 2: [4]}),
        ("shop_projects.not.or=(id.eq.1,name.eq.OSX)", {1: [2], 2: [3]}),
        ("shop_projects.and=(id.gt.1,id.lt.4)", {1: [2], 2: [3]}),
        ("shop_projects.id=not.in.(1,4)", {1: [2], 2: [3]}),
    ],
)
def test_parameters_with_a_path_shape_the_embed_only(rows, query, expected):
    found = rows("clients", f"select=id,shop_projects(id)&{query}&order=id")

    assert {row["id"]: [project["id"] for project in row["shop_projects"]] for row in found} == expected


def test_a_path_leads_through_aliases_and_names(rows):
    query = "select=id,p:shop_projects(shop_tasks(id))&p.shop_tasks.hours=gte.2&shop_projects.id=eq.1&id=eq.1"

    assert rows("clients", query) == [{"id": 1, "p": [{"shop_tasks": [{"id": 2}]}]}]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select=id,shop_projects!inner(id)&shop_projects.name=eq.IOS", [2]),
        ("select=id,shop_projects!inner(id)&shop_projects.name=eq.None", []),
        ("select=id,shop_projects!left(id)&shop_projects.name=eq.IOS", [1, 2]),
        ("select=id,shop_projects!inner(shop_tasks!inner(id))&shop_projects.shop_tasks.id=eq.3", [1]),
        ("select=id,...shop_projects!inner(name)&shop_projects.name=eq.OSX", [2]),
        ("select=id,shop_projects()&shop_projects.name=eq.IOS&shop_projects=not.is.null", [2]),
        ("select=id,shop_projects()&shop_projects.name=eq.IOS&shop_projects=is.null", [1]),
        ("select=id,p:shop_projects()&p.name=eq.IOS&or=(p.not.is.null,name.like.Micro*)", [1, 2]),
        ("select=id,p:shop_projects()&p.name=eq.IOS&not.or=(p.not.is.null,id.eq.9)", [1]),
    ],
)
def test_rows_are_kept_for_what_is_related_to_them_and_counted_alike(http, shop, query, expected):
    answer = http.get(f"/rest/v1/shop_clients?{query}&order=id", headers={"prefer": "count=exact"})

    assert [row["id"] for row in answer.json()] == expected
    assert answer.headers["content-range"].partition("/")[2] == str(len(expected))


def test_rows_are_sorted_by_a_column_of_the_one_row_they_belong_to(rows):
    found = rows("projects", "select=id,shop_clients(name)&order=shop_clients(name).desc.nullslast,id")

    assert [row["id"] for row in found] == [1, 2, 3, 4, 5]
    found = rows("projects", "select=id,c:shop_clients()&order=c(data->a->b).nullsfirst,id.desc")
    assert [row["id"] for row in found] == [5, 4, 3, 2, 1]


def test_what_was_written_is_shown_with_what_is_related(http, shop, execute):
    prefer = {"prefer": "return=representation"}
    select = "select=name,shop_clients(name,full_name),shop_owner(id),shop_tasks(name)"

    made = http.post(f"/rest/v1/shop_projects?{select}", json={"id": 9, "name": "New", "client_id": 1}, headers=prefer)
    changed = http.patch(
        "/rest/v1/shop_projects?id=eq.9&select=...shop_clients(name)", json={"client_id": 2}, headers=prefer
    )
    gone = http.delete("/rest/v1/shop_projects?id=eq.9&select=id,shop_clients(name)", headers=prefer)

    client = {"name": "Microsoft", "full_name": "Microsoft!"}
    assert made.json() == [{"name": "New", "shop_clients": client, "shop_owner": {"id": 1}, "shop_tasks": []}]
    assert changed.json() == [{"name": "Apple"}]
    assert gone.json() == [{"id": 9, "shop_clients": {"name": "Apple"}}]


def test_rows_that_the_answer_leaves_out_were_affected_all_the_same(http, shop):
    prefer = {"prefer": "return=representation,handling=strict,max-affected=1"}
    before = http.get("/rest/v1/shop_projects?order=id").json()
    # One of the two has no client, so that the answer would show the other one alone.
    both = "/rest/v1/shop_projects?id=in.(4,5)&select=id,shop_clients!inner(name)"

    refused = [http.patch(both, json={"name": "Lost"}, headers=prefer), http.delete(both, headers=prefer)]

    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(400, "PGRST124")] * 2
    assert [answer.json()["details"] for answer in refused] == ["The query affects 2 rows"] * 2
    assert http.get("/rest/v1/shop_projects?order=id").json() == before


def test_the_rows_of_a_function_are_shown_with_what_is_related(client_for, http, shop):
    select = "name,shop_clients!inner(full_name),shop_siblings(name)"
    query = f"select={select}&order=shop_clients(name),name.desc&limit=1"
    answer = http.get(f"/rest/v1/rpc/shop_find?q=Win%25&{query}", headers={"prefer": "count=exact"})

    row = {"name": "Windows 7", "shop_clients": {"full_name": "Microsoft!"}, "shop_siblings": [{"name": "Windows 10"}]}
    assert (answer.json(), answer.headers["content-range"]) == ([row], "0-0/2")
    called = client_for().rpc("shop_find", {"q": "IOS"}).select("id, shop_tasks(id)").execute()
    assert called.data == [{"id": 3, "shop_tasks": [{"id": 4}, {"id": 5}]}]


def test_the_official_client_embeds(client_for, shop):
    table = client_for().table("shop_clients")

    found = (
        table.select("name, projects:shop_projects!inner(name)", count="exact")
        .like("projects.name", "%O%")
        .order("name", foreign_table="projects", desc=True)
        .limit(1, foreign_table="projects")
        .execute()
    )

    assert (found.data, found.count) == ([{"name": "Apple", "projects": [{"name": "OSX"}]}], 1)
    either = table.select("id, shop_projects(id)").or_("id.eq.1,id.eq.4", reference_table="shop_projects").order("id")
    assert either.execute().data == [{"id": 1, "shop_projects": [{"id": 1}]}, {"id": 2, "shop_projects": [{"id": 4}]}]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("shop_clients?select=nowhere(*)", 400, "PGRST200"),
        ("shop_clients?select=shop_projects!nowhere(*)", 400, "PGRST200"),
        ("shop_clients?select=shop_people(*)", 400, "PGRST200"),
        ("shop_clients?shop_projects.id=eq.1", 400, "PGRST108"),
        ("shop_clients?select=shop_projects(id)&shop_projects.nope.id=eq.1", 400, "PGRST108"),
        ("shop_clients?order=shop_projects(name)", 400, "PGRST108"),
        ("shop_clients?select=id,shop_projects(id)&order=shop_projects(name)", 400, "PGRST118"),
        ("shop_clients?select=id,shop_projects(id)&shop_projects=eq.1", 400, "PGRST120"),
        ("shop_clients?select=shop_projects(nope)", 400, "42703"),
        ("shop_clients?select=shop_projects(id)&shop_projects.nope=eq.1", 400, "42703"),
        ("shop_clients?select=shop_projects(id)&shop_projects.limit=x", 400, "PGRST100"),
        ("shop_clients?select=shop_projects(id", 400, "PGRST100"),
        ("shop_clients?select=shop_projects!a!b!inner!c(id)", 400, "PGRST100"),
        ("shop_clients?select=name.sum()", 400, "PGRST123"),
        ("shop_clients?select=id,shop_projects(count())", 400, "PGRST123"),
    ],
)
def test_what_cannot_be_embedded_is_refused(http, shop, query, status, code):
    answer = http.get(f"/rest/v1/{query}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_misspelt_embed_is_answered_with_a_guess(http, shop):
    hint = http.get("/rest/v1/shop_clients?select=shop_project(*)").json()["hint"]

    assert hint == "Perhaps you meant 'shop_projects' instead of 'shop_project'."


def test_a_guess_names_nothing_that_the_caller_may_not_use(http, execute, new_table):
    parent = new_table("id int primary key")
    child = new_table(f"id int, parent int references public.{parent}")
    address = f"/rest/v1/{parent}?select={child}s(id)"
    assert child in http.get(address).json()["hint"]

    execute(f"revoke all on public.{child} from anon")
    assert http.get(address).json()["hint"] is None


def test_embeds_have_a_limited_depth_and_number(http, shop):
    deep = "shop_staff(" * 40 + "id" + ")" * 40
    wide = ",".join(f"a{number}:shop_projects(id)" for number in range(200))

    for select in (deep, wide):
        answer = http.get("/rest/v1/shop_staff", params={"select": select})
        assert (answer.status_code, answer.json()["code"]) == (400, "PGRST100")


def test_a_new_relationship_is_known_at_once(http, shop, new_table):
    parent = new_table("id int primary key")
    child = new_table(f"id int, parent int references public.{parent}")

    assert http.get(f"/rest/v1/{parent}?select=id,{child}(id)").json() == []


def test_embeds_show_only_the_rows_that_the_caller_may_see(client_for, signed_in, notes, execute):
    execute(f"create table public.{notes}_marks (id int primary key, note bigint references public.{notes})")
    owner, stranger = signed_in(), signed_in()
    made = owner.table(notes).insert({"body": "mine"}).execute().data[0]
    execute(f"insert into public.{notes}_marks values (1, {made['id']})")

    def seen(client, select):
        return client.table(f"{notes}_marks").select(select).execute().data

    try:
        assert seen(owner, f"id, {notes}(body)") == [{"id": 1, notes: {"body": "mine"}}]
        assert seen(stranger, f"id, {notes}(body)") == [{"id": 1, notes: None}]
        assert seen(stranger, f"id, {notes}!inner(body)") == []
    finally:
        execute(f"drop table public.{notes}_marks")


def test_columns_that_are_not_granted_are_refused_at_every_level(http, execute, new_table):
    parent = new_table("id int primary key, open text, secret text")
    child = new_table(f"id int primary key, parent int references public.{parent}")
    execute(f"revoke select on public.{parent} from anon; grant select (id, open) on public.{parent} to anon")
    execute(f"insert into public.{parent} values (1, 'open', 'the secret'); insert into public.{child} values (1, 1)")

    assert http.get(f"/rest/v1/{child}?select={parent}(open)").json() == [{parent: {"open": "open"}}]
    for query in (
        f"{parent}?select=*",
        f"{child}?select={parent}(*)",
        f"{child}?select=...{parent}(*)",
        f"{child}?select={parent}(open)&{parent}.secret=like.t*",
        f"{child}?select=id,{parent}(open)&order={parent}(secret)",
    ):
        answer = http.get(f"/rest/v1/{query}")
        assert (answer.status_code, answer.json()["code"]) == (401, "42501")
        assert "the secret" not in answer.text
