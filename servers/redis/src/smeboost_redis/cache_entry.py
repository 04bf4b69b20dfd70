"""The form of a cached value: its keys, and the heading that says under which versions it was computed.

A stored value is `smeboost1`, a line `tag TAB version` for each tag, an empty line, then the bytes. The scripts in
`lua/` build the same heading; a value is fresh exactly when it begins with the heading of the present versions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from smeboost_shared.errors import FieldProblem, InvalidInput

from smeboost_redis.names import bounded_name

TAGS_MAX = 20
TAG_CHARACTERS_MAX = 200
EVERYTHING = "*"
"""The tag that every value has."""
MAGIC = b"smeboost1\n"


@dataclass(frozen=True)
class Entry:
    """One key with its tags, as the scripts want them."""

    value_key: str
    lease_key: str
    tags: tuple[str, ...]
    tag_keys: tuple[str, ...]

    @property
    def keys(self) -> list[str]:
        """In the order of the scripts."""
        return [self.value_key, self.lease_key, *self.tag_keys]


@lru_cache(maxsize=4096)
def entry_of(prefix: str, key: str, tags: tuple[str, ...]) -> Entry:
    """The entry of `key`; the order of the tags does not matter.

    Raises:
        InvalidInput: an empty key, too many tags, or a tag that is empty, too long or not printable.
    """
    if len(tags) > TAGS_MAX:
        raise _invalid("tags", f"may be at most {TAGS_MAX}")
    name = bounded_name(key)
    every = (EVERYTHING, *sorted({checked_tag(tag) for tag in tags}))
    return Entry(f"{prefix}value:{name}", f"{prefix}lease:{name}", every, tuple(tag_key(prefix, tag) for tag in every))


def checked_tag(tag: str) -> str:
    """`tag`, if it can stand in a heading."""
    if not 0 < len(tag) <= TAG_CHARACTERS_MAX or not tag.isprintable() or tag == EVERYTHING:
        raise _invalid("tags", f"must each be 1 to {TAG_CHARACTERS_MAX} printable characters, and not {EVERYTHING!r}")
    return tag


def tag_key(prefix: str, tag: str) -> str:
    """Where the version of a tag is kept."""
    return f"{prefix}tag:{bounded_name(tag)}"


def heading_of(tags: Sequence[str], versions: Sequence[bytes | None]) -> bytes | None:
    """The heading that a fresh value begins with, or None when a tag has no version yet."""
    if None in versions:
        return None
    lines = [b"%s\t%s\n" % (tag.encode(), version) for tag, version in zip(tags, versions, strict=True)]
    return b"".join((MAGIC, *lines, b"\n"))


def fresh_value(raw: bytes | None, tags: Sequence[str], versions: Sequence[bytes | None]) -> bytes | None:
    """The bytes behind the heading, if it names exactly these tags with these versions."""
    heading = heading_of(tags, versions)
    if raw is None or heading is None or not raw.startswith(heading):
        return None
    return raw[len(heading) :]


def tags_of(raw: bytes) -> tuple[str, ...] | None:
    """The tags that a stored value names, or None when it is not ours."""
    if not raw.startswith(MAGIC):
        return None
    heading, _, _ = raw[len(MAGIC) :].partition(b"\n\n")
    try:
        return tuple(line.partition(b"\t")[0].decode() for line in heading.split(b"\n"))
    except UnicodeDecodeError:
        return None


def _invalid(field: str, message: str) -> InvalidInput:
    return InvalidInput(f"{field} {message}.", errors=[FieldProblem(field=field, message=message)])
