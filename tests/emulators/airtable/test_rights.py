"""Tokens, their owners, scopes and roles: who may do what, and how the rest is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyairtable import Api
from smeboost_emulators.airtable.app import create_app
from smeboost_emulators.airtable.command import open_emulator
from smeboost_emulators.airtable.emulator import EmulatorOptions
from smeboost_emulators.airtable.errors import SeedError
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.needs import SCOPES, need_of
from smeboost_emulators.airtable.state.access import TokenOwner
from smeboost_emulators.airtable.tokens import read_tokens
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, small_seed
from starlette.routing import Route

BASE = "appSmallShop00001"
TABLES = f"/v0/meta/bases/{BASE}/tables"
HIDDEN = "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"
ADA = "usrAda00000000001"
FIELD = {"name": "New", "type": "url"}

Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask_as(airtable_emulator: StartAirtable) -> Callable[..., Ask]:
    """A factory: `ask_as(seed=..., scopes=..., bases=..., plan=...)` is a function that asks with such a token."""

    def start(*, seed: dict[str, Any] | None = None, plan: str = "team", **owner: Any) -> Ask:
        token = TokenOwner("patOwned", **owner)
        shop = airtable_emulator(seed=seed or small_seed(), tokens=frozenset(), owners=(token,), plan=plan)

        def ask(method: str, path: str, **options: Any) -> httpx.Response:
            headers = {"Authorization": "Bearer patOwned"}
            url = path if path.startswith("/") else f"/v0/{BASE}/{path}"
            return httpx.request(method, shop.url + url, headers=headers, timeout=5, **options)

        return ask

    return start


def outcome(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json().get("error", "") if answer.content else ""
    return answer.status_code, error if isinstance(error, str) else error["type"]


def test_every_route_says_what_it_needs_and_of_known_scopes_only() -> None:
    routes = create_app(open_emulator(EmulatorOptions(), Knobs(), None, None)).routes
    known = [route for route in routes if isinstance(route, Route) and route.path.startswith(("/v0", "/scim"))]
    assert len(known) > 50
    for route in known:
        for method in (route.methods or set()) - {"HEAD"}:
            need = need_of(method, route.path)
            assert all(scopes <= SCOPES for scopes in need.scopes)


@pytest.mark.parametrize(
    ("scope", "method", "path", "body"),
    [
        ("schema.bases:read", "GET", "/v0/meta/bases", None),
        ("schema.bases:read", "GET", TABLES, None),
        ("schema.bases:write", "POST", f"{TABLES}/Orders/fields", FIELD),
        ("data.records:read", "GET", "Products", None),
        ("data.records:read", "POST", "Products/listRecords", {}),
        ("data.records:write", "POST", "Products", {"fields": {"Name": "x"}}),
        ("data.records:write", "DELETE", "Products/recProduct0000005", None),
        ("webhook:manage", "GET", f"/v0/bases/{BASE}/webhooks", None),
        ("workspacesAndBases:read", "GET", f"/v0/meta/bases/{BASE}", None),
        ("schema.bases:read", "GET", f"/v0/meta/bases/{BASE}", None),
    ],
)
def test_an_operation_needs_its_scope(
    ask_as: Callable[..., Ask], scope: str, method: str, path: str, body: Any
) -> None:
    others = SCOPES - {"workspacesAndBases:read", "schema.bases:read"} - {scope}
    assert ask_as(scopes=frozenset({scope}))(method, path, json=body).status_code == 200
    assert outcome(ask_as(scopes=others)(method, path, json=body)) == (403, "INVALID_PERMISSIONS")


@pytest.mark.parametrize(
    ("level", "allowed"),
    [("none", 0), ("read", 1), ("comment", 1), ("edit", 2), ("create", 3)],
)
def test_the_role_in_the_base_decides_what_is_left_of_the_scopes(
    ask_as: Callable[..., Ask], level: str, allowed: int
) -> None:
    seed = small_seed()
    seed["bases"][0]["permissionLevel"] = level
    ask = ask_as(seed=seed)
    answers = [
        ask("GET", "Products"),
        ask("POST", "Products", json={"fields": {}}),
        ask("POST", f"{TABLES}/Orders/fields", json=FIELD),
    ]
    assert [answer.status_code for answer in answers] == [200] * allowed + [403] * (3 - allowed)
    kinds = {outcome(answer)[1] for answer in answers[allowed:]}
    assert kinds <= {HIDDEN if level == "none" else "INVALID_PERMISSIONS"}
    shown = ask("GET", "/v0/meta/bases").json()["bases"]
    assert [base["permissionLevel"] for base in shown] == ([] if level == "none" else [level])


def test_a_collaborator_has_the_higher_level_of_base_and_workspace(ask_as: Callable[..., Ask]) -> None:
    seed = small_seed()
    seed["bases"][0]["access"] = {
        "workspaceId": "wspShop0000000001",
        "individualCollaborators": [{"userId": ADA, "permissionLevel": "read"}],
    }
    ask = ask_as(seed=seed, id=ADA)
    assert outcome(ask("POST", "Products", json={"fields": {}})) == (403, "INVALID_PERMISSIONS")
    assert ask("GET", f"/v0/meta/bases/{BASE}").json()["permissionLevel"] == "read"
    owner = {"userId": ADA, "permissionLevel": "owner"}
    workspace = {"id": "wspShop0000000001", "name": "Shop", "individualCollaborators": [owner]}
    ask = ask_as(seed=seed | {"workspaces": [workspace]}, id=ADA)
    assert ask("POST", "Products", json={"fields": {}}).status_code == 200
    assert ask("GET", f"/v0/meta/bases/{BASE}").json()["permissionLevel"] == "owner"
    assert ask("GET", "/v0/meta/bases").json()["bases"][0]["permissionLevel"] == "create"


def test_a_base_that_the_token_was_not_granted_is_as_if_it_were_not_there(ask_as: Callable[..., Ask]) -> None:
    ask = ask_as(bases=frozenset({"appOther000000001"}))
    assert outcome(ask("GET", "Products")) == (403, HIDDEN)
    assert outcome(ask("GET", TABLES)) == (403, HIDDEN)
    assert ask("GET", "/v0/meta/bases").json() == {"bases": []}
    assert outcome(ask("GET", "/v0/meta/workspaces/wspHome0000000001")) == (403, HIDDEN)


@pytest.mark.parametrize(
    ("scopes", "oauth", "shown"),
    [
        (None, False, {"id": ADA, "email": "ada@example.com"}),
        (frozenset({"data.records:read"}), False, {"id": ADA}),
        (
            frozenset({"user.email:read", "data.records:read"}),
            True,
            {
                "id": ADA,
                "email": "ada@example.com",
                "scopes": ["data.records:read", "user.email:read"],
            },
        ),
    ],
)
def test_whoami_shows_the_address_by_scope_and_the_scopes_of_oauth_tokens(
    ask_as: Callable[..., Ask], scopes: frozenset[str] | None, oauth: bool, shown: dict[str, Any]
) -> None:
    ask = ask_as(scopes=scopes, oauth=oauth, id=ADA, email="ada@example.com", name="Ada")
    assert ask("GET", "/v0/meta/whoami").json() == shown


def test_pyairtable_sees_who_it_is(api: Api) -> None:
    who = api.whoami()
    assert who.get("email", "").endswith("@example.com")
    assert "scopes" not in who


def test_what_a_token_s_owner_writes_bears_their_name(
    airtable_emulator: StartAirtable, pyairtable_api: Callable[[AirtableEmulator], Api]
) -> None:
    seed = small_seed() | {"tokens": [{"token": "patEmulatorTests", "id": "usrEve00000000001", "name": "Eve"}]}
    emulator = airtable_emulator(seed=seed, tokens=frozenset())
    eve = Api("patEmulatorTests", endpoint_url=emulator.url)
    assert eve.whoami()["id"] == "usrEve00000000001"
    order = eve.table(BASE, "Orders").create({"Number": "A-9"})
    order = eve.table(BASE, "Orders").update(order["id"], {"Seller": {"id": "usrEve00000000001"}})
    assert order["fields"]["Seller"]["name"] == "Eve"
    assert httpx.get(f"{emulator.url}/v0/meta/whoami", headers={"Authorization": "Bearer other"}).status_code == 401
    eve.session.close()


def test_two_tokens_of_one_user_share_a_limit(airtable_emulator: StartAirtable) -> None:
    owners = [TokenOwner(token, id=user_id) for token, user_id in (("a", ADA), ("b", ADA), ("c", None))]
    emulator = airtable_emulator(seed=small_seed(), tokens=frozenset(), owners=tuple(owners), token_rate_limit=1)
    emulator.emulator.clock.stop()

    def status(token: str) -> int:
        return httpx.get(f"{emulator.url}/v0/meta/whoami", headers={"Authorization": f"Bearer {token}"}).status_code

    assert [status(token) for token in ("a", "b", "c")] == [200, 429, 200]


def test_tokens_of_the_seed_are_kept_with_the_state(tmp_path: Path, airtable_emulator: StartAirtable) -> None:
    seed = small_seed() | {"tokens": [{"token": "patSeeded", "scopes": ["schema.bases:read"]}]}
    first = airtable_emulator(seed=seed, data=tmp_path, tokens=frozenset())
    first.stop()
    second = airtable_emulator(data=tmp_path, tokens=frozenset())
    headers = {"Authorization": "Bearer patSeeded"}
    assert httpx.get(f"{second.url}{TABLES}", headers=headers).status_code == 200
    assert httpx.get(f"{second.url}/v0/{BASE}/Products", headers=headers).status_code == 403


def test_a_tokens_file_is_one_token_a_line_or_json() -> None:
    assert [owner.token for owner in read_tokens(b"patOne\n patTwo\n")] == ["patOne", "patTwo"]
    [owner] = read_tokens(b'{"tokens": [{"token": "patA", "scopes": ["webhook:manage"], "bases": [], "oauth": true}]}')
    assert (owner.scopes, owner.bases, owner.oauth) == (frozenset({"webhook:manage"}), frozenset(), True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "not valid JSON"),
        (b'{"tokens": [{"tokn": "a"}]}', "tokn"),
        (b'{"tokens": [{"token": ""}]}', "empty"),
        (b'{"tokens": [{"token": "a b"}]}', "spaces"),
        (b'{"tokens": [{"token": "a", "id": "ada"}]}', "'ada'"),
        (b'{"tokens": [{"token": "a", "bases": ["Shop"]}]}', "'Shop'"),
        (b'{"tokens": [{"token": "a", "scopes": ["data.records"]}]}', "'data.records'"),
    ],
)
def test_a_tokens_file_that_cannot_be_is_refused_with_the_place(text: bytes, words: str) -> None:
    with pytest.raises(SeedError) as refused:
        read_tokens(text)
    assert words in str(refused.value)
