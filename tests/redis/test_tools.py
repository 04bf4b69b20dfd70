"""The tools, through an in-memory MCP client on a real Valkey."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client, FastMCP
from smeboost_redis.client import RedisClient
from smeboost_redis.limits import RateLimiter
from smeboost_redis.server import create_server
from smeboost_redis.sessions import Sessions
from smeboost_redis.settings import RedisSettings

Call = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def settings(redis_settings: Callable[..., RedisSettings]) -> RedisSettings:
    return redis_settings()


@pytest.fixture
async def redis(settings: RedisSettings) -> AsyncIterator[RedisClient]:
    """A second door to the same store, to put things there that no tool can."""
    async with RedisClient(settings) as opened:
        yield opened


@pytest.fixture
async def call(settings: RedisSettings) -> AsyncIterator[Call]:
    """Call a tool; gives its structured answer, or its error's body under `error`."""
    async with Client(create_server(settings)) as client:

        async def run(tool: str, **arguments: Any) -> dict[str, Any]:
            result = await client.call_tool(tool, arguments, raise_on_error=False)
            assert result.structured_content is not None
            assert result.is_error == ("error" in result.structured_content)
            return result.structured_content

        yield run


async def test_the_tools_are_the_committed_ones(
    assert_tools_match: Callable[[FastMCP, Path], Awaitable[None]], settings: RedisSettings
):
    """The snapshot is the contract; a model reads it too."""
    await assert_tools_match(create_server(settings), Path(__file__).parent / "tools.json")
    snapshot = (Path(__file__).parent / "tools.json").read_text(encoding="utf-8")
    assert len(json.dumps(json.loads(snapshot), separators=(",", ":"))) / 4 < 4_000


async def test_a_string_is_set_read_described_and_deleted(call: Call):
    assert await call("set_key", key="a", value="text", ttl_seconds=60) == {"key": "a", "written": True}
    read = await call("get_key", key="a")
    assert (read["type"], read["value"], read["size"], read["cursor"]) == ("string", "text", 4, None)
    assert 59 < read["ttl_seconds"] <= 60
    facts = await call("describe_key", key="a")
    assert facts["encoding"] == "embstr"
    assert facts["memory_bytes"] > 4
    assert await call("delete_keys", keys=["a", "b"]) == {"deleted": ["a"], "missing": ["b"]}
    assert (await call("get_key", key="a"))["error"]["code"] == "not_found"
    assert (await call("describe_key", key="a"))["error"]["code"] == "not_found"


async def test_a_condition_decides_whether_a_string_is_written(call: Call):
    assert not (await call("set_key", key="a", value="1", condition="if_present"))["written"]
    assert (await call("set_key", key="a", value="1", condition="if_absent"))["written"]
    assert not (await call("set_key", key="a", value="2", condition="if_absent"))["written"]
    assert (await call("set_key", key="a", value="3", condition="if_present"))["written"]
    assert (await call("get_key", key="a"))["value"] == "3"


async def test_a_number_is_stored_as_its_text(call: Call):
    await call("set_key", key="a", value=42)
    assert (await call("get_key", key="a"))["value"] == "42"


async def test_a_lifetime_is_set_and_removed(call: Call):
    await call("set_key", key="a", value="1")
    assert await call("expire_key", key="a", ttl_seconds=100) == {"key": "a", "ttl_seconds": 100}
    assert 99 < (await call("describe_key", key="a"))["ttl_seconds"] <= 100
    await call("expire_key", key="a", ttl_seconds=None)
    assert (await call("describe_key", key="a"))["ttl_seconds"] is None
    for ttl in (5, None):
        assert (await call("expire_key", key="none", ttl_seconds=ttl))["error"]["code"] == "not_found"


async def test_a_scan_finds_every_key_once_its_cursor_has_ended(
    call: Call, redis: RedisClient, settings: RedisSettings
):
    await redis.execute_many([("SET", f"{settings.key_prefix}order:{number}", "x") for number in range(2500)])
    await redis.execute("HSET", f"{settings.key_prefix}order:hash", "a", "b")
    found: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        page = await call("scan_keys", pattern="order:*", count=500, cursor=cursor)
        found += page["keys"]
        cursor, pages = page["cursor"], pages + 1
        assert pages <= 50
    assert set(found) == {f"order:{number}" for number in range(2500)} | {"order:hash"}
    hashes = await call("scan_keys", type="hash", count=1000)
    assert hashes["keys"] == ["order:hash"]


async def test_a_page_of_a_scan_is_about_as_long_as_asked_for_among_keys_of_others(
    call: Call, redis: RedisClient, settings: RedisSettings
):
    ours = [("SET", f"{settings.key_prefix}ours:{number}", "x") for number in range(500)]
    others = [("SET", f"{settings.key_prefix}theirs:{number}", "x") for number in range(500)]
    await redis.execute_many([*ours, *others])
    cursor, longest, found = None, 0, set[str]()
    while True:
        page = await call("scan_keys", pattern="ours:*", count=5, cursor=cursor)
        longest, found = max(longest, len(page["keys"])), found | set(page["keys"])
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(found) == 500
    assert longest <= 50


async def test_a_prefix_with_glob_characters_fences_the_scan(redis_settings: Callable[..., RedisSettings]):
    mine = redis_settings(key_prefix="a*[x]?\\:")
    other = redis_settings(key_prefix="ab*[x]?\\:")
    async with Client(create_server(mine)) as one, Client(create_server(other)) as two:
        await one.call_tool("set_key", {"key": "mine", "value": "1"})
        await two.call_tool("set_key", {"key": "other", "value": "1"})
        found = (await one.call_tool("scan_keys", {})).structured_content
        await one.call_tool("delete_keys", {"keys": ["mine"]})
    assert found == {"keys": ["mine"], "cursor": None}


async def test_tools_neither_see_nor_touch_what_the_house_keeps(call: Call, redis: RedisClient):
    token, session = await Sessions(redis).create("user-1", {"role": "viewer"}, 60)
    await RateLimiter(redis).check("user-1", limit=5, period_seconds=60)
    await call("put_cached", key="k", value="v", ttl_seconds=60, tags=["t"])
    assert await call("scan_keys", pattern="*", count=1000) == {"keys": [], "cursor": None}
    tag, _, rest = session.session_id.partition(".")
    key = f"smeboost:sessions:{{{tag}}}:session:{rest}"
    for name in (key, "base64:" + base64.b64encode(key.encode()).decode()):
        for tool, arguments in [
            ("get_key", {"key": name}),
            ("describe_key", {"key": name}),
            ("set_key", {"key": name, "value": "x"}),
            ("delete_keys", {"keys": ["fine", name]}),
            ("expire_key", {"key": name, "ttl_seconds": None}),
            ("get_hash", {"key": name}),
            ("set_hash_fields", {"key": name, "fields": {"data:role": "admin"}}),
            ("delete_hash_fields", {"key": name, "fields": ["user"]}),
        ]:
            assert (await call(tool, **arguments))["error"]["code"] == "not_permitted"
    assert await Sessions(redis).read(token) == session


async def test_every_type_reads_as_what_it_is(call: Call, redis: RedisClient, settings: RedisSettings):
    prefix = settings.key_prefix
    await redis.execute_many(
        [
            ("RPUSH", f"{prefix}list", "a", "b", "c"),
            ("SADD", f"{prefix}set", "a", "b"),
            ("ZADD", f"{prefix}zset", "1.5", "a", "inf", "z", "-inf", "first"),
            ("HSET", f"{prefix}hash", "f", "v", "g", b"\xff"),
            ("XADD", f"{prefix}stream", "1-1", "f", "1", "f", "2"),
            ("PFADD", f"{prefix}guess", "a"),
        ]
    )
    assert (await call("get_key", key="list"))["items"] == ["a", "b", "c"]
    assert sorted((await call("get_key", key="set"))["items"]) == ["a", "b"]
    members = (await call("get_key", key="zset"))["members"]
    assert [(one["member"], one["score"]) for one in members] == [("first", "-inf"), ("a", 1.5), ("z", "inf")]
    assert (await call("get_key", key="hash"))["fields"] == {"f": "v", "g": "base64:/w=="}
    assert (await call("get_key", key="stream"))["entries"] == [{"id": "1-1", "fields": [["f", "1"], ["f", "2"]]}]
    assert (await call("get_key", key="guess"))["value"].startswith(("HYLL", "base64:"))


@pytest.mark.parametrize("kind", ["list", "set", "zset", "hash", "stream"])
async def test_large_collections_come_in_pages_that_hold_everything(
    call: Call, redis: RedisClient, settings: RedisSettings, kind: str
):
    key = f"{settings.key_prefix}big"
    rows = [f"member {number:04d}" for number in range(1500)]
    commands = {
        "list": [("RPUSH", key, *rows)],
        "set": [("SADD", key, *rows)],
        "zset": [("ZADD", key, number, row) for number, row in enumerate(rows)],
        "hash": [("HSET", key, row, "x") for row in rows],
        "stream": [("XADD", key, f"1-{number}", "row", row) for number, row in enumerate(rows, 1)],
    }
    await redis.execute_many(commands[kind])
    found: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor is not None:
        page = await call("get_key", key="big", count=200, cursor=cursor)
        assert page["size"] == 1500
        found += _rows(page)
        cursor, pages = page["cursor"], pages + 1
        assert pages <= 100
    assert pages >= 7
    assert set(found) == set(rows)
    if kind in {"list", "zset", "stream"}:
        assert found == rows


def _rows(page: dict[str, Any]) -> list[str]:
    if "members" in page:
        return [one["member"] for one in page["members"]]
    if "entries" in page:
        return [entry["fields"][0][1] for entry in page["entries"]]
    return list(page.get("fields") or page.get("items") or [])


@pytest.mark.parametrize("text", ["ä€🙂" * 20_000, "x" * 200_000])
async def test_a_long_string_comes_in_pages_that_join_to_the_whole(call: Call, text: str):
    await call("set_key", key="long", value=text)
    parts: list[str] = []
    cursor = None
    while not parts or cursor is not None:
        page = await call("get_key", key="long", cursor=cursor)
        parts.append(page["value"])
        cursor = page["cursor"]
        assert len(parts) < 10
    assert len(parts) > 2
    assert "".join(parts) == text


async def test_large_elements_make_pages_short_and_are_cut(call: Call, redis: RedisClient, settings: RedisSettings):
    key = f"{settings.key_prefix}wide"
    await redis.execute_many([("RPUSH", key, b"x" * 100_000) for _ in range(50)])
    page = await call("get_key", key="wide", count=50)
    assert len(page["items"]) <= 3
    assert page["shortened"] is True
    assert {len(item) for item in page["items"]} == {16_384}
    assert page["cursor"] == str(len(page["items"]))


async def test_elements_too_large_to_fetch_are_refused(call: Call, redis: RedisClient, settings: RedisSettings):
    key = f"{settings.key_prefix}huge"
    await redis.execute("HSET", key, "f", b"x" * 9_000_000)
    assert (await call("get_key", key="huge"))["error"]["code"] == "too_large"
    refused = await call("get_hash", key="huge", fields=["f"])
    assert refused["error"]["code"] == "too_large"
    assert refused["error"]["errors"][0]["field"] == "fields"
    await redis.execute("UNLINK", key)


async def test_bytes_travel_both_ways_behind_their_mark(call: Call, redis: RedisClient, settings: RedisSettings):
    raw = bytes(range(256))
    marked = "base64:" + base64.b64encode(raw).decode()
    await call("set_key", key=marked, value=marked)
    assert await redis.execute("GET", settings.key_prefix.encode() + raw) == raw
    assert (await call("get_key", key=marked))["value"] == marked
    assert (await call("scan_keys"))["keys"] == [marked]
    literal = "base64:" + base64.b64encode(b"base64:not really").decode()
    await call("set_key", key="a", value=literal)
    assert await redis.execute("GET", f"{settings.key_prefix}a") == b"base64:not really"
    assert (await call("get_key", key="a"))["value"] == literal


async def test_fields_of_a_hash_are_set_read_and_deleted(call: Call):
    assert await call("set_hash_fields", key="h", fields={"a": "1", "b": 2}, ttl_seconds=60) == {
        "key": "h",
        "added": 2,
        "size": 2,
    }
    assert await call("set_hash_fields", key="h", fields={"b": "3", "c": "4"}) == {"key": "h", "added": 1, "size": 3}
    some = await call("get_hash", key="h", fields=["b", "z"])
    assert (some["fields"], some["missing"], some["size"]) == ({"b": "3"}, ["z"], 3)
    every = await call("get_hash", key="h")
    assert every["fields"] == {"a": "1", "b": "3", "c": "4"}
    assert 59 < (await call("describe_key", key="h"))["ttl_seconds"] <= 60
    assert await call("delete_hash_fields", key="h", fields=["a", "z"]) == {"key": "h", "deleted": 1}
    assert (await call("get_hash", key="none"))["error"]["code"] == "not_found"


async def test_a_key_of_another_type_is_named_with_its_type(call: Call, redis: RedisClient, settings: RedisSettings):
    await redis.execute("RPUSH", f"{settings.key_prefix}queue", "a")
    for tool, arguments in [
        ("get_hash", {}),
        ("get_hash", {"fields": ["a"]}),
        ("set_hash_fields", {"fields": {"a": "b"}, "ttl_seconds": 1}),
        ("delete_hash_fields", {"fields": ["a"]}),
    ]:
        error = (await call(tool, key="queue", **arguments))["error"]
        assert error["code"] == "invalid_input"
        assert "'queue'" in error["message"]
        assert "list" in error["message"]
        assert error["errors"][0]["field"] == "key"
    assert (await call("describe_key", key="queue"))["ttl_seconds"] is None


async def test_a_cached_value_is_found_until_its_tag_is_invalidated(call: Call):
    assert await call("get_cached", key="k") == {"key": "k", "found": False, "value": None}
    await call("put_cached", key="k", value="v", ttl_seconds=60, tags=["orders", "base:1"])
    await call("put_cached", key="other", value="base64:/w==", ttl_seconds=60)
    assert await call("get_cached", key="k") == {"key": "k", "found": True, "value": "v"}
    assert await call("invalidate_cache", tags=["orders"]) == {"tags": ["orders"], "deleted": 0}
    assert not (await call("get_cached", key="k"))["found"]
    assert (await call("get_cached", key="other"))["value"] == "base64:/w=="
    assert await call("invalidate_cache", keys=["other", "none"]) == {"tags": [], "deleted": 1}
    assert not (await call("get_cached", key="other"))["found"]


async def test_server_info_names_the_product_and_no_address(call: Call, settings: RedisSettings):
    info = await call("server_info")
    assert info["product"] == "Valkey"
    assert info["version"].startswith("9.")
    assert info["role"] == "master"
    assert info["memory_bytes"] > 0
    assert info["key_prefix"] == settings.key_prefix
    text = str(info)
    url = settings.url.get_secret_value()
    assert "127.0.0.1" not in text
    assert url.rpartition("@")[0].rpartition(":")[2] not in text


@pytest.fixture
async def there(redis: RedisClient, settings: RedisSettings) -> None:
    """A string and a stream."""
    await redis.execute("SET", f"{settings.key_prefix}there", "x")
    await redis.execute("XADD", f"{settings.key_prefix}stream", "*", "a", "b")


@pytest.mark.parametrize(
    ("tool", "arguments", "code_and_field"),
    [
        ("get_key", {"key": ""}, ("invalid_input", "key")),
        ("get_key", {}, ("invalid_input", "key")),
        ("get_key", {"key": "k" * 5000}, ("invalid_input", "key")),
        ("get_key", {"key": "base64:%%%"}, ("invalid_input", "key")),
        ("get_key", {"key": "base64:"}, ("invalid_input", "key")),
        ("get_key", {"key": "there", "cursor": "-1"}, ("invalid_input", "cursor")),
        ("get_key", {"key": "there", "cursor": "²"}, ("invalid_input", "cursor")),
        ("get_key", {"key": "there", "cursor": "9" * 30}, ("invalid_input", "cursor")),
        ("get_key", {"key": "stream", "cursor": "7"}, ("invalid_input", "cursor")),
        ("get_key", {"key": "there", "count": 0}, ("invalid_input", "count")),
        ("get_key", {"key": "there", "surplus": 1}, ("invalid_input", "surplus")),
        ("scan_keys", {"cursor": "abc"}, ("invalid_input", "cursor")),
        ("scan_keys", {"count": 100_000}, ("invalid_input", "count")),
        ("scan_keys", {"type": "json"}, ("invalid_input", "type")),
        ("scan_keys", {"pattern": ""}, ("invalid_input", "pattern")),
        ("set_key", {"key": "a", "value": "v", "ttl_seconds": -1}, ("invalid_input", "ttl_seconds")),
        ("set_key", {"key": "a", "value": "v", "ttl_seconds": 0}, ("invalid_input", "ttl_seconds")),
        ("set_key", {"key": "a", "value": "v", "ttl_seconds": 1e12}, ("invalid_input", "ttl_seconds")),
        ("set_key", {"key": "a", "value": "v", "condition": "maybe"}, ("invalid_input", "condition")),
        ("set_key", {"key": "a", "value": None}, ("invalid_input", "value")),
        ("set_key", {"key": "a", "value": {"b": 1}}, ("invalid_input", "value")),
        ("set_key", {"key": "a", "value": "base64:!"}, ("invalid_input", "value")),
        ("set_key", {"key": "a", "value": "x" * 1_048_577}, ("too_large", "value")),
        ("delete_keys", {"keys": []}, ("invalid_input", "keys")),
        ("delete_keys", {"keys": ["a", ""]}, ("invalid_input", "keys.1")),
        ("delete_keys", {"keys": ["k"] * 101}, ("invalid_input", "keys")),
        ("expire_key", {"key": "there"}, ("invalid_input", "ttl_seconds")),
        ("expire_key", {"key": "there", "ttl_seconds": -5}, ("invalid_input", "ttl_seconds")),
        ("set_hash_fields", {"key": "a", "fields": {}}, ("invalid_input", "fields")),
        ("set_hash_fields", {"key": "a", "fields": {"f": "x" * 1_048_577}}, ("too_large", "fields")),
        ("delete_hash_fields", {"key": "a", "fields": []}, ("invalid_input", "fields")),
        ("put_cached", {"key": "a", "value": "v", "ttl_seconds": 0}, ("invalid_input", "ttl_seconds")),
        ("put_cached", {"key": "a", "value": "v"}, ("invalid_input", "ttl_seconds")),
        ("put_cached", {"key": "a", "value": "x" * 1_048_577, "ttl_seconds": 1}, ("too_large", "value")),
        ("put_cached", {"key": "a", "value": "v", "ttl_seconds": 1, "tags": ["a\nb"]}, ("invalid_input", "tags")),
        ("put_cached", {"key": "a", "value": "v", "ttl_seconds": 1, "tags": ["*"]}, ("invalid_input", "tags")),
        ("invalidate_cache", {}, ("invalid_input", "tags")),
    ],
)
async def test_bad_input_names_the_field(
    call: Call, there: None, tool: str, arguments: dict[str, Any], code_and_field: tuple[str, str]
):
    error = (await call(tool, **arguments))["error"]
    code, field = code_and_field
    assert error["code"] == code
    assert any(problem["field"] == field for problem in error["errors"]), error
