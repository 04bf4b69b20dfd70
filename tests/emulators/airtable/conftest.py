"""A shop in an emulator, and two ways to talk to it: pyairtable, and plain HTTP for what no client sends."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pyairtable import Api
from smeboost_emulators.airtable.state.schema import State
from smeboost_emulators.testing.airtable import AirtableEmulator, running_emulator, small_seed

BASE = "appSmallShop00001"


@pytest.fixture(scope="session")
def long_running_emulator() -> Iterator[AirtableEmulator]:
    with running_emulator() as emulator:
        yield emulator


@pytest.fixture
def shop(long_running_emulator: AirtableEmulator) -> AirtableEmulator:
    """An emulator with the small seed and nothing else, fresh for this test."""
    long_running_emulator.emulator.adopt(State())
    long_running_emulator.seed(small_seed())
    return long_running_emulator


@pytest.fixture(scope="module")
def shared_shop() -> Iterator[AirtableEmulator]:
    """One emulator for the whole module: for tests that only read, are refused, or bring their own base."""
    with running_emulator(seed=small_seed()) as emulator:
        yield emulator


@pytest.fixture
def pyairtable_api() -> Iterator[Callable[[AirtableEmulator], Api]]:
    """A factory of pyairtable clients whose connections are closed after the test."""
    opened: list[Api] = []

    def connect(emulator: AirtableEmulator) -> Api:
        opened.append(Api(emulator.token, endpoint_url=emulator.url))
        return opened[-1]

    yield connect
    for api in opened:
        api.session.close()


@pytest.fixture
def api(shop: AirtableEmulator, pyairtable_api: Callable[[AirtableEmulator], Api]) -> Api:
    return pyairtable_api(shop)


Send = Callable[..., httpx.Response]


@pytest.fixture
def plain_http() -> Iterator[Callable[[AirtableEmulator], Send]]:
    """A factory of `send(method, path, **httpx_options)` with the emulator's token; paths begin behind the base."""
    opened: list[httpx.Client] = []

    def connect(emulator: AirtableEmulator) -> Send:
        client = httpx.Client(base_url=emulator.url, headers={"Authorization": f"Bearer {emulator.token}"})
        opened.append(client)

        def send(method: str, path: str, **options: Any) -> httpx.Response:
            return client.request(method, path if path.startswith("/") else f"/v0/{BASE}/{path}", **options)

        return send

    yield connect
    for client in opened:
        client.close()


@pytest.fixture
def send(shop: AirtableEmulator, plain_http: Callable[[AirtableEmulator], Send]) -> Send:
    return plain_http(shop)


@pytest.fixture
def shared_send(shared_shop: AirtableEmulator, plain_http: Callable[[AirtableEmulator], Send]) -> Send:
    return plain_http(shared_shop)
