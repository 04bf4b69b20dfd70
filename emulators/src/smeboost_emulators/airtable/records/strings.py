"""`cellFormat=string`: cells as a person sees them in a grid.

Dates go by the format of their field, in the zone and the language that the request names; a time whose field has a
zone of its own is shown in that one [I]. Numbers have the field's precision and no thousands separators [I]. The
vendor documents the parameters (https://airtable.com/developers/web/api/list-records) and hardly what they give.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from smeboost_shared.formula.evaluation import EvaluationError, begin, utc_now
from smeboost_shared.formula.moment_format import ShownMoment, format_moment, set_locale, set_timezone

from smeboost_emulators.airtable.errors import invalid_request
from smeboost_emulators.airtable.shapes import list_of, object_of
from smeboost_emulators.airtable.state.cells import EXACT_NUMBER_MAX, Cell, display
from smeboost_emulators.airtable.state.operands import moment
from smeboost_emulators.airtable.state.results import PRECISION_MAX, result_of
from smeboost_emulators.airtable.state.schema import Field
from smeboost_emulators.airtable.state.texts import parts_of

DATE_FORMATS = {"local": "l", "friendly": "LL", "us": "M/D/YYYY", "european": "D/M/YYYY", "iso": "YYYY-MM-DD"}
TIME_FORMATS = {"12hour": "h:mma", "24hour": "HH:mm"}
_Options = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StringFormat:
    """In which IANA zone and which language times are written."""

    zone: str
    language: str


def string_format(zone: object, language: object) -> StringFormat:
    """The format that `timeZone` and `userLocale` ask for.

    Raises:
        ApiError: one of them is missing or unknown.
    """
    if not isinstance(zone, str) or not isinstance(language, str) or not zone or not language:
        raise invalid_request("cellFormat=string needs timeZone and userLocale in the query.")
    zone = "UTC" if zone == "utc" else zone
    begin(utc_now)
    try:
        set_timezone(utc_now(), zone)
        set_locale(utc_now(), language)
    except EvaluationError as exc:
        raise invalid_request(f"timeZone or userLocale: {exc}.") from None
    return StringFormat(zone, language)


def string_of(field: Field, cell: Cell, form: StringFormat) -> str:
    """The cell as text; empty when the cell is."""
    if cell is None:
        return ""
    if field.link is not None:
        far = field.link.opposite.table
        return ", ".join(string_of(far.primary, far.primary.cell(far.slots[record_id]), form) for record_id in cell)
    if field.type == "multipleLookupValues" and field.source is not None:
        source = field.source
        return ", ".join(string_of(source, part, form) for part in parts_of(source, cell))
    result = result_of(field)
    if field.type in ("formula", "rollup"):
        return _written(str(result.get("type")), object_of(result.get("options")) or {}, cell, form)
    options = object_of(result.get("options")) or field.options or {}
    return _written(field.type, options, cell, form)


def _written(kind: str, options: _Options, cell: Cell, form: StringFormat) -> str:
    parts = list_of(cell)
    if parts is not None:
        return ", ".join(_written(kind, options, part, form) for part in parts)
    write = _WRITERS.get(kind)
    numeric = isinstance(cell, int | float) and cell is not True
    if write is None or (kind in _NUMERIC and not numeric):
        return display(cell)
    return write(cell, options, form)


def _number(cell: Cell, options: _Options, _form: StringFormat) -> str:
    return _with_precision(cell, options)


def _with_precision(value: float, options: _Options) -> str:
    precision = options.get("precision")
    if not isinstance(precision, int) or not 0 <= precision <= PRECISION_MAX:
        return display(value)
    if abs(value) > EXACT_NUMBER_MAX:
        return f"{value:.{precision}f}"
    # A half is rounded away from zero, as the vendor's JavaScript does, and not to the even neighbour.
    return f"{Decimal(str(value)).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP):f}"


def _percent(cell: Cell, options: _Options, _form: StringFormat) -> str:
    # A product such as 0.07 * 100 is a hair off.
    return f"{_with_precision(float(f'{cell * 100:.15g}'), options)}%"


def _currency(cell: Cell, options: _Options, _form: StringFormat) -> str:
    symbol = str(options.get("symbol", "$"))
    return f"{'-' if cell < 0 else ''}{symbol}{_with_precision(abs(cell), options)}"


def _duration(cell: Cell, options: _Options, _form: StringFormat) -> str:
    """`h:mm`, `h:mm:ss` and as many digits behind the second as the format has; what is finer is rounded [I]."""
    form = str(options.get("durationFormat", "h:mm"))
    digits = len(form.partition(".")[2])
    units = math.floor((abs(cell) * 10**digits if form.count(":") == 2 else abs(cell) / 60) + 0.5)
    sign = "-" if cell < 0 and units else ""
    if form.count(":") < 2:
        return f"{sign}{units // 60}:{units % 60:02}"
    seconds, fraction = divmod(units, 10**digits)
    shown = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{shown}.{fraction:0{digits}}" if digits else shown


def _checkbox(_cell: Cell, _options: _Options, _form: StringFormat) -> str:
    return "checked"


def _date(cell: Cell, options: _Options, form: StringFormat) -> str:
    return _moment(cell, _pattern(options, "dateFormat", DATE_FORMATS, "iso"), "UTC", form)


def _date_time(cell: Cell, options: _Options, form: StringFormat) -> str:
    date = _pattern(options, "dateFormat", DATE_FORMATS, "iso")
    time = _pattern(options, "timeFormat", TIME_FORMATS, "24hour")
    zone = options.get("timeZone", "client")
    zone = form.zone if zone == "client" or not isinstance(zone, str) else "UTC" if zone == "utc" else zone
    return f"{_moment(cell, date, zone, form)} {_moment(cell, time, zone, form)}"


def _pattern(options: _Options, key: str, known: dict[str, str], usual: str) -> str:
    given = object_of(options.get(key)) or {}
    return str(given.get("format") or known.get(str(given.get("name")), known[usual]))


def _moment(cell: Cell, pattern: str, zone: str, form: StringFormat) -> str:
    begin(utc_now)
    try:
        at = moment(cell)
        return "" if at is None else format_moment(ShownMoment.of(at, zone=zone, language=form.language), pattern)
    except EvaluationError:
        return display(cell)


def _attachment(cell: Cell, _options: _Options, _form: StringFormat) -> str:
    return f"{cell.get('filename', '')} ({cell.get('url', '')})"


_NUMERIC = frozenset({"number", "percent", "currency", "duration"})
_WRITERS: dict[str, Callable[[Cell, _Options, StringFormat], str]] = {
    "number": _number,
    "percent": _percent,
    "currency": _currency,
    "duration": _duration,
    "checkbox": _checkbox,
    "date": _date,
    "dateTime": _date_time,
    "createdTime": _date_time,
    "lastModifiedTime": _date_time,
    "multipleAttachments": _attachment,
}
