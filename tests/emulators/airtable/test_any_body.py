"""Whatever JSON is sent to what is read with care, it is answered, and never with a fault of the emulator."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smeboost_emulators.testing.airtable import running_emulator, small_seed

META = "/v0/meta/bases/appSmallShop00001"
WORDS = sorted(
    {"name", "type", "options", "description", "fields", "formula", "precision", "choices", "color", "linkedTableId"}
    | {"collaborators", "user", "id", "permissionLevel", "workspaceId", "tables", "baseId", "targetWorkspaceId"}
    | {"now", "advance_seconds", "stopped", "rate_limit", "plan", "page_records_max", "dateFormat", "timeZone"}
    | {"singleLineText", "number", "singleSelect", "multipleRecordLinks", "dateTime", "tblOrders00000001", "create"}
)
PATHS = [
    ("POST", f"{META}/tables"),
    ("POST", f"{META}/tables/Orders/fields"),
    ("PATCH", f"{META}/tables/Orders"),
    ("PATCH", f"{META}/tables/Orders/fields/fldOrderEmail0001"),
    ("POST", f"{META}/collaborators"),
    ("POST", "/v0/meta/bases"),
    ("POST", "/v0/meta/workspaces/wspHome0000000001/moveBase"),
    ("POST", "/v0/meta/workspaces/wspHome0000000001/updateRestrictions"),
    ("PATCH", "/_emulator/knobs"),
    ("PATCH", "/_emulator/clock"),
]
texts = st.sampled_from(WORDS) | st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


Send = Callable[[str, str, dict[str, Any]], int]


@pytest.fixture(scope="module")
def send() -> Iterator[Send]:
    """The status of an answer; the emulator is as at its start before each."""
    with (
        running_emulator(seed=small_seed(), plan="enterprise") as running,
        httpx.Client(base_url=running.url) as client,
    ):

        def ask(method: str, path: str, body: dict[str, Any]) -> int:
            client.post("/_emulator/reset").raise_for_status()
            headers = {} if path.startswith("/_emulator") else {"Authorization": f"Bearer {running.token}"}
            return client.request(method, path, json=body, headers=headers).status_code

        yield ask


@pytest.mark.parametrize(("method", "path"), PATHS)
@settings(max_examples=25, deadline=None)
@given(body=st.dictionaries(texts, values, max_size=5))
def test_any_json_is_answered(send: Send, method: str, path: str, body: dict[str, Any]) -> None:
    assert send(method, path, body) in (200, 403, 404, 422)
