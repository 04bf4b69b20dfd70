"""The command as a process: what it says to somebody who got something wrong."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from socket import create_server

import pytest
from smeboost_cli.datafolder import data_folder

TIMEOUT_SECONDS = 20


async def smeboost(*arguments: str, env: dict[str, str] | None = None) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "smeboost_cli", *arguments),
        env=env or {"PATH": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    return process.returncode, output.decode()


async def test_a_taken_port_that_was_asked_for_is_one_line(tmp_path: Path) -> None:
    with closing(create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        status, output = await smeboost("demo", "--port", str(port), "--data-dir", str(tmp_path / "data"))
    assert status == 1
    assert output.splitlines()[1:] == [
        f"smeboost demo: Port {port} is taken or not permitted. Choose another with --port, or leave --port out."
    ]


async def test_a_directory_in_use_is_one_line(tmp_path: Path) -> None:
    with data_folder(tmp_path):
        status, output = await smeboost("demo", "--data-dir", str(tmp_path))
    assert status == 1
    assert output == f"smeboost demo: A demo runs in {tmp_path} already (starting).\n"


async def test_a_gateway_without_settings_names_what_is_missing() -> None:
    status, output = await smeboost("serve")
    assert status == 2
    assert output.startswith("smeboost")
    assert "is not set" in output
    assert len(output.splitlines()) == 1


async def test_migrate_applies_once_and_says_so(tmp_path: Path, new_database: Callable[[], str]) -> None:
    (tmp_path / "1_one.sql").write_text("create table public.one (id int);")
    url = new_database()
    # The URL may come by the environment, where other users of the machine do not see its password.
    assert await smeboost("migrate", "--folder", str(tmp_path), env={"SUPABASE_DB_URL": url}) == (
        0,
        "applied 1_one.sql\n",
    )
    arguments = ["migrate", "--database-url", url, "--folder", str(tmp_path)]
    assert await smeboost(*arguments) == (0, "nothing to apply\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--database-url", "postgresql://postgres:geheim@127.0.0.1:1/x"], "Cannot reach the database"),
        (["--database-url", "geheim"], "The database URL is not one"),
        (["--database-url", "postgresql://x", "--folder", "/nowhere"], "There is no folder /nowhere"),
    ],
    ids=["unreachable", "not a url", "no folder"],
)
async def test_migrate_says_in_one_line_what_is_wrong(arguments: list[str], complaint: str) -> None:
    status, output = await smeboost("migrate", *arguments)
    assert status == 1
    assert complaint in output
    assert "geheim" not in output
    assert "Traceback" not in output
