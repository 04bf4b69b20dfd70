"""Airtable's identifiers: a three-letter prefix and 14 base-62 characters, 17 in all."""

import hashlib
import os
import string

ID_LENGTH = 17
_BODY_LENGTH = 14
_ALPHABET = (string.digits + string.ascii_uppercase + string.ascii_lowercase).encode()
# The first eight characters are a little likelier than the rest; an identifier is a name here, not a secret.
_BYTE_TO_BASE62 = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))


def new_id(prefix: str) -> str:
    """A fresh identifier, e.g. `new_id("rec")`."""
    return prefix + os.urandom(_BODY_LENGTH).translate(_BYTE_TO_BASE62).decode()


def derived_id(prefix: str, text: str) -> str:
    """The same identifier for the same text, in every process."""
    return prefix + hashlib.sha256(text.encode()).digest()[:_BODY_LENGTH].translate(_BYTE_TO_BASE62).decode()


def is_id(prefix: str, text: object) -> bool:
    """Whether `text` has the shape of an identifier with this prefix."""
    if not isinstance(text, str) or len(text) != ID_LENGTH:
        return False
    return text.startswith(prefix) and text.isascii() and text.isalnum()
