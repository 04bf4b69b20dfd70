"""Many small commands that travel together: each caller gets its own reply, whatever happens to the others."""

import asyncio
from pathlib import Path

import pytest
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.stores.valkey import running_valkey
from smeboost_redis.admission import Admission
from smeboost_redis.batching import BatchingClient
from smeboost_redis.client import Script, WrongType
from smeboost_redis.limits import RateLimiter
from smeboost_redis.sessions import Sessions
from smeboost_redis.settings import RedisSettings
from smeboost_shared.errors import StoreUnavailable, VendorBadAnswer, VendorCredentials
from smeboost_shared.settings import load


def settings(url: str, **options: object) -> RedisSettings:
    return load(RedisSettings, **{"url": url, "key_prefix": "batching-tests:", "read_timeout_seconds": 0.5, **options})


async def test_many_at_once_get_each_their_own_reply(valkey_url):
    async with BatchingClient(settings(valkey_url)) as client:
        await asyncio.gather(*(client.execute("SET", f"many{n}", n) for n in range(500)))
        replies = await asyncio.gather(*(client.execute("GET", f"many{n}") for n in range(500)))
    assert replies == [b"%d" % n for n in range(500)]


async def test_an_error_is_raised_to_whom_it_belongs(valkey_url):
    async with BatchingClient(settings(valkey_url)) as client:
        await client.execute("SET", "text", "x")
        outcomes = await asyncio.gather(
            client.execute("GET", "text"),
            client.execute("HGETALL", "text"),
            client.execute("GET", "text"),
            return_exceptions=True,
        )
    assert isinstance(outcomes[1], WrongType)
    assert (outcomes[0], outcomes[2]) == (b"x", b"x")


async def test_a_caller_who_goes_away_does_not_shift_the_replies(valkey_url):
    async with BatchingClient(settings(valkey_url)) as client:
        await client.execute("SET", "a", "1")
        await client.execute("SET", "b", "2")
        leaver = asyncio.create_task(client.execute("GET", "a"))
        stayer = asyncio.create_task(client.execute("GET", "b"))
        await asyncio.sleep(0)
        leaver.cancel()
        assert await stayer == b"2"
        assert await client.execute("GET", "a") == b"1"


async def test_a_script_that_the_server_does_not_know_gets_there(valkey_url):
    script = Script("twice", "return ARGV[1] * 2 -- for a test of the shared line")
    async with BatchingClient(settings(valkey_url)) as client:
        await client.execute("SCRIPT", "FLUSH")
        assert await asyncio.gather(*(client.run(script, [], [n]) for n in range(5))) == [0, 2, 4, 6, 8]


async def test_a_large_value_comes_whole(valkey_url):
    value = bytes(range(256)) * 4000
    async with BatchingClient(settings(valkey_url)) as client:
        await client.execute("SET", "large", value)
        assert await asyncio.gather(*(client.execute("GET", "large") for _ in range(8))) == [value] * 8


async def test_it_may_be_opened_again_and_by_many(valkey_url):
    client = BatchingClient(settings(valkey_url))
    for _ in range(2):
        async with client, client:
            await client.ping()


async def test_a_wrong_password_is_said_so(valkey_url):
    wrong = valkey_url.replace("redis://:", "redis://:not-")
    async with BatchingClient(settings(wrong)) as client:
        with pytest.raises(VendorCredentials):
            await client.ping()


async def test_a_server_that_is_gone_fails_everybody_at_once_and_is_found_again(tmp_path: Path):
    port = free_port()
    async with running_valkey(tmp_path, port=port) as valkey:
        client = BatchingClient(settings(valkey.url))
        await client.__aenter__()
        await client.execute("SET", "kept", "1")
    try:
        outcomes = await asyncio.gather(*(client.execute("GET", "kept") for _ in range(20)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        async with running_valkey(tmp_path, port=port):
            assert await client.execute("GET", "kept") == b"1"
    finally:
        await client.__aexit__(None, None, None)


class Oddity(asyncio.Protocol):
    """A server that answers everything with the same bytes, or not at all."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(self.answer)


@pytest.mark.parametrize(
    ("answer", "error"), [(b"", StoreUnavailable), (b"!nonsense\r\n", VendorBadAnswer), (b"HTTP/1.1", VendorBadAnswer)]
)
async def test_a_server_that_does_not_answer_as_it_should_is_left(answer, error):
    server = await asyncio.get_running_loop().create_server(lambda: Oddity(answer), "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    async with server, BatchingClient(settings(url)) as client, asyncio.timeout(5):
        outcomes = await asyncio.gather(*(client.execute("GET", "a") for _ in range(3)), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {error}


async def test_a_reply_too_many_ends_the_line_before_it_is_taken_for_anothers():
    server = await asyncio.get_running_loop().create_server(lambda: Oddity(b"+A\r\n+B\r\n"), "127.0.0.1", 0)
    url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    async with server, BatchingClient(settings(url)) as client, asyncio.timeout(5):
        assert [await client.execute("GET", "a") for _ in range(3)] == [b"A", b"A", b"A"]


async def test_a_session_is_admitted_until_its_allowance_is_used_up_or_it_ends(valkey_url):
    async with BatchingClient(settings(valkey_url)) as client:
        sessions = Sessions(client, "admission")
        _, session = await sessions.create("ada", {"role": "editor"}, 60)
        admission = Admission(client, sessions, limit=3, period_seconds=60, fields=("role", "missing"))
        found = [await admission.check(session.session_id) for _ in range(4)]
        assert [one.decision.allowed for one in found if one] == [True, True, True, False]
        assert found[0] is not None
        assert (found[0].user_id, found[0].data, found[0].decision.remaining) == ("ada", {"role": "editor"}, 2)
        await sessions.revoke_by_id(session.session_id)
        assert await admission.check(session.session_id) is None
        assert await admission.check("no session id") is None


async def test_the_parts_of_the_house_work_over_the_line(valkey_url):
    async with BatchingClient(settings(valkey_url)) as client:
        limiter = RateLimiter(client, "batching")
        decisions = await asyncio.gather(*(limiter.check("k", limit=5, period_seconds=60) for _ in range(9)))
        assert sum(decision.allowed for decision in decisions) == 5


async def test_a_unix_socket_is_a_line_too(open_link, tmp_path: Path):
    _, url = await open_link(unix_path=str(tmp_path / "valkey.sock"))
    async with BatchingClient(settings(url)) as client:
        await client.ping()


async def test_a_lost_reply_is_said_so_and_nothing_is_sent_twice(open_link):
    link, url = await open_link()
    async with BatchingClient(settings(url)) as client:
        await client.execute("SET", "counter", 0)
        link.drop_replies = 1
        with pytest.raises(StoreUnavailable):
            await client.execute("INCR", "counter")
        assert await client.execute("GET", "counter") == b"1"
        link.drop_replies = 1
        assert await client.execute("GET", "counter", repeatable=True) == b"1"
