"""How access changes: to a base, to a workspace. No transaction of a base: no webhook tells of these."""

from typing import TypeAlias

import msgspec

from smeboost_emulators.airtable.state.access import BaseAccess, Workspace
from smeboost_emulators.airtable.state.schema import State


class AccessChanged(msgspec.Struct, frozen=True, array_like=True, tag="access"):
    """The access to a base as it is from now on."""

    base_id: str
    access: BaseAccess


class BaseDeleted(msgspec.Struct, frozen=True, array_like=True, tag="baseDeleted"):
    """A base that is no more, with all that is in it."""

    base_id: str


class WorkspaceChanged(msgspec.Struct, frozen=True, array_like=True, tag="workspace"):
    """A workspace as it is from now on, perhaps a new one."""

    workspace: Workspace


class WorkspaceDeleted(msgspec.Struct, frozen=True, array_like=True, tag="workspaceDeleted"):
    """A workspace that is no more; its bases were deleted before it."""

    workspace_id: str


AccountChange: TypeAlias = AccessChanged | BaseDeleted | WorkspaceChanged | WorkspaceDeleted


def apply_account_change(state: State, change: AccountChange) -> None:
    """Bring the state up to date with one change."""
    match change:
        case AccessChanged():
            state.bases[change.base_id].access = change.access
        case BaseDeleted():
            state.remove(change.base_id)
        case WorkspaceChanged():
            state.workspaces[change.workspace.id] = change.workspace
        case WorkspaceDeleted():
            del state.workspaces[change.workspace_id]
