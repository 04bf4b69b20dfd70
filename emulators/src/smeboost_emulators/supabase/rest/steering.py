"""What the database says about the answer itself: `response.status`, `response.headers`, and errors raised as answers.

Source: PostgREST, "Transaction-scoped settings" and "RAISE errors with HTTP status codes".
"""

import json
import re
from typing import Any, Protocol, cast

from starlette.responses import Response

from smeboost_emulators.supabase.rest.errors import RestFailure

HEADERS_MAX = 100
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]{0,8000}")
_MESSAGE_HINT = (
    'MESSAGE must be a JSON object with obligatory keys: "code", "message" and optional keys: "details", "hint".'
)
_DETAIL_HINT = 'DETAIL must be a JSON object with obligatory keys: "status", "headers" and optional key: "status_text".'
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})


class Wishes(Protocol):
    """What a statement's functions and triggers asked for."""

    @property
    def status(self) -> str | None:
        """The value of `response.status`."""
        ...

    @property
    def headers(self) -> str | None:
        """The value of `response.headers`."""
        ...


def steered(response: Response, wishes: Wishes) -> Response:
    """The response with the status and the headers that the database wants.

    Raises:
        RestFailure: PGRST111, PGRST112.
    """
    if wishes.headers is not None:
        chosen = _header_list(wishes.headers)
        for name in {name for name, _ in chosen}:
            if name in response.headers:
                del response.headers[name]
        for name, value in chosen:
            response.headers.append(name, value)
    if wishes.status is not None:
        if not (wishes.status.isascii() and wishes.status.isdecimal() and 200 <= int(wishes.status[:9]) <= 599):
            raise RestFailure(500, "PGRST112", "response.status guc must be a valid status code")
        response.status_code = int(wishes.status)
    return response


def _header_list(text: str) -> list[tuple[str, str]]:
    message = "response.headers guc must be a JSON array composed of objects with a single key and a string value"
    failure = RestFailure(500, "PGRST111", message)
    entries = _json(text)
    if not isinstance(entries, list) or len(cast(list[object], entries)) > HEADERS_MAX:
        raise failure
    headers: list[tuple[str, str]] = []
    for entry in cast(list[object], entries):
        if not isinstance(entry, dict) or len(cast(dict[str, object], entry)) != 1:
            raise failure
        headers.extend(cast(dict[str, Any], entry).items())
    if not all(_sendable(name, value) for name, value in headers):
        raise failure
    return headers


def _sendable(name: str, value: object) -> bool:
    """A header that neither breaks out of its line nor changes where the answer ends."""
    known = _TOKEN.fullmatch(name) is not None and name.lower() not in _FRAMING
    return known and isinstance(value, str) and _VALUE.fullmatch(value) is not None


def raised_answer(message: str, details: str | None) -> RestFailure:
    """The answer that `raise sqlstate 'PGRST'` describes in its message and its detail, or PGRST121."""
    says, how = _json(message), _json(details or "")
    if not _describes_body(says):
        return _not_understood("MESSAGE", message, _MESSAGE_HINT)
    if not _describes_answer(how):
        return _not_understood("DETAIL", details or "", _DETAIL_HINT)
    body, answer = cast(dict[str, str | None], says), cast(dict[str, Any], how)
    return RestFailure(
        answer["status"],
        str(body["code"]),
        str(body["message"]),
        details=body.get("details"),
        hint=body.get("hint"),
        headers=answer["headers"],
    )


def _describes_body(says: object) -> bool:
    if not isinstance(says, dict):
        return False
    body = cast(dict[str, object], says)
    texts = all(isinstance(body.get(name), str) for name in ("code", "message"))
    rest = all(isinstance(body.get(name), str | None) for name in ("details", "hint"))
    return (
        texts
        and rest
        and set(body) <= {"code", "message", "details", "hint"}
        and _TOKEN.fullmatch(str(body["code"])) is not None
    )


def _describes_answer(how: object) -> bool:
    if not isinstance(how, dict):
        return False
    answer = cast(dict[str, object], how)
    status, headers = answer.get("status"), answer.get("headers")
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        return False
    if not isinstance(headers, dict):
        return False
    return all(_sendable(name, value) for name, value in cast(dict[str, object], headers).items())


def _not_understood(part: str, text: str, hint: str) -> RestFailure:
    message = "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"
    return RestFailure(500, "PGRST121", message, details=f"Invalid JSON value for {part}: '{text[:500]}'", hint=hint)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
