"""Addresses of files, which end two hours after they were given out.

A cell cannot hold such an address: what it holds is a reference, the same for ever, and an answer's bytes are where
references become addresses. That is one place for cells, lookups, formulas, comments and webhook payloads, and it
costs nothing where there is no reference. A reference begins with a mark that is derived from the store's secret, so
that no text which somebody writes can be one.

An address holds all that is needed to answer it, signed: `/.attachments/<end>/<signature>/<reference>`. The end is
rounded up to ten minutes, so that reading twice gives the same answer; it is 2 h to 2 h 10 min away. The vendor
documents "about two hours" [D]; 410 for an address that has ended is what users have reported [O].
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, unquote

import msgspec

ADDRESS_SECONDS = 2 * 3_600
ROUNDED_SECONDS = 600
PATH = "/.attachments"
VARIANTS = ("file", "small", "large", "full")
_AWAITED = "awaited"
_SIGNATURE_BYTES = 24


class AddressEnded(Exception):
    """The address was good and is no more."""


class AddressRefused(Exception):
    """We never gave out such an address."""


@dataclass(frozen=True, slots=True)
class AwaitedFile:
    """A file that is to be fetched, and who asked for it."""

    user_id: str
    url: str


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file, or a smaller picture of it, with the name and the type that it was given."""

    digest: str
    content_type: str
    filename: str
    variant: str = "file"

    def text(self) -> str:
        """As a path of four segments."""
        parts = (self.variant, self.digest, self.content_type, self.filename)
        return "/".join(quote(part, safe="") for part in parts)


class Addresses:
    """Makes references, turns them into addresses, and reads addresses."""

    def __init__(self, key: bytes, now: Callable[[], datetime]) -> None:
        self._key = key
        self._now = now
        self._mark = f"emulator-file-{hmac.digest(key, b'mark', hashlib.sha256).hex()[:24]}:"
        self._pattern = re.compile(self._mark.encode() + rb"([A-Za-z0-9_.~%/-]*)")

    def reference(self, file: FileReference) -> str:
        """What a cell holds in place of an address."""
        return self._mark + file.text()

    def awaited(self, file: AwaitedFile) -> str:
        """What a cell holds while its file is being fetched: it is shown as the URL that was given."""
        return f"{self._mark}{_AWAITED}/{file.user_id}/{quote(file.url, safe='')}"

    def awaited_file(self, held: str) -> AwaitedFile | None:
        """The file that a cell waits for, or None when it waits for none."""
        parts = self._parts(held)
        return AwaitedFile(parts[1], unquote(parts[2])) if parts[0] == _AWAITED else None

    def digest(self, held: str) -> str | None:
        """The digest of the file that a cell refers to, or None when it refers to none."""
        parts = self._parts(held)
        return parts[1] if parts[0] in VARIANTS else None

    def _parts(self, held: str) -> list[str]:
        return held.removeprefix(self._mark).split("/") if held.startswith(self._mark) else [""]

    def shown(self, answer: bytes, origin: str) -> bytes:
        """The bytes of a JSON answer with addresses in place of references."""
        if self._mark.encode() not in answer:
            return answer
        ends = self._end()

        def address(found: re.Match[bytes]) -> bytes:
            text = found[1].decode()
            if text.startswith(_AWAITED):
                return msgspec.json.encode(unquote(text.split("/")[2]))[1:-1]
            return f"{origin}{PATH}/{ends}/{self._signature(ends, text)}/{text}".encode()

        return self._pattern.sub(address, answer)

    def read(self, ends: str, signature: str, text: str) -> FileReference:
        """The file that an address leads to.

        Raises:
            AddressRefused: it is not one of ours.
            AddressEnded: its time is over.
        """
        if not hmac.compare_digest(signature.encode(), self._signature(ends, text).encode()):
            raise AddressRefused
        if self._now().timestamp() >= int(ends):
            raise AddressEnded
        variant, digest, content_type, filename = (unquote(part) for part in text.split("/"))
        return FileReference(digest, content_type, filename, variant)

    def _end(self) -> str:
        now = int(self._now().timestamp())
        return str((now // ROUNDED_SECONDS + 1) * ROUNDED_SECONDS + ADDRESS_SECONDS)

    def _signature(self, ends: str, text: str) -> str:
        signed = hmac.digest(self._key, f"{ends}/{text}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(signed[:_SIGNATURE_BYTES]).decode()
