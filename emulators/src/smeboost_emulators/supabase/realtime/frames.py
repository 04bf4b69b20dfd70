"""The frames of a Phoenix channel in both of its versions, and Supabase's binary frames.

Rules of this room (serializers of Phoenix and of Supabase Realtime):

- Version 1.0.0 is one JSON object for a message, 2.0.0 one JSON array; a client chooses with `vsn`.
- In version 2 a broadcast of a person travels in binary: kind 3 from the client, kind 4 to it. Every part of the header
  has a length of one byte, so what does not fit travels as text.
- A payload is not rebuilt on its way: what one client wrote is what the others read, byte for byte.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

BINARY_PUSH, BINARY_BROADCAST = 3, 4
RAW_ENCODING, JSON_ENCODING = 0, 1
LENGTH_MAX = 255
_PUSH_HEADER_BYTES = 7
_NOTHING = msgspec.Raw(b"{}")


class Version(StrEnum):
    """The form of a client's frames."""

    OBJECTS = "1.0.0"
    ARRAYS = "2.0.0"


class FrameRefused(Exception):
    """The frame is not one of the protocol."""


class _Object(msgspec.Struct):
    topic: str
    event: str
    payload: msgspec.Raw = _NOTHING
    ref: str | int | None = None
    join_ref: str | int | None = None


class _BroadcastPayload(msgspec.Struct):
    event: str
    payload: msgspec.Raw = _NOTHING


class _PresencePayload(msgspec.Struct):
    event: str = ""
    payload: msgspec.Raw = _NOTHING


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What somebody says to a topic: `payload` is JSON, or any bytes when `binary`."""

    event: str
    payload: bytes
    binary: bool = False
    meta: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Incoming:
    """A client's message; `payload` is its JSON, not looked at yet, and `broadcast` is there when it came in binary."""

    topic: str
    event: str
    payload: bytes
    ref: str | None
    join_ref: str | None
    broadcast: Broadcast | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to one client or to all of a topic, encoded once for each version."""

    topic: str
    event: str
    payload: Any
    ref: str | None = None
    join_ref: str | None = None
    _encoded: dict[Version, str | bytes] = field(default_factory=dict[Version, "str | bytes"])

    def frame(self, version: Version) -> str | bytes | None:
        """The frame for clients of a version; None when it cannot be said in it (bytes in version 1)."""
        found = self._encoded.get(version)
        if found is None:
            found = _encode(self, version)
            if found is not None:
                self._encoded[version] = found
        return found


def decode_text(version: Version, text: str) -> Incoming:
    """The message of a text frame.

    Raises:
        FrameRefused: it is not JSON, or not of this form.
    """
    try:
        if version is Version.OBJECTS:
            found = msgspec.json.decode(text, type=_Object)
            parts = (found.join_ref, found.ref, found.topic, found.event, found.payload)
        else:
            parts = msgspec.json.decode(text, type=tuple[str | int | None, str | int | None, str, str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as exc:
        raise FrameRefused(str(exc)) from None
    join_ref, ref, topic, event, payload = parts
    return Incoming(topic, event, bytes(payload), _text(ref), _text(join_ref))


def decode_binary(data: bytes) -> Incoming:
    """The broadcast of a binary frame of kind 3.

    Raises:
        FrameRefused: it is of another kind, cut off, or says it is JSON and is not.
    """
    if len(data) < _PUSH_HEADER_BYTES or data[0] != BINARY_PUSH:
        raise FrameRefused("not a binary broadcast")
    lengths, encoding = data[1:6], data[6]
    offset, texts = _PUSH_HEADER_BYTES, list[str]()
    for length in lengths:
        part = data[offset : offset + length]
        if len(part) < length:
            raise FrameRefused("a binary broadcast is cut off")
        texts.append(_utf8(part))
        offset += length
    join_ref, ref, topic, event, _ = texts
    payload = data[offset:]
    if encoding == JSON_ENCODING:
        require_json(payload)
    elif encoding != RAW_ENCODING:
        raise FrameRefused("a binary broadcast of an unknown encoding")
    said = Broadcast(event, payload, binary=encoding == RAW_ENCODING)
    return Incoming(topic, "broadcast", b"{}", ref or None, join_ref or None, said)


def read_broadcast(payload: bytes) -> Broadcast:
    """The broadcast of a text message.

    Raises:
        FrameRefused: it names no event.
    """
    try:
        found = msgspec.json.decode(payload, type=_BroadcastPayload)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise FrameRefused(str(exc)) from None
    return Broadcast(found.event, bytes(found.payload))


def read_presence(payload: bytes) -> tuple[str, dict[str, msgspec.Raw] | None]:
    """The event of a presence message, and what is shown: its values stay as they were written. None is no object.

    Raises:
        FrameRefused: it is not a presence message.
    """
    try:
        found = msgspec.json.decode(payload, type=_PresencePayload)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise FrameRefused(str(exc)) from None
    try:
        return found.event.lower(), msgspec.json.decode(found.payload, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return found.event.lower(), None


def read_object(payload: bytes) -> dict[str, Any]:
    """The JSON object of a message.

    Raises:
        FrameRefused: it is something else.
    """
    try:
        return msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise FrameRefused(str(exc)) from None


def require_json(payload: bytes) -> None:
    """Refuse what is not JSON.

    Raises:
        FrameRefused: it is not.
    """
    try:
        msgspec.json.decode(_utf8(payload), type=msgspec.Raw)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise FrameRefused(str(exc)) from None


def _encode(message: Outgoing, version: Version) -> str | bytes | None:
    payload = message.payload
    if isinstance(payload, Broadcast):
        if version is Version.ARRAYS:
            binary = _binary_broadcast(message.topic, payload)
            if binary is not None or payload.binary:
                return binary
        if payload.binary:
            return None
        payload = {"type": "broadcast", "event": payload.event, "payload": msgspec.Raw(payload.payload)} | (
            {"meta": payload.meta} if payload.meta else {}
        )
    if version is Version.ARRAYS:
        form: object = [message.join_ref, message.ref, message.topic, message.event, payload]
    else:
        # realtime-py refuses a message without the key `ref`.
        form = {"topic": message.topic, "event": message.event, "payload": payload, "ref": message.ref}
        if message.join_ref is not None:
            form["join_ref"] = message.join_ref
    return msgspec.json.encode(form).decode()


def _binary_broadcast(topic: str, said: Broadcast) -> bytes | None:
    parts = [topic.encode(), said.event.encode(), msgspec.json.encode(said.meta) if said.meta else b""]
    if any(len(part) > LENGTH_MAX for part in parts):
        return None
    encoding = RAW_ENCODING if said.binary else JSON_ENCODING
    return b"".join([bytes([BINARY_BROADCAST, *map(len, parts), encoding]), *parts, said.payload])


def _text(ref: str | int | None) -> str | None:
    return None if ref is None else str(ref)


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise FrameRefused("not UTF-8") from None
