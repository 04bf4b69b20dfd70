"""Dates as people write them, for `typecast`: ISO, with slashes in the order of the field, with the month as a word.

`5/1/2024` is 1 May, and in a field of the European format 5 January. A time may follow, as `9:30pm` or `21:30`; it is
read in the field's own zone when it has one. Everything else is left to the field's own rules, which refuse it [I].
"""

import re
from typing import Any

from smeboost_shared.formula.evaluation import EvaluationError, begin, utc_now
from smeboost_shared.formula.moment_parse import parse_moment
from smeboost_shared.formula.values import moment_of

from smeboost_emulators.airtable.shapes import object_of
from smeboost_emulators.airtable.state.schema import Field

_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d(?=$|[T ])", re.ASCII)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_WRITTEN = re.compile(
    rf"(?P<day>\d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{4}}|(?P<month>{_MONTH} \d{{1,2}},? \d{{4}})"
    rf"|(?P<named>\d{{1,2}} {_MONTH},? \d{{4}}))"
    r"(?:,? +(?P<time>\d{1,2}:\d\d(?: ?[ap]m)?))?",
    re.IGNORECASE | re.ASCII,
)


def read_date(field: Field, text: str) -> object:
    """`YYYY-MM-DD`, or the text as it is."""
    shown = text.strip()
    if _ISO_DAY.match(shown):
        return shown[:10]
    read = _read(field, shown)
    return text if read is None else read[:10]


def read_date_time(field: Field, text: str) -> object:
    """ISO 8601, without an offset where the text has none; or the text as it is."""
    shown = text.strip()
    if _ISO_DAY.match(shown):
        return shown
    read = _read(field, shown)
    return text if read is None else read


def _read(field: Field, text: str) -> str | None:
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    day = "MMMM D YYYY" if found["month"] else "D MMMM YYYY" if found["named"] else _order(field)
    form, shown = day, re.sub(r"[/.,-]", " ", found["day"])
    if found["time"]:
        halves = found["time"][-1] in "mM"
        form, shown = f"{day} {'h:mma' if halves else 'H:mm'}", f"{shown} {found['time'].replace(' ', '')}"
    begin(utc_now)
    try:
        return moment_of(parse_moment(shown, form)).strftime("%Y-%m-%dT%H:%M:%S")
    except EvaluationError:
        return None


def _order(field: Field) -> str:
    options: dict[str, Any] = field.options or {}
    name = (object_of(options.get("dateFormat")) or {}).get("name")
    return "D M YYYY" if name == "european" else "M D YYYY"
