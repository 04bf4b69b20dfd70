"""Where links of mails may lead in the end.

Rules of this room (GoTrue's, internal/utilities/request.go):

- The site itself is allowed, on this machine with any port, and so are loopback addresses and what matches a glob of
  the allow-list. Anything else leads to the site: a link of ours never sends a token to a stranger.
- `*` is any text without `.` and `/`, `**` is any text, `?` is one character but these, `[a-z]` and `{one,two}` choose.
- What browsers and servers read differently (control characters, blanks, backslashes, a user before the host) is
  refused before anything is compared.
"""

import ipaddress
import re
from typing import Protocol, cast
from urllib.parse import SplitResult, urlsplit

import re2

from smeboost_emulators.local_clients import is_loopback

URL_MAX_LENGTH = 2000
_UNREADABLE = re.compile(r"[\x00-\x20\x7f\\]")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.ASCII)
_REFUSED = cast("type[Exception]", re2.error)
_WEB = frozenset({"http", "https"})
_GLOB = re.compile(r"\*\*+|\*|\?|\[[^\]\[]+\]|\{|\}|,|\\.|.", re.DOTALL)


class _Pattern(Protocol):
    def fullmatch(self, text: str) -> object: ...


class Redirects:
    """The site and its allow-list.

    Raises:
        ValueError: the site or a glob cannot be read.
    """

    def __init__(self, site_url: str, allow_list: str) -> None:
        self.site_url = site_url
        self._site = urlsplit(site_url)
        self._site_port = self._site.port
        patterns = [pattern.strip() for pattern in _split(allow_list) if pattern.strip()]
        self._patterns = [_compiled(pattern) for pattern in patterns]

    def chosen(self, *wanted: str | None) -> str:
        """The first of the wanted places that is allowed, else the site."""
        return next((url for url in wanted if url and self._is_allowed(url)), self.site_url)

    def _is_allowed(self, url: str) -> bool:
        if len(url) > URL_MAX_LENGTH or _UNREADABLE.search(url):
            return False
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            return False
        if parts.username is not None or parts.password is not None:
            return False
        return self._is_site(parts, host, port) or self._is_listed(url, parts.scheme.lower(), host)

    def _is_site(self, parts: SplitResult, host: str, port: int | None) -> bool:
        same = host == self._site.hostname and parts.scheme.lower() == self._site.scheme
        return same and (port == self._site_port or is_loopback(host))

    def _is_listed(self, url: str, scheme: str, host: str) -> bool:
        if host.isdecimal():
            # An address in another notation, which a browser would understand.
            return False
        if _is_address(host):
            return scheme in _WEB and is_loopback(host)
        if scheme in _WEB and not _HOST.fullmatch(host):
            return False
        return any(pattern.fullmatch(url.partition("#")[0]) for pattern in self._patterns)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _split(allow_list: str) -> list[str]:
    """The globs; a comma inside of braces is part of one."""
    return re.split(r",(?![^{}]*\})", allow_list)


def _compiled(pattern: str) -> _Pattern:
    expression = "".join(_translated(part) for part in _GLOB.findall(pattern))
    options = re2.Options()
    options.log_errors = False
    try:
        return cast(_Pattern, re2.compile(f"(?s){expression}", options))
    except _REFUSED:
        raise ValueError(f"{pattern[:100]!r} is no glob") from None


def _translated(part: str) -> str:
    if part.startswith("**"):
        return ".*"
    if part.startswith("[") and len(part) > 1:
        inside = part[1:-1]
        return f"[^{_class(inside[1:])}]" if inside.startswith("!") else f"[{_class(inside)}]"
    fixed = {"*": "[^./]*", "?": "[^./]", "{": "(?:", "}": ")", ",": "|"}
    return fixed.get(part) or re.escape(part[1:] if part.startswith("\\") and len(part) > 1 else part)


def _class(inside: str) -> str:
    return re.sub(r"([\\\]^\[])", r"\\\1", inside)
