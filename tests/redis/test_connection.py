"""The client when the wire or the server fails: what is sent how often, and which error says so."""

import asyncio
import datetime
import ipaddress
import logging
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from smeboost_emulators.stores.process import free_port
from smeboost_emulators.stores.valkey import running_valkey
from smeboost_redis.cache import Cache
from smeboost_redis.client import RedisClient
from smeboost_redis.limits import RateLimiter
from smeboost_redis.sessions import Sessions
from smeboost_redis.settings import RedisSettings
from smeboost_shared.errors import (
    Fault,
    InvalidInput,
    Misconfigured,
    NotSupported,
    SmeBoostError,
    StoreUnavailable,
    VendorCredentials,
    VendorRejected,
)
from smeboost_shared.settings import load

Settings = Callable[..., RedisSettings]
Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]
OpenLink = Callable[..., Awaitable[tuple[Any, str]]]


async def test_a_command_whose_reply_was_lost_ran_once_and_says_so(redis_settings: Settings, open_link: OpenLink):
    link, url = await open_link()
    async with RedisClient(redis_settings(url=SecretStr(url))) as client:
        assert await client.execute("INCR", f"{client.key_prefix}count") == 1
        link.drop_replies = 1
        with pytest.raises(StoreUnavailable) as caught:
            await client.execute("INCR", f"{client.key_prefix}count")
        assert caught.value.retryable
        assert await client.execute("GET", f"{client.key_prefix}count") == b"2"


async def test_a_decision_whose_reply_was_lost_was_taken_once(redis_settings: Settings, open_link: OpenLink):
    link, url = await open_link()
    async with RedisClient(redis_settings(url=SecretStr(url))) as client:
        limiter = RateLimiter(client)
        assert (await limiter.check("a", limit=10, period_seconds=3600)).remaining == 9
        link.drop_replies = 1
        with pytest.raises(StoreUnavailable):
            await limiter.check("a", limit=10, period_seconds=3600)
        assert (await limiter.check("a", limit=10, period_seconds=3600, cost=0)).remaining == 8


async def test_a_repeatable_command_survives_a_broken_connection(redis_settings: Settings, open_link: OpenLink):
    link, url = await open_link()
    async with RedisClient(redis_settings(url=SecretStr(url))) as client:
        await client.execute("SET", f"{client.key_prefix}a", "1")
        link.drop_replies = 1
        assert await client.execute("GET", f"{client.key_prefix}a", repeatable=True) == b"1"
        assert link.accepted == 2


async def test_connections_that_died_while_idle_are_replaced_unnoticed(redis_settings: Settings, open_link: OpenLink):
    link, url = await open_link()
    async with RedisClient(redis_settings(url=SecretStr(url))) as client:
        await asyncio.gather(*(client.ping() for _ in range(8)))
        await link.close()
        for _ in range(10):
            await asyncio.sleep(0)  # the client's loop gets to see the ends
        limiter = RateLimiter(client)
        for _ in range(20):
            assert (await limiter.check("a", limit=1000, period_seconds=60)).allowed


async def test_a_cut_in_the_middle_of_a_wait_is_an_error_at_once(
    redis_settings: Settings, open_link: OpenLink, until: Until
):
    link, url = await open_link()
    async with RedisClient(redis_settings(url=SecretStr(url))) as client:
        waiting = asyncio.create_task(client.execute("BLPOP", f"{client.key_prefix}none", 4))

        async def blocked() -> bool:
            info = await client.execute("INFO", "clients", repeatable=True)
            return isinstance(info, bytes) and b"blocked_clients:0" not in info

        await until(blocked)
        started = time.monotonic()
        link.cut()
        with pytest.raises(StoreUnavailable):
            await waiting
        assert time.monotonic() - started < 2


async def test_a_server_that_does_not_answer_is_given_up_in_time(redis_settings: Settings):
    async with RedisClient(redis_settings(read_timeout_seconds=0.1)) as client:
        with pytest.raises(StoreUnavailable) as caught:
            await client.execute("BLPOP", f"{client.key_prefix}none", 3)
        assert caught.value.hint
        await client.execute("SET", f"{client.key_prefix}a", "1")
        assert await client.execute("GET", f"{client.key_prefix}a") == b"1"


async def test_a_cancelled_command_does_not_leave_its_reply_to_the_next(redis_settings: Settings):
    async with RedisClient(redis_settings(pool_size=1)) as client:
        for number in range(50):
            await client.execute("SET", f"{client.key_prefix}{number}", number)
            task = asyncio.create_task(client.execute("GET", f"{client.key_prefix}{number}"))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await client.execute("ECHO", f"mine {number}") == b"mine %d" % number


async def test_a_busy_pool_makes_callers_wait_and_then_tells_them(redis_settings: Settings):
    async with RedisClient(redis_settings(pool_size=1, pool_wait_seconds=0.05)) as client:
        blocking = asyncio.create_task(client.execute("BLPOP", f"{client.key_prefix}none", 0.5))
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="busy"):
            await client.ping()
        assert await blocking is None
        await client.ping()


async def test_a_client_opens_again_after_it_was_closed_and_serves_several_owners(redis_settings: Settings):
    client = RedisClient(redis_settings())
    with pytest.raises(RuntimeError):
        await client.ping()
    async with client:
        async with client:
            await client.ping()
        await client.ping()
    with pytest.raises(RuntimeError):
        await client.ping()
    async with client:
        await client.ping()


async def test_nobody_listening_is_a_retryable_error_without_the_url(redis_settings: Settings):
    url = f"redis://someone:s3cret@127.0.0.1:{free_port()}/0"
    async with RedisClient(redis_settings(url=SecretStr(url))) as client:
        with pytest.raises(StoreUnavailable) as caught:
            await client.ping()
        assert_no_secret(caught.value, "s3cret")
        for call in (
            RateLimiter(client).check("a", limit=1, period_seconds=1),
            Sessions(client).create("u", {}, 1),
            Sessions(client).read_by_id("a" * 22 + "." + "b" * 22),
            Sessions(client).list("u"),
            Cache(client).get("k"),
            Cache(client).invalidate("t"),
        ):
            with pytest.raises(StoreUnavailable):
                await call


async def test_a_wrong_password_is_a_matter_of_credentials(redis_settings: Settings, valkey_url: str):
    port = urlsplit(valkey_url).port
    for url in (
        f"redis://:wr0ng@127.0.0.1:{port}/0",
        f"redis://127.0.0.1:{port}/0",
        f"redis://no:wr0ng@127.0.0.1:{port}",
    ):
        async with RedisClient(redis_settings(url=SecretStr(url))) as client:
            for call in (client.ping(), client.execute_many([("PING",)]), Sessions(client).list("u")):
                with pytest.raises(VendorCredentials) as caught:
                    await call
                assert_no_secret(caught.value, "wr0ng")


async def test_a_missing_permission_is_a_matter_of_credentials(client: RedisClient, redis_settings: Settings):
    user = client.key_prefix.rstrip(":")
    await client.execute("ACL", "SETUSER", user, "on", ">pw", "+get", "~mine:*")
    url = urlsplit(client.settings.url.get_secret_value())
    limited = redis_settings(url=SecretStr(f"redis://{user}:pw@127.0.0.1:{url.port}/0"))
    async with RedisClient(limited) as other:
        assert await other.execute("GET", "mine:a") is None
        for command in (("SET", "mine:a", "1"), ("GET", "other")):
            with pytest.raises(VendorCredentials, match="may not run"):
                await other.execute(*command)
    await client.execute("ACL", "DELUSER", user)


async def test_a_server_that_comes_back_is_used_again_without_a_restart(tmp_path: Path, redis_settings: Settings):
    port = free_port()
    async with running_valkey(tmp_path, port=port, durable=False) as valkey:
        client = RedisClient(redis_settings(url=SecretStr(valkey.url)))
        sessions = Sessions(client)
        await client.__aenter__()
        token, session = await sessions.create("u", {}, 60)
    with pytest.raises(StoreUnavailable):
        await sessions.read(token)
    async with running_valkey(tmp_path, port=port, durable=False):
        assert await sessions.read(token) == session
        await client.__aexit__(None, None, None)


async def test_a_cache_goes_on_without_its_store_and_finds_back(
    tmp_path: Path, redis_settings: Settings, caplog: pytest.LogCaptureFixture
):
    port = free_port()
    async with running_valkey(tmp_path, port=port, durable=False) as valkey:
        client = RedisClient(redis_settings(url=SecretStr(valkey.url)))
        await client.__aenter__()
        cache = Cache(client)
        assert await cache.get_or_compute("k", _constant(b"old"), ttl_seconds=60, tags=["t"]) == b"old"
    with caplog.at_level(logging.WARNING):
        for number in range(10):
            value = b"%d" % number
            assert await cache.get_or_compute("k", _constant(value), ttl_seconds=60, tags=["t"]) == value
    assert cache.statistics().degraded == 10
    with pytest.raises(StoreUnavailable):
        await cache.invalidate("t")
    async with running_valkey(tmp_path, port=port, durable=False) as valkey:
        assert await client.execute("EXISTS", f"{client.key_prefix}smeboost:{{cache}}:value:k") == 1
        async with asyncio.timeout(5):
            # The invalidation that failed is made up for before anything is served.
            while cache.statistics().stores < 2:
                assert await cache.get_or_compute("k", _constant(b"new"), ttl_seconds=60, tags=["t"]) == b"new"
                await asyncio.sleep(0.02)
        async with RedisClient(client.settings) as other:
            assert await Cache(other).get("k") == b"new"
        await client.__aexit__(None, None, None)


async def test_a_store_that_fails_while_a_value_is_computed_costs_nobody_the_value(
    redis_settings: Settings, open_link: OpenLink
):
    link, url = await open_link()
    async with RedisClient(redis_settings(url=SecretStr(url))) as client:
        cache = Cache(client)

        async def compute() -> bytes:
            link.drop_replies = 1000
            link.cut()
            return b"value"

        calls = (cache.get_or_compute("k", compute, ttl_seconds=60) for _ in range(20))
        assert set(await asyncio.gather(*calls)) == {b"value"}
        link.drop_replies = 0


async def test_a_read_only_replica_and_a_full_store_say_what_they_are(tmp_path: Path, redis_settings: Settings):
    async with running_valkey(tmp_path, durable=False) as valkey:
        client = RedisClient(redis_settings(url=SecretStr(valkey.url)))
        async with client:
            await client.execute("SET", "a", "1")
            await client.execute("CONFIG", "SET", "maxmemory", "1")
            for write in (
                client.execute("SET", "b", "1"),
                RateLimiter(client).check("a", limit=1, period_seconds=1),
                Sessions(client).create("u", {}, 60),
            ):
                with pytest.raises(StoreUnavailable, match="memory"):
                    await write
            assert await Cache(client).get_or_compute("k", _constant(b"v"), ttl_seconds=60) == b"v"
            await client.execute("CONFIG", "SET", "maxmemory", "0")
            await client.execute("REPLICAOF", "127.0.0.1", free_port())
            for write in (client.execute("SET", "b", "1"), RateLimiter(client).check("a", limit=1, period_seconds=1)):
                with pytest.raises(StoreUnavailable, match="replica"):
                    await write
            assert await client.execute("GET", "a") == b"1"


async def test_what_the_server_refuses_is_told_apart(client: RedisClient):
    with pytest.raises(NotSupported):
        await client.execute("NOSUCHCOMMAND")
    with pytest.raises(VendorRejected) as caught:
        await client.execute("SET", "a", "1", "NONSENSE")
    assert caught.value.fault is Fault.CALLER
    await client.execute("RPUSH", f"{client.key_prefix}list", "a")
    with pytest.raises(InvalidInput):
        await client.execute_many([("PING",), ("GET", f"{client.key_prefix}list")])


async def test_a_unix_socket_works(tmp_path: Path, redis_settings: Settings, open_link: OpenLink):
    _, url = await open_link(unix_path=str(tmp_path / "s"))
    async with RedisClient(redis_settings(url=SecretStr(url))) as client:
        await client.ping()


async def test_tls_works_and_an_unknown_certificate_is_refused(
    tmp_path: Path, redis_settings: Settings, open_link: OpenLink
):
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    _, url = await open_link(tls=context)
    async with RedisClient(redis_settings(url=SecretStr(f"{url}?ssl_ca_certs={certificate}"))) as client:
        await client.ping()
    async with RedisClient(redis_settings(url=SecretStr(url))) as client:
        with pytest.raises(StoreUnavailable):
            await client.ping()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://u:s3cret@localhost",
        "redis://u:s3cret@localhost:port/0",
        "redis://u:s3cret@localhost/name",
        "redis://u:s3cret@localhost/0?socket_timeout=0",
        "redis://u:s3cret@localhost/0?decode_responses=True",
        "unix://",
        "redis://u:s3cret@[::1",
    ],
)
def test_a_bad_url_is_named_by_its_variable_and_never_shown(monkeypatch: pytest.MonkeyPatch, url: str):
    monkeypatch.setenv("REDIS_URL", url)
    with pytest.raises(Misconfigured, match="REDIS_URL") as caught:
        load(RedisSettings)
    assert_no_secret(caught.value, "s3cret")


def test_a_key_prefix_with_a_brace_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REDIS_URL", "redis://localhost")
    monkeypatch.setenv("REDIS_KEY_PREFIX", "{a}")
    with pytest.raises(Misconfigured, match="REDIS_KEY_PREFIX"):
        load(RedisSettings)


def assert_no_secret(error: SmeBoostError, secret: str) -> None:
    """Neither the error nor what caused it shows the secret."""
    shown: list[str] = [str(error.body()), repr(error)]
    cause: BaseException | None = error
    while cause is not None:
        shown += [str(cause), repr(cause)]
        cause = cause.__cause__
    assert secret not in "\n".join(shown)


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def _constant(value: bytes) -> Callable[[], Awaitable[bytes]]:
    async def compute() -> bytes:
        return value

    return compute
