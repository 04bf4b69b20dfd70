"""Fixtures that every test may use: the emulators' own, tool snapshots, and clients from npm."""

import json
import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import pytest
from fastmcp import FastMCP
from hypothesis import settings

# A machine that is busy with other things must not fail a property.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

NPM_INSTALL_SECONDS_MAX = 90

pytest_plugins = [
    "smeboost_emulators.testing.stores",
    "smeboost_emulators.testing.airtable",
    "smeboost_emulators.testing.supabase_backend",
    "smeboost_emulators.testing.bedrock",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="write the tool snapshots anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that hold a snapshot, so that `make docs` can write all of them."""
    for item in items:
        if "assert_tools_match" in getattr(item, "fixturenames", ()):
            item.add_marker("snapshot")


@pytest.fixture
def assert_tools_match(request: pytest.FixtureRequest) -> Callable[[FastMCP, Path], Awaitable[None]]:
    """Compare what a server offers with the committed snapshot; `--update-snapshots` writes it."""

    async def compare(server: FastMCP, snapshot: Path) -> None:
        tools = sorted(await server.list_tools(), key=lambda tool: tool.name)
        listing = [tool.to_mcp_tool().model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
        text = json.dumps(listing, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        if request.config.getoption("--update-snapshots"):
            snapshot.write_text(text, encoding="utf-8")
        assert snapshot.read_text(encoding="utf-8") == text

    return compare


def give_up(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def npm_package(request: pytest.FixtureRequest) -> Callable[[str, str], Path]:
    """`node_modules` with a package, installed once and kept in pytest's cache; Node may be absent, never in CI."""

    def install(name: str, version: str) -> Path:
        if not shutil.which("node") or not shutil.which("npm"):
            give_up(f"node and npm are needed to run {name}")
        assert request.config.cache is not None
        folder = request.config.cache.mkdir(f"npm-{name.replace('/', '-')}-{version}")
        if not (folder / "node_modules" / name / "package.json").exists():
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"{name}@{version}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_INSTALL_SECONDS_MAX, check=False)
            if done.returncode:
                give_up(f"npm cannot install {name}@{version}: {done.stderr[-300:]}")
        return folder / "node_modules"

    return install
