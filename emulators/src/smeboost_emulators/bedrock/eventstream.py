"""The event-stream encoding that ConverseStream answers in (`application/vnd.amazon.eventstream`).

A frame is: u32 total length, u32 length of the headers, u32 CRC32 of those eight bytes, headers, payload,
u32 CRC32 of everything before it; all big-endian. A header is: u8 length of the name, name, u8 type, value; only
type 7 (string: u16 length, bytes) is ever sent by Bedrock. The order of the headers is the real service's.
Source: the Smithy specification, "Amazon Event Stream"; payloads as recorded from the real service.
"""

import json
import secrets
import string
import struct
from binascii import crc32
from collections.abc import Mapping

MEDIA_TYPE = "application/vnd.amazon.eventstream"
PADDING_ALPHABET = string.ascii_letters + string.digits
_STRING_TYPE = 7


def encode_event(event_type: str, payload: Mapping[str, object]) -> bytes:
    """One ordinary event, padded as the real service pads it."""
    headers = {":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}
    return encode_frame(headers, _json({**payload, "p": padding()}))


def encode_exception(exception_type: str, message: str) -> bytes:
    """An exception in the middle of a stream, e.g. `throttlingException`; nothing may follow it."""
    headers = {
        ":message-type": "exception",
        ":exception-type": exception_type,
        ":content-type": "application/json",
    }
    return encode_frame(headers, _json({"message": message}))


def encode_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """The bytes of one frame."""
    block = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    body = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return body + struct.pack(">I", crc32(body))


def padding() -> str:
    """A prefix of random length: it hides the length of the text from who watches the encrypted wire."""
    return PADDING_ALPHABET[: 1 + secrets.randbelow(len(PADDING_ALPHABET))]


def _header(name: str, value: str) -> bytes:
    encoded_name, encoded = name.encode(), value.encode()
    length = struct.pack(">BH", _STRING_TYPE, len(encoded))
    return bytes([len(encoded_name)]) + encoded_name + length + encoded


def _json(payload: Mapping[str, object]) -> bytes:
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
