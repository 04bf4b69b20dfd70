"""Parts of a file, and whether the caller has it already (RFC 9110, sections 13 and 14)."""

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from smeboost_emulators.supabase.storage.errors import StorageFailure

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


def part_of(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for; None for all of them, also when the header is none that we read.

    Raises:
        StorageFailure: InvalidRange, when nothing of it is there.
    """
    found = _RANGE.fullmatch(header.strip())
    if not found or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise StorageFailure(416, "InvalidRange", "The requested range is not satisfiable", error="invalid_range")
    return range(start, stop)


def is_known(if_none_match: str | None, if_modified_since: str | None, *, etag: str, modified: datetime) -> bool:
    """Whether the caller's copy is good; the tag decides if there is one."""
    if if_none_match is not None:
        tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
        return "*" in tags or etag in tags
    if if_modified_since is not None:
        try:
            since = parsedate_to_datetime(if_modified_since)
        except ValueError:
            return False
        since = since if since.tzinfo else since.replace(tzinfo=UTC)
        return modified.replace(microsecond=0) <= since
    return False


def http_date(moment: datetime) -> str:
    """A moment as HTTP writes it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)
