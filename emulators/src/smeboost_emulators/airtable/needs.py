"""What each operation needs: scopes of the token, a role in the base, a plan. One table, from the vendor's pages.

The right of a request is what its token was granted, cut down to what its owner may do in the base:
https://airtable.com/developers/web/api/scopes, and "Requirements" on the page of each operation. Where a page was not
seen the row follows its neighbours, and is marked.
"""

import re
from dataclasses import dataclass
from typing import Literal

from smeboost_emulators.airtable.state.access import Level

Plan = Literal["free", "team", "business", "enterprise"]
PLANS: tuple[Plan, ...] = ("free", "team", "business", "enterprise")

SCOPES = frozenset(
    {
        "data.records:read",
        "data.records:write",
        "data.recordComments:read",
        "data.recordComments:write",
        "schema.bases:read",
        "schema.bases:write",
        "workspacesAndBases:read",
        "workspacesAndBases:write",
        "workspacesAndBases:manage",
        "workspacesAndBases.shares:manage",
        "webhook:manage",
        "block:manage",
        "user.email:read",
        "enterprise.groups:read",
        "enterprise.groups:manage",
        "enterprise.scim.usersAndGroups:manage",
        "enterprise.auditLogs:read",
        "enterprise.changeEvents:read",
        "enterprise.exports:manage",
        "enterprise.account:read",
        "enterprise.account:write",
        "enterprise.user:read",
        "enterprise.user:write",
        "hyperDB.records:read",
        "hyperDB.records:write",
        "data.records:manage",
    }
)


@dataclass(frozen=True, slots=True)
class Need:
    """`scopes` are alternatives: the token must have all of one of them. No alternatives: any token will do."""

    scopes: tuple[frozenset[str], ...] = ()
    level: Level = "read"
    plan: Plan = "free"


def _need(*scopes: str, level: Level = "read", plan: Plan = "free") -> Need:
    """`a+b` asks for both scopes."""
    return Need(tuple(frozenset(each.split("+")) for each in scopes), level, plan)


_RECORDS_READ = _need("data.records:read")
_RECORDS_WRITE = _need("data.records:write", level="edit")
_COMMENTS_READ = _need("data.recordComments:read")
_COMMENTS_WRITE = _need("data.recordComments:write", level="comment")
_SCHEMA_READ = _need("schema.bases:read")
_SCHEMA_WRITE = _need("schema.bases:write", level="create")
_HOOKS = _need("webhook:manage", level="create")
_ACCESS_READ = _need("workspacesAndBases:read", plan="enterprise")
_ACCESS_WRITE = _need("workspacesAndBases:write", level="create", plan="enterprise")
_SHARES = _need("workspacesAndBases.shares:manage", level="create", plan="enterprise")
_OWNER = _need("workspacesAndBases:write", level="owner", plan="enterprise")
_MANAGE = _need("workspacesAndBases:manage", level="owner", plan="enterprise")
_ENTERPRISE = Need(plan="enterprise")

_BASE, _WORKSPACE = "/v0/meta/bases/{}", "/v0/meta/workspaces/{}"
_HOOK = "/v0/bases/{}/webhooks/{}"
_TABLE: tuple[tuple[str, str, Need], ...] = (
    ("GET", "/v0/meta/whoami", Need()),
    ("GET", "/v0/meta/bases", _SCHEMA_READ),
    ("POST", "/v0/meta/bases", _SCHEMA_WRITE),
    ("GET", f"{_BASE}/tables", _SCHEMA_READ),
    ("POST", f"{_BASE}/tables", _SCHEMA_WRITE),
    ("PATCH", f"{_BASE}/tables/{{}}", _SCHEMA_WRITE),
    ("POST", f"{_BASE}/tables/{{}}/fields", _SCHEMA_WRITE),
    ("PATCH", f"{_BASE}/tables/{{}}/fields/{{}}", _SCHEMA_WRITE),
    ("GET", _BASE, _need("workspacesAndBases:read", "schema.bases:read")),
    ("DELETE", _BASE, _need("workspacesAndBases:manage", level="create", plan="enterprise")),
    ("GET", f"{_BASE}/views", _ACCESS_READ),
    ("GET", f"{_BASE}/views/{{}}", _ACCESS_READ),
    ("DELETE", f"{_BASE}/views/{{}}", _ACCESS_WRITE),
    ("POST", f"{_BASE}/collaborators", _ACCESS_WRITE),
    ("PATCH DELETE", f"{_BASE}/collaborators/{{}}", _ACCESS_WRITE),
    ("DELETE", f"{_BASE}/invites/{{}}", _ACCESS_WRITE),
    ("GET", f"{_BASE}/interfaces/{{}}", _ACCESS_READ),
    ("POST", f"{_BASE}/interfaces/{{}}/collaborators", _ACCESS_WRITE),
    ("PATCH DELETE", f"{_BASE}/interfaces/{{}}/collaborators/{{}}", _ACCESS_WRITE),
    ("DELETE", f"{_BASE}/interfaces/{{}}/invites/{{}}", _ACCESS_WRITE),
    ("GET", f"{_BASE}/shares", _SHARES),
    ("PATCH DELETE", f"{_BASE}/shares/{{}}", _SHARES),
    ("GET", f"{_BASE}/blockInstallations", _ENTERPRISE),
    ("PATCH DELETE", f"{_BASE}/blockInstallations/{{}}", _ENTERPRISE),
    ("POST", "/v0/meta/workspaces", _ACCESS_WRITE),
    # That reading a workspace needs no plan follows pyairtable 3.5, which no longer calls it a matter of Enterprise.
    ("GET", _WORKSPACE, _need("workspacesAndBases:read")),
    ("DELETE", _WORKSPACE, _MANAGE),
    ("POST", f"{_WORKSPACE}/collaborators", _ACCESS_WRITE),
    ("PATCH DELETE", f"{_WORKSPACE}/collaborators/{{}}", _ACCESS_WRITE),
    ("DELETE", f"{_WORKSPACE}/invites/{{}}", _ACCESS_WRITE),
    ("POST", f"{_WORKSPACE}/moveBase", _OWNER),
    ("POST", f"{_WORKSPACE}/updateRestrictions", _MANAGE),
    ("GET", "/v0/meta/enterpriseAccounts/{}", _ENTERPRISE),
    ("GET POST PATCH DELETE", "/v0/meta/enterpriseAccounts/{}/{}", _ENTERPRISE),
    ("GET", "/v0/meta/groups/{}", _ENTERPRISE),
    ("GET POST PUT PATCH DELETE", "/scim/v2/{}", _ENTERPRISE),
    ("GET POST", "/oauth2/v1/{}", Need()),
    ("GET", "/v0/bases/{}/webhooks", _HOOKS),
    ("POST", "/v0/bases/{}/webhooks", _HOOKS),
    ("DELETE", _HOOK, _HOOKS),
    ("POST", f"{_HOOK}/refresh", _HOOKS),
    ("POST", f"{_HOOK}/enableNotifications", _HOOKS),
    ("GET", f"{_HOOK}/payloads", _HOOKS),
    ("GET", "/v0/{}/{}", _RECORDS_READ),
    ("POST", "/v0/{}/{}/listRecords", _RECORDS_READ),
    ("GET", "/v0/{}/{}/{}", _RECORDS_READ),
    ("POST PATCH PUT DELETE", "/v0/{}/{}", _RECORDS_WRITE),
    ("PATCH PUT DELETE", "/v0/{}/{}/{}", _RECORDS_WRITE),
    ("PATCH", "/v0/{}/{}/{}/dateDependencyMetadata", _RECORDS_WRITE),
    ("GET", "/v0/{}/{}/{}/comments", _COMMENTS_READ),
    ("POST", "/v0/{}/{}/{}/comments", _COMMENTS_WRITE),
    ("PATCH DELETE", "/v0/{}/{}/{}/comments/{}", _COMMENTS_WRITE),
    ("POST", "/v0/{}/{}/{}/uploadAttachment", _RECORDS_WRITE),
    ("POST", "/v0/{}/{}/sync/{}", _need("data.records:write+schema.bases:write", level="create")),
    ("POST", "/v0/{}/{}/getRecords", _ENTERPRISE),
    ("PUT", "/v0/{}/{}/upsertRecords", _ENTERPRISE),
    ("POST", "/v0/{}/{}/deleteRecords", _ENTERPRISE),
)
_NEEDS = {(method, path): need for methods, path, need in _TABLE for method in methods.split()}


def need_of(method: str, path: str) -> Need:
    """What an operation needs; `path` is that of its route. A route without a row is a mistake of ours: KeyError."""
    return _NEEDS[method, re.sub(r"\{[^}]*\}", "{}", path)]
