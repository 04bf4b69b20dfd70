"""Tools for webhooks: who is told of changes, and what changed."""

from typing import Annotated

from fastmcp import FastMCP
from pydantic import Field, JsonValue
from smeboost_shared.toolkit import CREATE, READ, UPDATE

from smeboost_airtable.arguments import BaseId
from smeboost_airtable.calls import webhooks
from smeboost_airtable.client import AirtableClient
from smeboost_airtable.models import NewWebhook, PayloadsAnswer, WebhookChange, WebhooksAnswer

WebhookId = Annotated[str, Field(description="ach...")]
DataType = Annotated[str, Field(pattern="^table(Data|Fields|Metadata)$")]


def register(mcp: FastMCP, client: AirtableClient) -> None:
    """Offer the tools of this family."""

    @mcp.tool(annotations=READ, title="List webhooks")
    async def list_webhooks(base_id: BaseId) -> WebhooksAnswer:
        """List the webhooks of a base, with their state and the number of their next payload."""
        return await webhooks.list_webhooks(client, base_id)

    @mcp.tool(annotations=READ, title="List webhook payloads")
    async def list_webhook_payloads(
        base_id: BaseId,
        webhook_id: WebhookId,
        cursor: Annotated[int, Field(ge=1, description="The cursor of the last answer")] = 1,
        limit: Annotated[int, Field(ge=1, le=webhooks.PAYLOADS_MAX)] = 20,
    ) -> PayloadsAnswer:
        """List what changed. Airtable keeps payloads for 7 days. Reading also keeps the webhook alive for 7 days."""
        return await webhooks.list_payloads(client, base_id, webhook_id, cursor=cursor, limit=limit)

    @mcp.tool(annotations=CREATE, title="Create a webhook")
    async def create_webhook(
        *,
        base_id: BaseId,
        data_types: Annotated[list[DataType], Field(min_length=1)],
        url: Annotated[str | None, Field(description="https address to notify; without one read the payloads")] = None,
        scope: Annotated[str | None, Field(description="Only this tbl... or viw...")] = None,
        filters: Annotated[
            dict[str, JsonValue] | None, Field(description="changeTypes, fromSources, watchDataInFieldIds, ...")
        ] = None,
        includes: Annotated[
            dict[str, JsonValue] | None,
            Field(description="includePreviousCellValues, ..."),
        ] = None,
    ) -> NewWebhook:
        """Create a webhook. mac_secret_base64 signs its notifications and is shown only now: keep it safe."""
        told: dict[str, JsonValue] = {"dataTypes": [*data_types], **(filters or {})}
        if scope:
            told["recordChangeScope"] = scope
        options: dict[str, JsonValue] = {"filters": told}
        if includes:
            options["includes"] = includes
        return await webhooks.create_webhook(client, base_id, url, options)

    @mcp.tool(annotations=UPDATE, title="Change a webhook")
    async def change_webhook(base_id: BaseId, webhook_id: WebhookId, action: webhooks.Action) -> WebhookChange:
        """Refresh a webhook for 7 more days, enable or disable its notifications, or delete it for good."""
        expires_at = await webhooks.change_webhook(client, base_id, webhook_id, action)
        return WebhookChange(id=webhook_id, done=action, expires_at=expires_at)
