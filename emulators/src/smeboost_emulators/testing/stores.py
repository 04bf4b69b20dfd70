"""Fixtures for the stores: one PostgreSQL and one Valkey for the whole test session.

They give up fsync: a test's data is nobody's loss, and a shared disk is slow.
"""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest
from anyio.from_thread import start_blocking_portal
from psycopg import sql

from smeboost_emulators.stores.postgres import running_postgres
from smeboost_emulators.stores.valkey import running_valkey


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's URL of a fresh database server."""
    store = running_postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(store) as postgres:
        yield postgres.url


@pytest.fixture(scope="session")
def new_database(postgres_url: str) -> Callable[[], str]:
    """A factory: each call makes an empty database on the session's server and gives the superuser's URL of it."""

    def make() -> str:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return postgres_url.rpartition("/")[0] + f"/{name}"

    return make


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL, password included, of a fresh Valkey."""
    store = running_valkey(tmp_path_factory.mktemp("valkey"), durable=False)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(store) as valkey:
        yield valkey.url
