"""Users of the project, for administrators."""

from typing import Annotated, Literal

from fastmcp import FastMCP
from pydantic import Field
from smeboost_shared.errors import FieldProblem, InvalidInput
from smeboost_shared.toolkit import READ, UPDATE

from smeboost_supabase.client import SupabaseClient
from smeboost_supabase.clients.users import FOREVER
from smeboost_supabase.models import Account, NewValues, RunAs, UserChange, Users

PAGES_MAX = 1_000_000
PER_PAGE_MAX = 200
Who = Annotated[RunAs | None, Field(description="Id or email")]
Reading = Literal["list", "get", "factors", "sessions"]
Changing = Literal["create", "invite", "update", "ban", "unban", "delete", "end_sessions", "delete_factor"]


def register(mcp: FastMCP, client: SupabaseClient) -> None:
    """Add the tools to `mcp`."""
    _offer_reading(mcp, client)
    _offer_changing(mcp, client)


def _offer_reading(mcp: FastMCP, client: SupabaseClient) -> None:
    @mcp.tool(annotations=READ, title="Read users")
    async def read_users(
        operation: Reading = "list",
        user: Who = None,
        page: Annotated[int, Field(ge=1, le=PAGES_MAX)] = 1,
        per_page: Annotated[int, Field(ge=1, le=PER_PAGE_MAX)] = 50,
    ) -> Users:
        """List the project's users, or get one with their second factors or open sessions. Needs a secret key."""
        if operation == "list":
            found = await client.users.list_users(page=page, per_page=per_page)
            return Users(users=found, next_page=page + 1 if len(found) == per_page else None)
        one = await client.users.find(_given(user))
        if operation == "factors":
            return Users(users=[one], factors=await client.users.factors(one.id))
        if operation == "sessions":
            return Users(users=[one], sessions=await client.users.sessions(one.id))
        return Users(users=[one])


def _offer_changing(mcp: FastMCP, client: SupabaseClient) -> None:
    @mcp.tool(annotations=UPDATE, title="Change users")
    async def change_user(
        operation: Changing,
        user: Who = None,
        values: Annotated[NewValues | None, Field(description="For create, invite, update, ban")] = None,
        factor_id: Annotated[str | None, Field(max_length=100)] = None,
    ) -> UserChange:
        """Create, invite, change, ban or delete a user, end their sessions or remove a second factor."""
        given = values or NewValues()
        if operation in ("create", "invite"):
            make = client.users.create if operation == "create" else client.users.invite
            return UserChange(user=await make(given))
        one = await client.users.find(_given(user))
        return await _changed(client, operation, one, given, factor_id)


async def _changed(
    client: SupabaseClient, operation: str, one: Account, values: NewValues, factor_id: str | None
) -> UserChange:
    users = client.users
    match operation:
        case "update":
            return UserChange(user=await users.update(one.id, values))
        case "ban" | "unban":
            duration = (values.ban_duration or FOREVER) if operation == "ban" else "none"
            return UserChange(user=await users.update(one.id, NewValues(ban_duration=duration)))
        case "delete":
            await users.delete(one.id)
            return UserChange(user=None)
        case "delete_factor":
            if not factor_id:
                raise InvalidInput("Which factor?", errors=[FieldProblem(field="factor_id", message="is needed")])
            await users.delete_factor(one.id, factor_id)
            return UserChange(user=one)
        case _:
            return UserChange(user=one, ended_sessions=await users.end_sessions(one.id))


def _given(user: str | None) -> str:
    if user is None:
        raise InvalidInput("Which user?", errors=[FieldProblem(field="user", message="is needed for this operation")])
    return user
