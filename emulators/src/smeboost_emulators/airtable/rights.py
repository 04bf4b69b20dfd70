"""Whose a token is, and what its owner may do: the one gate that every request passes.

Without any list of tokens every token is good, for everything, and is a user of its own. In a base, somebody who is
named as a collaborator (of the base or of its workspace) has the higher of the two levels; anybody else has the base's
own `permissionLevel`, and in a workspace is an owner. A token that was granted some bases reaches no workspace.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from smeboost_emulators.airtable.errors import authentication_required, model_not_found, not_found, not_permitted
from smeboost_emulators.airtable.ids import derived_id
from smeboost_emulators.airtable.knobs import Knobs
from smeboost_emulators.airtable.needs import PLANS, Need
from smeboost_emulators.airtable.state.access import LEVELS, Level, TokenOwner, Workspace, at_least, level_of
from smeboost_emulators.airtable.state.schema import Base, State


@dataclass(frozen=True, slots=True)
class Identity:
    """The owner of a token as a user, and what the token was granted."""

    owner: TokenOwner
    user: dict[str, Any]

    def has(self, scope: str) -> bool:
        """Whether the token was granted a scope."""
        return self.owner.scopes is None or scope in self.owner.scopes


class Rights:
    """What tokens there are, and what they may do in a state."""

    def __init__(self, owners: Iterable[TokenOwner], knobs: Knobs) -> None:
        self._owners = {owner.token: owner for owner in owners}
        self._knobs = knobs

    def identify(self, token: str, state: State) -> Identity:
        """Whose token it is.

        Raises:
            ApiError: 401 when there are tokens and this is none of them.
        """
        owner = self._owners.get(token) or state.tokens.get(token)
        if owner is None:
            if self._owners or state.tokens:
                raise authentication_required()
            owner = TokenOwner(token)
        return Identity(owner, user_of(owner))

    def check_token(self, identity: Identity, need: Need) -> None:
        """Whether the plan has the operation and the token the scope.

        Raises:
            ApiError: 404 without the plan, 403 without the scope.
        """
        if PLANS.index(self._knobs.plan) < PLANS.index(need.plan):
            raise not_found()
        if need.scopes and not any(all(identity.has(scope) for scope in scopes) for scopes in need.scopes):
            raise not_permitted()

    def check_base(self, identity: Identity, base: Base | None, state: State, need: Need) -> Level:
        """The level of the owner of the token in a base.

        Raises:
            ApiError: 403, when the base is hidden or the level is too low.
        """
        level = "none" if base is None else self.level_in_base(identity, base, state)
        if level == "none":
            raise model_not_found()
        if not at_least(level, need.level):
            raise not_permitted()
        return level

    def level_in_base(self, identity: Identity, base: Base, state: State) -> Level:
        """What the owner of the token may do in a base; `none` when the token was not granted it."""
        bases, user_id = identity.owner.bases, identity.user["id"]
        if bases is not None and base.id not in bases:
            return "none"
        workspace = state.workspaces[base.access.workspace_id]
        granted = [level_of(access.individual_collaborators, user_id) for access in (base.access, workspace)]
        places = [LEVELS.index(level) for level in granted if level is not None]
        return LEVELS[max(places)] if places else base.permission_level

    def level_in_workspace(self, identity: Identity, workspace: Workspace) -> Level:
        """What the owner of the token may do in a workspace."""
        if identity.owner.bases is not None:
            return "none"
        return level_of(workspace.individual_collaborators, identity.user["id"]) or "owner"


def user_of(owner: TokenOwner) -> dict[str, Any]:
    """The user behind a token, `{"id", "email", "name"}`; what is not said follows from the token, always the same."""
    user_id = owner.id or derived_id("usr", owner.email or owner.token)
    return {"id": user_id, "email": owner.email or f"{user_id.lower()}@example.com", "name": owner.name or user_id}
