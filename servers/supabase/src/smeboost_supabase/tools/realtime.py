"""Changes as they happen: a wait that ends, and resources for what is kept."""

import json
from typing import Annotated

from fastmcp import FastMCP
from fastmcp.exceptions import ResourceError
from pydantic import Field
from smeboost_shared.errors import SmeBoostError
from smeboost_shared.toolkit import READ

from smeboost_supabase.client import SupabaseClient
from smeboost_supabase.clients.realtime import Kind, Watched
from smeboost_supabase.fencing import fenced
from smeboost_supabase.models import Changes, SchemaName, SessionHandle, TableName

WAIT_SECONDS_MAX = 60
EVENTS_PER_CALL_MAX = 500


def register(mcp: FastMCP, client: SupabaseClient) -> None:
    """Add the tool and the resource to `mcp`."""
    _offer_tool(mcp, client)
    _offer_resource(mcp, client)


def _offer_tool(mcp: FastMCP, client: SupabaseClient) -> None:
    @mcp.tool(annotations=READ, title="Watch changes")
    async def watch_changes(
        *,
        table: TableName | None = None,
        schema: SchemaName = "public",
        event: Kind = "*",
        filter: Annotated[str | None, Field(max_length=500, description="e.g. id=eq.1")] = None,  # noqa: A002  # the vendor's word
        topic: Annotated[str | None, Field(max_length=200, description="Broadcasts of it instead")] = None,
        seconds: Annotated[float, Field(ge=0, le=WAIT_SECONDS_MAX, description="Longest wait")] = 10,
        limit: Annotated[int, Field(ge=1, le=EVENTS_PER_CALL_MAX)] = 100,
        keep: Annotated[bool, Field(description="Go on collecting, for a later call with `subscription`")] = False,
        subscription: Annotated[str | None, Field(max_length=100)] = None,
        session: SessionHandle | None = None,
    ) -> Changes:
        """Wait for changes of rows that may be seen; returns at the first ones, or none when time is up."""
        kept = client.realtime.kept
        if subscription is not None:
            found = kept.get(subscription)
            if token := await client.realtime.token(session):
                await found.renew(token)
        else:
            found = await client.realtime.subscribe(Watched(schema, table, event, filter, topic), session)
        handle = subscription
        try:
            if subscription is None and keep:
                handle = await kept.keep(found)
            await found.wait(seconds)
        finally:
            if subscription is None and not keep:
                await found.close()
        events, dropped = found.take(limit)
        if handle and not keep:
            await kept.drop(handle)
        ended = found.ended if not found.events else None
        return Changes(events=events, dropped=dropped, subscription=handle if keep else None, ended=ended)


def _offer_resource(mcp: FastMCP, client: SupabaseClient) -> None:
    @mcp.resource("supabase://changes/{subscription}", title="Kept changes", mime_type="text/plain")
    async def kept_changes(subscription: str) -> str:
        """The events that a kept subscription has collected; reading them does not take them."""
        try:
            found = client.realtime.kept.get(subscription)
        except SmeBoostError as exc:
            raise ResourceError(f"[{exc.code}] {exc.message}") from exc
        return fenced(json.dumps({"events": list(found.events), "dropped": found.dropped, "ended": found.ended}))
