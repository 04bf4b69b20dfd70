"""What the tests of the Redis server share: settings, clients and namespaces, fresh for each test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
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
