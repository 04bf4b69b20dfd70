"""Who may reach a base or a workspace: collaborators, invites, shared views, interfaces; and whose token is whose.

Values in the Meta API's own shape. A change replaces the whole `BaseAccess` or `Workspace`: they are small, and a
replacement cannot fail. Only individual users are known here, no groups.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

Level = Literal["none", "read", "comment", "edit", "create", "owner"]
LEVELS: tuple[Level, ...] = ("none", "read", "comment", "edit", "create", "owner")
"""From the least to the most; only workspaces have owners."""
HOME_WORKSPACE = "wspHome0000000001"
"""The workspace of every base that names none."""
UNKNOWN_TIME = "2024-01-01T00:00:00.000Z"
"""When something began that does not say when."""
UNKNOWN_USER = "usrHome0000000001"


class Grant(msgspec.Struct, frozen=True, rename="camel"):
    """What one user may do."""

    user_id: str
    permission_level: Level
    email: str = ""
    created_time: str = UNKNOWN_TIME
    granted_by_user_id: str = UNKNOWN_USER


class Invite(msgspec.Struct, frozen=True, rename="camel"):
    """An invite that nobody has accepted yet."""

    id: str
    permission_level: Level
    type: Literal["singleUse", "multiUse"] = "singleUse"
    created_time: str = UNKNOWN_TIME
    referred_by_user_id: str = UNKNOWN_USER
    invited_email: str | None = None
    restricted_to_email_domains: tuple[str, ...] = ()


class Share(msgspec.Struct, frozen=True, rename="camel"):
    """A link under which somebody without an account sees a base or a view."""

    share_id: str
    type: Literal["base", "view", "blockInstallation"] = "view"
    state: Literal["enabled", "disabled"] = "enabled"
    created_time: str = UNKNOWN_TIME
    created_by_user_id: str = UNKNOWN_USER
    is_password_protected: bool = False
    restricted_to_email_domains: tuple[str, ...] = ()
    restricted_to_enterprise_members: bool = False
    effective_email_domain_allow_list: tuple[str, ...] = ()
    view_id: str | msgspec.UnsetType = msgspec.UNSET
    block_installation_id: str | msgspec.UnsetType = msgspec.UNSET
    can_be_synced: bool | msgspec.UnsetType = msgspec.UNSET


class Interface(msgspec.Struct, frozen=True, rename="camel"):
    """An interface (a page bundle) of a base."""

    id: str
    name: str
    created_time: str = UNKNOWN_TIME
    first_publish_time: str | None = None
    individual_collaborators: tuple[Grant, ...] = ()
    invite_links: tuple[Invite, ...] = ()


class BaseAccess(msgspec.Struct, frozen=True, rename="camel"):
    """All of this for one base."""

    workspace_id: str = HOME_WORKSPACE
    created_time: str = UNKNOWN_TIME
    individual_collaborators: tuple[Grant, ...] = ()
    invite_links: tuple[Invite, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    shares: tuple[Share, ...] = ()


class Workspace(msgspec.Struct, frozen=True, rename="camel"):
    """A workspace; which bases it has is said by the bases."""

    id: str
    name: str = "Workspace"
    created_time: str = UNKNOWN_TIME
    individual_collaborators: tuple[Grant, ...] = ()
    invite_links: tuple[Invite, ...] = ()
    invite_creation_restriction: str = "unrestricted"
    share_creation_restriction: str = "unrestricted"


class TokenOwner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose a token is and what it may do; None for scopes or bases means all of them.

    `oauth` tells a token of an OAuth integration from a personal one: only of the former the scopes are shown.
    """

    token: str
    id: str | None = None
    email: str | None = None
    name: str | None = None
    scopes: frozenset[str] | None = None
    bases: frozenset[str] | None = None
    oauth: bool = False


def level_of(grants: Iterable[Grant], user_id: str) -> Level | None:
    """The level that a user was granted, or None."""
    return next((grant.permission_level for grant in grants if grant.user_id == user_id), None)


def at_least(level: Level, needed: Level) -> bool:
    """Whether a level includes another."""
    return LEVELS.index(level) >= LEVELS.index(needed)
