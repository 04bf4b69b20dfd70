"""What can be turned, at the start (`--rate-limit 5`) and while the emulator runs (`PATCH /_emulator/knobs`).

One mutable object that everything reads at the moment it matters, so that a change holds from the next request on.
The fields are the whole list: the command's options, the admin path and the table in the README follow from them.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

_Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_Positive = Annotated[int, Meta(ge=1, le=1_000_000_000)]
_Seconds = Annotated[float, Meta(ge=0, le=1_000_000_000)]


class KnobError(ValueError):
    """A knob that does not exist, or a value that it cannot have; the message names both."""


class Knobs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The settings that may change while the emulator runs; None turns a limit off."""

    rate_limit: Annotated[_Positive | None, Meta(description="requests a second to one base")] = 5
    token_rate_limit: Annotated[_Positive | None, Meta(description="requests a second by all tokens of one user")] = 50
    penalty_seconds: Annotated[_Seconds, Meta(description="lock-out after breaking a limit")] = 30.0
    retry_after: Annotated[bool, Meta(description="say in a 429 how long the lock-out lasts")] = True
    billing_calls_left: Annotated[
        _Count | None, Meta(description="calls left this month; at 0 all but /v0/meta answers 429")
    ] = None
    iterator_seconds: Annotated[_Seconds, Meta(description="life of an unused list offset")] = 300.0
    page_records_max: Annotated[
        Annotated[int, Meta(ge=1, le=100)], Meta(description="records on a page, however many are asked for")
    ] = 100
    unknown_record_status: Annotated[
        Literal[403, 404, 422], Meta(description="answer for a record id that never existed")
    ] = 403
    plan: Annotated[
        Literal["free", "team", "business", "enterprise"], Meta(description="what the account pays for")
    ] = "team"
    attachment_fetch: Annotated[
        Literal["async", "sync", "off"],
        Meta(description="fetch the files of given URLs: after the answer, before it, or never"),
    ] = "async"
    payload_records_max: Annotated[
        _Positive | None, Meta(description="records in one webhook payload; an action with more is split")
    ] = None
    webhook_pings: Annotated[bool, Meta(description="deliver notifications of webhooks")] = True
    webhook_ping_failures: Annotated[
        _Count, Meta(description="the next so many pings fail, as if the receiver had answered 503")
    ] = 0

    def turn(self, values: Mapping[str, object]) -> None:
        """Set several knobs, or none of them when one value is not good.

        Raises:
            KnobError: see there.
        """
        checked = {name: read_knob(name, value) for name, value in values.items()}
        for name, value in checked.items():
            setattr(self, name, value)


KNOBS: dict[str, msgspec.structs.FieldInfo] = {spec.name: spec for spec in msgspec.structs.fields(Knobs)}


def read_knob(name: str, value: object, *, from_text: bool = False) -> Any:
    """A value for a knob, checked; `from_text` reads `true`, `12` and `none` from text.

    Raises:
        KnobError: see there.
    """
    spec = KNOBS.get(name)
    if spec is None:
        raise KnobError(f"There is no knob {name!r}. There are: {', '.join(KNOBS)}.")
    try:
        return msgspec.convert(None if from_text and value == "none" else value, spec.type, strict=not from_text)
    except msgspec.ValidationError as exc:
        raise KnobError(f"The knob {name} cannot be {value!r:.100}: {_expected(spec) or exc}.") from None


def _expected(spec: msgspec.structs.FieldInfo) -> str:
    kind = get_args(spec.type)[0]
    return f"it is one of {', '.join(map(str, get_args(kind)))}" if get_origin(kind) is Literal else ""


def description_of(name: str) -> str:
    """What a knob is for."""
    return next(part.description for part in get_args(KNOBS[name].type) if isinstance(part, Meta) and part.description)
