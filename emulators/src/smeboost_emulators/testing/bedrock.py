"""The Bedrock emulator as a pytest fixture: a real server on a free loopback port, in a thread."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from smeboost_emulators.bedrock.app import create_app
from smeboost_emulators.listening import served_in_thread

EMULATED_TIME = datetime(2026, 11, 23, tzinfo=UTC)
"""Which models have reached their end must not depend on the day of the test."""


@dataclass(frozen=True)
class BedrockEmulator:
    """A running emulator; `url` serves the runtime and the control plane."""

    url: str


@pytest.fixture(scope="session")
def bedrock_emulator() -> Generator[BedrockEmulator]:
    """One emulator for the whole run: it keeps no state, so that tests cannot disturb each other."""
    with served_in_thread(create_app(clock=lambda: EMULATED_TIME)) as (url, _):
        yield BedrockEmulator(url)
