"""Collaborators and invites, which bases, interfaces and workspaces have alike.

Sources: https://airtable.com/developers/web/api/add-base-collaborator and its kin. One collaborator at a time; groups
are a matter of Enterprise accounts, which are not built here.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from smeboost_emulators.airtable.errors import invalid_request, model_not_found, not_found, not_permitted, not_supported
from smeboost_emulators.airtable.ids import is_id
from smeboost_emulators.airtable.meta.planning import read_request
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.records.listing import read_query
from smeboost_emulators.airtable.state.access import Grant, Invite, Level, level_of
from smeboost_emulators.airtable.wire import Call

Grants: TypeAlias = tuple[Grant, ...]
COLLABORATORS_SENT_MAX = 100
BASE_LEVELS: tuple[Level, ...] = ("none", "read", "comment", "edit", "create")
WORKSPACE_LEVELS: tuple[Level, ...] = ("none", "read", "comment", "edit", "create", "owner")
INTERFACE_LEVELS: tuple[Level, ...] = ("read", "comment", "edit")


class _Named(msgspec.Struct, forbid_unknown_fields=True):
    id: str


class _NewCollaborator(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    permission_level: Level
    user: _Named | UnsetType = UNSET
    group: _Named | UnsetType = UNSET


class _NewCollaborators(msgspec.Struct, forbid_unknown_fields=True):
    collaborators: Annotated[list[_NewCollaborator], Meta(min_length=1, max_length=COLLABORATORS_SENT_MAX)]


class _NewLevel(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    permission_level: Level


def with_new(call: Call, body: dict[str, Any], grants: Grants, levels: Sequence[Level]) -> Grants:
    """The grants with the one that the body asks for.

    Raises:
        ApiError: 403 for several at once, 422 for a level, a user or a group that cannot be added.
    """
    wanted = read_request(body, _NewCollaborators).collaborators
    if len(wanted) > 1:
        raise not_permitted()
    [new] = wanted
    _check_level(new.permission_level, levels)
    if new.group is not UNSET:
        raise not_supported("user groups")
    if new.user is UNSET or not is_id("usr", new.user.id):
        raise invalid_request('A collaborator is {"user": {"id"}, "permissionLevel"}, and the id begins with usr.')
    if level_of(grants, new.user.id) is not None:
        raise invalid_request(f"{new.user.id} is a collaborator already; PATCH changes the permissionLevel.")
    moment, by = timestamp(call.emulator.clock.now()), call.user_id
    return (*grants, Grant(new.user.id, new.permission_level, _email(call, new.user.id), moment, by))


def with_level(call: Call, body: dict[str, Any], grants: Grants, levels: Sequence[Level]) -> Grants:
    """The grants with a new level for the user in the path.

    Raises:
        ApiError: 403 when that user is no collaborator, 422 for a level that cannot be.
    """
    user_id = _collaborator(call, grants)
    level = read_request(body, _NewLevel).permission_level
    _check_level(level, levels)
    return tuple(
        msgspec.structs.replace(grant, permission_level=level) if grant.user_id == user_id else grant
        for grant in grants
    )


def without(call: Call, grants: Grants) -> Grants:
    """The grants without the user in the path.

    Raises:
        ApiError: 403 when that user is no collaborator.
    """
    user_id = _collaborator(call, grants)
    return tuple(grant for grant in grants if grant.user_id != user_id)


def without_invite(call: Call, invites: tuple[Invite, ...]) -> tuple[Invite, ...]:
    """The invites without the one in the path.

    Raises:
        ApiError: 404 for an id of a wrong shape, 403 when there is no such invite.
    """
    invite_id = checked_segment(call, "invite", "inv")
    kept = tuple(invite for invite in invites if invite.id != invite_id)
    if len(kept) == len(invites):
        raise model_not_found()
    return kept


def shown(items: Iterable[Grant | Invite], **more: str) -> list[dict[str, Any]]:
    """Collaborators or invites as the Meta API shows them; what an invite does not have is left out."""
    return [
        {key: value for key, value in msgspec.to_builtins(item).items() if value is not None} | more for item in items
    ]


def included(call: Call, known: frozenset[str]) -> set[str]:
    """What the query asks to be included.

    Raises:
        ApiError: 422 for anything else.
    """
    query = read_query(call.query)
    include = set(query.get("include", []))
    if query.keys() - {"include"} or include - known:
        raise invalid_request(f"The only parameter is include, any of {', '.join(sorted(known))}.")
    return include


def checked_segment(call: Call, name: str, prefix: str) -> str:
    """An id in the path; one of a wrong shape is a missing route."""
    found = call.segment(name)
    if not is_id(prefix, found):
        raise not_found()
    return found


def _collaborator(call: Call, grants: Grants) -> str:
    """The user in the path; somebody who is no collaborator is refused with 403, as documented."""
    user_id = call.segment("collaborator")
    if level_of(grants, user_id) is None:
        raise not_permitted()
    return user_id


def _check_level(level: Level, levels: Sequence[Level]) -> None:
    if level not in levels:
        raise invalid_request(f"permissionLevel must be one of {', '.join(levels)}.")


def _email(call: Call, user_id: str) -> str:
    """The address of a user whom some base knows, or one that follows from the id."""
    for base in call.emulator.state.bases.values():
        email = base.people.get(user_id, {}).get("email")
        if email:
            return str(email)
    return f"{user_id.lower()}@example.com"
