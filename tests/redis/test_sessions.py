"""Sessions: tokens, ids, expiry, rotation."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from smeboost_redis.client import RedisClient, as_bytes, as_list
from smeboost_redis.sessions import Sessions
from smeboost_shared.errors import Conflict, InvalidInput, NotAuthenticated

Until = Callable[[Callable[[], Awaitable[bool]]], Awaitable[None]]


@pytest.fixture
def sessions(client: RedisClient) -> Sessions:
    return Sessions(client)


@pytest.fixture
def stored(client: RedisClient) -> Callable[[], Awaitable[bytes]]:
    """Everything that the store holds for this test, keys and values, in one byte string."""

    async def dump() -> bytes:
        found = as_list((as_list(await client.execute("SCAN", 0, "MATCH", f"{client.key_prefix}*", "COUNT", 10000)))[1])
        texts = [b""]
        for key in found:
            texts.append(as_bytes(key))
            kind = await client.execute("TYPE", as_bytes(key))
            if kind == b"hash":
                texts += [as_bytes(one) for one in as_list(await client.execute("HGETALL", as_bytes(key)))]
            else:
                texts += [as_bytes(one) for one in as_list(await client.execute("ZRANGE", as_bytes(key), 0, -1))]
        return b"\n".join(texts)

    return dump


async def test_a_created_session_reads_back_by_token_and_by_id(sessions: Sessions):
    token, made = await sessions.create("user-1", {"role": "editor", "token": "not ours"}, 60)
    assert await sessions.read(token) == made
    assert await sessions.read_by_id(made.session_id) == made
    assert made.user_id == "user-1"
    assert made.data == {"role": "editor", "token": "not ours"}
    assert timedelta(seconds=59) < made.expires_at - datetime.now(UTC) < timedelta(seconds=61)


async def test_the_store_holds_no_part_of_a_token_that_opens_a_session(
    sessions: Sessions, stored: Callable[[], Awaitable[bytes]]
):
    token, made = await sessions.create("user-1", {}, 60)
    newer = await sessions.rotate(token)
    text = await stored()
    assert made.session_id.partition(".")[0].encode() in text
    for secret in (*token.split(".")[2:], *newer.split(".")[2:]):
        assert secret.encode() not in text


async def test_all_keys_of_a_user_share_one_hash_slot(sessions: Sessions, client: RedisClient):
    await sessions.create("user-1", {}, 60)
    await sessions.create("user-1", {}, 60)
    found = as_list(as_list(await client.execute("SCAN", 0, "MATCH", f"{client.key_prefix}*", "COUNT", 10000))[1])
    assert len(found) == 3
    assert len({as_bytes(key).partition(b"{")[2].partition(b"}")[0] for key in found}) == 1


@pytest.mark.parametrize("token", ["", "a", "a.b.c.d", "x" * 5000, "é.b", "*.*.*.*", "a" * 22 + "." + "b" * 22])
async def test_a_text_that_is_no_token_reads_as_none(sessions: Sessions, token: str):
    assert await sessions.read(token) is None
    assert await sessions.read_by_id(token) is None
    assert await sessions.revoke(token) is False
    with pytest.raises(NotAuthenticated):
        await sessions.rotate(token)


async def test_an_id_with_a_guessed_secret_neither_opens_nor_ends_a_session(sessions: Sessions):
    token, made = await sessions.create("user-1", {}, 60)
    other, _ = await sessions.create("user-1", {}, 60)
    forged = ".".join([made.session_id, *other.split(".")[2:]])
    assert await sessions.read(forged) is None
    with pytest.raises(NotAuthenticated):
        await sessions.rotate(forged)
    assert await sessions.read(token) == made


async def test_a_rotated_token_replaces_the_old_one(sessions: Sessions):
    token, made = await sessions.create("user-1", {"role": "viewer"}, 60)
    newer = await sessions.rotate(token)
    found = await sessions.read(newer)
    assert newer != token
    assert found is not None
    assert found.session_id == made.session_id
    assert found.data == {"role": "viewer"}


async def test_an_old_token_still_reads_within_the_grace_but_cannot_rotate(sessions: Sessions):
    token, _ = await sessions.create("user-1", {}, 60)
    newer = await sessions.rotate(token)
    assert await sessions.read(token) is not None
    with pytest.raises(Conflict):
        await sessions.rotate(token)
    assert await sessions.read(newer) is not None


@pytest.mark.parametrize("use", ["read", "touch", "rotate", "revoke"])
async def test_an_old_token_after_the_grace_ends_the_session(client: RedisClient, use: str):
    sessions = Sessions(client, grace_seconds=0)
    token, made = await sessions.create("user-1", {}, 60)
    newer = await sessions.rotate(token)
    if use == "rotate":
        with pytest.raises(NotAuthenticated):
            await sessions.rotate(token)
    else:
        assert not await getattr(sessions, use)(token)
    assert await sessions.read(newer) is None
    assert await sessions.read_by_id(made.session_id) is None
    assert await sessions.list("user-1") == ()


async def test_a_token_two_rotations_old_ends_the_session_even_within_the_grace(sessions: Sessions):
    token, _ = await sessions.create("user-1", {}, 60)
    newest = await sessions.rotate(await sessions.rotate(token))
    assert await sessions.read(token) is None
    assert await sessions.read(newest) is None


async def test_of_fifty_concurrent_rotations_exactly_one_token_lives(sessions: Sessions):
    token, made = await sessions.create("user-1", {}, 60)
    outcomes = await asyncio.gather(*(sessions.rotate(token) for _ in range(50)), return_exceptions=True)
    won = [one for one in outcomes if isinstance(one, str)]
    assert len(won) == 1
    assert sum(isinstance(one, Conflict) for one in outcomes) == 49
    found = await sessions.read(won[0])
    assert found is not None
    assert found.session_id == made.session_id


async def test_a_session_ends_when_it_is_not_touched(sessions: Sessions, until: Until):
    token, made = await sessions.create("user-1", {}, 0.05)

    async def ended() -> bool:
        return await sessions.read(token) is None

    await until(ended)
    assert await sessions.read_by_id(made.session_id) is None
    assert await sessions.list("user-1") == ()


async def test_a_touch_extends_a_session_but_not_beyond_its_lifetime(client: RedisClient, until: Until):
    sessions = Sessions(client, lifetime_seconds=1)
    token, made = await sessions.create("user-1", {}, 0.8)
    touched = await sessions.touch(token)
    assert touched is not None
    assert touched.expires_at >= made.expires_at

    async def at_the_end() -> bool:
        session = await sessions.touch_by_id(made.session_id)
        return session is None or session.expires_at == session.ends_at == made.ends_at

    await until(at_the_end)

    async def ended() -> bool:
        return await sessions.touch(token) is None

    await until(ended)


async def test_reading_does_not_extend_a_session(sessions: Sessions):
    token, made = await sessions.create("user-1", {}, 60)
    found = await sessions.read(token)
    assert found is not None
    assert found.expires_at == made.expires_at


async def test_a_revoked_session_is_gone(sessions: Sessions):
    token, made = await sessions.create("user-1", {}, 60)
    assert await sessions.revoke(token) is True
    assert await sessions.read(token) is None
    assert await sessions.revoke(token) is False
    assert await sessions.revoke_by_id(made.session_id) is False


async def test_all_sessions_of_a_user_end_at_once_and_nobody_elses(sessions: Sessions):
    tokens = [(await sessions.create("user-1", {}, 60))[0] for _ in range(3)]
    kept, kept_session = await sessions.create("user-1", {}, 60)
    other, _ = await sessions.create("user-2", {}, 60)
    assert await sessions.revoke_all("user-1", keep=kept_session.session_id) == 3
    assert [await sessions.read(token) for token in tokens] == [None, None, None]
    assert await sessions.list("user-1") == (kept_session,)
    assert await sessions.revoke_all("user-1") == 1
    assert await sessions.read(kept) is None
    assert await sessions.read(other) is not None


async def test_a_user_beyond_the_cap_loses_the_session_that_ends_first(client: RedisClient):
    sessions = Sessions(client, sessions_per_user_max=3)
    tokens = [(await sessions.create("user-1", {}, 60 + number))[0] for number in range(4)]
    assert await sessions.read(tokens[0]) is None
    assert len(await sessions.list("user-1")) == 3


async def test_data_of_a_session_can_be_changed_by_id(sessions: Sessions):
    token, made = await sessions.create("user-1", {"role": "viewer", "team": "a"}, 60)
    changed = await sessions.update_by_id(made.session_id, {"role": "admin"})
    assert changed is not None
    assert changed.data == {"role": "admin", "team": "a"}
    assert await sessions.read(token) == changed
    await sessions.revoke(token)
    assert await sessions.update_by_id(made.session_id, {"role": "admin"}) is None


async def test_bad_input_to_create_is_refused(sessions: Sessions):
    for user, data, ttl in [("", {}, 60), ("u", {}, 0), ("u", {}, -1), ("u", {"a": "x" * 20_000}, 60)]:
        with pytest.raises(InvalidInput):
            await sessions.create(user, data, ttl)
