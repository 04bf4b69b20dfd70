"""Mends answers whose text is not Unicode.

A cell may hold half of a surrogate pair, as JavaScript strings can. JSON carries it as an escape, but UTF-8 cannot
carry it, so one such cell would make its whole page unreadable. Each half becomes U+FFFD, the replacement character.
"""

import json
import re
from typing import cast

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


def mended(body: bytes) -> bytes:
    """`body`, with halves of surrogate pairs replaced when it is JSON that has any."""
    if not _SURROGATE_ESCAPE.search(body):
        return body
    try:
        return json.dumps(_whole(cast(object, json.loads(body))), ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return body


def _whole(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(item) for item in cast(list[object], value)]
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in cast(dict[str, object], value).items()}
    return value
