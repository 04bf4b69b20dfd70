"""Who may reach a base: collaborators, invites, interfaces, shared views; and the end of a base.

Reading is for all plans, changing for Enterprise (`needs.py`). What is changed is kept, and counts: a level set here is
what the user's requests are measured by.
"""

from typing import Any, Literal

import msgspec

from smeboost_emulators.airtable.errors import model_not_found
from smeboost_emulators.airtable.meta.people import (
    BASE_LEVELS,
    INTERFACE_LEVELS,
    Grants,
    checked_segment,
    included,
    shown,
    with_level,
    with_new,
    without,
    without_invite,
)
from smeboost_emulators.airtable.meta.planning import read_request
from smeboost_emulators.airtable.state.access import BaseAccess, Interface, Share, Workspace
from smeboost_emulators.airtable.state.account_changes import AccessChanged, BaseDeleted
from smeboost_emulators.airtable.wire import Call

_BASE_INCLUDES = frozenset({"collaborators", "inviteLinks", "interfaces", "packages"})
_INTERFACE_INCLUDES = frozenset({"collaborators", "inviteLinks"})
_NO_GROUPS: dict[str, list[Any]] = {"baseCollaborators": [], "workspaceCollaborators": []}


class _NewState(msgspec.Struct, forbid_unknown_fields=True):
    state: Literal["enabled", "disabled"]


async def show_base(call: Call) -> dict[str, Any]:
    """The base and, when asked for, who may reach it; `collaborators` is the deprecated name of the individual ones."""
    include = included(call, _BASE_INCLUDES)
    base, workspace = call.own_base(), _workspace(call)
    answer: dict[str, Any] = {
        "id": base.id,
        "name": base.name,
        "createdTime": base.access.created_time,
        "permissionLevel": call.level,
        "workspaceId": workspace.id,
    }
    if "collaborators" in include:
        people = {
            "baseCollaborators": shown(base.access.individual_collaborators),
            "workspaceCollaborators": shown(workspace.individual_collaborators),
        }
        answer |= {"individualCollaborators": people, "collaborators": people, "groupCollaborators": _NO_GROUPS}
    if "inviteLinks" in include:
        answer["inviteLinks"] = {
            "baseInviteLinks": shown(base.access.invite_links),
            "workspaceInviteLinks": shown(workspace.invite_links),
        }
    if "interfaces" in include:
        answer["interfaces"] = {item.id: _interface(item, include) for item in base.access.interfaces}
    if "packages" in include:
        answer["packageInstallations"] = []
    return answer


async def delete_base(call: Call) -> dict[str, Any]:
    """The base with all that is in it."""
    base = call.own_base()
    call.record([BaseDeleted(base.id)])
    return {"id": base.id, "deleted": True}


async def add_collaborator(call: Call) -> dict[str, Any]:
    body = await call.body()
    return _keep(call, individual_collaborators=with_new(call, body, _grants(call), BASE_LEVELS))


async def update_collaborator(call: Call) -> dict[str, Any]:
    body = await call.body()
    return _keep(call, individual_collaborators=with_level(call, body, _grants(call), BASE_LEVELS))


async def remove_collaborator(call: Call) -> dict[str, Any]:
    return _keep(call, individual_collaborators=without(call, _grants(call)))


async def delete_invite(call: Call) -> dict[str, Any]:
    return _keep(call, invite_links=without_invite(call, _access(call).invite_links))


async def show_interface(call: Call) -> dict[str, Any]:
    """An interface; here its collaborators are told apart by what they were added to."""
    include = included(call, _INTERFACE_INCLUDES)
    base, item = call.own_base(), _own_interface(call)
    answer = {"baseId": base.id, "permissionLevel": call.level} | _interface(item, frozenset())
    if "collaborators" in include:
        answer["individualCollaborators"] = {
            "baseCollaborators": shown(base.access.individual_collaborators),
            "interfaceCollaborators": shown(item.individual_collaborators),
            "workspaceCollaborators": shown(_workspace(call).individual_collaborators),
        }
        answer["groupCollaborators"] = _NO_GROUPS | {"interfaceCollaborators": []}
    if "inviteLinks" in include:
        answer["inviteLinks"] = shown(item.invite_links)
    return answer


async def add_interface_collaborator(call: Call) -> dict[str, Any]:
    body = await call.body()
    grants = with_new(call, body, _own_interface(call).individual_collaborators, INTERFACE_LEVELS)
    return _keep_interface(call, individual_collaborators=grants)


async def update_interface_collaborator(call: Call) -> dict[str, Any]:
    body = await call.body()
    grants = with_level(call, body, _own_interface(call).individual_collaborators, INTERFACE_LEVELS)
    return _keep_interface(call, individual_collaborators=grants)


async def remove_interface_collaborator(call: Call) -> dict[str, Any]:
    return _keep_interface(call, individual_collaborators=without(call, _own_interface(call).individual_collaborators))


async def delete_interface_invite(call: Call) -> dict[str, Any]:
    return _keep_interface(call, invite_links=without_invite(call, _own_interface(call).invite_links))


async def list_shares(call: Call) -> dict[str, Any]:
    return {"shares": [msgspec.to_builtins(share) for share in _access(call).shares]}


async def update_share(call: Call) -> dict[str, Any]:
    """Whether a share works."""
    state = read_request(await call.body(), _NewState).state
    share = _share(call)
    new = msgspec.structs.replace(share, state=state)
    _keep(call, shares=tuple(new if item is share else item for item in _access(call).shares))
    return msgspec.to_builtins(new)


async def delete_share(call: Call) -> dict[str, Any]:
    share = _share(call)
    return _keep(call, shares=tuple(item for item in _access(call).shares if item is not share))


def _access(call: Call) -> BaseAccess:
    return call.own_base().access


def _grants(call: Call) -> Grants:
    return _access(call).individual_collaborators


def _workspace(call: Call) -> Workspace:
    return call.emulator.state.workspaces[_access(call).workspace_id]


def _keep(call: Call, **changes: object) -> dict[str, Any]:
    call.record([AccessChanged(call.own_base().id, msgspec.structs.replace(_access(call), **changes))])
    return {}


def _own_interface(call: Call) -> Interface:
    interface_id = checked_segment(call, "interface", "pbd")
    found = next((item for item in _access(call).interfaces if item.id == interface_id), None)
    if found is None:
        raise model_not_found()
    return found


def _keep_interface(call: Call, **changes: object) -> dict[str, Any]:
    own = _own_interface(call)
    new = msgspec.structs.replace(own, **changes)
    return _keep(call, interfaces=tuple(new if item is own else item for item in _access(call).interfaces))


def _interface(item: Interface, include: set[str] | frozenset[str]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "id": item.id,
        "name": item.name,
        "createdTime": item.created_time,
        "firstPublishTime": item.first_publish_time,
    }
    if "collaborators" in include:
        answer |= {"individualCollaborators": shown(item.individual_collaborators), "groupCollaborators": []}
    if "inviteLinks" in include:
        answer["inviteLinks"] = shown(item.invite_links)
    return answer


def _share(call: Call) -> Share:
    share_id = checked_segment(call, "share", "shr")
    found = next((item for item in _access(call).shares if item.share_id == share_id), None)
    if found is None:
        raise model_not_found()
    return found
