"""What makes a password too weak (GoTrue, GOTRUE_PASSWORD_*)."""

from collections.abc import Sequence
from dataclasses import dataclass

SEPARATOR = ":"


@dataclass(frozen=True)
class Weakness:
    """Why a password is weak, in words and as GoTrue's reasons (`length`, `characters`)."""

    message: str
    reasons: tuple[str, ...]


def weakness(password: str, *, length_min: int, character_sets: Sequence[str]) -> Weakness | None:
    """What is weak about a password, if anything; it needs a character of each of `character_sets`."""
    found: list[tuple[str, str]] = []
    if len(password) < length_min:
        found.append(("length", f"Password should be at least {length_min} characters."))
    if not all(set(password) & set(characters) for characters in character_sets):
        listed = ", ".join(character_sets)
        found.append(("characters", f"Password should contain at least one character of each: {listed}."))
    if not found:
        return None
    return Weakness(" ".join(message for _, message in found), tuple(reason for reason, _ in found))


def character_sets(setting: str) -> tuple[str, ...]:
    r"""The sets of GOTRUE_PASSWORD_REQUIRED_CHARACTERS, which are separated by `:`; `\:` is a colon of a set."""
    masked = setting.replace("\\" + SEPARATOR, "\0")
    return tuple(part.replace("\0", SEPARATOR) for part in masked.split(SEPARATOR) if part)
