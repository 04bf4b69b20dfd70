"""Bases, workspaces, their people, shares, interfaces and views, as pyairtable sees them and as they are kept."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pyairtable import Api
from smeboost_emulators.testing.airtable import AirtableEmulator, StartAirtable, running_emulator, small_seed

BASE, HOME = "appSmallShop00001", "wspHome0000000001"
META = f"/v0/meta/bases/{BASE}"
ADA, BOB = "usrAda00000000001", "usrBob00000000001"
PAGE = "pbdOffice00000001"


def seed_with_access() -> dict[str, Any]:
    seed = small_seed()
    invite = {"id": "invBase0000000001", "permissionLevel": "edit", "invitedEmail": "new@example.com"}
    seed["bases"][0]["access"] = {
        "workspaceId": HOME,
        "createdTime": "2025-05-05T05:05:05.000Z",
        "individualCollaborators": [{"userId": ADA, "email": "ada@example.com", "permissionLevel": "create"}],
        "inviteLinks": [invite],
        "interfaces": [
            {
                "id": PAGE,
                "name": "Office",
                "individualCollaborators": [{"userId": BOB, "email": "bob@example.com", "permissionLevel": "read"}],
                "inviteLinks": [invite | {"id": "invPage0000000001"}],
            }
        ],
        "shares": [{"shareId": "shrPrices00000001", "type": "view", "viewId": "viwProductsPrice1"}],
    }
    home: dict[str, Any] = {
        "id": HOME,
        "name": "Home",
        "inviteLinks": [invite | {"id": "invHome0000000001", "type": "multiUse"}],
    }
    home["individualCollaborators"] = [{"userId": BOB, "email": "bob@example.com", "permissionLevel": "owner"}]
    return seed | {"workspaces": [home, {"id": "wspOther000000001", "name": "Other"}]}


@pytest.fixture(scope="module")
def running() -> Iterator[AirtableEmulator]:
    with running_emulator(seed=seed_with_access(), plan="enterprise") as emulator:
        yield emulator


@pytest.fixture
def enterprise(running: AirtableEmulator) -> AirtableEmulator:
    """One emulator for the module, as it was at its start."""
    running.reset()
    return running


@pytest.fixture
def office(enterprise: AirtableEmulator, pyairtable_api: Callable[[AirtableEmulator], Api]) -> Api:
    return pyairtable_api(enterprise)


def test_a_base_shows_who_may_reach_it(office: Api) -> None:
    shown = office.base(BASE).collaborators()
    assert (shown.name, shown.permission_level, shown.workspace_id) == ("Small shop", "create", HOME)
    assert shown.created_time.year == 2025
    assert [(one.user_id, one.permission_level) for one in shown.individual_collaborators.via_base] == [(ADA, "create")]
    assert [one.email for one in shown.individual_collaborators.via_workspace] == ["bob@example.com"]
    assert [link.invited_email for link in shown.invite_links.via_base] == ["new@example.com"]
    assert [link.type for link in shown.invite_links.via_workspace] == ["multiUse"]
    page = shown.interfaces[PAGE]
    assert (page.name, page.individual_collaborators[0].user_id) == ("Office", BOB)


def test_what_is_not_asked_for_is_left_out(shared_send) -> None:
    shown = shared_send("GET", META).json()
    assert shown == {
        "id": BASE,
        "name": "Small shop",
        "createdTime": "2024-01-01T00:00:00.000Z",
        "permissionLevel": "create",
        "workspaceId": HOME,
    }
    both = shared_send("GET", f"{META}?include[]=packages&include=interfaces").json()
    assert both == shown | {"interfaces": {}, "packageInstallations": []}
    refused = shared_send("GET", f"{META}?include=secrets")
    assert (refused.status_code, refused.json()["error"]["type"]) == (422, "INVALID_REQUEST_UNKNOWN")


def test_collaborators_of_a_base_come_change_and_go(office: Api) -> None:
    base = office.base(BASE)
    base.collaborators().add_user(BOB, "comment")
    assert [one.email for one in base.collaborators(force=True).individual_collaborators.via_base] == [
        "ada@example.com",
        "bob@example.com",
    ]
    base.collaborators().update(BOB, "edit")
    base.collaborators().remove(ADA)
    people = base.collaborators(force=True).individual_collaborators.via_base
    assert [(one.user_id, one.permission_level) for one in people] == [(BOB, "edit")]
    assert people[0].granted_by_user_id == office.whoami()["id"]


def test_a_level_that_is_changed_counts_from_then_on(
    airtable_emulator: StartAirtable, pyairtable_api: Callable[[AirtableEmulator], Api]
) -> None:
    me = {"userId": ADA, "permissionLevel": "create"}
    seed: dict[str, Any] = small_seed() | {"tokens": [{"token": "patEmulator", "id": ADA}]}
    seed["bases"][0]["access"] = {"individualCollaborators": [me]}
    emulator = airtable_emulator(seed=seed, tokens=frozenset(), plan="enterprise")
    api = Api("patEmulator", endpoint_url=emulator.url)
    api.base(BASE).collaborators().update(ADA, "read")
    assert api.bases(force=True)[0].permission_level == "read"
    with pytest.raises(requests.HTTPError, match="403"):
        api.table(BASE, "Products").create({"Name": "x"})
    api.session.close()


def test_invites_are_withdrawn_at_each_place(office: Api) -> None:
    shown = office.base(BASE).collaborators()
    shown.invite_links.via_base[0].delete()
    shown.interfaces[PAGE].invite_links[0].delete()
    shown.invite_links.via_workspace[0].delete()
    again = office.base(BASE).collaborators(force=True)
    assert not again.invite_links.via_base
    assert not again.invite_links.via_workspace
    assert not again.interfaces[PAGE].invite_links


def test_collaborators_of_an_interface_come_change_and_go(
    office: Api, enterprise: AirtableEmulator, plain_http
) -> None:
    page = office.base(BASE).collaborators().interfaces[PAGE]
    page.add_user(ADA, "comment")
    page.update(ADA, "edit")
    page.remove(BOB)
    shown = plain_http(enterprise)(
        "GET", f"{META}/interfaces/{PAGE}?include[]=collaborators&include[]=inviteLinks"
    ).json()
    assert (shown["baseId"], shown["name"], shown["permissionLevel"]) == (BASE, "Office", "create")
    levels = {kind: [one["userId"] for one in people] for kind, people in shown["individualCollaborators"].items()}
    assert levels == {"baseCollaborators": [ADA], "interfaceCollaborators": [ADA], "workspaceCollaborators": [BOB]}
    assert [link["id"] for link in shown["inviteLinks"]] == ["invPage0000000001"]


def test_shares_are_listed_disabled_and_deleted(office: Api) -> None:
    [share] = office.base(BASE).shares()
    assert (share.share_id, share.type, share.state) == ("shrPrices00000001", "view", "enabled")
    assert (share.view_id, share.block_installation_id) == ("viwProductsPrice1", None)
    share.disable()
    assert office.base(BASE).shares(force=True)[0].state == "disabled"
    share.delete()
    assert office.base(BASE).shares(force=True) == []


def test_views_are_listed_with_their_fields_and_deleted(office: Api, enterprise: AirtableEmulator, plain_http) -> None:
    send = plain_http(enterprise)
    views = send("GET", f"{META}/views?include[]=visibleFieldIds").json()["views"]
    assert [view["name"] for view in views] == ["Grid view", "By price", "Grid view"]
    assert views[1]["visibleFieldIds"] == ["fldProductName001", "fldProductPrice01"]
    one = send("GET", f"{META}/views/viwProductsPrice1").json()
    assert one == {"id": "viwProductsPrice1", "name": "By price", "type": "grid"}
    office.base(BASE).schema().table("Products").view("By price").delete()
    assert [view.name for view in office.base(BASE).schema(force=True).table("Products").views] == ["Grid view"]
    assert send("GET", "Products?view=By price").json()["error"]["type"] == "VIEW_NAME_NOT_FOUND"
    assert send("DELETE", f"{META}/views/viwProductsGrid01").status_code == 422


def test_a_workspace_shows_its_bases_and_people(office: Api) -> None:
    shown = office.workspace(HOME).collaborators()
    assert (shown.name, shown.base_ids) == ("Home", [BASE])
    assert shown.restrictions.invite_creation == "unrestricted"
    assert [(one.base_id, one.user_id) for one in shown.individual_collaborators.via_base] == [(BASE, ADA)]
    assert [one.permission_level for one in shown.individual_collaborators.via_workspace] == ["owner"]
    assert [link.base_id for link in shown.invite_links.via_base] == [BASE]


def test_people_and_restrictions_of_a_workspace_change(office: Api) -> None:
    shown = office.workspace(HOME).collaborators()
    shown.add_user(ADA, "create")
    shown.update(ADA, "owner")
    shown.remove(BOB)
    shown.restrictions.invite_creation = "onlyOwners"
    shown.restrictions.save()
    again = office.workspace(HOME).collaborators(force=True)
    assert [(one.user_id, one.permission_level) for one in again.individual_collaborators.via_workspace] == [
        (ADA, "owner")
    ]
    assert (again.restrictions.invite_creation, again.restrictions.share_creation) == ("onlyOwners", "unrestricted")


def test_a_base_is_made_moved_and_deleted(office: Api) -> None:
    fields = [{"name": "Name", "type": "singleLineText"}]
    tables: list[dict[str, Any]] = [{"name": "One", "fields": fields}, {"name": "Two", "fields": fields}]
    base = office.create_base(HOME, "New", tables)
    assert [(table.name, table.schema().primary_field_id[:3]) for table in base.tables()] == [
        ("One", "fld"),
        ("Two", "fld"),
    ]
    assert (base.name, base.permission_level) == ("New", "create")
    record = base.table("Two").create({"Name": "x"})
    assert base.table("Two").all() == [record]
    office.workspace(HOME).move_base(base, "wspOther000000001", index=0)
    assert [one.id for one in office.workspace("wspOther000000001").bases()] == [base.id]
    base.delete()
    assert [one.id for one in office.bases(force=True)] == [BASE]
    with pytest.raises(requests.HTTPError, match="403"):
        base.table("Two").all()


def test_a_base_that_is_deleted_while_a_write_to_it_is_read_is_not_there(
    enterprise: AirtableEmulator, plain_http
) -> None:
    send, send_meanwhile = plain_http(enterprise), plain_http(enterprise)
    enterprise.emulator.knobs.attachment_fetch = "async"

    def body() -> Iterator[bytes]:
        yield b'{"fields":'
        assert send_meanwhile("DELETE", f"/v0/meta/bases/{BASE}").status_code == 200
        yield b" {}}"

    answer = send("POST", "Products", content=body(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")


def test_a_workspace_is_made_and_deleted_with_its_bases(office: Api, enterprise: AirtableEmulator, plain_http) -> None:
    made = plain_http(enterprise)("POST", "/v0/meta/workspaces", json={"name": "Lab"}).json()["id"]
    assert office.workspace(made).name == "Lab"
    office.workspace(made).create_base("In it", [{"name": "T", "fields": [{"name": "N", "type": "url"}]}])
    office.workspace(made).delete()
    assert [base.id for base in office.bases(force=True)] == [BASE]
    with pytest.raises(requests.HTTPError, match="403"):
        office.workspace(made).collaborators(force=True)


def test_bases_and_people_survive_a_restart(
    tmp_path: Path, airtable_emulator: StartAirtable, pyairtable_api: Callable[[AirtableEmulator], Api]
) -> None:
    first = airtable_emulator(seed=seed_with_access(), data=tmp_path, plan="enterprise")
    api = pyairtable_api(first)
    api.base(BASE).collaborators().add_user(BOB, "edit")
    made = api.create_base("wspOther000000001", "New", [{"name": "T", "fields": [{"name": "N", "type": "url"}]}])
    api.base(BASE).shares()[0].disable()
    api.workspace(HOME).collaborators().remove(BOB)
    first.stop()
    again = pyairtable_api(airtable_emulator(data=tmp_path, plan="enterprise"))
    assert [base.id for base in again.bases()] == [BASE, made.id]
    assert len(again.base(BASE).collaborators().individual_collaborators.via_base) == 2
    assert again.base(BASE).shares()[0].state == "disabled"
    assert again.workspace("wspOther000000001").collaborators().base_ids == [made.id]
    assert not again.workspace(HOME).collaborators().individual_collaborators.via_workspace


NEW = {"user": {"id": BOB}, "permissionLevel": "edit"}
REFUSED: list[tuple[str, str, Any, int, str]] = [
    ("POST", f"{META}/collaborators", {}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", f"{META}/collaborators", {"collaborators": []}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", f"{META}/collaborators", {"collaborators": [NEW, NEW]}, 403, "INVALID_PERMISSIONS"),
    (
        "POST",
        f"{META}/collaborators",
        {"collaborators": [NEW | {"permissionLevel": "owner"}]},
        422,
        "INVALID_REQUEST_UNKNOWN",
    ),
    ("POST", f"{META}/collaborators", {"collaborators": [NEW | {"user": {"id": ADA}}]}, 422, "INVALID_REQUEST_UNKNOWN"),
    (
        "POST",
        f"{META}/collaborators",
        {"collaborators": [NEW | {"user": {"id": "bob"}}]},
        422,
        "INVALID_REQUEST_UNKNOWN",
    ),
    (
        "POST",
        f"{META}/collaborators",
        {"collaborators": [{"group": {"id": "ugpTeam0000000001"}, "permissionLevel": "read"}]},
        501,
        "EMULATOR_NOT_SUPPORTED",
    ),
    ("PATCH", f"{META}/collaborators/{BOB}", {"permissionLevel": "edit"}, 403, "INVALID_PERMISSIONS"),
    ("PATCH", f"{META}/collaborators/{ADA}", {"permissionLevel": "king"}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("DELETE", f"{META}/collaborators/{BOB}", None, 403, "INVALID_PERMISSIONS"),
    ("DELETE", f"{META}/invites/invNowhere0000001", None, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("DELETE", f"{META}/invites/nowhere", None, 404, "NOT_FOUND"),
    ("GET", f"{META}/interfaces/pbdNowhere0000001", None, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("POST", f"{META}/interfaces/{PAGE}/collaborators", {"collaborators": [NEW]}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("PATCH", f"{META}/shares/shrPrices00000001", {"state": "off"}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("PATCH", f"{META}/shares/shrNowhere0000001", {"state": "enabled"}, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("GET", f"{META}/views/viwNowhere0000001", None, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("GET", f"{META}/views?include=fields", None, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "/v0/meta/bases", {"name": "N", "tables": []}, 422, "INVALID_REQUEST"),
    ("POST", "/v0/meta/bases", {"name": "N", "tables": [], "workspaceId": HOME}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", "/v0/meta/workspaces", {"name": ""}, 422, "INVALID_REQUEST_UNKNOWN"),
    ("POST", f"/v0/meta/workspaces/{HOME}/moveBase", {"baseId": BASE}, 422, "INVALID_REQUEST_UNKNOWN"),
    (
        "POST",
        f"/v0/meta/workspaces/{HOME}/moveBase",
        {"baseId": BASE, "targetWorkspaceId": "wspNowhere0000001"},
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
    ),
    ("GET", "/v0/meta/workspaces/home", None, 404, "NOT_FOUND"),
    ("GET", "/v0/meta/enterpriseAccounts/entShop0000000001", None, 501, "EMULATOR_NOT_SUPPORTED"),
    ("GET", f"{META}/blockInstallations", None, 501, "EMULATOR_NOT_SUPPORTED"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "kind"), REFUSED)
def test_what_cannot_be_is_refused(
    *, enterprise: AirtableEmulator, plain_http, method: str, path: str, body: Any, status: int, kind: str
) -> None:
    answer = plain_http(enterprise)(method, path, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error if isinstance(error, str) else error["type"]) == (status, kind)


def test_a_base_in_an_unknown_workspace_is_not_made(api: Api) -> None:
    tables = [{"name": "T", "fields": [{"name": "N", "type": "url"}]}]
    with pytest.raises(requests.HTTPError, match="MODEL_ID_NOT_FOUND"):
        api.create_base("wspNowhere0000001", "New", tables)
    with pytest.raises(requests.HTTPError, match="DUPLICATE_TABLE_NAME"):
        api.create_base(HOME, "New", [*tables, tables[0] | {"name": "t"}])
    assert [base.id for base in api.bases(force=True)] == [BASE]


ENTERPRISE_ONLY = [
    ("DELETE", META),
    ("GET", f"{META}/views"),
    ("GET", f"{META}/views/viwProductsGrid01"),
    ("DELETE", f"{META}/views/viwProductsGrid01"),
    ("POST", f"{META}/collaborators"),
    ("PATCH", f"{META}/collaborators/{ADA}"),
    ("DELETE", f"{META}/collaborators/{ADA}"),
    ("DELETE", f"{META}/invites/invBase0000000001"),
    ("GET", f"{META}/interfaces/{PAGE}"),
    ("POST", f"{META}/interfaces/{PAGE}/collaborators"),
    ("PATCH", f"{META}/interfaces/{PAGE}/collaborators/{ADA}"),
    ("DELETE", f"{META}/interfaces/{PAGE}/collaborators/{ADA}"),
    ("DELETE", f"{META}/interfaces/{PAGE}/invites/invPage0000000001"),
    ("GET", f"{META}/shares"),
    ("PATCH", f"{META}/shares/shrPrices00000001"),
    ("DELETE", f"{META}/shares/shrPrices00000001"),
    ("GET", f"{META}/blockInstallations"),
    ("PATCH", f"{META}/blockInstallations/bliBlock000000001"),
    ("DELETE", f"{META}/blockInstallations/bliBlock000000001"),
    ("POST", "/v0/meta/workspaces"),
    ("DELETE", f"/v0/meta/workspaces/{HOME}"),
    ("POST", f"/v0/meta/workspaces/{HOME}/collaborators"),
    ("PATCH", f"/v0/meta/workspaces/{HOME}/collaborators/{ADA}"),
    ("DELETE", f"/v0/meta/workspaces/{HOME}/collaborators/{ADA}"),
    ("DELETE", f"/v0/meta/workspaces/{HOME}/invites/invHome0000000001"),
    ("POST", f"/v0/meta/workspaces/{HOME}/moveBase"),
    ("POST", f"/v0/meta/workspaces/{HOME}/updateRestrictions"),
    ("GET", "/v0/meta/groups/ugpTeam0000000001"),
    ("GET", "/v0/meta/enterpriseAccounts/entShop0000000001"),
    *(
        (method, f"/v0/meta/enterpriseAccounts/entShop0000000001/{path}")
        for method, path in (
            ("GET", "auditLogEvents"),
            ("GET", "auditLogs"),
            ("POST", "auditLogs"),
            ("GET", "auditLogs/task"),
            ("GET", "changeEvents"),
            ("GET", "exports"),
            ("POST", "exports"),
            ("POST", "descendants"),
            ("POST", "moveGroups"),
            ("POST", "moveWorkspaces"),
            ("GET", "packages"),
            ("POST", "packages/pkg/install"),
            ("GET", "personalAccessTokens"),
            ("POST", "personalAccessTokens/revoke"),
            ("PATCH", "users"),
            ("DELETE", "users"),
            ("POST", "users/claim"),
            ("POST", "users/grantAdminAccess"),
            ("GET", f"users/{ADA}"),
            ("POST", f"users/{ADA}/logout"),
            ("POST", f"users/{ADA}/remove"),
            ("POST", "workspaceAiAllowlist"),
        )
    ),
    ("GET", "/scim/v2/Users"),
    ("POST", "/scim/v2/Groups"),
    ("PATCH", "/scim/v2/Groups/1"),
    ("POST", "/v0/entShop0000000001/dtbRows0000000001/getRecords"),
    ("PUT", "/v0/entShop0000000001/dtbRows0000000001/upsertRecords"),
    ("POST", "/v0/entShop0000000001/dtbRows0000000001/deleteRecords"),
]


@pytest.mark.parametrize(("method", "path"), ENTERPRISE_ONLY)
def test_without_the_plan_what_is_for_enterprise_is_not_found(shared_send, method: str, path: str) -> None:
    answer = shared_send(method, path, json={})
    assert (answer.status_code, answer.json()) == (404, {"error": "NOT_FOUND"})


def test_pyairtable_says_that_the_plan_is_missing(api: Api) -> None:
    with pytest.raises(requests.HTTPError, match="requires an enterprise billing plan"):
        api.base(BASE).shares()
    assert api.base(BASE).collaborators().workspace_id == HOME
    assert api.workspace(HOME).collaborators().base_ids == [BASE]
