"""Fetching the file of a URL that a client gave: a request that a stranger makes us send, so everything is bounded.

http and https only, also behind a redirect; at most three redirects and 1 GB as documented by the vendor [D]; a time
limit for the whole; no cookies, and no proxy or credentials of the environment. Private addresses are not refused, as
the vendor surely does: this emulator lives on loopback, and so do the files of those who use it.
"""

import asyncio
from dataclasses import dataclass
from typing import TypeGuard
from urllib.parse import unquote, urlsplit

import httpx2

from smeboost_emulators.airtable.attachments.files import FileStore, StoredFile
from smeboost_emulators.airtable.attachments.keeper import FILENAME_CHARACTERS_MAX

FETCH_SECONDS_MAX = 60
CONNECT_SECONDS_MAX = 10
REDIRECTS_MAX = 3
FETCH_BYTES_MAX = 1_000_000_000
URL_CHARACTERS_MAX = 10_000
_HEADERS = {"User-Agent": "smeboost-emulators", "Accept-Encoding": "identity"}


class FetchFailed(Exception):
    """There is no file to be had from the URL; the message says why."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that has come, and the type that its server gave it."""

    file: StoredFile
    content_type: str | None


def is_fetchable(url: object) -> TypeGuard[str]:
    """Whether the text is a URL that may be asked for."""
    if not isinstance(url, str) or len(url) > URL_CHARACTERS_MAX:
        return False
    try:
        httpx2.URL(url)
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (httpx2.InvalidURL, ValueError):
        return False


def filename_of(url: str) -> str:
    """What a file without a name is called: the last part of the URL's path, or else its host."""
    parts = urlsplit(url)
    last = unquote(parts.path.rstrip("/").rsplit("/", 1)[-1])[:FILENAME_CHARACTERS_MAX]
    return last if last.strip(". ") else str(parts.hostname)[:FILENAME_CHARACTERS_MAX]


def new_client() -> httpx2.AsyncClient:
    """A client for `fetch`; whoever opens it closes it."""
    return httpx2.AsyncClient(
        headers=_HEADERS,
        timeout=httpx2.Timeout(FETCH_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
        follow_redirects=True,
        max_redirects=REDIRECTS_MAX,
        trust_env=False,
    )


async def fetch(client: httpx2.AsyncClient, url: str, files: FileStore, *, bytes_max: int = FETCH_BYTES_MAX) -> Fetched:
    """Fetch a file and keep it.

    Raises:
        FetchFailed: the server cannot be reached, does not answer 200 with a file, or the file is too large.
        OSError: the file cannot be kept.
    """
    try:
        async with asyncio.timeout(FETCH_SECONDS_MAX), client.stream("GET", url) as response:
            # A cookie of one file's server is no business of the next one's.
            client.cookies.clear()
            if response.status_code != 200:
                raise FetchFailed(f"the server answered {response.status_code}")
            with files.receiving() as coming:
                async for piece in response.aiter_bytes():
                    coming.write(piece)
                    if coming.size > bytes_max:
                        raise FetchFailed(f"the file is larger than {bytes_max} bytes")
            return Fetched(coming.ended(), response.headers.get("content-type"))
    except TimeoutError:
        raise FetchFailed(f"it took longer than {FETCH_SECONDS_MAX} s") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as exc:
        raise FetchFailed(f"{type(exc).__name__}: {exc}") from None
