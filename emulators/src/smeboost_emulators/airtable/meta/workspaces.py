"""Workspaces: their bases, their people, what may be done with both; and new bases, which are made in one.

Reading is for all plans, changing for Enterprise (`needs.py`).
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta

from smeboost_emulators.airtable.errors import invalid_request, model_not_found, not_permitted
from smeboost_emulators.airtable.ids import new_id
from smeboost_emulators.airtable.meta.people import (
    WORKSPACE_LEVELS,
    checked_segment,
    included,
    shown,
    with_level,
    with_new,
    without,
    without_invite,
)
from smeboost_emulators.airtable.meta.planning import BaseRequest, Name, plan_base, read_request
from smeboost_emulators.airtable.meta.refusals import model_id_not_found, workspace_missing
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.state.access import BaseAccess, Grant, Level, Workspace, at_least
from smeboost_emulators.airtable.state.account_changes import (
    AccessChanged,
    BaseDeleted,
    WorkspaceChanged,
    WorkspaceDeleted,
)
from smeboost_emulators.airtable.state.commits import Actor
from smeboost_emulators.airtable.state.schema import Base
from smeboost_emulators.airtable.wire import Call

_INCLUDES = frozenset({"collaborators", "inviteLinks"})
_Restriction = Literal["unrestricted", "onlyOwners"]


class _NewWorkspace(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    name: Name
    enterprise_account_id: str | msgspec.UnsetType = UNSET


class _Move(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    base_id: str
    target_workspace_id: str
    target_index: Annotated[int, Meta(ge=0)] | msgspec.UnsetType = UNSET


class _Restrictions(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    invite_creation_restriction: _Restriction | msgspec.UnsetType = UNSET
    share_creation_restriction: _Restriction | msgspec.UnsetType = UNSET


async def create_base(call: Call) -> dict[str, Any]:
    """A base with its tables, in a workspace where the owner of the token may make some."""
    body = await call.body()
    if "workspaceId" not in body:
        raise workspace_missing()
    request = read_request(body, BaseRequest)
    workspace = call.emulator.state.workspaces.get(request.workspace_id)
    if workspace is None:
        raise model_id_not_found("Workspace")
    if not at_least(call.emulator.rights.level_in_workspace(call.identity, workspace), "create"):
        raise not_permitted()
    access = BaseAccess(workspace.id, timestamp(call.emulator.clock.now()))
    change = plan_base(request, access)
    call.emulator.commit(change.base_id, [change], Actor(call.identity.user))
    tables = call.emulator.state.bases[change.base_id].tables.values()
    return {"id": change.base_id, "tables": [table.described(with_visible_fields=False) for table in tables]}


async def create_workspace(call: Call) -> dict[str, Any]:
    """A workspace of which the owner of the token is the owner."""
    request = read_request(await call.body(), _NewWorkspace)
    if not request.name:
        raise invalid_request("A workspace must have a name.")
    moment, user = timestamp(call.emulator.clock.now()), call.identity.user
    owner = Grant(user["id"], "owner", user["email"], moment, user["id"])
    new = Workspace(new_id("wsp"), request.name, moment, (owner,))
    call.emulator.record([WorkspaceChanged(new)])
    return {"id": new.id}


async def show_workspace(call: Call) -> dict[str, Any]:
    """The workspace and, when asked for, who may reach it or one of its bases."""
    include = included(call, _INCLUDES)
    workspace, bases = _workspace(call, "read"), _bases(call)
    answer: dict[str, Any] = {
        "id": workspace.id,
        "name": workspace.name,
        "createdTime": workspace.created_time,
        "baseIds": [base.id for base in bases],
        "workspaceRestrictions": {
            "inviteCreationRestriction": workspace.invite_creation_restriction,
            "shareCreationRestriction": workspace.share_creation_restriction,
        },
    }
    if "collaborators" in include:
        in_bases = [one for base in bases for one in shown(base.access.individual_collaborators, baseId=base.id)]
        people = {"baseCollaborators": in_bases, "workspaceCollaborators": shown(workspace.individual_collaborators)}
        no_groups: dict[str, list[Any]] = {"baseCollaborators": [], "workspaceCollaborators": []}
        answer |= {"individualCollaborators": people, "collaborators": people, "groupCollaborators": no_groups}
    if "inviteLinks" in include:
        answer["inviteLinks"] = {
            "baseInviteLinks": [one for base in bases for one in shown(base.access.invite_links, baseId=base.id)],
            "workspaceInviteLinks": shown(workspace.invite_links),
        }
    return answer


async def delete_workspace(call: Call) -> dict[str, Any]:
    """The workspace with all its bases."""
    workspace = _workspace(call, "owner")
    gone = [BaseDeleted(base.id) for base in _bases(call)]
    call.emulator.record([*gone, WorkspaceDeleted(workspace.id)])
    return {"id": workspace.id, "deleted": True}


async def add_collaborator(call: Call) -> dict[str, Any]:
    body = await call.body()
    grants = with_new(call, body, _workspace(call, "create").individual_collaborators, WORKSPACE_LEVELS)
    return _keep(call, individual_collaborators=grants)


async def update_collaborator(call: Call) -> dict[str, Any]:
    body = await call.body()
    grants = with_level(call, body, _workspace(call, "create").individual_collaborators, WORKSPACE_LEVELS)
    return _keep(call, individual_collaborators=grants)


async def remove_collaborator(call: Call) -> dict[str, Any]:
    return _keep(call, individual_collaborators=without(call, _workspace(call, "create").individual_collaborators))


async def delete_invite(call: Call) -> dict[str, Any]:
    return _keep(call, invite_links=without_invite(call, _workspace(call, "create").invite_links))


async def move_base(call: Call) -> dict[str, Any]:
    """A base goes to another workspace; the order of bases in one is not kept here, so its index means nothing."""
    request = read_request(await call.body(), _Move)
    _workspace(call, "owner")
    base = next((base for base in _bases(call) if base.id == request.base_id), None)
    target = call.emulator.state.workspaces.get(request.target_workspace_id)
    if base is None or target is None:
        raise model_not_found()
    if not at_least(call.emulator.rights.level_in_workspace(call.identity, target), "owner"):
        raise not_permitted()
    access = msgspec.structs.replace(base.access, workspace_id=target.id)
    call.emulator.record([AccessChanged(base.id, access)])
    return {}


async def update_restrictions(call: Call) -> dict[str, Any]:
    """Who may invite and share."""
    request = read_request(await call.body(), _Restrictions)
    _workspace(call, "owner")
    values = {name: value for name, value in msgspec.structs.asdict(request).items() if value is not UNSET}
    return _keep(call, **values)


def _workspace(call: Call, needed: Level) -> Workspace:
    """The workspace in the path, when the owner of the token may do that much in it."""
    workspace = call.emulator.state.workspaces.get(checked_segment(call, "workspace", "wsp"))
    level = "none" if workspace is None else call.emulator.rights.level_in_workspace(call.identity, workspace)
    if workspace is None or level == "none":
        raise model_not_found()
    if not at_least(level, needed):
        raise not_permitted()
    return workspace


def _bases(call: Call) -> list[Base]:
    workspace_id = call.segment("workspace")
    return [base for base in call.emulator.state.bases.values() if base.access.workspace_id == workspace_id]


def _keep(call: Call, **changes: object) -> dict[str, Any]:
    workspace = call.emulator.state.workspaces[call.segment("workspace")]
    call.emulator.record([WorkspaceChanged(msgspec.structs.replace(workspace, **changes))])
    return {}
