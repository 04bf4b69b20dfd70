"""One request to Airtable, sent by pyairtable in a thread of its own; the number of threads is bounded.

Rules of this room:

- Only here are pyairtable and requests imported, and only here do their exceptions become ours.
- pyairtable's own retries are off, because they repeat writes too.
- Nothing is followed and nothing is guessed: a redirect is an error, `.netrc` is not read, a loopback endpoint is
  asked without a proxy, and an answer has a largest size and a longest time.
- A write whose answer does not arrive is `OutcomeUnknown`, unless the request surely never left.
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Literal, TypeVar, cast
from urllib.parse import quote, urlsplit

import requests
from pyairtable import Api
from pyairtable.api.api import TimeoutTuple
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.exceptions import InvalidJSONError, JSONDecodeError, ProxyError
from smeboost_shared.errors import (
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    SmeBoostError,
    TooLarge,
    VendorBadAnswer,
    VendorTimeout,
    VendorUnavailable,
)
from smeboost_shared.outbound import LOOPBACK_HOSTS, in_own_thread, retry_after_seconds
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from smeboost_airtable.diagnosis import WRONG_HOST_HINT
from smeboost_airtable.mending import mended
from smeboost_airtable.refusals import Refusal
from smeboost_airtable.settings import AirtableSettings

CHUNK_BYTES = 65_536
RETRY_AFTER_SECONDS_MAX = 3_600
Answer = TypeVar("Answer")


Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request; `path` holds the unquoted segments after `root`. A body is JSON, or else a CSV file."""

    method: Method
    path: tuple[str, ...]
    params: dict[str, str | list[str]] | None = None
    body: dict[str, object] | None = None
    csv: bytes | None = None
    writes: bool = False
    root: Literal["v0", "scim/v2"] = "v0"
    to_content_host: bool = False


class Transport:
    """Sends requests. Use as an async context manager; it may be opened again after it was closed."""

    def __init__(self, settings: AirtableSettings) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._api: Api | None = None
        self._slots = threading.Semaphore(settings.threads_max)

    async def __aenter__(self) -> "Transport":
        """Make the session; connections are made when they are needed."""
        self._api = _api(self._settings)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Close idle connections; a request under way ends by its own timeout."""
        api, self._api = self._opened(), None
        api.session.close()

    async def send(self, request: Request) -> object:
        """The decoded answer.

        Raises:
            Refusal: Airtable answered with an error.
            RateLimited: too many requests of ours are under way.
            VendorUnavailable, VendorTimeout, VendorBadAnswer: a read has no answer, or none that we understand.
            OutcomeUnknown: a write has none.
        """
        api = self._opened()
        url = self._url(request)
        try:
            return await self._in_a_slot(lambda: _send(api, url, request))
        except TimeoutError:
            raise _no_answer(request, VendorTimeout()) from None

    async def download(self, url: str, *, bytes_max: int) -> bytes:
        """The bytes behind one of Airtable's expiring links, asked without the token.

        Raises:
            TooLarge: there are more than `bytes_max`.
            NotFound: the link is not a web address, or has expired.
            RateLimited, VendorUnavailable, VendorTimeout: see `send`.
        """
        if not _is_web_address(url):
            raise NotFound("The file has no web address.")
        try:
            return await self._in_a_slot(lambda: _download(url, bytes_max, self._settings))
        except TimeoutError:
            raise VendorTimeout("The file did not arrive in time.") from None

    async def _in_a_slot(self, call: Callable[[], Answer]) -> Answer:
        # A request that got its turn is sent now and never queues past it.
        if not self._slots.acquire(blocking=False):
            raise RateLimited("Too many requests to Airtable are under way.", retry_after_seconds=1)
        answer = in_own_thread(call, name="airtable", on_end=self._slots.release)
        return await asyncio.wait_for(answer, self._settings.answer_timeout_seconds)

    def _url(self, request: Request) -> str:
        if not {"", ".", ".."}.isdisjoint(request.path):
            # Such a segment would be taken as a step to another thing, which a delete would then be about.
            raise InvalidInput("A part of the address is empty or made of dots.")
        host = self._settings.content_host if request.to_content_host else self._settings.endpoint_url
        try:
            return "/".join((host, request.root, *(quote(segment, safe="") for segment in request.path)))
        except UnicodeEncodeError:
            raise InvalidInput("A part of the address has half a character (a lone surrogate).") from None

    def _opened(self) -> Api:
        if self._api is None:
            raise RuntimeError("The Airtable client is not open.")
        return self._api


def _send(api: Api, url: str, request: Request) -> object:
    try:
        if request.csv is not None:
            # pyairtable's `request` knows JSON bodies only.
            headers = {"Content-Type": "text/csv"}
            answer = api.session.post(url, data=request.csv, headers=headers, timeout=api.timeout)
            return cast(object, answer.json())
        return cast(object, api.request(request.method, url, params=request.params, json=request.body))
    except (requests.RequestException, HTTPError, ValueError, RecursionError) as exc:
        raise _translated(exc, request) from exc


def _is_web_address(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


def _download(url: str, bytes_max: int, settings: AirtableSettings) -> bytes:
    timeout = (settings.connect_timeout_seconds, settings.read_timeout_seconds)
    with requests.Session() as session:
        adapter = _BoundedAdapter(settings.model_copy(update={"answer_bytes_max": bytes_max}), mends=False)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        session.trust_env = urlsplit(url).hostname not in LOOPBACK_HOSTS
        try:
            answer = session.get(url, timeout=timeout, allow_redirects=False)
        except _AnswerTooLarge as exc:
            raise TooLarge(f"The file has more than {bytes_max} bytes.") from exc
        except (requests.RequestException, HTTPError, ValueError) as exc:
            raise _translated(exc, Request(method="GET", path=())) from exc
    if answer.status_code != 200:
        hint = "Links of attachments last about two hours; ask for the record again."
        raise NotFound(f"Airtable does not give the file (status {answer.status_code}).", hint=hint)
    return answer.content


def _translated(exc: Exception, request: Request) -> SmeBoostError:
    if isinstance(exc, InvalidJSONError) and not isinstance(exc, JSONDecodeError):
        return InvalidInput("A value cannot be sent as JSON.", hint="Numbers must be finite.")
    if _never_left(exc):
        return VendorUnavailable("Airtable cannot be reached.", hint="Check the network and AIRTABLE_ENDPOINT_URL.")
    if any(isinstance(cause, requests.Timeout | ReadTimeoutError) for cause in _causes(exc)):
        return _no_answer(request, VendorTimeout())
    if isinstance(exc, ValueError | RecursionError):
        return _no_answer(request, VendorBadAnswer(hint=WRONG_HOST_HINT))
    return _no_answer(request, VendorUnavailable("The connection to Airtable was cut."))


def _no_answer(request: Request, read_error: SmeBoostError) -> SmeBoostError:
    if not request.writes:
        return read_error
    return OutcomeUnknown(
        "Airtable did not confirm the write; it may or may not have happened.",
        hint="Look at the records before you repeat it.",
    )


def _never_left(exc: Exception) -> bool:
    """Whether the connection failed before any byte of the request was sent."""
    kinds = (requests.ConnectTimeout, NewConnectionError, ProxyError, ssl.SSLCertVerificationError)
    return any(isinstance(cause, kinds) for cause in _causes(exc))


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """`exc` and what it was made from; requests and urllib3 also keep a cause in `args` or `reason`."""
    pending: list[object] = [exc]
    seen: set[int] = set()
    while pending:
        found = pending.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            pending += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]


class _AnswerTooLarge(ValueError):
    """More bytes than `answer_bytes_max`."""


class _BoundedAdapter(HTTPAdapter):
    """Reads each answer at once, up to a size and a time; requests itself knows neither."""

    def __init__(self, settings: AirtableSettings, *, mends: bool = True) -> None:
        super().__init__(pool_maxsize=settings.threads_max, max_retries=0)
        self._mends = mends
        self._bytes_max = settings.answer_bytes_max
        self._seconds_max = settings.answer_timeout_seconds

    def build_response(self, req: requests.PreparedRequest, resp: BaseHTTPResponse) -> requests.Response:
        response = super().build_response(req, resp)
        body = self._body(resp)
        response.raw = BytesIO(mended(body) if self._mends else body)
        return response

    def _body(self, answer: BaseHTTPResponse) -> bytes:
        deadline = time.monotonic() + self._seconds_max
        body = bytearray()
        # `read1` gives what has come; `stream` would wait for a whole chunk, however slowly it drips in.
        while chunk := answer.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > self._bytes_max:
                answer.close()
                raise _AnswerTooLarge
            if time.monotonic() > deadline:
                # Nobody waits any more; the thread must not hold its slot for as long as the drip lasts.
                answer.close()
                raise requests.ReadTimeout
        return bytes(body)


class _Bearer(AuthBase):
    """Sets the token on each request; without it requests would prefer what `.netrc` says."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["Authorization"] = f"Bearer {self._token}"
        return r


def _api(settings: AirtableSettings) -> Api:
    token = settings.api_key.get_secret_value()
    timeout = cast(TimeoutTuple, (settings.connect_timeout_seconds, settings.read_timeout_seconds))
    api = Api(token, timeout=timeout, retry_strategy=None, endpoint_url=settings.endpoint_url)
    adapter = _BoundedAdapter(settings)
    api.session.mount("https://", adapter)
    api.session.mount("http://", adapter)
    api.session.auth = _Bearer(token)
    api.session.trust_env = urlsplit(settings.endpoint_url).hostname not in LOOPBACK_HOSTS
    api.session.hooks["response"].append(_refuse)
    return api


def _refuse(response: requests.Response, **_options: object) -> None:
    """A response hook: an error, or a redirect, never reaches requests or pyairtable."""
    if response.status_code < 300:
        return
    try:
        payload: object = response.json()
    except (ValueError, RecursionError):
        payload = None
    wait = retry_after_seconds(response.headers.get("Retry-After"), seconds_max=RETRY_AFTER_SECONDS_MAX)
    raise Refusal(response.status_code, payload, wait)
