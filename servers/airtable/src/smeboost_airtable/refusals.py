"""Airtable's refusals, and the error each becomes. Pure: no request is made here.

Sources: Airtable's "Errors" page, and bodies seen on the wire. There are three forms of body:
`{"error": {"type", "message"}}`, `{"error": "NOT_FOUND"}` and `{"errors": [{"error", "message"}]}`.
Airtable's text is data: it is shortened, and only quoted.
"""

import re
from typing import cast

from smeboost_shared.errors import (
    CursorExpired,
    FieldProblem,
    InvalidInput,
    NotFound,
    NotPermitted,
    NotSupported,
    OutcomeUnknown,
    QuotaExhausted,
    RateLimited,
    SmeBoostError,
    TooLarge,
    VendorBadAnswer,
    VendorCredentials,
    VendorRejected,
    VendorUnavailable,
)

from smeboost_airtable.diagnosis import PERMISSION_HINT, WRONG_HOST_HINT
from smeboost_airtable.places import Places

MESSAGE_CHARACTERS_MAX = 300
_VALUE_TYPES = frozenset(
    {
        "INVALID_VALUE_FOR_COLUMN",
        "INVALID_MULTIPLE_CHOICE_OPTIONS",
        "ROW_DOES_NOT_EXIST",
        "VALUE_IS_NOT_ARRAY_OF_RECORD_IDS",
        "INVALID_RECORDS",
        "INVALID_REQUEST_MISSING_FIELDS",
        "ATTACHMENTS_FAILED_UPLOADING",
        "DUPLICATE_TABLE_NAME",
        "DUPLICATE_OR_EMPTY_FIELD_NAME",
        "UNSUPPORTED_FIELD_TYPE_FOR_CREATE",
    }
)
_VIEW_TYPES = frozenset({"VIEW_NAME_NOT_FOUND", "VIEW_ID_NOT_FOUND", "FAILED_STATE_CHECK"})
_RECORD_ID = re.compile(r"\brec[A-Za-z0-9]{14}\b")
_FORMULA_NAMES = re.compile(r"Unknown field names?: (.+)", re.DOTALL)
_QUOTED = re.compile(r'"(.+)"', re.DOTALL)


class Refusal(Exception):
    """An answer of Airtable with a status of 300 or more. Never leaves the client."""

    def __init__(self, status: int, payload: object, retry_after_seconds: float | None = None) -> None:
        """`payload` is the decoded body, or None when it is no JSON."""
        self.status = status
        self.is_json = payload is not None
        self.type, text = _type_and_message(payload)
        self.message = _shortened(text)
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{status} {self.type}")

    @property
    def is_rate_limit(self) -> bool:
        """Too fast, as opposed to a monthly quota that is spent, which has the same status."""
        return self.status == 429 and not self.is_quota

    @property
    def is_quota(self) -> bool:
        """The workspace's calls of this month are spent; repeating is pointless until the next one begins."""
        return self.status == 429 and "BILLING" in self.type.upper()

    @property
    def names(self) -> list[str]:
        """The fields, records, views or choices that the message names."""
        if self.type == "INVALID_FILTER_BY_FORMULA":
            found = _FORMULA_NAMES.search(self.message)
            return [name.strip() for name in found[1].split(", ")] if found else []
        if self.type == "ROW_DOES_NOT_EXIST":
            return _RECORD_ID.findall(self.message)
        if self.type in ("VIEW_NAME_NOT_FOUND", "VIEW_ID_NOT_FOUND"):
            return [self.message.removeprefix("View ").removesuffix(" not found")]
        found = _QUOTED.search(self.message)
        return [found[1].strip('"')] if found else []

    @property
    def may_mean_missing(self) -> bool:
        """Airtable does not tell what is hidden from what does not exist."""
        return self.status == 404 or (self.status == 403 and "NOT_FOUND" in self.type)


def error_for(refusal: Refusal, *, places: Places, scope: str, writes: bool) -> SmeBoostError:
    """The error of ours that says what the caller can do about `refusal`."""
    if refusal.status == 422:
        return _invalid(refusal, places)
    if refusal.status == 429:
        return _too_many(refusal)
    if refusal.status == 501 and refusal.type == "EMULATOR_NOT_SUPPORTED":
        return NotSupported(refusal.message or None)
    if refusal.status >= 500:
        return _server_error(refusal, writes=writes)
    if refusal.status == 403:
        return NotPermitted("Airtable does not permit this.", hint=PERMISSION_HINT.format(scope=scope))
    if refusal.status == 404:
        return NotFound("Airtable has no such thing.", hint="Check the ids; list_bases and list_tables show them.")
    if refusal.status == 401:
        return VendorCredentials("Airtable refused the token in AIRTABLE_API_KEY.")
    if refusal.status == 413:
        return TooLarge("Airtable refused the request because it is too large.", hint="Send fewer or smaller records.")
    if refusal.status < 400:
        return VendorBadAnswer("Airtable answered with a redirect.", hint=WRONG_HOST_HINT)
    return VendorRejected(_said(refusal))


def _too_many(refusal: Refusal) -> SmeBoostError:
    if refusal.is_rate_limit:
        return RateLimited(
            "Airtable says: too many requests to this base.", retry_after_seconds=refusal.retry_after_seconds
        )
    return quota_exhausted()


def quota_exhausted() -> QuotaExhausted:
    """The error for a month that is spent, whether Airtable says so now or has said so before."""
    return QuotaExhausted(
        "The workspace's monthly Airtable API calls are used up.",
        hint="They are renewed next month; a workspace owner can upgrade the plan.",
    )


def _server_error(refusal: Refusal, *, writes: bool) -> SmeBoostError:
    # Airtable's "Errors" page: after a 502 a request is safe to repeat; a 500 or 503 may have been processed.
    if writes and refusal.status != 502:
        return OutcomeUnknown(
            f"Airtable failed with status {refusal.status}; the write may or may not have happened.",
            hint="Look at the records before you repeat it.",
        )
    return VendorUnavailable(
        f"Airtable failed with status {refusal.status}.", retry_after_seconds=refusal.retry_after_seconds
    )


def _invalid(refusal: Refusal, places: Places) -> SmeBoostError:
    kind = refusal.type
    if kind == "LIST_RECORDS_ITERATOR_NOT_AVAILABLE":
        return CursorExpired(
            hint="Call again without cursor, and drop the pages read so far.",
            errors=[FieldProblem(field="cursor", message="has expired")],
        )
    if kind == "INVALID_OFFSET_VALUE":
        return InvalidInput(
            "The cursor is not valid.", errors=[FieldProblem(field="cursor", message="is not one of ours")]
        )
    if kind == "INVALID_FILTER_BY_FORMULA":
        return InvalidInput("The formula is not valid.", errors=[FieldProblem(field="formula", message=_said(refusal))])
    if kind in _VIEW_TYPES:
        return InvalidInput("There is no such view.", errors=[FieldProblem(field="view", message=_said(refusal))])
    if kind == "UNKNOWN_FIELD_NAME":
        return InvalidInput("There is no such field.", errors=_problems(refusal, places))
    if kind in _VALUE_TYPES or kind.startswith("INVALID_"):
        problems = _problems(refusal, places)
        return InvalidInput("Airtable refused a value." if problems else _said(refusal), errors=problems)
    return VendorRejected(_said(refusal))


def _problems(refusal: Refusal, places: Places) -> list[FieldProblem]:
    found = [place for name in refusal.names for place in places.of(name)] or places.of("")
    return [FieldProblem(field=place, message=_said(refusal)) for place in found]


def _said(refusal: Refusal) -> str:
    said = f"Airtable says: {refusal.message}" if refusal.message else f"Airtable answered {refusal.status}"
    return f"{said} ({refusal.type})" if refusal.type else said


def _type_and_message(payload: object) -> tuple[str, str]:
    body = _mapping(payload)
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        first = _mapping(cast(list[object], errors)[0])
        return str(first.get("error", "")), str(first.get("message", ""))
    error = body.get("error")
    if isinstance(error, str):
        return error, str(body.get("message", ""))
    found = _mapping(error)
    return str(found.get("type", "")), str(found.get("message", ""))


def _mapping(value: object) -> dict[str, object]:
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MESSAGE_CHARACTERS_MAX else line[: MESSAGE_CHARACTERS_MAX - 1] + "…"
