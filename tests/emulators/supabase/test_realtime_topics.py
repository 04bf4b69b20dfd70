"""Joining, leaving, saying and hearing, in both versions of the protocol."""

import asyncio
import json
import struct
import time

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from smeboost_emulators.testing.realtime import realtime_socket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

SECRET = "a secret of this test, which is long enough"
VERSIONS = ["1.0.0", "2.0.0"]


@pytest.fixture
def socket(supabase_backend):
    """A factory of sockets with the anon key."""

    def make(version="1.0.0", key=None):
        return realtime_socket(supabase_backend.url, key or supabase_backend.anon_key, version=version)

    return make


@pytest.fixture(scope="module")
def small_backend(new_database, start_supabase_backend):
    """A backend with a secret that the test knows, and with tight limits."""
    limits = {
        "realtime_channels_per_client_max": 3,
        "realtime_events_per_second_max": 5,
        "realtime_queue_max": 20,
        "realtime_clients_max": 8,
        "realtime_payload_max_bytes": 100_000,
        "realtime_idle_seconds": 1.0,
    }
    with start_supabase_backend(new_database(), gotrue_jwt_secret=SECRET, **limits) as backend:
        yield backend


async def close_code(client):
    """The code with which the server closes the connection."""
    with pytest.raises(ConnectionClosed):
        await client.wait("nothing of this name")
    return client.connection.close_code


def token_of(**claims):
    key = OctKey.import_key(SECRET)
    return jwt.encode({"alg": "HS256"}, claims, key)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_heartbeat_is_answered(socket, version):
    async with socket(version) as client:
        assert await client.ask("phoenix", "heartbeat", {}) == {"status": "ok", "response": {}}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_broadcast_reaches_the_others_of_every_version(socket, version):
    async with socket(version) as sender, socket("1.0.0") as one, socket("2.0.0") as two:
        for client in (sender, one, two):
            joined = await client.join("news", broadcast={"self": False, "ack": True})
            assert joined == {"status": "ok", "response": {"postgres_changes": []}}
        said = {"type": "broadcast", "event": "shout", "payload": {"big": 12345678901234567890, "ä": "☃"}}
        acknowledged = await sender.ask("realtime:news", "broadcast", said)

        assert acknowledged == {"status": "ok", "response": {}}
        for client in (one, two):
            assert (await client.wait("broadcast"))["payload"] == said
        assert [message for message in sender.seen if message["event"] == "broadcast"] == []


async def test_a_sender_hears_itself_when_it_asked_for_that(socket):
    async with socket() as client:
        await client.join("echo", broadcast={"self": True})
        await client.send("realtime:echo", "broadcast", {"type": "broadcast", "event": "e", "payload": {"n": 1}})
        assert (await client.wait("broadcast"))["payload"]["payload"] == {"n": 1}


async def test_bytes_travel_between_clients_of_version_2_only(socket):
    topic, event, data = b"realtime:bytes", b"blob", bytes(range(256))
    frame = bytes([3, 1, 1, len(topic), len(event), 0, 0]) + b"12" + topic + event + data
    async with socket("2.0.0") as sender, socket("2.0.0") as two, socket("1.0.0") as one:
        for client in (sender, two, one):
            await client.join("bytes", broadcast={})
        await sender.connection.send(frame)
        heard = await two.wait("broadcast")
        assert heard["payload"] == {"type": "broadcast", "event": "blob", "payload": data}
        # Version 1 has no form for bytes, so the next thing it hears is the answer to its own question.
        assert await one.ask("phoenix", "heartbeat", {}) == {"status": "ok", "response": {}}
        assert [message["event"] for message in one.seen[-2:]] != ["broadcast", "phx_reply"]


async def test_a_channel_is_left_once_and_then_unknown(socket):
    async with socket("2.0.0") as client:
        await client.join("left")
        assert await client.ask("realtime:left", "phx_leave", {}) == {"status": "ok", "response": {}}
        assert (await client.wait("phx_close"))["topic"] == "realtime:left"
        for topic in ("realtime:left", "realtime:never", "room:1"):
            answer = await client.ask(topic, "broadcast", {"event": "e"})
            assert answer == {"status": "error", "response": {"reason": "unmatched topic"}}


async def test_a_topic_joined_again_replaces_its_channel(socket):
    async with socket() as client, socket() as other:
        await other.join("twice", broadcast={})
        await client.join("twice", broadcast={"self": True})
        await client.join("twice", broadcast={"self": True})
        await other.send("realtime:twice", "broadcast", {"type": "broadcast", "event": "e", "payload": {}})
        await client.ask("realtime:twice", "presence", {"event": "track", "payload": {}})
        assert [message["event"] for message in client.seen].count("broadcast") == 1
        assert "phx_close" not in [message["event"] for message in client.seen]


@pytest.mark.parametrize(
    ("topic", "reason"),
    [("realtime:", "TopicNameRequired: You must provide a topic name"), ("other:1", "unmatched topic")],
)
async def test_a_topic_without_a_name_is_refused(socket, topic, reason):
    async with socket() as client:
        assert await client.ask(topic, "phx_join", {}) == {"status": "error", "response": {"reason": reason}}


async def test_presence_is_shown_changed_and_forgotten(socket):
    async with socket() as watcher, socket("2.0.0") as other:
        await watcher.join("lobby", presence={"key": "", "enabled": True})
        assert (await watcher.wait("presence_state"))["payload"] == {}
        await other.join("lobby", presence={"key": "ada"})
        await other.ask("realtime:lobby", "presence", {"type": "presence", "event": "track", "payload": {"at": 1}})
        joined = (await watcher.wait("presence_diff"))["payload"]
        (meta,) = joined["joins"]["ada"]["metas"]
        assert (meta["at"], joined["leaves"]) == (1, {})

        await other.ask("realtime:lobby", "presence", {"type": "presence", "event": "track", "payload": {"at": 2}})
        changed = (await watcher.wait("presence_diff"))["payload"]
        (newer,) = changed["joins"]["ada"]["metas"]
        assert (newer["at"], newer["phx_ref_prev"]) == (2, meta["phx_ref"])
        assert changed["leaves"] == {"ada": {"metas": [meta]}}

        async with socket() as late:
            await late.join("lobby")
            assert (await late.wait("presence_state"))["payload"] == {"ada": {"metas": [newer]}}

        await other.ask("realtime:lobby", "presence", {"type": "presence", "event": "untrack"})
        assert (await watcher.wait("presence_diff"))["payload"]["leaves"]["ada"]["metas"] == [newer]


@pytest.mark.parametrize("depth", [500, 900])
async def test_what_somebody_shows_spoils_nobody_elses_view(socket, depth):
    async with socket() as showing, socket() as late:
        await showing.join(f"deep {depth}", presence={"key": "deep"})
        shown = '{"a":' * depth + "1" + "}" * depth
        await showing.connection.send(
            f'{{"topic":"realtime:deep {depth}","event":"presence","ref":"9",'
            f'"payload":{{"event":"track","payload":{shown}}}}}'
        )
        await showing.wait("phx_reply", wanted=lambda message: message["ref"] == "9")
        await late.join(f"deep {depth}")
        assert list((await late.wait("presence_state"))["payload"]) == ["deep"]


async def test_a_refused_socket_is_no_error_of_ours(supabase_backend, caplog):
    with pytest.raises(InvalidStatus):
        async with realtime_socket(supabase_backend.url, "wrong"):
            pass
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_who_disconnects_is_there_no_more(socket):
    async with socket() as watcher:
        await watcher.join("gone")
        async with socket() as other:
            await other.join("gone", presence={"key": "bob"})
            await other.ask("realtime:gone", "presence", {"event": "track", "payload": {}})
            await watcher.wait("presence_diff")
        assert list((await watcher.wait("presence_diff"))["payload"]["leaves"]) == ["bob"]


@pytest.mark.parametrize("key", ["", "wrong", "sb_publishable_wrong"])
async def test_a_socket_without_a_key_of_the_project_is_not_upgraded(supabase_backend, key):
    address = supabase_backend.url.replace("http", "ws", 1) + f"/realtime/v1/websocket?apikey={key}"
    with pytest.raises(InvalidStatus) as caught:
        async with connect(address):
            pass
    assert caught.value.response.status_code == 401
    assert "message" in json.loads(caught.value.response.body)


async def test_a_key_may_come_as_a_header(supabase_backend):
    address = supabase_backend.url.replace("http", "ws", 1) + "/realtime/v1/websocket"
    async with connect(address, additional_headers={"apikey": supabase_backend.anon_key}) as connection:
        await connection.send(json.dumps({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": None}))
        answer = json.loads(await connection.recv())
    assert answer == {
        "topic": "phoenix",
        "event": "phx_reply",
        "payload": {"status": "ok", "response": {}},
        "ref": None,
    }


async def test_a_version_that_nobody_knows_is_refused(socket):
    with pytest.raises(InvalidStatus) as caught:
        async with socket("3.0.0"):
            pass
    assert caught.value.response.status_code == 400


@pytest.mark.parametrize(
    ("version", "frame"),
    [
        ("1.0.0", "{"),
        ("1.0.0", "[]"),
        ("1.0.0", '{"topic": 1, "event": "x"}'),
        ("1.0.0", b"\x03"),
        ("1.0.0", "[" * 100_000),
        ("1.0.0", '{"topic":"t","event":"phx_join","payload":' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "}"),
        ("2.0.0", "[1,2,3]"),
        ("2.0.0", b""),
        ("2.0.0", b"\x01abc"),
        ("2.0.0", struct.pack("7B", 3, 255, 255, 255, 255, 255, 1)),
        ("2.0.0", bytes([3, 0, 0, 1, 1, 0, 1]) + b"te{"),
        ("2.0.0", bytes([3, 0, 0, 1, 1, 0, 1]) + b'te"\xff"'),
        ("2.0.0", bytes([3, 0, 0, 1, 1, 0, 9]) + b"te"),
    ],
)
async def test_garbage_ends_its_connection_and_no_other(socket, version, frame):
    async with socket() as other, socket(version) as client:
        await client.connection.send(frame)
        assert await close_code(client) == 1003
        assert (await other.ask("phoenix", "heartbeat", {}))["status"] == "ok"


async def test_limits_are_named(small_backend):
    token = token_of(role="anon", exp=int(time.time()) + 60)
    async with realtime_socket(small_backend.url, small_backend.anon_key) as client:
        for number in range(3):
            assert (await client.join(f"topic {number}", token=token))["status"] == "ok"
        assert await client.join("one too many") == {
            "status": "error",
            "response": {"reason": "ChannelRateLimitReached: Too many channels"},
        }
        for _ in range(6):
            await client.send("realtime:topic 1", "broadcast", {"event": "e", "payload": {}})
        told = (await client.wait("system"))["payload"]
        assert told == {
            "status": "error",
            "message": "Too many messages per second",
            "extension": "system",
            "channel": "topic 1",
        }
        assert (await client.wait("phx_close"))["topic"] == "realtime:topic 1"


async def test_a_frame_that_is_too_large_ends_the_connection(small_backend):
    async with realtime_socket(small_backend.url, small_backend.anon_key) as client:
        await client.connection.send("x" * 200_000)
        assert await close_code(client) == 1009


async def test_a_silent_client_is_sent_away(small_backend):
    async with realtime_socket(small_backend.url, small_backend.anon_key) as client:
        assert await close_code(client) == 1000


async def test_one_client_too_many_is_refused(small_backend):
    opened = [realtime_socket(small_backend.url, small_backend.anon_key) for _ in range(9)]
    with pytest.raises(InvalidStatus) as caught:
        async with opened[0], opened[1], opened[2], opened[3], opened[4], opened[5], opened[6], opened[7], opened[8]:
            pass
    assert caught.value.response.status_code == 429


async def test_a_client_that_does_not_read_is_sent_away_and_costs_nobody_anything(small_backend):
    payload = {"event": "e", "payload": {"fill": "x" * 90_000}}
    headers = {"apikey": small_backend.anon_key}
    async with (
        realtime_socket(small_backend.url, small_backend.anon_key) as slow,
        realtime_socket(small_backend.url, small_backend.anon_key) as watcher,
        httpx.AsyncClient(base_url=small_backend.url, headers=headers) as http,
    ):
        await watcher.join("flood", presence={"enabled": True})
        await slow.join("flood", presence={"key": "slow"})
        await slow.ask("realtime:flood", "presence", {"event": "track", "payload": {}})
        await watcher.wait("presence_diff")
        slow.connection.transport.pause_reading()

        async def flood():
            while True:
                body = {"messages": [{"topic": "flood", **payload}]}
                assert (await http.post("/realtime/v1/api/broadcast", json=body)).status_code == 202

        flooding = asyncio.create_task(flood())
        left = await watcher.wait("presence_diff", wanted=lambda message: message["payload"]["leaves"], seconds=20)
        flooding.cancel()
        assert list(left["payload"]["leaves"]) == ["slow"]
        slow.connection.transport.abort()


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"role": "anon", "exp": 1}, "InvalidJWTToken"),
        ({"role": "anon"}, "InvalidJWTToken"),
        ({"exp": 4_000_000_000}, "InvalidJWTToken"),
    ],
)
async def test_a_token_that_is_no_good_joins_nothing(small_backend, claims, code):
    async with realtime_socket(small_backend.url, small_backend.anon_key) as client:
        answer = await client.join("topic", token=token_of(**claims))
        assert answer["status"] == "error"
        assert answer["response"]["reason"].partition(":")[0] == code
        answer = await client.join("topic", token="rubbish")
        assert answer["response"]["reason"] == "MalformedJWT: The token provided is not a valid JWT"


async def test_a_channel_ends_with_its_token_unless_it_is_renewed(small_backend):
    async with realtime_socket(small_backend.url, small_backend.anon_key) as client:
        soon = int(time.time()) + 1
        await client.join("short", token=token_of(role="anon", exp=soon))
        await client.join("renewed", token=token_of(role="anon", exp=soon))
        await client.send("realtime:renewed", "access_token", {"access_token": token_of(role="anon", exp=soon + 60)})
        told = await client.wait("system")
        assert (told["topic"], told["payload"]["status"]) == ("realtime:short", "error")
        assert told["payload"]["message"].startswith("Token has expired")
        assert (await client.wait("phx_close"))["topic"] == "realtime:short"
        assert (await client.ask("realtime:renewed", "presence", {"event": "track", "payload": {}}))["status"] == "ok"


async def test_a_renewal_that_is_no_good_ends_the_channel(small_backend):
    async with realtime_socket(small_backend.url, small_backend.anon_key) as client:
        await client.join("topic")
        for ignored in (None, "sb_publishable_x"):
            await client.send("realtime:topic", "access_token", {"access_token": ignored})
        assert (await client.ask("realtime:topic", "presence", {"event": "track", "payload": {}}))["status"] == "ok"
        await client.send("realtime:topic", "access_token", {"access_token": "rubbish"})
        assert (await client.wait("system"))["payload"]["message"] == "The token provided is not a valid JWT"
        await client.wait("phx_close")


async def test_messages_may_come_by_http(socket, http):
    async with socket("2.0.0") as client:
        await client.join("by/http", broadcast={})
        batch = {"messages": [{"topic": "by/http", "event": "e", "payload": {"n": 1}, "private": False}]}
        assert http.post("/realtime/v1/api/broadcast", json=batch).status_code == 202
        one = http.post("/realtime/v1/api/broadcast/by%2Fhttp/events/a%2Fb", json=[1, 2])
        octets = http.post(
            "/realtime/v1/api/broadcast/by%2Fhttp/events/raw",
            content=b"\x00\x01",
            headers={"Content-Type": "application/octet-stream"},
        )
        assert (one.status_code, octets.status_code) == (202, 202)
        heard = [(await client.wait("broadcast"))["payload"] for _ in range(3)]
        assert [(said["event"], said["payload"]) for said in heard] == [
            ("e", {"n": 1}),
            ("a/b", [1, 2]),
            ("raw", b"\0\1"),
        ]


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("", {"json": {}}, 422),
        ("", {"json": {"messages": [{"topic": "t", "payload": {}}]}}, 422),
        ("", {"json": {"messages": [{"topic": "", "event": "e", "payload": {}}]}}, 422),
        ("", {"content": b"\xff"}, 422),
        ("/t/events/e", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
        ("/t/events/e", {"content": b"{}", "headers": {"Content-Type": "text/plain"}}, 415),
    ],
)
def test_http_broadcasts_that_make_no_sense_are_refused(http, path, options, status):
    assert http.post(f"/realtime/v1/api/broadcast{path}", **options).status_code == status


def test_a_ping_is_answered_and_a_plain_get_is_told_to_upgrade(http):
    assert http.get("/realtime/v1/api/ping").json() == {"message": "Success"}
    assert http.get("/realtime/v1/websocket").status_code == 426
    assert http.get("/realtime/v1/api/tenants/x/health").status_code == 501


async def test_a_backend_that_stops_closes_its_sockets_at_once(new_database, start_supabase_backend):
    with start_supabase_backend(new_database()) as backend:
        entered = realtime_socket(backend.url, backend.anon_key)
        client = await entered.__aenter__()
        await client.join("topic")
        started = time.monotonic()
    assert time.monotonic() - started < 3
    assert await close_code(client) == 1012
    await entered.__aexit__(None, None, None)
