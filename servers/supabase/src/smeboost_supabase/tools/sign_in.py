"""Sign-in: a person's own rights instead of the configured key's."""

from typing import Annotated

from fastmcp import FastMCP
from mcp.types import ToolAnnotations
from pydantic import Field
from smeboost_shared.toolkit import READ

from smeboost_supabase.client import SupabaseClient
from smeboost_supabase.models import Email, Password, SessionHandle, SignedIn, SignedOut, User

SESSION = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
"""Opens, renews or ends the caller's own session and changes no data.

Counted as read-only, so that a read-only server can read as a person. Without it such a server could read with the
configured key alone, which often sees every row: less safe, not more.
"""

Session = Annotated[SessionHandle, Field(description="From sign_in")]


def register(mcp: FastMCP, client: SupabaseClient) -> None:
    """Add the sign-in tools to `mcp`."""

    @mcp.tool(annotations=SESSION, title="Sign in")
    async def sign_in(
        email: Annotated[Email, Field(description="Of the person")],
        password: Annotated[Password, Field(description="Not kept or logged")],
    ) -> SignedIn:
        """Sign a person in, and get a session for the row tools: row level security then decides. See sign_out."""
        return await client.sign_ins.sign_in(email, password)

    @mcp.tool(annotations=SESSION, title="Refresh a session")
    async def refresh_session(session: Session) -> SignedIn:
        """Renew a session now, e.g. to pick up changed rights; use renews it by itself."""
        return await client.sign_ins.refresh_session(session)

    @mcp.tool(annotations=READ, title="Get the signed-in person")
    async def get_user(session: Session) -> User:
        """Get the person behind a session, as the project has them now."""
        return await client.sign_ins.get_user(session)

    @mcp.tool(annotations=SESSION, title="Sign out")
    async def sign_out(session: Session) -> SignedOut:
        """End a session; other sessions of the same person go on."""
        return await client.sign_ins.sign_out(session)
