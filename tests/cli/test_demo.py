"""The demo as its user has it: one command, real processes, killed and restarted."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil
import psycopg
import pytest
import redis
from fastmcp import Client

START_SECONDS = 60.0
"""The first start makes the database and loads the sample data; a busy machine is slow."""
RETURN_SECONDS = 30.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Demo:
    """A running demo and what its ready file says."""

    process: subprocess.Popen[bytes]
    ready_file: Path
    output: Path

    @property
    def ready(self) -> dict[str, Any]:
        return json.loads(self.ready_file.read_text())

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def ask_login(self, role: str) -> httpx2.Response:
        who = next(user for user in self.ready["users"] if user["role"] == role)
        credentials = {"email": who["email"], "password": who["password"]}
        return httpx2.post(f"{self.ready['gateway_url']}/api/auth/login", json=credentials, timeout=15)

    def login(self, role: str = "admin") -> str:
        answer = self.ask_login(role)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def get(self, path: str, token: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.get(f"{self.ready['gateway_url']}{path}", headers=headers, timeout=15)


StartDemo = Callable[..., Demo]


def wait_for(condition: Callable[[], bool], seconds: float, what: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def start_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartDemo]:
    """A factory: a demo on a data directory of its own or on the one that is named, ready."""
    with ExitStack() as stack:

        def start(folder: Path | None = None) -> Demo:
            folder = folder or tmp_path_factory.mktemp("demo")
            output = folder / "output"
            arguments = ["--data-dir", str(folder / "data"), "--ready-file", str(folder / "ready.json")]
            with output.open("wb") as file:
                process = subprocess.Popen(
                    [sys.executable, "-m", "smeboost_cli", "demo", *arguments], stdout=file, stderr=subprocess.STDOUT
                )
            stack.callback(stop, process)
            demo = Demo(process, folder / "ready.json", output)
            wait_for(lambda: demo.ready_file.exists() and process.poll() is None, START_SECONDS, output.read_text)
            return demo

        yield start


def stop(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGINT) -> int:
    if process.poll() is None:
        process.send_signal(number)
    return process.wait(STOP_SECONDS)


@pytest.fixture(scope="module")
def demo(start_demo: StartDemo) -> Demo:
    """One demo for the tests that leave it running."""
    return start_demo()


def test_the_ready_file_has_all_that_a_script_needs_and_only_its_owner_reads_it(demo: Demo) -> None:
    ready = demo.ready
    assert set(ready) == {
        *("gateway_url", "mcp_url", "dashboard_url", "database_url", "redis_url", "airtable_url", "airtable_token"),
        *("supabase_url", "supabase_anon_key", "supabase_service_key", "bedrock_url", "users", "pids"),
    }
    assert stat.S_IMODE(demo.ready_file.stat().st_mode) == 0o600
    assert {user["role"] for user in ready["users"]} == {"admin", "editor", "viewer"}
    assert {"gateway", "worker", "airtable", "supabase", "bedrock", "postgres", "redis"} == set(ready["pids"])
    running = {process.pid for process in demo.family()}
    assert set(ready["pids"].values()) <= running


def test_everything_that_the_ready_file_names_answers(demo: Demo) -> None:
    ready = demo.ready
    for name in ("dashboard_url", "gateway_url"):
        assert httpx2.get(ready[name]).status_code == 200
    headers = {"Authorization": f"Bearer {ready['airtable_token']}"}
    bases = httpx2.get(f"{ready['airtable_url']}/v0/meta/bases", headers=headers)
    assert bases.status_code == 200
    assert bases.json()["bases"][0]["name"] == "Superstore"
    wrong = httpx2.get(f"{ready['airtable_url']}/v0/meta/bases", headers={"Authorization": "Bearer wrong"})
    assert wrong.status_code == 401
    key = ready["supabase_service_key"]
    members = httpx2.get(f"{ready['supabase_url']}/rest/v1/members", headers={"apikey": key})
    assert sorted(row["role"] for row in members.json()) == ["admin", "editor", "viewer"]
    assert httpx2.get(f"{ready['bedrock_url']}/healthz").status_code == 200
    with psycopg.connect(ready["database_url"]) as connection:
        assert connection.execute("select count(*) from supabase_migrations.schema_migrations").fetchone() != (0,)
    with redis.Redis.from_url(ready["redis_url"]) as store:
        assert store.ping()


def test_each_person_logs_in_and_sees_the_sample_data(demo: Demo) -> None:
    for role in ("admin", "editor", "viewer"):
        token = demo.login(role)
        bases = demo.get("/api/airtable/bases", token)
        assert [base["name"] for base in bases.json()["bases"]] == ["Superstore"]
        assert demo.get("/api/auth/me", token).json()["role"] == role


async def test_the_mcp_endpoint_offers_the_tools_to_who_logged_in(demo: Demo) -> None:
    async with Client(demo.ready["mcp_url"], auth=demo.login()) as client:
        names = {tool.name for tool in await client.list_tools()}
    assert any(name.endswith("list_records") for name in names)


def test_the_start_screen_shows_links_log_ins_and_what_to_paste(demo: Demo) -> None:
    wait_for(lambda: "Ctrl-C stops everything" in demo.output.read_text(), 5, demo.output.read_text)
    screen = demo.output.read_text()
    ready = demo.ready
    for name in ("mcp_url", "dashboard_url", "airtable_url", "supabase_url", "bedrock_url"):
        assert ready[name] in screen
    for user in ready["users"]:
        assert user["email"] in screen
        assert user["password"] in screen
    entry = screen[screen.index("{\n") :]
    server = json.JSONDecoder().raw_decode(entry)[0]["mcpServers"]["smeboost-airtable"]
    assert Path(server["command"]).exists()
    assert server["env"] == {
        "AIRTABLE_API_KEY": ready["airtable_token"],
        "AIRTABLE_ENDPOINT_URL": ready["airtable_url"],
    }


def test_the_worker_writes_what_is_more_than_one_batch(demo: Demo) -> None:
    headers = {"Authorization": f"Bearer {demo.login('editor')}"}
    with httpx2.Client(base_url=demo.ready["gateway_url"], headers=headers, timeout=15) as client:
        base = client.get("/api/airtable/bases").json()["bases"][0]["id"]
        records = [{"fields": {"Name": f"Town {number}"}} for number in range(25)]
        accepted = client.post(f"/api/airtable/records/{base}/Cities", json={"records": records})
        assert accepted.status_code == 202, accepted.text
        where = accepted.headers["location"]
        wait_for(lambda: client.get(where).json()["state"] == "succeeded", 15, lambda: client.get(where).text)
        assert client.get(where).json()["result"]["written"] == 25


def test_no_secret_is_on_a_command_line(demo: Demo) -> None:
    ready = demo.ready
    secrets = [ready["airtable_token"], ready["supabase_anon_key"], ready["supabase_service_key"]]
    secrets += [url.partition("@")[0].rpartition(":")[2] for url in (ready["database_url"], ready["redis_url"])]
    lines = [" ".join(process.cmdline()) for process in demo.family()]
    assert lines
    assert not [secret for secret in secrets for line in lines if secret in line]


@pytest.mark.parametrize("name", ["gateway", "worker", "airtable", "supabase", "bedrock", "postgres", "redis"])
def test_a_killed_child_is_back_with_its_data_and_the_session_still_holds(demo: Demo, name: str) -> None:
    token = demo.login()
    before = demo.ready["pids"]
    os.kill(before[name], signal.SIGKILL)
    wait_for(lambda: demo.ready["pids"].get(name) != before[name], RETURN_SECONDS, demo.output.read_text)
    assert {key: pid for key, pid in demo.ready["pids"].items() if key != name} == {
        key: pid for key, pid in before.items() if key != name
    }
    # Clients notice a lost connection with their next call; each such call fails with a retryable error at most.
    answers: list[tuple[int, str]] = []

    def answered(ask: Callable[[], httpx2.Response]) -> Callable[[], bool]:
        def once() -> bool:
            answer = ask()
            answers.append((answer.status_code, answer.text))
            return answer.status_code == 200

        return once

    for ask in (
        lambda: demo.get("/readyz", token),
        lambda: demo.get("/api/airtable/bases", token),
        lambda: demo.ask_login("admin"),
    ):
        wait_for(answered(ask), RETURN_SECONDS, lambda: answers)
    assert {status for status, _ in answers} <= {200, 502, 503, 504}, answers


def keep_file(ready: dict[str, Any]) -> None:
    """A bucket with one file in the demo's storage."""
    with storage(ready) as client:
        client.post("/bucket", json={"name": "papers"}).raise_for_status()
        client.post("/object/papers/a.txt", content=b"kept").raise_for_status()


def read_file(ready: dict[str, Any]) -> bytes:
    with storage(ready) as client:
        return client.get("/object/papers/a.txt").raise_for_status().content


def storage(ready: dict[str, Any]) -> httpx2.Client:
    headers = {"apikey": ready["supabase_service_key"]}
    return httpx2.Client(base_url=f"{ready['supabase_url']}/storage/v1", headers=headers)


def test_a_second_demo_runs_beside_the_first_and_a_start_after_its_kill_finds_everything_again(
    demo: Demo, start_demo: StartDemo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("second")
    second = start_demo(folder)
    first_run = second.ready
    urls = [name for name in first_run if name.endswith("_url")]
    assert not {first_run[name] for name in urls} & {demo.ready[name] for name in urls}

    token = second.login()
    base = second.get("/api/airtable/bases", token).json()["bases"][0]["id"]
    tables = second.get(f"/api/airtable/tables/{base}", token).json()["tables"]
    cities = next(table for table in tables if table["name"] == "Cities")
    primary = next(field for field in cities["fields"] if field["id"] == cities["primary_field_id"])["name"]
    created = httpx2.post(
        f"{first_run['gateway_url']}/api/airtable/records/{base}/{cities['id']}",
        json={"fields": {primary: "Kept through a restart"}},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert created.status_code in (200, 201), created.text
    keep_file(first_run)
    # As the out-of-memory killer does it; the next start may come before the last child has ended.
    family = second.family()
    second.process.kill()
    second.process.wait()
    if sys.platform != "linux":
        wait_for(lambda: not [process for process in family if alive(process)], STOP_SECONDS, lambda: family)
    second.ready_file.unlink()
    again = start_demo(folder)
    second_run = again.ready
    assert {name: second_run[name] for name in first_run if name != "pids"} == {
        name: first_run[name] for name in first_run if name != "pids"
    }
    # The session of before is in Valkey, the record in the emulator's data directory.
    record = again.get(f"/api/airtable/records/{base}/{cities['id']}?search=Kept+through+a+restart", token)
    assert record.status_code == 200, record.text
    assert "Kept through a restart" in record.text
    assert read_file(second_run) == b"kept"
    assert not [process for process in family if alive(process)]


def test_terminating_the_demo_leaves_no_process_and_no_ready_file(start_demo: StartDemo) -> None:
    short = start_demo()
    family = short.family()
    assert len(family) >= 7
    assert stop(short.process, signal.SIGTERM) == 0
    assert not [process for process in family if alive(process)]
    assert not short.ready_file.exists()
    assert "Everything is stopped." in short.output.read_text()
