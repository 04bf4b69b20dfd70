"""What may be said of a new field of each type: https://airtable.com/developers/web/api/field-model, "write format".

The write format is narrower than what the Meta API shows: a link takes its table and nothing about its inverse side,
a choice takes no id, and computed types are not written at all.
"""

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from smeboost_emulators.airtable.ids import new_id
from smeboost_emulators.airtable.state.cells import COMPUTED_TYPES

CHOICES_MAX = 10_000
"""Choices of one field; the vendor documents no limit."""
_HUES = ("blue", "cyan", "teal", "green", "yellow", "orange", "red", "pink", "purple", "gray")
_SHADES = ("Light2", "Light1", "Bright", "Dark1")
_ChoiceColor = Annotated[str, Meta(pattern=f"^({'|'.join(_HUES)})({'|'.join(_SHADES)})\\Z")]
_BrightColor = Annotated[str, Meta(pattern=f"^({'|'.join(_HUES)})Bright\\Z")]
_DATE_FORMATS = {"local": "l", "friendly": "LL", "us": "M/D/YYYY", "european": "D/M/YYYY", "iso": "YYYY-MM-DD"}
_TIME_FORMATS = {"12hour": "h:mma", "24hour": "HH:mm"}
_Icon = Literal["star", "heart", "thumbsUp", "flag", "dot"]


class _Options(msgspec.Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Options of one type; unknown ones are refused."""


class _Nothing(_Options):
    """No options."""


class _Number(_Options):
    precision: Annotated[int, Meta(ge=0, le=8)]


class _Currency(_Options):
    precision: Annotated[int, Meta(ge=0, le=7)]
    symbol: Annotated[str, Meta(min_length=1, max_length=20)]


class _Duration(_Options):
    duration_format: Literal["h:mm", "h:mm:ss", "h:mm:ss.S", "h:mm:ss.SS", "h:mm:ss.SSS"]


class _Rating(_Options):
    icon: _Icon
    max: Annotated[int, Meta(ge=1, le=10)]
    color: _BrightColor


class _Checkbox(_Options):
    icon: Literal["check", "xCheckbox", "star", "heart", "thumbsUp", "flag", "dot"]
    color: _BrightColor


class _DateFormat(_Options):
    name: Literal["local", "friendly", "us", "european", "iso"]
    format: str | None = None


class _TimeFormat(_Options):
    name: Literal["12hour", "24hour"]
    format: str | None = None


class _Date(_Options):
    date_format: _DateFormat


class _DateTime(_Options):
    time_zone: str
    date_format: _DateFormat
    time_format: _TimeFormat


class _Choice(_Options):
    name: Annotated[str, Meta(min_length=1)]
    color: _ChoiceColor | None = None


class _Select(_Options):
    choices: Annotated[list[_Choice], Meta(max_length=CHOICES_MAX)]


class LinkOptions(_Options):
    """What can be said of a new link."""

    linked_table_id: str
    view_id_for_record_selection: str | None = None


class OptionsRefused(Exception):
    """The options are not those of the type; the message says where (`<root>` is the field) and why."""


_SHAPES: dict[str, type[_Options]] = {
    "singleLineText": _Nothing,
    "multilineText": _Nothing,
    "richText": _Nothing,
    "email": _Nothing,
    "url": _Nothing,
    "phoneNumber": _Nothing,
    "barcode": _Nothing,
    "singleCollaborator": _Nothing,
    "multipleCollaborators": _Nothing,
    "multipleAttachments": _Nothing,
    "number": _Number,
    "percent": _Number,
    "currency": _Currency,
    "duration": _Duration,
    "rating": _Rating,
    "checkbox": _Checkbox,
    "date": _Date,
    "dateTime": _DateTime,
    "singleSelect": _Select,
    "multipleSelects": _Select,
    "multipleRecordLinks": LinkOptions,
}
CREATABLE_TYPES = frozenset(_SHAPES)
KNOWN_TYPES = CREATABLE_TYPES | (COMPUTED_TYPES - {"manualSort"})


def read_options(kind: str, given: dict[str, Any] | None) -> dict[str, Any] | None:
    """The options of a new field as the Meta API will show them; those of a link are still as they were given.

    Raises:
        OptionsRefused: see there.
    """
    shape = _SHAPES[kind]
    if given is None and shape.__struct_fields__:
        raise OptionsRefused("<root>.options is missing")
    try:
        options = msgspec.convert(given or {}, shape)
    except msgspec.ValidationError as exc:
        raise OptionsRefused(f"{str(exc).replace('`$', '`<root>.options')}") from None
    if isinstance(options, _Date | _DateTime):
        return _dates(options)
    if isinstance(options, _Select):
        return {"choices": _choices(options.choices)}
    if kind == "multipleAttachments":
        return {"isReversed": False}
    return msgspec.to_builtins(options) or None


def _dates(options: _Date | _DateTime) -> dict[str, Any]:
    """A format may be left out, but what is said must be that of its name."""
    shown: dict[str, Any] = msgspec.to_builtins(options)
    shown["dateFormat"] = _format("dateFormat", options.date_format, _DATE_FORMATS)
    if isinstance(options, _DateTime):
        shown["timeFormat"] = _format("timeFormat", options.time_format, _TIME_FORMATS)
        _check_zone(options.time_zone)
    return shown


def _format(key: str, given: _DateFormat | _TimeFormat, formats: dict[str, str]) -> dict[str, str]:
    expected = formats[given.name]
    if given.format not in (None, expected):
        raise OptionsRefused(f"<root>.options.{key}.format of {given.name} can only be {expected!r}")
    return {"name": given.name, "format": expected}


def _check_zone(name: str) -> None:
    """`utc` is the vendor's own name; `UTC` was refused as an invalid time zone."""
    if name not in ("utc", "client") and not ("/" in name and _is_zone(name)):
        raise OptionsRefused(f"<root>.options.timeZone: Invalid timezone {name!r:.100}")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (OSError, ValueError):
        return False
    return True


def _choices(choices: list[_Choice]) -> list[dict[str, str]]:
    names = [choice.name for choice in choices]
    if len(set(names)) < len(names):
        raise OptionsRefused("<root>.options.choices has two choices of the same name")
    return [
        {
            "id": new_id("sel"),
            "name": choice.name,
            "color": choice.color or f"{_HUES[index % len(_HUES)]}Light2",
        }
        for index, choice in enumerate(choices)
    ]
