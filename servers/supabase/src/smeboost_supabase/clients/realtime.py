"""Changes of tables and broadcasts, through Realtime.

Rules of this room:

- Each subscription has a socket of its own, so one that fails takes no other along; there is no reconnecting, because
  what happened meanwhile would be missed in silence.
- A subscription to table changes counts only when Realtime has said that it listens to the database.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal, cast

from pydantic import JsonValue, SecretStr
from pydantic_core import to_jsonable_python
from realtime import (
    AsyncRealtimeChannel,
    AsyncRealtimeClient,
    RealtimePostgresChangesListenEvent,
    RealtimeSubscribeStates,
)
from smeboost_shared.errors import InvalidInput, VendorBadAnswer, VendorTimeout, VendorUnavailable
from websockets.exceptions import InvalidStatus, WebSocketException

from smeboost_supabase.clients.project import Project
from smeboost_supabase.clients.sign_ins import SignIns
from smeboost_supabase.service_faults import credentials_refused
from smeboost_supabase.subscriptions import Event, Subscription, Subscriptions

CLOSE_SECONDS = 2.0
REASON_MAX_LENGTH = 300
Kind = Literal["*", "INSERT", "UPDATE", "DELETE"]


@dataclass(frozen=True)
class Watched:
    """What is listened to: changes of a table or of a schema, or the broadcasts of a topic."""

    schema: str
    table: str | None
    kind: Kind
    filter: str | None
    topic: str | None


class Realtime:
    """Subscriptions of one project."""

    def __init__(self, project: Project, sign_ins: SignIns) -> None:
        self._project = project
        self._sign_ins = sign_ins
        settings = project.settings
        self.kept = Subscriptions(
            subscriptions_max=settings.subscriptions_max, idle_seconds=settings.subscription_idle_seconds
        )

    async def subscribe(self, watched: Watched, session: SecretStr | None) -> Subscription:
        """Listen to `watched`, as a person or with the configured key.

        Raises:
            InvalidInput: Realtime does not accept the subscription.
            VendorTimeout, VendorUnavailable: it does not answer in time, or cannot be reached.
        """
        token = await self.token(session)
        key = self._project.settings.key.get_secret_value()
        url = f"{self._project.settings.url}/realtime/v1"
        seconds = self._project.settings.connect_timeout_seconds
        client = AsyncRealtimeClient(url, key, auto_reconnect=False, max_retries=1, timeout=max(1, round(seconds)))
        subscription = Subscription(
            self._project.settings.events_max, close=lambda: _closed(client), renew=client.set_auth
        )
        try:
            async with asyncio.timeout(2 * seconds):
                if token:
                    await client.set_auth(token)
                await _join(client, watched, subscription)
        except TimeoutError:
            await _closed(client)
            raise VendorTimeout("Supabase Realtime did not answer in time.") from None
        except (WebSocketException, OSError) as exc:
            await _closed(client)
            raise _unreachable(exc) from exc
        except BaseException:
            await _closed(client)
            raise
        return subscription

    async def token(self, session: SecretStr | None) -> str | None:
        """The access token of a person, renewed when it is about to end."""
        if session is None:
            return None

        async def give(token: str | None) -> str | None:
            return token

        return await self._sign_ins.as_person(session, give)


async def _join(client: AsyncRealtimeClient, watched: Watched, subscription: Subscription) -> None:
    listening = asyncio.Event()
    refused: list[str] = []
    channel = client.channel(watched.topic or f"changes-{id(subscription)}")
    if watched.topic is None:
        _listen_to_table(channel, watched, subscription)
        channel.on_system(lambda _payload: listening.set())
    else:
        channel.on_broadcast("*", lambda payload: subscription.put(_broadcast(cast(dict[str, Any], payload))))

    def told(state: RealtimeSubscribeStates, error: Exception | None) -> None:
        if state is RealtimeSubscribeStates.SUBSCRIBED:
            if watched.topic is not None:
                listening.set()
            return
        reason = " ".join(str(error or state.value).split())[:REASON_MAX_LENGTH]
        refused.append(reason)
        subscription.end(reason)
        listening.set()

    await channel.subscribe(told)
    await listening.wait()
    if refused:
        raise InvalidInput(f"Supabase Realtime does not accept this subscription: {refused[0]}")


def _listen_to_table(channel: AsyncRealtimeChannel, watched: Watched, subscription: Subscription) -> None:
    channel.on_postgres_changes(
        RealtimePostgresChangesListenEvent(watched.kind),
        lambda payload: subscription.put(_change(cast(dict[str, Any], payload["data"]))),
        table=watched.table,
        schema=watched.schema,
        filter=watched.filter,
    )


def _change(data: dict[str, Any]) -> Event:
    kept = {
        "type": data.get("type"),
        "schema": data.get("schema"),
        "table": data.get("table"),
        "at": data.get("commit_timestamp"),
        "record": data.get("record"),
        "old_record": data.get("old_record"),
        "errors": data.get("errors"),
    }
    return _plain({name: value for name, value in kept.items() if value is not None})


def _broadcast(payload: dict[str, Any]) -> Event:
    return _plain({"type": "broadcast", "event": payload.get("event"), "payload": payload.get("payload")})


def _plain(event: dict[str, Any]) -> dict[str, JsonValue]:
    return cast(dict[str, JsonValue], to_jsonable_python(event, fallback=str))


async def _closed(client: AsyncRealtimeClient) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()
    except (TimeoutError, WebSocketException, OSError):
        # It is given up either way; the socket ends with its task.
        return


def _unreachable(exc: Exception) -> Exception:
    if isinstance(exc, InvalidStatus):
        if exc.response.status_code in (401, 403):
            return credentials_refused()
        return VendorBadAnswer(f"Supabase Realtime does not answer at SUPABASE_URL (HTTP {exc.response.status_code}).")
    return VendorUnavailable("Supabase Realtime cannot be reached at SUPABASE_URL.")
