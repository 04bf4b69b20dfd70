"""Valkey as a child of ours: what it acknowledged is there after a kill."""

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import Redis
from smeboost_emulators.stores.process import START_TIMEOUT_SECONDS, is_port_free, start, wait_ready
from smeboost_emulators.stores.valkey import prepare_valkey, running_valkey
from smeboost_shared.errors import StoreUnavailable


async def write(url: str, key: str, value: str) -> None:
    async with Redis.from_url(url) as client:
        await client.set(key, value)


async def read(url: str, key: str) -> bytes | None:
    async with Redis.from_url(url) as client:
        return cast("bytes | None", await client.get(key))


async def test_data_survives_a_stop(tmp_path: Path) -> None:
    async with running_valkey(tmp_path / "kv") as first:
        await write(first.url, "note", "kept")
    assert is_port_free(first.port)
    async with running_valkey(tmp_path / "kv") as second:
        assert await read(second.url, "note") == b"kept"


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    store = prepare_valkey(tmp_path / "kv")
    log = tmp_path / "log"
    process = await start(store.command, log)
    await wait_ready("valkey", process, store.ready, log, timeout_seconds=START_TIMEOUT_SECONDS)
    await write(store.url, "session", "kept")
    process.kill()
    await process.wait()
    async with running_valkey(tmp_path / "kv", port=store.port) as again:
        assert await read(again.url, "session") == b"kept"


async def test_it_syncs_every_write_and_listens_on_loopback_only(tmp_path: Path) -> None:
    async with running_valkey(tmp_path / "kv") as store, Redis.from_url(store.url) as client:
        settings = cast("dict[str, str]", await client.config_get("*"))
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["bind"] == "127.0.0.1"
    assert settings["protected-mode"] == "yes"
    for name in ("password", "valkey.conf"):
        assert (tmp_path / "kv" / name).stat().st_mode & 0o777 == 0o600


async def test_two_servers_run_side_by_side_and_share_nothing(tmp_path: Path) -> None:
    async with AsyncExitStack() as both:
        first = await both.enter_async_context(running_valkey(tmp_path / "a"))
        second = await both.enter_async_context(running_valkey(tmp_path / "b"))
        await write(first.url, "note", "mine")
        assert await read(second.url, "note") is None


async def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    async with running_valkey(tmp_path / "kv") as first:
        with pytest.raises(StoreUnavailable, match="kv is in use by another process"):
            async with running_valkey(tmp_path / "kv"):
                pass
        assert await first.ready()


async def test_its_password_is_on_no_command_line(tmp_path: Path) -> None:
    async with running_valkey(tmp_path / "kv") as store:
        assert store.password not in " ".join(store.command.argv)
        assert store.password not in repr(store)
        assert os.fspath(store.directory) in store.command.argv[1]
