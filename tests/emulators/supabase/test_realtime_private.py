"""Private topics, and what the database says itself."""

import pytest
from smeboost_emulators.testing.realtime import realtime_socket

UNAUTHORIZED = "Unauthorized: You do not have permissions to read from this Channel topic: "


@pytest.fixture(scope="module", autouse=True)
def policies(execute):
    """Everybody who is signed in hears and says what is in their own rooms, and only hears the board."""
    for name, verb, condition in (
        ("hear", "select using", "realtime.topic() in ('own:' || auth.uid(), 'board')"),
        ("say", "insert with check", "realtime.topic() = 'own:' || auth.uid() and extension = 'broadcast'"),
    ):
        command, _, clause = verb.partition(" ")
        execute(f"create policy {name} on realtime.messages for {command} to authenticated {clause} ({condition})")
    execute("create policy broken on realtime.messages for select to anon using (1 / (length(topic) - 4) > 5)")
    yield
    for name in ("hear", "say", "broken"):
        execute(f"drop policy {name} on realtime.messages")


@pytest.fixture
def socket(supabase_backend):
    def make(version="1.0.0"):
        return realtime_socket(supabase_backend.url, supabase_backend.anon_key, version=version)

    return make


@pytest.fixture
def signed_in_person(person, client_for):
    """A factory: the id and the token of somebody new."""

    def make():
        somebody = person()
        client = client_for()
        signed = client.auth.sign_in_with_password({"email": somebody.email, "password": somebody.password})
        return somebody.id, signed.session.access_token

    return make


async def test_policies_decide_who_hears_and_who_says(socket, signed_in_person):
    ada, ada_token = signed_in_person()
    _, bob_token = signed_in_person()
    async with socket("2.0.0") as first, socket() as second, socket() as stranger:
        topic = f"own:{ada}"
        assert (await first.join(topic, token=ada_token, private=True, broadcast={"ack": True}))["status"] == "ok"
        assert (await second.join(topic, token=ada_token, private=True, broadcast={}))["status"] == "ok"
        refused = await stranger.join(topic, token=bob_token, private=True)
        assert refused == {"status": "error", "response": {"reason": UNAUTHORIZED + topic}}
        # The public topic of the same name is another one.
        assert (await stranger.join(topic, token=bob_token))["status"] == "ok"

        await first.ask(f"realtime:{topic}", "broadcast", {"event": "e", "payload": {"secret": 1}})
        assert (await second.wait("broadcast"))["payload"]["payload"] == {"secret": 1}
        await stranger.ask("phoenix", "heartbeat", {})
        assert "broadcast" not in [message["event"] for message in stranger.seen]


async def test_who_may_only_hear_is_not_heard(socket, signed_in_person, supabase_backend):
    _, token = signed_in_person()
    async with socket() as speaker, socket() as listener:
        for client in (speaker, listener):
            await client.join("board", token=token, private=True, broadcast={"ack": True}, presence={"enabled": True})
        await speaker.ask("realtime:board", "broadcast", {"event": "e", "payload": {"n": 1}})
        await speaker.ask("realtime:board", "presence", {"event": "track", "payload": {}})
        async with realtime_socket(supabase_backend.url, supabase_backend.service_role_key) as service:
            assert (await service.join("board", private=True, broadcast={}))["status"] == "ok"
            await service.send("realtime:board", "broadcast", {"event": "e", "payload": {"n": 2}})
            assert (await listener.wait("broadcast"))["payload"]["payload"] == {"n": 2}
        assert [message["event"] for message in listener.seen].count("presence_diff") == 0


@pytest.mark.parametrize("topic", ["four", "nothing", "null\0byte", "x" * 5000])
async def test_nobody_in_particular_is_not_let_in(socket, topic):
    async with socket() as client:
        refused = await client.join(topic, private=True)
        assert refused == {"status": "error", "response": {"reason": UNAUTHORIZED + topic}}


async def test_a_policy_that_changed_ends_a_channel_at_the_next_renewal(socket, signed_in_person):
    ada, token = signed_in_person()
    _, other = signed_in_person()
    async with socket() as client:
        await client.join(f"own:{ada}", token=token, private=True)
        await client.send(f"realtime:own:{ada}", "access_token", {"access_token": other})
        told = (await client.wait("system"))["payload"]
        assert (told["status"], told["message"]) == ("error", (UNAUTHORIZED + f"own:{ada}").partition(": ")[2])
        await client.wait("phx_close")


async def test_private_messages_by_http_need_the_right_to_say_them(socket, signed_in_person, http):
    ada, token = signed_in_person()
    topic = f"own:{ada}"
    async with socket() as client:
        await client.join(topic, token=token, private=True, broadcast={})
        path = f"/realtime/v1/api/broadcast/{topic}/events/one?private=true"
        assert http.post(path, json={}).status_code == 403
        batch = {"messages": [{"topic": topic, "event": "dropped", "payload": {}, "private": True}]}
        assert http.post("/realtime/v1/api/broadcast", json=batch).status_code == 202
        allowed = http.post(path, json={"n": 1}, headers={"Authorization": f"Bearer {token}"})
        assert allowed.status_code == 202
        assert (await client.wait("broadcast"))["payload"] == {"type": "broadcast", "event": "one", "payload": {"n": 1}}


async def test_the_database_broadcasts(socket, execute, signed_in_person):
    ada, token = signed_in_person()
    async with socket() as private, socket("2.0.0") as public:
        await private.join(f"own:{ada}", token=token, private=True, broadcast={})
        await public.join("open", broadcast={})
        execute("select realtime.send('{\"n\": 1}', 'first', 'open', false)")
        execute('select realtime.send(\'{"n": 2, "id": "mine"}\', \'second\', %s)', f"own:{ada}")
        first = (await public.wait("broadcast"))["payload"]
        second = (await private.wait("broadcast"))["payload"]
        assert first["payload"] == {"n": 1, "id": first["meta"]["id"]}
        assert (first["event"], second["event"], second["payload"]) == ("first", "second", {"n": 2, "id": "mine"})


async def test_messages_of_one_transaction_come_in_order_and_not_before_it(socket, execute, supabase_backend):
    async with socket() as client:
        await client.join("many", broadcast={})
        execute("begin; select realtime.send('{}', 'undone', 'many', false); rollback")
        execute(
            "do $$ begin for n in 1 .. 250 loop"
            " perform realtime.send(jsonb_build_object('n', n), 'e', 'many', false); end loop; end $$"
        )
        numbers = [(await client.wait("broadcast"))["payload"]["payload"]["n"] for _ in range(250)]
        assert numbers == list(range(1, 251))


async def test_a_trigger_broadcasts_changes(socket, execute, new_table, signed_in_person):
    ada, token = signed_in_person()
    table = new_table("id int primary key, body text")
    execute(
        f"create function public.{table}_tell() returns trigger security definer language plpgsql as $$ begin"
        f" perform realtime.broadcast_changes('own:{ada}', tg_op, tg_op, tg_table_name, tg_table_schema, new, old);"
        " return null; end $$"
    )
    execute(
        f"create trigger tell after insert or update on public.{table} for each row"
        f" execute function public.{table}_tell()"
    )
    async with socket() as client:
        await client.join(f"own:{ada}", token=token, private=True, broadcast={})
        execute(f"insert into public.{table} values (1, 'a')")
        execute(f"update public.{table} set body = 'b'")
        created = (await client.wait("broadcast"))["payload"]
        changed = (await client.wait("broadcast"))["payload"]
    execute(f"drop function public.{table}_tell cascade")
    assert created["event"] == "INSERT"
    created["payload"].pop("id")
    assert created["payload"] == {
        "schema": "public",
        "table": table,
        "operation": "INSERT",
        "record": {"id": 1, "body": "a"},
        "old_record": None,
    }
    assert (changed["payload"]["old_record"], changed["payload"]["record"]["body"]) == ({"id": 1, "body": "a"}, "b")


async def test_messages_are_told_after_the_listener_was_killed(socket, execute):
    async with socket() as client:
        await client.join("lost", broadcast={})
        execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and usename = 'supabase_realtime_admin'"
        )
        execute("select realtime.send('{\"n\": 1}', 'e', 'lost', false)")
        assert (await client.wait("broadcast"))["payload"]["payload"]["n"] == 1
