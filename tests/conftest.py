"""Fixtures that every test may use: the emulators' own, and tool snapshots."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fastmcp import FastMCP
from hypothesis import settings

# A machine that is busy with other things must not fail a property.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

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
