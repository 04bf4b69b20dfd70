"""Who is there: the presence of one topic.

Rules of this room (Phoenix.Presence):

- A key names somebody, and each of their channels has a meta of its own under it.
- A meta that is tracked again is replaced: the old one leaves and the new one, which names it, joins in one difference.
"""

import secrets
from collections.abc import Hashable, Mapping
from typing import Any

Metas = dict[str, dict[str, list[dict[str, Any]]]]
REF_BYTES = 9


class Presence:
    """Everybody who is tracked on one topic."""

    def __init__(self) -> None:
        self._tracked: dict[Hashable, tuple[str, dict[str, Any]]] = {}

    def __bool__(self) -> bool:
        return bool(self._tracked)

    def state(self) -> Metas:
        """All keys with their metas."""
        found: Metas = {}
        for key, meta in self._tracked.values():
            found.setdefault(key, {"metas": []})["metas"].append(meta)
        return found

    def track(self, who: Hashable, key: str, payload: Mapping[str, Any]) -> dict[str, Metas]:
        """Track `who` under `key`; gives the difference that the topic is told."""
        meta = {**payload, "phx_ref": secrets.token_urlsafe(REF_BYTES)}
        meta.pop("phx_ref_prev", None)
        before = self._tracked.get(who)
        if before is not None:
            meta["phx_ref_prev"] = before[1]["phx_ref"]
        self._tracked[who] = (key, meta)
        return {"joins": _one(key, meta), "leaves": {} if before is None else _one(*before)}

    def untrack(self, who: Hashable) -> dict[str, Metas] | None:
        """Forget `who`; gives the difference, or None when there is none."""
        before = self._tracked.pop(who, None)
        return None if before is None else {"joins": {}, "leaves": _one(*before)}


def _one(key: str, meta: dict[str, Any]) -> Metas:
    return {key: {"metas": [meta]}}
