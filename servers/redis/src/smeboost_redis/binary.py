"""Bytes as text and back, without loss.

The one rule: a string that begins with `base64:` stands for the bytes that follow in base64 (RFC 4648 section 4); any
other string stands for itself in UTF-8. Bytes that are not UTF-8, or that would be taken for the mark, get the mark.
"""

import base64
import binascii

from smeboost_shared.errors import FieldProblem, InvalidInput

MARK = "base64:"


def to_bytes(text: str, field: str) -> bytes:
    """The bytes that `text` stands for; `field` is the argument to name when it stands for none.

    Raises:
        InvalidInput: what follows the mark is not base64, or the text is no Unicode text.
    """
    try:
        if text.startswith(MARK):
            return base64.b64decode(text[len(MARK) :], validate=True)
        return text.encode()
    except (binascii.Error, ValueError):
        problem = FieldProblem(field=field, message=f"is neither Unicode text nor base64 behind {MARK!r}")
        raise InvalidInput(f"{field} cannot be read.", errors=[problem]) from None


def to_text(raw: bytes) -> str:
    """The text that stands for `raw`."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _marked(raw)
    return _marked(raw) if text.startswith(MARK) else text


def whole_characters(raw: bytes) -> bytes:
    """`raw`, which was cut at any byte, without the last character's torn part."""
    for torn in range(min(4, len(raw))):
        piece = raw[: len(raw) - torn]
        try:
            piece.decode()
        except UnicodeDecodeError as exc:
            if exc.reason != "unexpected end of data" and torn == 0:
                return raw
        else:
            return piece
    return raw


def _marked(raw: bytes) -> str:
    return MARK + base64.b64encode(raw).decode()
