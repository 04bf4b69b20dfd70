"""Lengths of time in Go's notation (`24h`, `1h30m`, `1.5s`), which GoTrue's settings and requests are written in."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})(ns|us|µs|ms|s|m|h)", re.ASCII)
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
PARTS_MAX_LENGTH = 100


def go_duration(text: str) -> timedelta:
    """The length that `text` spells.

    Raises:
        ValueError: it is not in Go's notation, negative, or longer than a timedelta holds.
    """
    if text == "0":
        return timedelta()
    if len(text) > PARTS_MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError("must be a length of time such as 24h, 1h30m or 90s")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError("is too long") from None


def _read(value: object) -> object:
    return go_duration(value) if isinstance(value, str) else value


GoDuration = Annotated[timedelta, BeforeValidator(_read)]
"""A setting in Go's notation."""
