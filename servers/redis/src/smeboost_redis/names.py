"""Names that become parts of keys."""

import hashlib

from smeboost_shared.errors import InvalidInput

NAME_BYTES_MAX = 200


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
