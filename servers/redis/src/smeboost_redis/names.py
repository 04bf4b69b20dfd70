"""How keys are named.

Rules of this room:

- Every key begins with the setting REDIS_KEY_PREFIX; the tools put it on and take it off.
- What the house keeps for itself (cache, limits, sessions) lies behind `smeboost:`. The tools neither show nor touch
  it: a tool that could write there could make anybody an administrator.
"""

import hashlib
import re

from smeboost_shared.errors import FieldProblem, InvalidInput, NotPermitted

from smeboost_redis.binary import to_bytes, to_text

OWN = "smeboost:"
NAME_BYTES_MAX = 200
_GLOB = re.compile(rb"([*?\[\]\\^])")


def own_prefix(key_prefix: str) -> str:
    """What the keys of the house itself begin with."""
    return f"{key_prefix}{OWN}"


def checked_namespace(namespace: str) -> str:
    """`namespace`, if it can stand in a key.

    Raises:
        InvalidInput: it is empty, or would break the hash tags of the keys.
    """
    if not namespace or "{" in namespace or "}" in namespace:
        raise InvalidInput("A namespace must not be empty and must not hold a brace.")
    return namespace


def bounded_name(name: str) -> str:
    """`name`, or its digest when it is long or holds a brace, which would move the key to another hash slot.

    Raises:
        InvalidInput: the name is empty.
    """
    if not name:
        raise InvalidInput("A key must not be empty.")
    raw = name.encode("utf-8", "surrogatepass")
    if len(raw) <= NAME_BYTES_MAX and "{" not in name and "}" not in name and not name.startswith("sha256:"):
        return name
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


class KeyNames:
    """Names of a caller as keys in the store, and back."""

    def __init__(self, key_prefix: str) -> None:
        """`key_prefix` is the setting REDIS_KEY_PREFIX."""
        self._prefix = key_prefix.encode()
        self._own = own_prefix(key_prefix).encode()

    def key(self, name: str, field: str = "key") -> bytes:
        """The key that a caller's name stands for.

        Raises:
            InvalidInput: it is empty or cannot be read.
            NotPermitted: it belongs to the house.
        """
        raw = to_bytes(name, field)
        if not raw:
            raise InvalidInput("A key must not be empty.", errors=[FieldProblem(field=field, message="is empty")])
        if raw.startswith(OWN.encode()):
            raise NotPermitted(f"Keys that begin with {OWN!r} belong to SME Boost itself; use another name.")
        return self._prefix + raw

    def name(self, key: bytes) -> str:
        """The caller's name of a key."""
        return to_text(key.removeprefix(self._prefix))

    def is_visible(self, key: bytes) -> bool:
        """Whether the tools may show this key."""
        return key.startswith(self._prefix) and not key.startswith(self._own)

    def pattern(self, pattern: str) -> bytes:
        """A caller's glob pattern as one for the whole key."""
        return _GLOB.sub(rb"\\\1", self._prefix) + to_bytes(pattern, "pattern")
