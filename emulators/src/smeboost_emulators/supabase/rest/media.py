"""The `Accept` header: which form the answer's body takes.

Rules of this room:

- What is wanted most (`q`) and can be made is made; nothing is made that was not asked for.
- A raw form (plain text, bytes, a media type of one's own) is only for a function that gives one value.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from starlette.datastructures import Headers

from smeboost_emulators.supabase.rest.errors import RestFailure

OBJECT = "application/vnd.pgrst.object"
ARRAY = "application/vnd.pgrst.array"
PLAN = "application/vnd.pgrst.plan"
JSON_MEDIA = frozenset({"*/*", "application/*", "application/json"})
PLAN_OPTIONS = ("analyze", "verbose", "settings", "buffers", "wal")
MEDIA_MAX = 20
_PIECES = re.compile(r'(?:[^,"]|"[^"]*")+')
_OPTIONS = re.compile(r'(?:[^;"]|"[^"]*")+')


@dataclass(frozen=True)
class Plan:
    """The plan instead of the result: as text or JSON, with options of `explain`."""

    structure: Literal["text", "json"]
    options: tuple[str, ...]

    @property
    def words(self) -> str:
        """The inside of `explain (...)`; all of it constants of this module."""
        return ", ".join([f"format {self.structure}", *self.options])


@dataclass(frozen=True)
class Form:
    """The form of the answer's body; `raw` is the media type of a value that is sent as it is."""

    singular: bool = False
    strip_nulls: bool = False
    csv: bool = False
    raw: str | None = None
    plan: Plan | None = None

    @property
    def media_type(self) -> str:
        """The answer's content type."""
        if self.plan:
            chosen = f"; options={'|'.join(self.plan.options)}" if self.plan.options else ""
            kind = replace(self, plan=None).media_type.partition("; charset")[0]
            return f'{PLAN}+{self.plan.structure}; for="{kind}"{chosen}; charset=utf-8'
        if self.raw:
            return f"{self.raw}; charset=utf-8" if self.raw.startswith("text/") else self.raw
        if self.csv:
            return "text/csv; charset=utf-8"
        base = OBJECT if self.singular else ARRAY if self.strip_nulls else "application/json"
        kind = base if base == "application/json" else f"{base}+json"
        return f"{kind}{';nulls=stripped' if self.strip_nulls else ''}; charset=utf-8"


@dataclass(frozen=True)
class _Media:
    """One entry of `Accept`."""

    kind: str
    options: tuple[str, ...]

    def option(self, name: str) -> str:
        for piece in self.options:
            key, _, value = piece.partition("=")
            if key.strip() == name:
                return value.strip().strip('"')
        return ""

    @property
    def weight(self) -> float:
        text = self.option("q")
        return float(text) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text, re.ASCII) else 1.0


def accepted_form(headers: Headers, *, plan_enabled: bool = False, raw: frozenset[str] = frozenset()) -> Form:
    """The form of `Accept` that is wanted most among those we can make; `raw` lists what the value itself offers.

    Raises:
        RestFailure: PGRST107.
    """
    accept = ",".join(headers.getlist("accept")) or "*/*"
    entries = [_media(piece) for piece in _PIECES.findall(accept)[:MEDIA_MAX]]
    for media in sorted(entries, key=lambda entry: -entry.weight):
        found = _form(media, raw) if not media.kind.startswith(PLAN) else _plan(media, raw) if plan_enabled else None
        if found and media.weight > 0:
            return found
    raise RestFailure(406, "PGRST107", f"None of these media types are available: {accept[:200]}")


def accepts(headers: Headers, kinds: Collection[str]) -> bool:
    """Whether `Accept` has one of these media types, or is absent."""
    accept = ",".join(headers.getlist("accept")) or "*/*"
    entries = [_media(piece) for piece in _PIECES.findall(accept)[:MEDIA_MAX]]
    return any(media.kind in kinds and media.weight > 0 for media in entries)


def _media(text: str) -> _Media:
    kind, *options = (piece.strip().lower() for piece in _OPTIONS.findall(text) or [""])
    return _Media(kind, tuple(options))


def _form(media: _Media, raw: frozenset[str]) -> Form | None:
    strip = media.option("nulls") == "stripped"
    if media.kind in raw:
        return Form(raw=media.kind)
    if media.kind in {f"{OBJECT}+json", OBJECT}:
        return Form(singular=True, strip_nulls=strip)
    if media.kind in {f"{ARRAY}+json", ARRAY}:
        return Form(strip_nulls=strip)
    if media.kind == "text/csv":
        return Form(csv=True)
    return Form() if media.kind in JSON_MEDIA else None


def _plan(media: _Media, raw: frozenset[str]) -> Form | None:
    structure = media.kind.removeprefix(PLAN).removeprefix("+") or "text"
    inner = _form(_media(media.option("for") or "application/json"), raw)
    if inner is None or (structure != "text" and structure != "json"):  # noqa: PLR1714  # narrows the type
        return None
    wanted = media.option("options").split("|")
    return replace(inner, plan=Plan(structure, tuple(name for name in PLAN_OPTIONS if name in wanted)))
