"""Encrypt what must not be readable in the database, in GoTrue's own form, so that either side reads the other's.

Rules of this room (GoTrue, internal/crypto):

- A sealed text is JSON `{"key_id","alg":"aes-gcm-hkdf","data","nonce"}`; the key is derived from a 256 bit master key
  by HKDF-SHA256 with the id of the row, so a text that was moved to another row cannot be opened.
- Without a master key in the settings texts are kept as they are; no API role may read the tables.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM = "aes-gcm-hkdf"
KEY_BYTES = 32
NONCE_BYTES = 12


class CannotOpen(Exception):
    """The sealed text cannot be opened with the keys that are set."""


@dataclass(frozen=True)
class Seal:
    """Seals with the key `key_id` of `keys`, or not at all when that is empty; opens with any of `keys`."""

    key_id: str = ""
    keys: Mapping[str, bytes] = field(default_factory=dict[str, bytes], repr=False)

    def close(self, owner: UUID, text: str) -> str:
        """What to store in the row `owner` for `text`."""
        if not self.key_id:
            return text
        nonce = secrets.token_bytes(NONCE_BYTES)
        data = _cipher(self.keys[self.key_id], owner).encrypt(nonce, text.encode(), None)
        sealed = {"key_id": self.key_id, "alg": ALGORITHM, "data": _base64(data), "nonce": _base64(nonce)}
        return json.dumps(sealed)

    def is_current(self, stored: str) -> bool:
        """Whether a text is kept as `close` would keep it now."""
        if not self.key_id:
            return True
        try:
            return stored.startswith("{") and json.loads(stored)["key_id"] == self.key_id
        except (KeyError, ValueError):
            return False

    def open(self, owner: UUID, stored: str) -> str:
        """The text that was stored in the row `owner`.

        Raises:
            CannotOpen: it is sealed with a key that is not set, or is not this row's.
        """
        if not stored.startswith("{"):
            return stored
        try:
            sealed = cast(dict[str, Any], json.loads(stored))
            key = self.keys[str(sealed["key_id"])]
            data, nonce = (base64.b64decode(str(sealed[name])) for name in ("data", "nonce"))
            return _cipher(key, owner).decrypt(nonce, data, None).decode()
        except (KeyError, ValueError, InvalidTag) as exc:
            raise CannotOpen(type(exc).__name__) from None


def master_key(text: str) -> bytes:
    """A key of the settings.

    Raises:
        ValueError: it is not 256 bits in URL-safe base64.
    """
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError("must be 256 bits in URL-safe base64 without padding")
    return key


def _cipher(key: bytes, owner: UUID) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=str(owner).encode()).derive(key))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
