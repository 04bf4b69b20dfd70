"""Which role a token names: `PGRST_JWT_ROLE_CLAIM_KEY` is a path into the claims, `.role` unless set.

A path has names (`.role`, `."https://example.com/role"`), places (`[0]`) and, at its end, a choice among texts
(`[?(@ == "editor")]`, with `==`, `!=`, `^==` begins, `==^` ends, `*==` contains). Source: PostgREST, "Role Extraction".
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

_NAME = re.compile(r'\.(?:([\w$@-]+)|"([^"]*)")')
_PLACE = re.compile(r"\[(\d{1,6})\]", re.ASCII)
_CHOICE = re.compile(r'\[\?\(@ ?(==\^|\^==|\*==|==|!=) ?"([^"]*)"\)\]$')
_COMPARE: Mapping[str, Callable[[str, str], bool]] = {
    "==": lambda text, wanted: text == wanted,
    "!=": lambda text, wanted: text != wanted,
    "^==": lambda text, wanted: text.startswith(wanted),
    "==^": lambda text, wanted: text.endswith(wanted),
    "*==": lambda text, wanted: wanted in text,
}


@dataclass(frozen=True)
class _Choice:
    """The first text of an array that compares so."""

    operator: str
    wanted: str


RolePath = tuple[str | int | _Choice, ...]


def parse_role_path(text: str) -> RolePath:
    """The steps of a path.

    Raises:
        ValueError: it is not one.
    """
    steps: list[str | int | _Choice] = []
    position = 0
    while position < len(text):
        if match := _NAME.match(text, position):
            steps.append(match[1] if match[1] is not None else match[2])
        elif match := _PLACE.match(text, position):
            steps.append(int(match[1]))
        elif match := _CHOICE.match(text, position):
            steps.append(_Choice(match[1], match[2]))
        else:
            raise ValueError(f"is not a path like .role or .roles[0] (at character {position + 1})")
        position = match.end()
    if not steps:
        raise ValueError("is empty; the default is .role")
    return tuple(steps)


def role_at(path: RolePath, claims: Mapping[str, object]) -> str | None:
    """The role that the claims name, or None when nothing is there."""
    found: object = claims
    for step in path:
        found = _step(found, step)
    if found is None or isinstance(found, str):
        return found
    return json.dumps(found)


def _step(value: object, step: str | int | _Choice) -> object:
    if isinstance(step, str):
        return cast(dict[str, object], value).get(step) if isinstance(value, dict) else None
    if not isinstance(value, list):
        return None
    items = cast(list[object], value)
    if isinstance(step, int):
        return items[step] if step < len(items) else None
    texts = (item for item in items if isinstance(item, str))
    return next((text for text in texts if _COMPARE[step.operator](text, step.wanted)), None)
