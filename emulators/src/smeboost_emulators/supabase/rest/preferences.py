"""What a request's headers ask for: `Prefer`, `Range` and the schema profile."""

import re
from dataclasses import dataclass, field
from typing import Literal

from starlette.datastructures import Headers, QueryParams

from smeboost_emulators.intake import whole_number
from smeboost_emulators.supabase.rest.errors import RestFailure

ROWS_MAX = 2**63 - 1
VALUE_MAX = 64
_KNOWN = {
    "return": frozenset({"minimal", "representation", "headers-only"}),
    "count": frozenset({"exact", "planned", "estimated"}),
    "resolution": frozenset({"merge-duplicates", "ignore-duplicates"}),
    "missing": frozenset({"default", "null"}),
    "handling": frozenset({"strict", "lenient"}),
    "tx": frozenset({"commit", "rollback"}),
}
_ALWAYS = ("count", "tx", "handling", "timezone")
# What each kind of request can follow, in the order in which PostgREST says so.
_ECHOED = {
    "GET": _ALWAYS,
    "HEAD": _ALWAYS,
    "POST": ("resolution", "missing", "return", *_ALWAYS),
    "PUT": ("return", *_ALWAYS),
    "PATCH": ("missing", "return", *_ALWAYS, "max-affected"),
    "DELETE": ("return", *_ALWAYS, "max-affected"),
    "rpc": (*_ALWAYS, "max-affected"),
}
_RANGE = re.compile(r"(?:items=)?(\d{1,18})-(\d{1,18})?", re.ASCII)


@dataclass(frozen=True)
class Preferences:
    """The preferences that were understood; `applied` is what the answer echoes."""

    chosen: dict[str, str] = field(default_factory=dict[str, str])
    max_affected: int | None = None
    echoed: tuple[str, ...] = ()

    @property
    def representation(self) -> Literal["minimal", "representation", "headers-only"]:
        """How much of a write's rows comes back."""
        match self.chosen.get("return"):
            case "representation":
                return "representation"
            case "headers-only":
                return "headers-only"
            case _:
                return "minimal"

    @property
    def applied(self) -> str:
        """The value of `Preference-Applied`."""
        return ", ".join(f"{name}={self.chosen[name]}" for name in self.echoed if name in self.chosen)


@dataclass(frozen=True)
class Page:
    """Which rows of the result: at most `limit` from `offset` on."""

    offset: int = 0
    limit: int | None = None


def preferences(headers: Headers, action: str, *, tx_chosen: bool, zones: frozenset[str] = frozenset()) -> Preferences:
    """The preferences of all `Prefer` headers, for a method or for `rpc`.

    `tx_chosen` says whether the end of the transaction is one; `zones` are the time zones there are.

    Raises:
        RestFailure: PGRST122, when handling=strict came with something we do not know.
    """
    chosen: dict[str, str] = {}
    unknown: list[str] = []
    for part in ",".join(headers.getlist("prefer")).split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if value in (zones if name == "timezone" else _KNOWN.get(name, frozenset())) or _is_limit(name, value):
            chosen.setdefault(name, value[:VALUE_MAX])
        elif part.strip():
            unknown.append(part.strip())
    strict = chosen.get("handling") == "strict"
    if strict and unknown:
        details = f"Invalid preferences: {', '.join(unknown)[:500]}"
        raise RestFailure(400, "PGRST122", "Invalid preferences given with handling=strict", details=details)
    if not tx_chosen:
        chosen.pop("tx", None)
    limit = chosen.get("max-affected")
    if limit is not None and not strict:
        chosen.pop("max-affected")
    return Preferences(chosen, int(limit) if limit and strict else None, _ECHOED[action])


def _is_limit(name: str, value: str) -> bool:
    return name == "max-affected" and value.isascii() and value.isdecimal()


def chosen_schema(headers: Headers, method: str, exposed: tuple[str, ...]) -> str:
    """The schema of `Accept-Profile` (reads) or `Content-Profile` (writes), else the first exposed one.

    Raises:
        RestFailure: PGRST106.
    """
    name = headers.get("accept-profile" if method in {"GET", "HEAD"} else "content-profile")
    if name is None:
        return exposed[0]
    if name not in exposed:
        hint = f"Only the following schemas are exposed: {', '.join(exposed)}"
        raise RestFailure(406, "PGRST106", f"Invalid schema: {name[:100]}", hint=hint)
    return name


def chosen_page(query: QueryParams, headers: Headers, method: str, *, rows_max: int) -> Page:
    """What `limit`, `offset` and, for a GET, `Range` ask for, cut to `rows_max` rows.

    Raises:
        RestFailure: PGRST100 for what is no number, PGRST103 for a range that is none.
    """
    offset = _number(query, "offset") or 0
    limit = _number(query, "limit")
    match = _RANGE.fullmatch(headers.get("range", "")) if method == "GET" else None
    if match:
        first, last = int(match[1]), int(match[2]) if match[2] else None
        if last is not None and last < first:
            details = "The lower boundary must be lower than or equal to the upper boundary in the Range header."
            raise unsatisfiable(details)
        offset = max(offset, first)
        if last is not None:
            length = max(0, last - offset + 1)
            limit = length if limit is None else min(limit, length)
    return Page(offset, rows_max if limit is None else min(limit, rows_max))


def _number(query: QueryParams, name: str) -> int | None:
    text = query.get(name)
    return None if text is None else page_number(name, text)


def page_number(name: str, text: str) -> int:
    """The number that a `limit` or `offset` says.

    Raises:
        RestFailure: PGRST100 for what is no number, PGRST103 for a negative limit.
    """
    if text.startswith("-") and text[1:].isascii() and text[1:].isdecimal() and name == "limit":
        raise unsatisfiable("Limit should be greater than or equal to zero.")
    number = whole_number(text)
    if number is None or number > ROWS_MAX:
        details = f"{name} must be a whole number from 0 to {ROWS_MAX}"
        raise RestFailure(400, "PGRST100", f"failed to parse {name} ({text[:100]})", details=details)
    return number


def unsatisfiable(details: str) -> RestFailure:
    """A range that the result does not have."""
    return RestFailure(416, "PGRST103", "Requested range not satisfiable", details=details)


def content_range(offset: int, rows: int, total: int | None) -> str:
    """The value of `Content-Range`."""
    shown = f"{offset}-{offset + rows - 1}" if rows else "*"
    return f"{shown}/{'*' if total is None else total}"
