"""The supervisor with real child processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
from smeboost_cli.supervisor import BACKOFF_SECONDS, LOG_BYTES_MAX, Child, Supervisor, pause_seconds, rotate
from smeboost_emulators.stores.process import is_port_free
from smeboost_shared.errors import StoreUnavailable

ServerChild = Callable[..., Child]
Until = Callable[[Callable[[], bool]], Awaitable[None]]
BREAKS_ONCE_STARTED = """
import pathlib, sys
seen = pathlib.Path("seen"); first = not seen.exists(); seen.touch()
if not first:
    sys.exit("no second start")
"""
IGNORES_REQUESTS_TO_STOP = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.signal = print\n"


def exists(pid: int) -> bool:
    """Whether the process runs; one that ended and that nobody has asked about yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def port_of(child: Child) -> int:
    return int(child.command.argv[-1])


def supervisor(logs: Path) -> tuple[Supervisor, list[str]]:
    said: list[str] = []
    return Supervisor(logs, tell=said.append), said


async def test_a_started_child_answers_and_a_stopped_one_is_gone(tmp_path: Path, server_child: ServerChild) -> None:
    keeper, _ = supervisor(tmp_path)
    child = server_child()
    async with keeper:
        await keeper.start(child)
        assert await child.ready()
        pid = keeper.pids["web"]
    assert not exists(pid)
    assert is_port_free(port_of(child))
    assert keeper.pids == {}


async def test_a_killed_child_is_started_again_at_once_and_alone(
    tmp_path: Path, server_child: ServerChild, until: Until
) -> None:
    keeper, said = supervisor(tmp_path)
    restarts: list[dict[str, int]] = []
    keeper.on_restart = lambda: restarts.append(keeper.pids)
    async with keeper:
        await keeper.start(server_child("first"))
        await keeper.start(server_child("second"))
        before = keeper.pids
        os.kill(before["first"], signal.SIGKILL)
        await until(lambda: bool(restarts))
        assert restarts[0]["first"] != before["first"]
        assert restarts[0]["second"] == before["second"]
        assert said == ["first ended (killed by signal 9); starting it again", "first answers again"]


async def test_a_child_that_breaks_again_is_tried_after_growing_pauses(
    tmp_path: Path, server_child: ServerChild, until: Until
) -> None:
    child = server_child(before=BREAKS_ONCE_STARTED)
    keeper, said = supervisor(tmp_path)
    async with keeper:
        await keeper.start(child)
        os.kill(keeper.pids["web"], signal.SIGKILL)
        await until(lambda: len(said) >= 3)
    assert "status 1 while starting" in said[1]
    assert "trying again in 0.25 s" in said[1]
    assert "trying again in 0.5 s" in said[2]
    assert "no second start" in (tmp_path / "web.log").read_text()


def test_pauses_begin_with_none_and_grow_to_five_seconds() -> None:
    pauses = [pause_seconds(deaths) for deaths in range(1, 50)]
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert max(pauses) == BACKOFF_SECONDS[-1] == 5


async def test_a_child_that_cannot_start_is_named_with_the_end_of_its_log(
    tmp_path: Path, server_child: ServerChild
) -> None:
    keeper, _ = supervisor(tmp_path)
    async with keeper:
        await keeper.start(server_child("good"))
        pid = keeper.pids["good"]
        with pytest.raises(StoreUnavailable, match="bad ended with status 1 while starting:\nno such luck"):
            await keeper.start(server_child("bad", before="import sys; sys.exit('no such luck')"))
    assert not exists(pid)


async def test_children_stop_by_tier_the_highest_first(tmp_path: Path, server_child: ServerChild) -> None:
    note = "import atexit, time, pathlib\natexit.register(lambda: pathlib.Path('order').open('a').write('{}\\n'))\n"
    keeper, _ = supervisor(tmp_path)
    async with keeper:
        for name, tier in (("store", 0), ("front", 2), ("middle", 1)):
            await keeper.start(server_child(name, tier=tier, before=note.format(name)))
    assert (tmp_path / "order").read_text().split() == ["front", "middle", "store"]


async def test_a_child_that_does_not_stop_is_killed_after_its_grace_time(
    tmp_path: Path, server_child: ServerChild
) -> None:
    keeper, _ = supervisor(tmp_path)
    async with keeper:
        await keeper.start(server_child(before=IGNORES_REQUESTS_TO_STOP, grace_seconds=0.2))
        pid = keeper.pids["web"]
    assert not exists(pid)


async def test_abort_ends_children_without_their_grace_time(tmp_path: Path, server_child: ServerChild) -> None:
    keeper, _ = supervisor(tmp_path)
    await keeper.start(server_child(before=IGNORES_REQUESTS_TO_STOP, grace_seconds=600))
    pid = keeper.pids["web"]
    stopping = asyncio.create_task(keeper.stop())
    await asyncio.sleep(0)
    keeper.abort()
    async with asyncio.timeout(5):
        await stopping
    assert not exists(pid)


async def test_what_a_child_started_dies_with_it(tmp_path: Path, server_child: ServerChild, until: Until) -> None:
    forks = "import subprocess, sys\nchild = subprocess.Popen(['sleep', '60'])\nprint(child.pid, flush=True)\n"
    keeper, _ = supervisor(tmp_path)
    async with keeper:
        await keeper.start(server_child(before=forks))
        grandchild = int((tmp_path / "web.log").read_text().split()[0])
        assert exists(grandchild)
    await until(lambda: not exists(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
async def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path, until: Until) -> None:
    script = (
        "import asyncio, sys, pathlib\n"
        "from smeboost_cli.supervisor import Child, Supervisor\n"
        "from smeboost_emulators.stores.process import Command\n"
        "async def yes(): return True\n"
        "async def main():\n"
        "    here = pathlib.Path(sys.argv[1])\n"
        "    async with Supervisor(here, tell=print) as keeper:\n"
        "        await keeper.start(Child('sleep', 0, Command(('/bin/sleep', '60'), {}, here), yes))\n"
        "        print(keeper.pids['sleep'], flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    assert exists(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: not exists(pid))


def test_a_large_log_is_put_aside_and_old_ones_are_dropped(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    for number in range(6):
        log.write_bytes(str(number).encode() * LOG_BYTES_MAX)
        rotate(log)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["web.log.1", "web.log.2", "web.log.3"]
    assert [(tmp_path / f"web.log.{n}").read_bytes()[:1] for n in (1, 2, 3)] == [b"5", b"4", b"3"]
    log.write_bytes(b"small")
    rotate(log)
    assert log.read_bytes() == b"small"
