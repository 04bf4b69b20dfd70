"""Which tokens may have which webhooks: scopes by data type, and integrations that see only their own."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from smeboost_emulators.airtable.state.access import TokenOwner
from smeboost_emulators.testing.airtable import StartAirtable, small_seed

BASE = "appSmallShop00001"
HOOKS = f"/v0/bases/{BASE}/webhooks"
MANAGE, RECORDS, SCHEMA = "webhook:manage", "data.records:read", "schema.bases:read"
Ask = Callable[..., httpx.Response]


@pytest.fixture
def shop_of(airtable_emulator: StartAirtable) -> Callable[..., Ask]:
    """A factory: `shop_of(token=TokenOwner fields, ...)` is a function `ask(token, method, path, **options)`."""

    def start(**owners: dict[str, Any]) -> Ask:
        known = tuple(TokenOwner(token, **fields) for token, fields in owners.items())
        shop = airtable_emulator(seed=small_seed(), tokens=frozenset(), owners=known)

        def ask(token: str, method: str, path: str = "", **options: Any) -> httpx.Response:
            headers = {"Authorization": f"Bearer {token}"}
            return httpx.request(method, f"{shop.url}{HOOKS}{path}", headers=headers, timeout=5, **options)

        return ask

    return start


def asked_for(*data_types: str) -> dict[str, Any]:
    return {"json": {"specification": {"options": {"filters": {"dataTypes": data_types}}}}}


@pytest.mark.parametrize(
    ("scopes", "data_types", "status"),
    [
        ({MANAGE, RECORDS}, ["tableData"], 200),
        ({MANAGE, RECORDS}, ["tableFields"], 403),
        ({MANAGE, SCHEMA}, ["tableFields", "tableMetadata"], 200),
        ({MANAGE, SCHEMA}, ["tableData", "tableMetadata"], 403),
        ({MANAGE, RECORDS, SCHEMA}, ["tableData", "tableFields", "tableMetadata"], 200),
        ({RECORDS, SCHEMA}, ["tableData"], 403),
    ],
)
def test_what_a_webhook_hears_of_needs_the_scope_to_read_it(
    shop_of, scopes: set[str], data_types: list[str], status: int
) -> None:
    ask = shop_of(patSome={"scopes": frozenset(scopes)}, patAll={})
    response = ask("patSome", "POST", **asked_for(*data_types))
    assert response.status_code == status
    if status == 403:
        assert response.json()["error"]["type"] == "INVALID_PERMISSIONS"
        hook_id = ask("patAll", "POST", **asked_for(*data_types)).json()["id"]
        assert ask("patSome", "GET", f"/{hook_id}/payloads").status_code == 403


def test_an_integration_has_two_webhooks_and_sees_only_its_own(shop_of) -> None:
    ask = shop_of(oaaOne={"id": "usrOne00000000001", "oauth": True}, oaaTwo={"oauth": True}, patAll={})
    other = ask("patAll", "POST", **asked_for("tableData")).json()["id"]
    own = [ask("oaaOne", "POST", **asked_for("tableData")).json()["id"] for _ in range(2)]
    refused = ask("oaaOne", "POST", **asked_for("tableData"))
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "TOO_MANY_WEBHOOKS_IN_BASE_FOR_INTEGRATION")
    seen = {
        token: [hook["id"] for hook in ask(token, "GET").json()["webhooks"]] for token in ("oaaOne", "oaaTwo", "patAll")
    }
    assert seen == {"oaaOne": own, "oaaTwo": [], "patAll": [other, *own]}
    assert ask("oaaTwo", "GET", f"/{own[0]}/payloads").status_code == 404
    assert ask("oaaOne", "DELETE", f"/{other}").status_code == 404
    assert ask("oaaTwo", "POST", **asked_for("tableData")).status_code == 200
