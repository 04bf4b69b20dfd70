"""PostgreSQL goes away, comes back, or was never set up for Realtime; the clients stay."""

import socket
from dataclasses import replace

import psycopg
import pytest
from anyio.from_thread import start_blocking_portal
from smeboost_emulators.stores.postgres import prepare_postgres
from smeboost_emulators.stores.process import running
from smeboost_emulators.testing.realtime import realtime_socket

WISH = {"event": "*", "schema": "public", "table": "things"}


@pytest.fixture
def database(tmp_path):
    """A PostgreSQL that can be stopped and started again at the same address, with any `wal_level`."""

    class Database:
        url = ""

        def __init__(self, portal, port):
            self._portal = portal
            self._port = port
            self._running = None

        def start(self, wal_level="logical"):
            store = self._portal.call(lambda: prepare_postgres(tmp_path / "pg", port=self._port, durable=False))
            argv = tuple(part.replace("wal_level=logical", f"wal_level={wal_level}") for part in store.command.argv)
            command = replace(store.command, argv=argv)
            self._running = self._portal.wrap_async_context_manager(
                running("postgres", command, store.ready, store.directory / "postgres.log")
            )
            self._running.__enter__()
            self.url = store.url

        def stop(self):
            process, self._running = self._running, None
            if process:
                process.__exit__(None, None, None)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with start_blocking_portal() as portal:
        server = Database(portal, port)
        yield server
        server.stop()


def execute(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


async def test_a_restart_of_the_database_is_survived_by_channels(database, start_supabase_backend):
    database.start()
    with start_supabase_backend(database.url) as backend:
        execute(database.url, "create table public.things (id int primary key)")
        execute(database.url, "alter publication supabase_realtime add table public.things")
        async with realtime_socket(backend.url, backend.anon_key) as client:
            await client.join("topic", postgres_changes=[WISH], broadcast={"self": True, "ack": True})
            assert (await client.wait("system"))["payload"]["status"] == "ok"
            database.stop()

            assert (await client.wait("system"))["payload"]["status"] == "error"
            # What needs no database goes on, and what needs one says so.
            said = {"type": "broadcast", "event": "e", "payload": {"n": 1}}
            assert (await client.ask("realtime:topic", "broadcast", said))["status"] == "ok"
            refused = await client.join("private", private=True)
            assert refused["response"]["reason"].startswith("UnableToConnectToProject")

            database.start()
            assert (await client.wait("system", seconds=15))["payload"]["message"] == "Subscribed to PostgreSQL"
            execute(database.url, "insert into public.things values (1)")
            assert (await client.wait("postgres_changes"))["payload"]["data"]["record"] == {"id": 1}


async def test_a_database_without_logical_decoding_is_named_with_the_fix(database, start_supabase_backend):
    database.start(wal_level="replica")
    with start_supabase_backend(database.url) as backend:
        async with realtime_socket(backend.url, backend.anon_key) as client:
            joined = await client.join("topic", postgres_changes=[WISH])
            told = (await client.wait("system"))["payload"]
            again = await client.join("other", postgres_changes=[WISH])
            also = (await client.wait("system", "realtime:other"))["payload"]

    assert (joined["status"], again["status"]) == ("ok", "ok")
    assert (told["status"], told["extension"], also["message"]) == ("error", "postgres_changes", told["message"])
    assert "wal_level = logical" in told["message"]
    assert "postgresql.conf" in told["message"]
