"""Cursors: Airtable's offset, bound to the call it came from.

An offset continues one list only (Airtable's "List records" page asks for every other parameter again), so a
cursor carries a digest of those parameters and the offset; a cursor that was changed, or comes with other
parameters, is refused instead of giving a mixture.
"""

import base64
import binascii
import hashlib
import json

from smeboost_shared.errors import FieldProblem, InvalidInput

DIGEST_BYTES = 12
CURSOR_CHARACTERS_MAX = 1_000


def write_cursor(offset: str, parameters: object) -> str:
    """An opaque cursor for `offset` of the list that `parameters` (JSON values) describe."""
    return base64.urlsafe_b64encode(_digest(parameters, offset) + offset.encode()).decode().rstrip("=")


def read_cursor(cursor: str, parameters: object) -> str:
    """The offset in `cursor`.

    Raises:
        InvalidInput: it is not a cursor, or belongs to a list with other parameters.
    """
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        offset = packed[DIGEST_BYTES:].decode()
    except (binascii.Error, ValueError):
        raise invalid_cursor() from None
    if not offset or not offset.isprintable() or len(cursor) > CURSOR_CHARACTERS_MAX:
        raise invalid_cursor()
    if packed[:DIGEST_BYTES] != _digest(parameters, offset):
        raise invalid_cursor("was changed, or other arguments were; repeat both unchanged, or start again without it")
    return offset


def _digest(parameters: object, offset: str) -> bytes:
    text = json.dumps([parameters, offset], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:DIGEST_BYTES]


def invalid_cursor(message: str = "is not a cursor that list_records gave") -> InvalidInput:
    """The error for what is no cursor of ours."""
    return InvalidInput("The cursor is not valid.", errors=[FieldProblem(field="cursor", message=message)])
