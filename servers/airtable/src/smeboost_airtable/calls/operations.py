"""The operations of administrators, as data: each with its paths, its scope and the plan it needs.

Source: the list of operations of https://airtable.com/developers/web/api/introduction; what a body holds is in the
documentation of each. Names in braces are ids that the caller gives; an operation with several paths is about what
the given ids name: the collaborators of a base, of an interface or of a workspace.
"""

from dataclasses import dataclass

from smeboost_airtable.transport import Method

_BASE, _WORKSPACE = "meta/bases/{base_id}", "meta/workspaces/{workspace_id}"
_INTERFACE = f"{_BASE}/interfaces/{{interface_id}}"
_ENTERPRISE = "meta/enterpriseAccounts/{enterprise_id}"
_HYPERDB = "{enterprise_id}/{data_table_id}"
_PLACES = (_BASE, _INTERFACE, _WORKSPACE)
_READ, _WRITE, _SHARES = "workspacesAndBases:read", "workspacesAndBases:write", "workspacesAndBases.shares:manage"
_MANAGE, _SCIM = "workspacesAndBases:manage", "enterprise.scim.usersAndGroups:manage"
_ACCOUNT, _USERS = "enterprise.account:write", "enterprise.user:write"
_AUDIT, _EXPORTS = "enterprise.auditLogs:read", "enterprise.exports:manage"


@dataclass(frozen=True)
class AdminOperation:
    """One kind of call; `enterprise` ones are answered with 404 on other plans."""

    method: Method
    scope: str
    paths: tuple[str, ...]
    enterprise: bool = True
    is_scim: bool = False


def _call(method: Method, scope: str, *paths: str) -> AdminOperation:
    return AdminOperation(method, scope, paths)


def _on_every_plan(method: Method, scope: str, *paths: str) -> AdminOperation:
    return AdminOperation(method, scope, paths, enterprise=False)


def _scim(method: Method, *paths: str) -> AdminOperation:
    return AdminOperation(method, _SCIM, paths, is_scim=True)


READING: dict[str, AdminOperation] = {
    "get_base": _on_every_plan("GET", _READ, _BASE),
    "get_workspace": _on_every_plan("GET", _READ, _WORKSPACE),
    "get_interface": _on_every_plan("GET", _READ, _INTERFACE),
    "get_block_installations": _on_every_plan("GET", "block:manage", f"{_BASE}/blockInstallations"),
    "get_views": _call("GET", _READ, f"{_BASE}/views", f"{_BASE}/views/{{view_id}}"),
    "get_shares": _call("GET", _SHARES, f"{_BASE}/shares"),
    "get_group": _call("GET", "enterprise.groups:read", "meta/groups/{group_id}"),
    "get_enterprise": _call("GET", "enterprise.account:read", _ENTERPRISE),
    "get_audit_events": _call("GET", _AUDIT, f"{_ENTERPRISE}/auditLogEvents"),
    "get_audit_logs": _call("GET", _AUDIT, f"{_ENTERPRISE}/auditLogs", f"{_ENTERPRISE}/auditLogs/{{task_id}}"),
    "get_change_events": _call("GET", "enterprise.changeEvents:read", f"{_ENTERPRISE}/changeEvents"),
    "get_exports": _call("GET", _EXPORTS, f"{_ENTERPRISE}/exports", f"{_ENTERPRISE}/exports/{{task_id}}"),
    "get_packages": _call("GET", "enterprise.account:read", f"{_ENTERPRISE}/packages"),
    "get_tokens": _call("GET", "enterprise.user:read", f"{_ENTERPRISE}/personalAccessTokens"),
    "get_users": _call("GET", "enterprise.user:read", f"{_ENTERPRISE}/users", f"{_ENTERPRISE}/users/{{user_id}}"),
    "get_scim_users": _scim("GET", "Users", "Users/{user_id}"),
    "get_scim_groups": _scim("GET", "Groups", "Groups/{group_id}"),
    "get_hyperdb_records": _call("POST", "hyperDB.records:read", f"{_HYPERDB}/getRecords"),
}
"""What changes nothing."""

CHANGING: dict[str, AdminOperation] = {
    "add_collaborators": _call("POST", _WRITE, *(f"{place}/collaborators" for place in _PLACES)),
    "update_collaborator": _call(
        "PATCH", _WRITE, *(f"{place}/collaborators/{{user_or_group_id}}" for place in _PLACES)
    ),
    "remove_collaborator": _call(
        "DELETE", _WRITE, *(f"{place}/collaborators/{{user_or_group_id}}" for place in _PLACES)
    ),
    "delete_invite": _call("DELETE", _WRITE, *(f"{place}/invites/{{invite_id}}" for place in _PLACES)),
    "update_share": _call("PATCH", _SHARES, f"{_BASE}/shares/{{share_id}}"),
    "delete_share": _call("DELETE", _SHARES, f"{_BASE}/shares/{{share_id}}"),
    "delete_view": _call("DELETE", _WRITE, f"{_BASE}/views/{{view_id}}"),
    "delete_base": _call("DELETE", _MANAGE, _BASE),
    "move_base": _call("POST", _MANAGE, f"{_WORKSPACE}/moveBase"),
    "create_workspace": _call("POST", _MANAGE, "meta/workspaces"),
    "delete_workspace": _call("DELETE", _MANAGE, _WORKSPACE),
    "restrict_workspace": _call("POST", _MANAGE, f"{_WORKSPACE}/updateRestrictions"),
    "set_date_dependency": _on_every_plan(
        "PATCH", "data.records:write", "{base_id}/{table_id}/{record_id}/dateDependencyMetadata"
    ),
    "update_block_installation": _call("PATCH", "block:manage", f"{_BASE}/blockInstallations/{{installation_id}}"),
    "delete_block_installation": _call("DELETE", "block:manage", f"{_BASE}/blockInstallations/{{installation_id}}"),
    "create_audit_log": _call("POST", _AUDIT, f"{_ENTERPRISE}/auditLogs"),
    "create_export": _call("POST", _EXPORTS, f"{_ENTERPRISE}/exports"),
    "create_descendant": _call("POST", _ACCOUNT, f"{_ENTERPRISE}/descendants"),
    "move_groups": _call("POST", "enterprise.groups:manage", f"{_ENTERPRISE}/moveGroups"),
    "move_workspaces": _call("POST", _ACCOUNT, f"{_ENTERPRISE}/moveWorkspaces"),
    "install_package": _call("POST", _ACCOUNT, f"{_ENTERPRISE}/packages/{{package_id}}/install"),
    "revoke_tokens": _call("POST", _USERS, f"{_ENTERPRISE}/personalAccessTokens/revoke"),
    "update_users": _call("PATCH", _USERS, f"{_ENTERPRISE}/users", f"{_ENTERPRISE}/users/{{user_id}}"),
    "delete_users": _call("DELETE", _USERS, f"{_ENTERPRISE}/users", f"{_ENTERPRISE}/users/{{user_id}}"),
    "claim_users": _call("POST", _USERS, f"{_ENTERPRISE}/users/claim"),
    "grant_admin": _call("POST", _USERS, f"{_ENTERPRISE}/users/grantAdminAccess"),
    "revoke_admin": _call("POST", _USERS, f"{_ENTERPRISE}/users/revokeAdminAccess"),
    "log_out_user": _call("POST", _USERS, f"{_ENTERPRISE}/users/{{user_id}}/logout"),
    "remove_user": _call("POST", _USERS, f"{_ENTERPRISE}/users/{{user_id}}/remove"),
    "set_ai_allowlist": _call("POST", _ACCOUNT, f"{_ENTERPRISE}/workspaceAiAllowlist"),
    "create_scim_user": _scim("POST", "Users"),
    "create_scim_group": _scim("POST", "Groups"),
    "replace_scim": _scim("PUT", "Users/{user_id}", "Groups/{group_id}"),
    "update_scim": _scim("PATCH", "Users/{user_id}", "Groups/{group_id}"),
    "delete_scim": _scim("DELETE", "Users/{user_id}", "Groups/{group_id}"),
    "upsert_hyperdb_records": _call("PUT", "hyperDB.records:write", f"{_HYPERDB}/upsertRecords"),
    "delete_hyperdb_records": _call("POST", "hyperDB.records:write", f"{_HYPERDB}/deleteRecords"),
}
"""What changes something."""
