"""Webhooks: https://airtable.com/developers/web/api/webhooks-overview. They are under `/v0/bases`, not `/v0/meta`."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import JsonValue
from smeboost_shared.errors import FieldProblem, InvalidInput

from smeboost_airtable.client import AirtableClient, check_id
from smeboost_airtable.explanations import Operation
from smeboost_airtable.models import NewWebhook, Nothing, PayloadsAnswer, Refreshed, WebhooksAnswer
from smeboost_airtable.places import Named
from smeboost_airtable.transport import Request

SCOPE = "webhook:manage"
PAYLOADS_MAX = 50
"""Airtable's limit for one page."""
Action = Literal["refresh", "enable", "disable", "delete"]


async def list_webhooks(client: AirtableClient, base_id: str) -> WebhooksAnswer:
    """The webhooks of a base that the token may see."""
    return await client.ask(
        await _operation(client, base_id, Request(method="GET", path=_path(base_id))), WebhooksAnswer
    )


async def create_webhook(
    client: AirtableClient, base_id: str, url: str | None, options: dict[str, JsonValue]
) -> NewWebhook:
    """Make a webhook; without a URL its payloads are only kept for reading.

    Raises:
        InvalidInput: the URL is no web address, or Airtable refused the specification.
    """
    if url is not None and not _is_web_address(url):
        problem = FieldProblem(field="url", message="must be an https address such as https://example.com/airtable")
        raise InvalidInput("The webhook's address is not valid.", errors=[problem])
    body: dict[str, object] = {"specification": {"options": options}}
    if url:
        body["notificationUrl"] = url
    request = Request(method="POST", path=_path(base_id), body=body, writes=True)
    return await client.ask(await _operation(client, base_id, request), NewWebhook)


async def change_webhook(client: AirtableClient, base_id: str, webhook_id: str, action: Action) -> str | None:
    """Do one thing to a webhook; when it expires now, for a refresh."""
    path = _path(base_id, webhook_id)
    if action == "delete":
        request = Request(method="DELETE", path=path, writes=True)
    elif action == "refresh":
        request = Request(method="POST", path=(*path, "refresh"), writes=True)
    else:
        body: dict[str, object] = {"enable": action == "enable"}
        request = Request(method="POST", path=(*path, "enableNotifications"), body=body, writes=True)
    operation = await _operation(client, base_id, request, "webhook_id")
    if action == "refresh":
        return (await client.ask(operation, Refreshed)).expires_at
    await client.ask(operation, Nothing)
    return None


async def list_payloads(
    client: AirtableClient, base_id: str, webhook_id: str, *, cursor: int, limit: int
) -> PayloadsAnswer:
    """The payloads from number `cursor` on; asking also keeps the webhook alive for seven days."""
    params: dict[str, str | list[str]] = {"cursor": str(cursor), "limit": str(limit)}
    request = Request(method="GET", path=(*_path(base_id, webhook_id), "payloads"), params=params)
    return await client.ask(await _operation(client, base_id, request, "webhook_id"), PayloadsAnswer)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _path(base_id: str, webhook_id: str | None = None) -> tuple[str, ...]:
    if webhook_id is None:
        return ("bases", base_id, "webhooks")
    check_id("ach", webhook_id, "webhook_id")
    return ("bases", base_id, "webhooks", webhook_id)


async def _operation(client: AirtableClient, base_id: str, request: Request, part: str | None = None) -> Operation:
    await client.check_base(base_id)
    return Operation(request=request, scope=SCOPE, base_id=base_id, part=part, places=Named({}, "filters"))
