"""The webhook endpoints: https://airtable.com/developers/web/api/webhooks-overview.

Answers that the vendor does not document are ours and marked [E] or [I]: 404 for a webhook that is not there, 422 with
`WEBHOOK_NOT_ACTIVE` for refreshing or toggling one whose time is over or whose specification is lost.
"""

import base64
import os
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.responses import Response

from smeboost_emulators.airtable.errors import invalid_request, not_found, not_permitted, typed
from smeboost_emulators.airtable.ids import is_id, new_id
from smeboost_emulators.airtable.records.formats import timestamp
from smeboost_emulators.airtable.records.listing import read_query
from smeboost_emulators.airtable.state.changes import Change
from smeboost_emulators.airtable.state.schema import Base
from smeboost_emulators.airtable.webhooks.ledger import (
    LIFE,
    Hook,
    HookDeleted,
    HookExtended,
    HookMade,
    HookToggled,
)
from smeboost_emulators.airtable.webhooks.specification import Specification, check_specification, read_specification
from smeboost_emulators.airtable.wire import Call

HOOKS_MAX = 10
INTEGRATION_HOOKS_MAX = 2
PAYLOADS_PAGE_MAX = 50
URL_CHARACTERS_MAX = 2_000
SECRET_BYTES = 32
EXTENSION_STEP_SECONDS = 60.0
"""Asking for payloads extends the life; that is stored when it is at least this much more, not for every poll."""

_Json = dict[str, Any]


async def create(call: Call) -> _Json:
    """A new webhook; its secret is shown this once."""
    body = await call.body()
    unknown = sorted(body.keys() - {"notificationUrl", "specification"})
    if unknown:
        raise invalid_request(f"Unknown: {', '.join(unknown)}. Known here: notificationUrl, specification.")
    url = _notification_url(body.get("notificationUrl"))
    specification = read_specification(body.get("specification"))
    _check_scopes(call, specification)
    base, now, integration = call.own_base(), call.emulator.clock.now(), _integration(call)
    check_specification(specification, base)
    _drop_gone(call, now)
    _check_room(base, integration)
    hook = Hook(
        id=new_id("ach"),
        secret=base64.b64encode(os.urandom(SECRET_BYTES)).decode(),
        specification=msgspec.to_builtins(specification),
        url=url,
        expires=(now + LIFE).timestamp(),
        integration=integration,
    )
    call.record([HookMade(base.id, hook.id, hook)])
    return {"id": hook.id, "macSecretBase64": hook.secret, "expirationTime": _shown(hook.expires)}


async def list_all(call: Call) -> _Json:
    """All webhooks that the token may see, also those whose time is over, for as long as they can be read."""
    now = call.emulator.clock.now()
    _drop_gone(call, now)
    return {"webhooks": [_described(hook, now) for hook in call.own_base().hooks.values() if _is_visible(call, hook)]}


async def delete(call: Call) -> Response:
    hook = _hook(call)
    call.record([HookDeleted(call.own_base().id, hook.id)])
    return Response()


async def refresh(call: Call) -> _Json:
    """Seven days from now."""
    hook = _active(call)
    expires = (call.emulator.clock.now() + LIFE).timestamp()
    call.record([HookExtended(call.own_base().id, hook.id, expires)])
    return {"expirationTime": _shown(expires)}


async def toggle_notifications(call: Call) -> Response:
    """Turning them on also ends the silence after the last failed attempt."""
    hook = _active(call)
    body = await call.body()
    enable = body.get("enable")
    if not isinstance(enable, bool) or body.keys() - {"enable"}:
        raise invalid_request('The body must be {"enable": true} or {"enable": false}.')
    call.record([HookToggled(call.own_base().id, hook.id, enable)])
    return Response()


async def list_payloads(call: Call) -> _Json:
    """Payloads from a cursor on, oldest first; an active webhook lives seven days longer by it."""
    hook = _hook(call)
    _check_scopes(call, msgspec.convert(hook.specification, Specification))
    query, now = read_query(call.query), call.emulator.clock.now()
    cursor = _number(query, "cursor", 1, None)
    limit = _number(query, "limit", PAYLOADS_PAGE_MAX, PAYLOADS_PAGE_MAX)
    hook.forget_old(now)
    _extend(call, hook, now)
    page = hook.page(cursor, limit)
    following = max(cursor, hook.first) + len(page) if page else cursor
    return {
        "payloads": [msgspec.Raw(content) for content in page],
        "cursor": following,
        "mightHaveMore": following < hook.next_number,
    }


def _extend(call: Call, hook: Hook, now: datetime) -> None:
    expires = (now + LIFE).timestamp()
    if hook.is_active(now) and expires - hook.expires >= EXTENSION_STEP_SECONDS:
        call.record([HookExtended(call.own_base().id, hook.id, expires)])


def _described(hook: Hook, now: datetime) -> _Json:
    return {
        "id": hook.id,
        "areNotificationsEnabled": hook.notifies,
        "cursorForNextPayload": hook.next_number,
        "isHookEnabled": hook.is_active(now),
        "lastSuccessfulNotificationTime": hook.last_success,
        "notificationUrl": hook.url,
        "expirationTime": _shown(hook.expires),
        "lastNotificationResult": hook.last_result,
        "specification": hook.specification,
    }


def _shown(seconds: float) -> str:
    return timestamp(datetime.fromtimestamp(seconds, UTC))


def _hook(call: Call) -> Hook:
    _drop_gone(call, call.emulator.clock.now())
    hook_id = call.segment("webhook")
    hook = call.own_base().hooks.get(hook_id) if is_id("ach", hook_id) else None
    if hook is None or not _is_visible(call, hook):
        raise not_found()
    return hook


def _active(call: Call) -> Hook:
    hook = _hook(call)
    if not hook.is_active(call.emulator.clock.now()):
        raise typed(422, "WEBHOOK_NOT_ACTIVE", "The webhook has expired or its specification is no longer valid")
    return hook


def _drop_gone(call: Call, now: datetime) -> None:
    base = call.own_base()
    gone: list[Change] = [HookDeleted(base.id, hook.id) for hook in base.hooks.values() if hook.is_gone(now)]
    if gone:
        call.record(gone)


def _check_scopes(call: Call, specification: Specification) -> None:
    """Hearing of records or of the schema needs the scope to read them [D]."""
    for data_type in specification.filters.data_types:
        if not call.identity.has("data.records:read" if data_type == "tableData" else "schema.bases:read"):
            raise not_permitted()


def _integration(call: Call) -> str | None:
    """The OAuth integration that asks: here all OAuth tokens of a user are of one integration."""
    return call.user_id if call.identity.owner.oauth else None


def _is_visible(call: Call, hook: Hook) -> bool:
    """An OAuth integration sees its own webhooks only [D]."""
    integration = _integration(call)
    return integration is None or hook.integration == integration


def _check_room(base: Base, integration: str | None) -> None:
    """The types are known from clients, and the second message; the first follows it [I]."""
    if len(base.hooks) >= HOOKS_MAX:
        message = "Cannot create webhook: there is already the maximum number of webhooks in this base"
        raise typed(422, "TOO_MANY_WEBHOOKS_IN_BASE", message)
    own = [hook for hook in base.hooks.values() if hook.integration == integration]
    if integration is not None and len(own) >= INTEGRATION_HOOKS_MAX:
        message = "Cannot create webhook: the OAuth integration already has the maximum number of webhooks in this base"
        raise typed(422, "TOO_MANY_WEBHOOKS_IN_BASE_FOR_INTEGRATION", message)


def _notification_url(value: object) -> str | None:
    """An http or https URL; null is as good as none [I]. The vendor would refuse a loopback address, we do not."""
    if value is None:
        return None
    refusal = invalid_request("notificationUrl must be an http or https URL.")
    if not isinstance(value, str) or not value.isprintable() or len(value) > URL_CHARACTERS_MAX:
        raise refusal
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise refusal
    return value


def _number(query: dict[str, Any], key: str, standard: int, highest: int | None) -> int:
    text = query.get(key)
    if text is None:
        return standard
    number = int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 15 else 0
    if number < 1 or (highest is not None and number > highest):
        raise invalid_request(f"{key} must be a whole number from 1{'' if highest is None else f' to {highest}'}.")
    return number
