"""Which role may use which tool. The rules are data; list and call ask the same function.

A tool counts as reading when its annotation says so (`read_only_hint`), which is ours: the four servers are our own.
A server without a rule is nobody's.
"""

from dataclasses import dataclass
from typing import Literal

from smeboost_shared.errors import NotFound, NotPermitted

from smeboost_gateway.identity import Role

ServerName = Literal["airtable", "supabase", "redis", "bedrock"]
SERVER_NAMES: tuple[ServerName, ...] = ("airtable", "supabase", "redis", "bedrock")


class ToolForbidden(NotPermitted):
    """Your role may not use this tool."""


class UnknownTool(NotFound):
    """There is no such tool."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The least role that may call a server's reading tools, and its writing ones."""

    read: Role
    write: Role


RULES: dict[ServerName, Rule] = {
    "airtable": Rule(read=Role.VIEWER, write=Role.EDITOR),
    # Its tools spend money, whether or not they change anything.
    "bedrock": Rule(read=Role.EDITOR, write=Role.EDITOR),
    # They reach every row and every key with the gateway's own credentials.
    "supabase": Rule(read=Role.ADMIN, write=Role.ADMIN),
    "redis": Rule(read=Role.ADMIN, write=Role.ADMIN),
}


ADMIN_TOOLS: dict[ServerName, frozenset[str]] = {
    "airtable": frozenset(
        {
            # The shape of a base is everybody's.
            *("create_base", "create_table", "create_field", "update_schema"),
            # Who makes one hears of every change, with a secret that signs it.
            *("list_webhooks", "list_webhook_payloads", "create_webhook", "change_webhook"),
            # People, their rights and tokens; a CSV replaces a whole table.
            *("check_access", "read_admin", "change_admin", "sync_csv"),
        }
    ),
    "supabase": frozenset(
        {
            # SQL of any kind, and what it is about.
            *("run_query", "explain_query", "describe_schema", "execute_sql"),
            *("list_migrations", "apply_migration", "get_advisors", "generate_types"),
            # Everybody's accounts, and rows as anybody.
            *("read_users", "change_user", "read_storage", "change_storage", "watch_changes", "call_function"),
            *("select_rows", "insert_rows", "update_rows", "delete_rows"),
        }
    ),
}
"""Tools that need more than the rule of their server."""


def permits(role: Role, server: ServerName, tool: str, *, read_only: bool) -> bool:
    """Whether `role` may call a tool of `server`."""
    if tool in ADMIN_TOOLS.get(server, ()) and not role.at_least(Role.ADMIN):
        return False
    rule = RULES.get(server)
    return rule is not None and role.at_least(rule.read if read_only else rule.write)


def check_role(role: Role, server: ServerName, tool: str, *, read_only: bool) -> None:
    """Refuse what `permits` does not allow.

    Raises:
        ToolForbidden: the role may not call the tool.
    """
    if not permits(role, server, tool, read_only=read_only):
        raise ToolForbidden(
            f"Your role {role.value!r} may not use {server}.{tool}.", hint="Ask an administrator of your workspace."
        )
