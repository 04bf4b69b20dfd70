"""What every write of a tool is checked for."""

from smeboost_shared.errors import FieldProblem, TooLarge

from smeboost_redis.client import RedisClient


def check_size(client: RedisClient, raw: bytes, field: str) -> bytes:
    """`raw`, if it is within the cap of the settings.

    Raises:
        TooLarge: it is not.
    """
    limit = client.settings.value_bytes_max
    if len(raw) > limit:
        problem = FieldProblem(field=field, message=f"has {len(raw)} bytes, and the limit is {limit}")
        raise TooLarge(f"{field} is too large.", errors=[problem], hint="REDIS_VALUE_BYTES_MAX sets the limit.")
    return raw


def milliseconds(seconds: float) -> int:
    """A lifetime as Redis counts it; never nothing, because that would delete the key."""
    return max(1, round(seconds * 1000))
