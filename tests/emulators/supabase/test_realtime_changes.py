"""Changes of tables: what is told, to whom, and in which form."""

import pytest
from smeboost_emulators.testing.realtime import realtime_socket
from smeboost_emulators.testing.waiting import until

SUBSCRIBED = {"status": "ok", "message": "Subscribed to PostgreSQL", "extension": "postgres_changes"}


@pytest.fixture
def published(new_table, execute):
    """A factory of tables that are in the publication."""

    def make(columns):
        name = new_table(columns)
        execute(f"alter publication supabase_realtime add table public.{name}")
        return name

    return make


@pytest.fixture
def owned(published, execute):
    """A published table in which everybody sees and writes only what is theirs."""
    name = published("id int primary key, owner uuid default auth.uid(), body text, secret text")
    execute(f"alter table public.{name} enable row level security")
    execute(f"create policy own on public.{name} using (owner = auth.uid()) with check (owner = auth.uid())")
    return name


@pytest.fixture
def socket(supabase_backend):
    def make(version="1.0.0", key=None):
        return realtime_socket(supabase_backend.url, key or supabase_backend.anon_key, version=version)

    return make


@pytest.fixture
def service_socket(socket, supabase_backend):
    """A factory of sockets for whom no policy counts."""
    return lambda: socket(key=supabase_backend.service_role_key)


@pytest.fixture
def signed_in_person(person, client_for):
    """A factory: the id and the token of somebody new."""

    def make():
        somebody = person()
        signed = client_for().auth.sign_in_with_password({"email": somebody.email, "password": somebody.password})
        return somebody.id, signed.session.access_token

    return make


async def subscribed(client, *wishes, topic="changes", **options):
    """Join with these wishes and wait until they are followed; gives the ids of the bindings."""
    answer = await client.join(topic, postgres_changes=list(wishes), **options)
    assert answer["status"] == "ok", answer
    told = (await client.wait("system"))["payload"]
    assert told == SUBSCRIBED | {"channel": topic}, told
    bindings = answer["response"]["postgres_changes"]
    assert [{name: value for name, value in one.items() if name != "id"} for one in bindings] == list(wishes)
    return [one["id"] for one in bindings]


async def refusal(client, wish, topic="refused"):
    await client.join(topic, postgres_changes=[wish])
    told = (await client.wait("system"))["payload"]
    assert (told["status"], told["extension"]) == ("error", "postgres_changes")
    return told["message"]


async def change(client):
    return (await client.wait("postgres_changes"))["payload"]


def wish(table, event="*", **more):
    return {"event": event, "schema": "public", "table": table, **more}


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
async def test_insert_update_and_delete_are_told(socket, published, execute, version):
    table = published(
        "id bigint primary key, body text, tags text[], data jsonb, price numeric, at timestamptz, ok bool"
    )
    async with socket(version) as client:
        (number,) = await subscribed(client, wish(table))
        execute(
            f"insert into public.{table} values (1, 'ä \" \\', '{{a,NULL}}', '{{\"deep\": [1, null]}}',"
            " 12345678901234567890.5, '2024-02-29 12:00:00.25+00', true)"
        )
        execute(f"update public.{table} set body = null, ok = false")
        execute(f"delete from public.{table}")
        created, changed, deleted = [await change(client) for _ in range(3)]
    record = {
        "id": 1,
        "body": 'ä " \\',
        "tags": ["a", None],
        "data": {"deep": [1, None]},
        "price": 12345678901234567890.5,
        "at": "2024-02-29T12:00:00.25+00:00",
        "ok": True,
    }
    types = ["int8", "text", "_text", "jsonb", "numeric", "timestamptz", "bool"]
    columns = [{"name": name, "type": kind} for name, kind in zip(record, types, strict=True)]
    assert created["ids"] == [number]
    timestamp = created["data"].pop("commit_timestamp")
    assert (len(timestamp), timestamp[10], timestamp[-1]) == (24, "T", "Z")
    assert created["data"] == {
        "schema": "public",
        "table": table,
        "type": "INSERT",
        "columns": columns,
        "record": record,
        "errors": None,
    }
    assert changed["data"]["type"] == "UPDATE"
    assert changed["data"]["record"] == record | {"body": None, "ok": False}
    assert changed["data"]["old_record"] == {"id": 1}
    assert (deleted["data"]["type"], deleted["data"]["old_record"]) == ("DELETE", {"id": 1})
    assert "record" not in deleted["data"]


async def test_only_the_wanted_events_are_told_with_the_ids_of_the_wishes(socket, published, execute):
    table = published("id int primary key, n int")
    async with socket() as client:
        ids = await subscribed(
            client, wish(table, "INSERT"), wish(table, "DELETE"), wish(table), {"event": "*", "schema": "public"}
        )
        execute(f"insert into public.{table} values (1, 1)")
        execute(f"update public.{table} set n = 2")
        execute(f"delete from public.{table}")
        told = [await change(client) for _ in range(3)]
        assert [one["ids"] for one in told] == [[ids[0], ids[2], ids[3]], [ids[2], ids[3]], [ids[1], ids[2], ids[3]]]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("n=eq.9", [9]),
        ("n=neq.9", [10, 100]),
        ("n=lt.10", [9]),
        ("n=lte.10", [9, 10]),
        ("n=gt.9", [10, 100]),
        ("n=gte.10", [10, 100]),
        ("n=in.(9,100)", [9, 100]),
        ("n=not.in.(9,100)", [10]),
        ("n=gt.9,n=lt.100", [10]),
        ("body=eq.a,b", [10]),
        ('body=in.("a,b","q\\"")', [9, 10]),
        ("body=is.null", [100]),
        ("body=like.a%", [10]),
        ("day=gt.2024-01-31", [10, 100]),
    ],
)
async def test_filters_compare_by_the_type_of_the_column(socket, published, execute, text, numbers):
    table = published("n int primary key, body text, day date")
    async with socket() as client:
        await subscribed(client, wish(table, filter=text), wish(table, filter="n=eq.1000"))
        execute(
            f"insert into public.{table} values (9, 'q\"', '2024-01-31'), (10, 'a,b', '2024-02-01'),"
            " (100, null, '2024-10-01'), (1000, null, null)"
        )
        seen = []
        while True:
            told = (await change(client))["data"]["record"]["n"]
            if told == 1000:
                break
            seen.append(told)
    assert seen == numbers


async def test_wishes_that_cannot_be_met_are_refused_with_the_reason(socket, published, new_table, execute):
    table, unpublished = published("id int primary key, hidden text"), new_table("id int primary key")
    execute(f"revoke select on public.{table} from anon")
    execute(f"grant select (id) on public.{table} to anon")
    cases = [
        (wish(unpublished), "Please check Realtime is enabled"),
        (wish("nowhere"), "Please check Realtime is enabled"),
        (wish("nul\0"), "Please check Realtime is enabled"),
        (wish(table, "TRUNCATE"), "event must be one of"),
        (wish(table, filter="id"), "expected column=operator.value"),
        (wish(table, filter="id=eq.abc"), "invalid input syntax for type integer"),
        (wish(table, filter="gone=eq.1"), "invalid column for filter gone"),
        (wish(table, filter="hidden=eq.1"), "invalid column for filter hidden"),
        (wish(table, filter="id=in.1"), "in.(1,2)"),
        (wish(table, filter=7), "filter must be text"),
        ({"event": "*", "schema": "public", "filter": "id=eq.1"}, "a filter needs a table"),
        (wish(table, select="id"), "select must be a list"),
    ]
    async with socket() as client:
        for number, (asked, reason) in enumerate(cases):
            assert reason in await refusal(client, asked, f"refused {number}")


async def test_row_level_security_decides_for_each_subscriber(
    socket, owned, execute, signed_in_person, supabase_backend
):
    (ada, ada_token), (bob, bob_token) = signed_in_person(), signed_in_person()
    async with (
        socket() as first,
        socket("2.0.0") as second,
        socket() as anonymous,
        socket(key=supabase_backend.service_role_key) as service,
    ):
        await subscribed(first, wish(owned), token=ada_token)
        await subscribed(second, wish(owned), token=bob_token)
        await subscribed(anonymous, wish(owned))
        await subscribed(service, wish(owned))
        execute(
            f"insert into public.{owned} values (1, '{ada}', 'of ada'), (2, '{bob}', 'of bob'), (3, null, 'nobody')"
        )
        assert (await change(first))["data"]["record"]["id"] == 1
        execute(f"update public.{owned} set owner = '{bob}' where id = 1")
        execute(f"delete from public.{owned} where id = 3")

        async def seen(client):
            found = []
            while True:
                data = (await change(client))["data"]
                found.append((data["type"], (data.get("record") or data["old_record"])["id"]))
                if data["type"] == "DELETE":
                    return found

        assert (await change(first))["data"]["old_record"] == {"id": 3}
        assert await seen(second) == [("INSERT", 2), ("UPDATE", 1), ("DELETE", 3)]
        assert await seen(anonymous) == [("DELETE", 3)]
        assert await seen(service) == [("INSERT", 1), ("INSERT", 2), ("INSERT", 3), ("UPDATE", 1), ("DELETE", 3)]


async def test_a_renewed_token_decides_from_then_on(socket, owned, execute, signed_in_person):
    (ada, ada_token), (bob, bob_token) = signed_in_person(), signed_in_person()
    async with socket() as client:
        await subscribed(client, wish(owned), token=ada_token)
        await client.send("realtime:changes", "access_token", {"access_token": bob_token})
        assert (await client.wait("system"))["payload"]["status"] == "ok"
        execute(f"insert into public.{owned} values (1, '{ada}'), (2, '{bob}')")
        assert (await change(client))["data"]["record"]["id"] == 2


async def test_columns_that_may_not_be_read_are_left_out(socket, owned, execute, signed_in_person):
    ada, token = signed_in_person()
    execute(f"revoke select on public.{owned} from authenticated")
    execute(f"grant select (id, owner, body) on public.{owned} to authenticated")
    async with socket() as client:
        await subscribed(client, wish(owned), wish(owned, select=["id"]), token=token)
        execute(f"insert into public.{owned} values (1, '{ada}', 'shown', 'hidden')")
        whole, narrow = (await change(client))["data"], (await change(client))["data"]
    assert whole["record"] == {"id": 1, "owner": ada, "body": "shown"}
    assert [column["name"] for column in whole["columns"]] == ["id", "owner", "body"]
    assert narrow["record"] == {"id": 1}


async def test_who_may_not_read_the_key_hears_that_and_no_more(socket, published, execute):
    table = published("id int primary key, body text")
    execute(f"revoke select on public.{table} from anon")
    async with socket() as client:
        await subscribed(client, wish(table))
        execute(f"insert into public.{table} values (1, 'secret')")
        told = (await change(client))["data"]
    assert (told["record"], told["columns"], told["errors"]) == ({}, [], ["Error 401: Unauthorized"])


@pytest.mark.parametrize(("secured", "old"), [(False, {"id": 1, "body": "before"}), (True, {"id": 1})])
async def test_the_whole_old_row_is_told_only_where_no_policy_rules(service_socket, published, execute, secured, old):
    table = published("id int primary key, body text")
    execute(f"alter table public.{table} replica identity full")
    if secured:
        execute(f"alter table public.{table} enable row level security")
    async with service_socket() as client:
        await subscribed(client, wish(table))
        execute(f"insert into public.{table} values (1, 'before')")
        execute(f"update public.{table} set body = 'after'")
        execute(f"delete from public.{table}")
        told = [(await change(client))["data"] for _ in range(3)]
    assert told[1]["old_record"] == old
    assert told[2]["old_record"] == (old if secured else old | {"body": "after"})


async def test_a_row_that_is_too_large_is_told_in_part(socket, published, execute):
    table = published("id int primary key, large text, small text")
    async with socket() as client:
        await subscribed(client, wish(table))
        execute(f"insert into public.{table} values (1, repeat('x', 1100000), 'small')")
        told = (await change(client))["data"]
    assert (told["record"], told["errors"]) == ({"id": 1, "small": "small"}, ["Error 413: Payload Too Large"])


async def test_a_large_value_that_was_not_written_again_is_left_out(socket, published, execute):
    table = published("id int primary key, large text, n int")
    execute(f"alter table public.{table} alter column large set storage external")
    execute(f"insert into public.{table} values (1, repeat('x', 10000), 1)")
    async with socket() as client:
        await subscribed(client, wish(table))
        execute(f"update public.{table} set n = 2")
        without = (await change(client))["data"]
        execute(f"alter table public.{table} replica identity full")
        execute(f"update public.{table} set n = 3")
        whole = (await change(client))["data"]
    assert without["record"] == {"id": 1, "n": 2}
    assert whole["record"] == {"id": 1, "n": 3, "large": "x" * 10000}


async def test_a_table_without_a_key_is_told_only_where_no_policy_rules(socket, published, execute):
    open_table, secured = published("n int"), published("n int")
    execute(f"alter table public.{secured} enable row level security")
    async with socket() as client:
        await subscribed(client, wish(open_table), wish(secured))
        execute(f"insert into public.{open_table} values (1)")
        execute(f"insert into public.{secured} values (1)")
        first, second = (await change(client))["data"], (await change(client))["data"]
    assert (first["record"], first["errors"]) == ({"n": 1}, None)
    assert (second["record"], second["errors"]) == ({}, ["Error 400: Bad Request, no primary key"])


async def test_truncate_is_not_told_and_a_key_of_two_columns_is(socket, published, execute, signed_in_person):
    table = published("a uuid, b text, owner uuid, primary key (b, a)")
    ada, token = signed_in_person()
    execute(f"alter table public.{table} enable row level security")
    execute(f"create policy own on public.{table} for select using (owner = auth.uid())")
    async with socket() as client:
        await subscribed(client, wish(table), token=token)
        execute(f"insert into public.{table} values (gen_random_uuid(), 'k', null), (gen_random_uuid(), 'k', '{ada}')")
        first = (await change(client))["data"]
        execute(f"truncate public.{table}")
        execute(f"insert into public.{table} values ('{ada}', 'last', '{ada}')")
        second = (await change(client))["data"]
    assert (first["record"]["b"], second["record"]["b"]) == ("k", "last")


async def test_partitions_are_told_as_their_table(socket, execute, published):
    table = published("id int, n int, primary key (id, n)")
    execute(f"drop table public.{table}")
    execute(f"create table public.{table} (id int, n int, primary key (id, n)) partition by list (n)")
    execute(f"create table public.{table}_one partition of public.{table} for values in (1)")
    execute(f"alter publication supabase_realtime add table public.{table}")
    async with socket() as client:
        await subscribed(client, wish(table))
        execute(f"insert into public.{table} values (7, 1)")
        told = (await change(client))["data"]
    assert (told["table"], told["record"]) == (table, {"id": 7, "n": 1})


async def test_a_table_may_change_its_form_while_it_is_followed(socket, published, execute):
    table = published("id int primary key, body text")
    execute("create type public.mood as enum ('sad', 'happy')")
    async with socket() as client:
        await subscribed(client, wish(table))
        execute(f"insert into public.{table} values (1, 'a')")
        first = (await change(client))["data"]
        execute(f"alter table public.{table} add column mood public.mood default 'sad', drop column body")
        execute(f"alter table public.{table} alter column id type text")
        execute(f"insert into public.{table} values ('x', 'happy')")
        second = (await change(client))["data"]
    execute(f"drop table public.{table}")
    execute("drop type public.mood")
    assert first["record"] == {"id": 1, "body": "a"}
    assert second["record"] == {"id": "x", "mood": "happy"}
    assert second["columns"] == [{"name": "id", "type": "text"}, {"name": "mood", "type": "mood"}]


async def test_a_large_transaction_is_told_whole_and_in_order(socket, published, execute):
    table = published("id int primary key")
    async with socket() as client:
        await subscribed(client, wish(table))
        execute(f"insert into public.{table} select generate_series(1, 950)")
        told = [(await change(client))["data"]["record"]["id"] for _ in range(950)]
    assert told == list(range(1, 951))


async def test_nothing_is_left_in_the_database_when_nobody_asks_any_more(socket, published, execute):
    table = published("id int primary key")
    count = (
        "select count(*) from pg_replication_slots where database = current_database()"
        " and slot_name like 'supabase_realtime%'"
    )
    async with socket() as client:
        await subscribed(client, wish(table))
        assert execute(count) == [(1,)]
    assert until(lambda: execute(count) == [(0,)])


async def test_a_lost_stream_is_mended_and_its_subscribers_are_told(socket, published, execute):
    table = published("id int primary key")
    async with socket() as client:
        await subscribed(client, wish(table))
        execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and usename = 'supabase_realtime_admin'"
        )
        assert (await client.wait("system"))["payload"]["status"] == "error"
        assert (await client.wait("system"))["payload"] == SUBSCRIBED | {"channel": "changes"}
        execute(f"insert into public.{table} values (1)")
        assert (await change(client))["data"]["record"] == {"id": 1}


async def test_a_policy_that_fails_shows_nothing_and_hides_nothing_from_others(
    socket, published, execute, signed_in_person
):
    table = published("id int primary key")
    _, token = signed_in_person()
    execute(f"alter table public.{table} enable row level security")
    execute(f"create policy broken on public.{table} to anon using (1 / (id - id) > 0)")
    execute(f"create policy fine on public.{table} to authenticated using (true)")
    async with socket() as broken, socket() as fine:
        await subscribed(broken, wish(table))
        await subscribed(fine, wish(table), token=token)
        execute(f"insert into public.{table} values (1)")
        assert (await change(fine))["data"]["record"] == {"id": 1}
        execute(f"delete from public.{table}")
        assert (await change(broken))["data"]["type"] == "DELETE"
