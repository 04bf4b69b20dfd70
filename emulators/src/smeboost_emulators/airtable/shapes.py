"""What decoded JSON is: the one place where an unknown value is found to be a list, an object or a text."""

from typing import Any, cast


def list_of(value: object) -> list[Any] | None:
    """The items, or None when the value is no list."""
    return list(cast(list[Any], value)) if isinstance(value, list | tuple) else None


def texts_of(value: object) -> list[str] | None:
    """The texts, or None when the value is no list or holds anything else."""
    items = list_of(value)
    return items if items is not None and all(isinstance(item, str) for item in items) else None


def object_of(value: object) -> dict[str, Any] | None:
    """The object (JSON keys are always texts), or None when the value is something else."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def objects_of(value: object) -> list[dict[str, Any]] | None:
    """The objects, or None when the value is no list or holds anything else."""
    items = list_of(value)
    return items if items is not None and all(isinstance(item, dict) for item in items) else None
