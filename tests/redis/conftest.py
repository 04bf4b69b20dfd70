"""What the tests of the Redis server share: settings, clients and namespaces, fresh for each test."""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest
from pydantic import SecretStr
from smeboost_redis.client import RedisClient
from smeboost_redis.settings import RedisSettings


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
