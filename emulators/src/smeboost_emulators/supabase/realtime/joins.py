"""What a client asks for when it joins a topic.

Rules of this room: as Supabase Realtime does, a part of the configuration that makes no sense counts as absent.
"""

import json
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast


@dataclass(frozen=True)
class JoinRequest:
    """The configuration of a channel; `bindings` are those of postgres_changes, as the client wrote them."""

    acknowledge: bool
    to_self: bool
    presence_key: str
    presence_enabled: bool
    private: bool
    replay: object
    bindings: tuple[dict[str, Any], ...]
    access_token: str | None = field(repr=False)


def read_join(payload: Mapping[str, Any]) -> JoinRequest:
    """The request of a `phx_join`."""
    config = _mapping(payload.get("config"))
    broadcast, presence = _mapping(config.get("broadcast")), _mapping(config.get("presence"))
    bindings = config.get("postgres_changes")
    items = cast(list[object], bindings) if isinstance(bindings, list) else []
    key = presence.get("key")
    return JoinRequest(
        acknowledge=broadcast.get("ack") is True,
        to_self=broadcast.get("self") is True,
        presence_key=key if isinstance(key, str) and key else str(uuid.uuid4()),
        presence_enabled=presence.get("enabled") is not False,
        private=config.get("private") is True,
        replay=broadcast.get("replay"),
        bindings=tuple(cast(dict[str, Any], item) for item in items if isinstance(item, dict)),
        access_token=_token(payload),
    )


def binding_id(binding: Mapping[str, Any]) -> int:
    """The number that a binding goes by: the same for everybody who asks for the same, and never 0."""
    written = json.dumps(binding, sort_keys=True, default=str).encode(errors="replace")
    return (zlib.crc32(written) & 0x7FFF_FFFF) or 1


def _token(payload: Mapping[str, Any]) -> str | None:
    token = payload.get("access_token") or payload.get("user_token")
    # An opaque key was exchanged for its JWT when the client connected.
    return token if isinstance(token, str) and not token.startswith("sb_") else None


def _mapping(value: object) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
