"""Settings of the Redis server, read from the environment once at start."""

from pydantic import Field, SecretStr, field_validator
from smeboost_shared.redis_urls import check_redis_url
from smeboost_shared.settings import Settings


class RedisSettings(Settings):
    """Where Redis or Valkey is, and how long to wait for it."""

    url: SecretStr = Field(
        validation_alias="REDIS_URL",
        description="redis://[user:password@]host:port/0, rediss://... for TLS, or unix:///path/to.sock",
    )
    key_prefix: str = Field(
        default="",
        max_length=100,
        pattern=r"^[^{}]*$",
        validation_alias="REDIS_KEY_PREFIX",
        description="put before every key, so that several tenants or programs can share one server",
    )
    connect_timeout_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        validation_alias="REDIS_CONNECT_TIMEOUT_SECONDS",
        description="give up a connection attempt after this (default 2)",
    )
    read_timeout_seconds: float = Field(
        default=5.0,
        gt=0,
        le=300,
        validation_alias="REDIS_READ_TIMEOUT_SECONDS",
        description="give up waiting for an answer after this (default 5)",
    )
    pool_size: int = Field(
        default=32,
        ge=1,
        le=1000,
        validation_alias="REDIS_POOL_SIZE",
        description="most connections at a time (default 32)",
    )
    pool_wait_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        validation_alias="REDIS_POOL_WAIT_SECONDS",
        description="wait this long for a free connection (default 2)",
    )
    value_bytes_max: int = Field(
        default=1_048_576,
        ge=1024,
        le=64 * 1_048_576,
        validation_alias="REDIS_VALUE_BYTES_MAX",
        description="largest value that a tool writes or the cache keeps (default 1 MiB)",
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr) -> SecretStr:
        check_redis_url(url.get_secret_value())
        return url
