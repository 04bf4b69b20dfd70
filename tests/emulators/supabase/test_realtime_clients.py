"""What the official clients, unmodified, see of Realtime. Node and npm may be absent on a desk, never in CI."""

import asyncio

import pytest

WAIT_SECONDS = 5


@pytest.fixture(scope="module", autouse=True)
def policies(execute):
    execute(
        "create policy members on realtime.messages to authenticated"
        " using (realtime.topic() = 'room:' || auth.uid()) with check (realtime.topic() = 'room:' || auth.uid())"
    )
    yield
    execute("drop policy members on realtime.messages")


@pytest.fixture
def table(new_table, execute):
    """A table whose rows everybody who is signed in sees; the whole old row is in the log."""
    name = new_table("id int primary key, n int, tags text[], at timestamptz")
    execute(f"alter publication supabase_realtime add table public.{name}")
    execute(f"alter table public.{name} replica identity full")
    return name


@pytest.fixture
def ada(person, client_for):
    """The id and the token of somebody who is signed in."""
    somebody = person()
    signed = client_for().auth.sign_in_with_password({"email": somebody.email, "password": somebody.password})
    return somebody.id, signed.session.access_token


@pytest.fixture
async def python_client(async_client):
    yield async_client
    await async_client.realtime.close()


async def states(channel):
    """Subscribe, and give the queue of the states that the channel goes through."""
    found = asyncio.Queue()
    await channel.subscribe(lambda state, error: found.put_nowait((str(state.value), str(error or ""))))
    return found


async def soon(queue):
    return await asyncio.wait_for(queue.get(), WAIT_SECONDS)


async def test_supabase_py_broadcasts(python_client):
    heard = asyncio.Queue()
    channel = python_client.channel("py", {"config": {"broadcast": {"self": True, "ack": True}, "private": False}})
    channel.on_broadcast("shout", heard.put_nowait)
    assert (await soon(await states(channel)))[0] == "SUBSCRIBED"
    await channel.send_broadcast("shout", {"n": 1})
    assert await soon(heard) == {"event": "shout", "payload": {"n": 1}}
    await channel.http_send("shout", {"n": 2})
    assert (await soon(heard))["payload"] == {"n": 2}


async def test_supabase_py_sees_who_is_there(python_client):
    joins, leaves = asyncio.Queue(), asyncio.Queue()
    channel = python_client.channel("here", {"config": {"presence": {"key": "ada", "enabled": True}, "private": False}})
    channel.on_presence_join(lambda key, _, new: joins.put_nowait((key, new[0]["name"])))
    channel.on_presence_leave(lambda key, _, left: leaves.put_nowait((key, left[0]["name"])))
    assert (await soon(await states(channel)))[0] == "SUBSCRIBED"
    await channel.track({"name": "Ada"})
    assert await soon(joins) == ("ada", "Ada")
    assert list(channel.presence_state()) == ["ada"]
    await channel.untrack()
    assert await soon(leaves) == ("ada", "Ada")


async def test_supabase_py_is_told_changes_and_renews_its_token(python_client, table, ada, execute):
    _, token = ada
    execute(f"alter table public.{table} enable row level security")
    execute(f"create policy seen on public.{table} for select to authenticated using (n > 1)")
    told, live = asyncio.Queue(), asyncio.Queue()
    channel = python_client.channel("py changes")
    channel.on_postgres_changes("INSERT", told.put_nowait, table=table, schema="public", filter="id=in.(1,2,3)")
    channel.on_postgres_changes("DELETE", told.put_nowait, table=table, schema="public")
    channel.on_system(live.put_nowait)
    assert (await soon(await states(channel)))[0] == "SUBSCRIBED"
    assert (await soon(live)).message == "Subscribed to PostgreSQL"
    execute(f"insert into public.{table} values (1, 1)")
    await python_client.realtime.set_auth(token)
    assert (await soon(live)).status == "ok"
    execute(f"insert into public.{table} values (2, 2), (3, 1), (4, 2)")
    execute(f"delete from public.{table} where id = 3")
    created, deleted = (await soon(told))["data"], (await soon(told))["data"]
    assert (created["type"], created["record"]["id"]) == ("INSERT", 2)
    assert (deleted["type"], deleted["old_record"]) == ("DELETE", {"id": 3})


async def test_supabase_py_joins_private_topics_when_policies_let_it(python_client, ada):
    name, token = ada
    options = {"config": {"private": True, "broadcast": {"self": True}, "presence": {"key": "", "enabled": False}}}
    refused = python_client.channel(f"room:{name}", options)
    state, error = await soon(await states(refused))
    assert (state, "Unauthorized" in error) == ("CHANNEL_ERROR", True)
    await python_client.remove_channel(refused)
    await python_client.realtime.set_auth(token)
    assert (await soon(await states(python_client.channel(f"room:{name}", options))))[0] == "SUBSCRIBED"


def test_supabase_js_talks_and_listens(node, supabase_backend, table, ada):
    name, token = ada
    seen = node("realtime_client.js", supabase_backend, TOKEN=token, TABLE=table, ROOM=f"room:{name}")

    assert (seen["sent"], seen["tracked"], seen["private"], seen["live"]) == ("ok", "ok", "SUBSCRIBED", "ok")
    assert seen["heard"] == {"type": "broadcast", "event": "shout", "payload": {"text": "ä☃", "n": 1}}
    assert seen["bytes"] == [0, 1, 255]
    assert (seen["joined"], seen["state"], seen["left"]) == (["Ada"], ["one"], "one")
    assert seen["refused"][0] == "CHANNEL_ERROR"
    assert "Unauthorized: You do not have permissions to read" in seen["refused"][1]
    row = {"id": 2, "n": 2, "tags": ["a"], "at": "2024-02-29T12:00:00+00:00"}
    assert seen["changes"] == [
        ["INSERT", row, {}, None],
        ["UPDATE", row | {"n": 3}, row, None],
        ["DELETE", {}, row | {"n": 3}, None],
    ]
