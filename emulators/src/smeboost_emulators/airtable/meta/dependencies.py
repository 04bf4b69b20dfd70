"""Date dependencies of a table: https://airtable.com/developers/web/api/model/date-dependency-settings."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from smeboost_emulators.airtable.errors import invalid_request
from smeboost_emulators.airtable.state.schema import Field, Table

HOLIDAYS_MAX = 1_000
_DATES = ("date", "dateTime")


class DateDependency(msgspec.Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """Which fields of a table depend on each other, and how."""

    is_enabled: bool
    start_date_field_id: str
    end_date_field_id: str
    duration_field_id: str
    rescheduling_mode: Literal["flexible", "fixed", "none"]
    should_skip_weekends_and_holidays: bool
    holidays: Annotated[list[str], Meta(max_length=HOLIDAYS_MAX)]
    predecessor_field_id: str | None = None
    is_forward_only: bool | None = None


def checked_dependency(table: Table, settings: DateDependency) -> dict[str, Any]:
    """The settings as they are kept and shown.

    Raises:
        ApiError: 422 that names the setting which does not fit the table.
    """
    _check_field(table, "startDateFieldId", settings.start_date_field_id, _DATES)
    _check_field(table, "endDateFieldId", settings.end_date_field_id, _DATES)
    _check_field(table, "durationFieldId", settings.duration_field_id, ("duration", "number"))
    if settings.predecessor_field_id is not None:
        found = _check_field(table, "predecessorFieldId", settings.predecessor_field_id, ("multipleRecordLinks",))
        if found.link is not None and found.link.opposite.table is not table:
            raise invalid_request("predecessorFieldId must be a link of the table to itself.")
    for day in settings.holidays:
        _check_day(day)
    return msgspec.to_builtins(settings)


def _check_field(table: Table, key: str, field_id: str, kinds: tuple[str, ...]) -> Field:
    found = next((field for field in table.fields if field.id == field_id), None)
    if found is None or found.type not in kinds:
        raise invalid_request(
            f"{key} {field_id!r:.100} must be the id of a field of the table, of type {' or '.join(kinds)}."
        )
    return found


def _check_day(text: str) -> None:
    try:
        valid = date.fromisoformat(text).isoformat() == text
    except ValueError:
        valid = False
    if not valid:
        raise invalid_request(f"holidays has {text!r:.100}, which is not a date as YYYY-MM-DD.")
