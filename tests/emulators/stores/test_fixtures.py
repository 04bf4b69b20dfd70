"""The session's own stores, as every other test uses them."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import pytest


def test_postgres_is_version_18_and_wants_a_password(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        assert connection.info.server_version // 10_000 == 18
    password = urlsplit(postgres_url).password or ""
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_url.replace(password, "wrong"))


def test_every_new_database_is_another_and_empty(new_database: Callable[[], str]) -> None:
    first, second = new_database(), new_database()
    assert first != second
    with psycopg.connect(first) as connection:
        connection.execute("create table public.things (id int)")
    with psycopg.connect(second) as connection:
        assert connection.execute("select to_regclass('public.things')").fetchone() == (None,)


async def test_valkey_answers_only_with_the_password(valkey_url: str) -> None:
    address = urlsplit(valkey_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"PING\r\n")
    assert (await reader.readline()).startswith(b"-NOAUTH")
    writer.write(f"AUTH {address.password}\r\nINFO server\r\n".encode())
    assert await reader.readline() == b"+OK\r\n"
    size = int((await reader.readline())[1:])
    assert b"valkey_version:9." in await reader.readexactly(size)
    writer.close()
    await writer.wait_closed()
