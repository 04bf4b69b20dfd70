"""The routes of the Meta API that are built; what is not is in `missing.py`, what each needs in `needs.py`."""

from smeboost_emulators.airtable.meta import access, endpoints, schema, views, workspaces
from smeboost_emulators.airtable.wire import Handler

_BASES, _WORKSPACES = "/v0/meta/bases", "/v0/meta/workspaces"
_BASE, _WORKSPACE = f"{_BASES}/{{base}}", f"{_WORKSPACES}/{{workspace}}"
_INTERFACE = f"{_BASE}/interfaces/{{interface}}"
_COLLABORATOR = "collaborators/{collaborator}"

META_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/v0/meta/whoami", endpoints.show_token_owner),
    ("GET", _BASES, endpoints.list_bases),
    ("POST", _BASES, workspaces.create_base),
    ("GET", f"{_BASE}/tables", endpoints.list_tables),
    ("POST", f"{_BASE}/tables", schema.create_table),
    ("PATCH", f"{_BASE}/tables/{{table}}", schema.update_table),
    ("POST", f"{_BASE}/tables/{{table}}/fields", schema.create_field),
    ("PATCH", f"{_BASE}/tables/{{table}}/fields/{{field}}", schema.update_field),
    ("GET", f"{_BASE}/views", views.list_views),
    ("GET", f"{_BASE}/views/{{view}}", views.show_view),
    ("DELETE", f"{_BASE}/views/{{view}}", views.delete_view),
    ("GET", _BASE, access.show_base),
    ("DELETE", _BASE, access.delete_base),
    ("POST", f"{_BASE}/collaborators", access.add_collaborator),
    ("PATCH", f"{_BASE}/{_COLLABORATOR}", access.update_collaborator),
    ("DELETE", f"{_BASE}/{_COLLABORATOR}", access.remove_collaborator),
    ("DELETE", f"{_BASE}/invites/{{invite}}", access.delete_invite),
    ("GET", _INTERFACE, access.show_interface),
    ("POST", f"{_INTERFACE}/collaborators", access.add_interface_collaborator),
    ("PATCH", f"{_INTERFACE}/{_COLLABORATOR}", access.update_interface_collaborator),
    ("DELETE", f"{_INTERFACE}/{_COLLABORATOR}", access.remove_interface_collaborator),
    ("DELETE", f"{_INTERFACE}/invites/{{invite}}", access.delete_interface_invite),
    ("GET", f"{_BASE}/shares", access.list_shares),
    ("PATCH", f"{_BASE}/shares/{{share}}", access.update_share),
    ("DELETE", f"{_BASE}/shares/{{share}}", access.delete_share),
    ("POST", _WORKSPACES, workspaces.create_workspace),
    ("GET", _WORKSPACE, workspaces.show_workspace),
    ("DELETE", _WORKSPACE, workspaces.delete_workspace),
    ("POST", f"{_WORKSPACE}/collaborators", workspaces.add_collaborator),
    ("PATCH", f"{_WORKSPACE}/{_COLLABORATOR}", workspaces.update_collaborator),
    ("DELETE", f"{_WORKSPACE}/{_COLLABORATOR}", workspaces.remove_collaborator),
    ("DELETE", f"{_WORKSPACE}/invites/{{invite}}", workspaces.delete_invite),
    ("POST", f"{_WORKSPACE}/moveBase", workspaces.move_base),
    ("POST", f"{_WORKSPACE}/updateRestrictions", workspaces.update_restrictions),
)
