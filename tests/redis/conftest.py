"""What the tests of the Redis server share: settings, clients and namespaces, fresh for each test."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from pydantic import SecretStr
from smeboost_redis.client import RedisClient
from smeboost_redis.settings import RedisSettings

POLL_SECONDS = 0.005
POLLS_MAX = 1000


@pytest.fixture
def until() -> Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]:
    """Wait, at most 5 s, until a condition holds."""

    async def wait(condition: Callable[[], Awaitable[bool]]) -> None:
        for _ in range(POLLS_MAX):
            if await condition():
                return
            await asyncio.sleep(POLL_SECONDS)
        pytest.fail(f"{condition} did not come true")

    return wait


@pytest.fixture
def redis_settings(valkey_url: str) -> Callable[..., RedisSettings]:
    """A factory of settings for the session's Valkey, each with a key prefix of its own."""

    def make(**overrides: object) -> RedisSettings:
        values: dict[str, object] = {"url": SecretStr(valkey_url), "key_prefix": f"test-{uuid4().hex}:", **overrides}
        return RedisSettings.model_validate(values)

    return make


@pytest.fixture
async def client(redis_settings: Callable[..., RedisSettings]) -> AsyncIterator[RedisClient]:
    async with RedisClient(redis_settings()) as opened:
        yield opened


class Link:
    """A wire between a client and a store that can break or stall, over TCP, TLS or a unix socket."""

    def __init__(self, store_port: int) -> None:
        self._store_port = store_port
        self.drop_replies = 0
        """Close the connection instead of passing on this many replies; the store has done the work by then."""
        self.accepted = 0
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        store_reader, store_writer = await asyncio.open_connection("127.0.0.1", self._store_port)
        self._writers += [writer, store_writer]
        self._tasks |= {
            asyncio.create_task(self._pass_on(reader, store_writer)),
            asyncio.create_task(self._pass_replies(store_reader, writer, store_writer)),
        }

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._writers:
            writer.close()

    async def close(self) -> None:
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _pass_replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, other: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if self.drop_replies:
                    self.drop_replies -= 1
                    break
                writer.write(data)
                await writer.drain()
        writer.close()
        other.close()


@pytest.fixture
async def open_link(valkey_url: str) -> AsyncIterator[Callable[..., Awaitable[tuple[Link, str]]]]:
    """A factory: a link to the session's Valkey, and the URL that goes through it."""
    parts = urlsplit(valkey_url)
    assert parts.port
    async with AsyncExitStack() as stack:

        async def make(*, unix_path: str | None = None, tls: ssl.SSLContext | None = None) -> tuple[Link, str]:
            assert parts.port
            link = Link(parts.port)
            if unix_path:
                server = await asyncio.start_unix_server(link.handle, unix_path)
                url = f"unix://{unix_path}?password={parts.password}"
            else:
                server = await asyncio.start_server(link.handle, "127.0.0.1", 0, ssl=tls)
                scheme = "rediss" if tls else "redis"
                url = f"{scheme}://:{parts.password}@127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
            stack.push_async_callback(_close_server, server, link)
            return link, url

        yield make


async def _close_server(server: asyncio.Server, link: Link) -> None:
    server.close()
    await link.close()
    await server.wait_closed()
