"""Structured filters, compiled to a formula. Pure.

    {"field": "Price", "op": "greater", "value": 10}      {"all": [...]}      {"any": [...]}      {"not": {...}}

Rules of this room:

- An empty cell fails every condition but `is_empty`, `not_equals` and `not`. A broken one never makes the whole
  formula an error, which in a raw formula hides a record that another condition would keep.
- A number is compared with numbers and a text with texts; a blank is not 0.
- Texts are equal when they are the same; `contains` and `starts_with` take any case. Selects, links and collaborators
  are compared by name, since formulas know no ids. Dates are in UTC; one without a time is the whole day.
- Everything of the caller goes through `formulas`, so nothing can break out.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import cast

from pydantic import JsonValue
from smeboost_shared.errors import FieldProblem, InvalidInput
from smeboost_shared.toolkit import unknown_name

from smeboost_airtable.checks import choices, find_field, no_choice, read_moment, unknown_field
from smeboost_airtable.field_types import RESULTS
from smeboost_airtable.formulas import all_of, any_of, cell, moment_literal, number_literal, text_literal
from smeboost_airtable.models import Table, TableField

DEPTH_MAX = 5
CONDITIONS_MAX = 100
VALUES_MAX = 100
VALUE_CHARACTERS_MAX = 1_000
FORMULA_CHARACTERS_MAX = 50_000
_NUMBERS = frozenset({"number", "percent", "currency", "duration", "rating", "count", "autoNumber"})
_DATES = frozenset({"date", "dateTime", "createdTime", "lastModifiedTime"})
_LISTS = frozenset({"multipleSelects", "multipleRecordLinks", "multipleCollaborators", "multipleLookupValues"})
_COMPARISONS = {"greater": ">", "greater_or_equal": ">=", "less": "<", "less_or_equal": "<="}
_RELATIVE_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
DAYS_MAX = 36_500


def compile_filter(given: JsonValue, table: Table) -> str:
    """The formula that keeps what the filter keeps.

    Raises:
        InvalidInput: names the part and the fix.
    """
    formula = _Compiler(table).part(given, "filter", 0)
    if len(formula) > FORMULA_CHARACTERS_MAX:
        raise _wrong("filter", "is too long; use fewer conditions, or a view")
    return formula


def equals(field: TableField, value: JsonValue) -> str:
    """What keeps the records whose cell has this value.

    Raises:
        InvalidInput: the field cannot have it.
    """
    return _guarded(field, _equals(_Condition(field, value, "value")))


@dataclass
class _Compiler:
    table: Table
    conditions: int = 0

    def part(self, given: JsonValue, place: str, depth: int) -> str:
        if not isinstance(given, dict) or not given:
            raise _wrong(
                place, 'is no filter; write {"field", "op", "value"}, {"all": [...]}, {"any": [...]} or {"not": {...}}'
            )
        if depth > DEPTH_MAX:
            raise _wrong(place, f"is nested deeper than {DEPTH_MAX}")
        if len(given) == 1 and (word := next(iter(given))) in ("all", "any", "not"):
            return self._group(word, given[word], f"{place}.{word}", depth)
        return self._condition(given, place)

    def _group(self, word: str, inner: JsonValue, place: str, depth: int) -> str:
        if word == "not":
            return f"NOT({self.part(inner, place, depth + 1)})"
        if not isinstance(inner, list) or not inner:
            raise _wrong(place, "must be a list with at least one filter")
        parts = [self.part(each, f"{place}.{index}", depth + 1) for index, each in enumerate(inner)]
        return all_of(parts) if word == "all" else any_of(parts)

    def _condition(self, given: dict[str, JsonValue], place: str) -> str:
        self.conditions += 1
        if self.conditions > CONDITIONS_MAX:
            raise _wrong("filter", f"has more than {CONDITIONS_MAX} conditions; use is_any_of, or a formula")
        if extra := sorted(given.keys() - {"field", "op", "value"}):
            raise _wrong(f"{place}.{extra[0]}", unknown_name(extra[0], ["field", "op", "value", "all", "any", "not"]))
        name, word = given.get("field"), given.get("op")
        field = find_field(self.table, name) if isinstance(name, str) else None
        if field is None:
            raise _wrong(f"{place}.field", unknown_field(str(name or ""), self.table))
        operator = OPERATORS.get(word) if isinstance(word, str) else None
        if operator is None:
            raise _wrong(f"{place}.op", unknown_name(str(word or ""), list(OPERATORS)))
        return _guarded(field, operator(_Condition(field, given.get("value"), f"{place}.value")), str(word))


@dataclass(frozen=True)
class _Condition:
    """A field and the value to compare it with, which stands at `place`."""

    field: TableField
    value: JsonValue
    place: str

    @property
    def type(self) -> str:
        """The type of its cells; of a computed field, the type of what it computes."""
        result = (self.field.options or {}).get("result")
        computed = isinstance(result, dict) and self.field.type in ("formula", "rollup")
        return str(cast(dict[str, JsonValue], result).get("type")) if computed else self.field.type

    @property
    def cell(self) -> str:
        return cell(self.field)

    @property
    def text(self) -> str:
        """The cell as text."""
        return f'({self.cell}&"")'

    def number(self) -> str:
        value = self.value
        # A whole number of Python has no bound; Airtable's have that of a double.
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
            return number_literal(value)
        raise _wrong(self.place, f"must be a number, as {self.field.name!r} is a {self.type} field")

    def words(self) -> str:
        if not isinstance(self.value, str) or not 0 < len(self.value) <= VALUE_CHARACTERS_MAX:
            kind = f"a text of 1 to {VALUE_CHARACTERS_MAX:,} characters"
            raise _wrong(self.place, f"must be {kind} for the field {self.field.name!r} ({self.type})")
        return self.value

    def name(self) -> str:
        """The value as formulas see it: a choice by its name, never by an id."""
        given = self.words()
        if self.type in ("singleSelect", "multipleSelects") and self.type == self.field.type:
            return _choice(self.field, given, self.place)
        if self.type == "multipleRecordLinks" and given.startswith("rec") and len(given) == 17:
            raise _wrong(self.place, "is a record id; formulas compare linked records by name (their primary field)")
        return given

    def each(self) -> list["_Condition"]:
        if not isinstance(self.value, list) or not 0 < len(self.value) <= VALUES_MAX:
            raise _wrong(self.place, f"must be a list of 1 to {VALUES_MAX} values")
        return [_Condition(self.field, value, f"{self.place}.{index}") for index, value in enumerate(self.value)]

    def moment(self, value: JsonValue, *, end: bool = False) -> str:
        """A moment; of a day its beginning, or with `end` the beginning of the next."""
        if isinstance(value, str) and (days := _RELATIVE_DAYS.get(value.lower())) is not None:
            return f'DATEADD(TODAY(), {number_literal(days + end)}, "days")'
        day = _day(value)
        moment = day + timedelta(days=1) if day and end else day or _instant(value)
        if moment is None:
            raise _wrong(
                self.place, "must be a date such as 2026-12-31, a moment such as 2026-12-31T09:30:00Z, or today"
            )
        return moment_literal(moment)


def _equals(given: _Condition) -> str:
    if given.type in _NUMBERS:
        return f"{given.cell}={given.number()}"
    if given.type == "checkbox":
        if not isinstance(given.value, bool):
            raise _wrong(given.place, "must be true or false")
        return given.cell if given.value else f"NOT({given.cell})"
    if given.type in _DATES:
        return _between(given, given.value, given.value)
    if isinstance(given.value, list) and given.type in _LISTS:
        return f"{given.text}={text_literal(', '.join(each.name() for each in given.each()))}"
    return f"{given.text}={text_literal(given.name())}"


def _contains(given: _Condition) -> str:
    return f"FIND(LOWER({text_literal(given.words())}), LOWER({given.text}))>0"


def _starts_with(given: _Condition) -> str:
    return f"FIND(LOWER({text_literal(given.words())}), LOWER({given.text}))=1"


def _is_any_of(given: _Condition) -> str:
    if given.type in _LISTS:
        # A part of a list is told from a part of a name by the commas around it.
        return any_of(
            [f'FIND({text_literal(f", {each.name()}, ")}, ", "&{given.cell}&", ")>0' for each in given.each()]
        )
    return any_of([_equals(each) for each in given.each()])


def _compared(sign: str) -> Callable[[_Condition], str]:
    def compare(given: _Condition) -> str:
        if given.type not in _NUMBERS:
            other = "before, after or within" if given.type in _DATES else "equals or contains"
            raise _wrong(given.place, f"{given.field.name!r} is a {given.type} field, no number; use {other}")
        return f"{given.cell}{sign}{given.number()}"

    return compare


def _before(given: _Condition) -> str:
    return f"IS_BEFORE({_date(given)}, {given.moment(given.value)})"


def _after(given: _Condition) -> str:
    if _is_day(given.value):
        return f"NOT(IS_BEFORE({_date(given)}, {given.moment(given.value, end=True)}))"
    return f"IS_AFTER({_date(given)}, {given.moment(given.value)})"


def _within(given: _Condition) -> str:
    value = given.value
    if not isinstance(value, dict) or value.keys() not in ({"from", "to"}, {"past_days"}, {"next_days"}):
        raise _wrong(given.place, 'must be {"from", "to"}, {"past_days": 7} or {"next_days": 7}')
    if value.keys() == {"from", "to"}:
        return _between(given, value["from"], value["to"])
    ((word, days),) = value.items()
    if isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= DAYS_MAX:
        raise _wrong(f"{given.place}.{word}", f"must be a whole number of days up to {DAYS_MAX}")
    first, last = (1 - days, 1) if word == "past_days" else (0, days)
    return all_of(
        [
            f'NOT(IS_BEFORE({_date(given)}, DATEADD(TODAY(), {number_literal(first)}, "days")))',
            f'IS_BEFORE({_date(given)}, DATEADD(TODAY(), {number_literal(last)}, "days"))',
        ]
    )


def _between(given: _Condition, first: JsonValue, last: JsonValue) -> str:
    """From the beginning of `first` to the end of `last`."""
    end = given.moment(last, end=True)
    until = f"IS_BEFORE({_date(given)}, {end})" if _is_day(last) else f"NOT(IS_AFTER({_date(given)}, {end}))"
    return all_of([f"NOT(IS_BEFORE({_date(given)}, {given.moment(first)}))", until])


def _date(given: _Condition) -> str:
    if given.type not in _DATES:
        raise _wrong(given.place, f"{given.field.name!r} is a {given.type} field, no date")
    return given.cell


def _is_empty(given: _Condition) -> str:
    return f"NOT({given.cell})" if given.type == "checkbox" else f'{given.text}=""'


OPERATORS: dict[str, Callable[[_Condition], str]] = {
    "equals": _equals,
    "not_equals": lambda given: f"NOT({_guarded(given.field, _equals(given))})",
    "contains": _contains,
    "starts_with": _starts_with,
    "is_any_of": _is_any_of,
    **{word: _compared(sign) for word, sign in _COMPARISONS.items()},
    "before": _before,
    "after": _after,
    "within": _within,
    "is_empty": _is_empty,
    "is_not_empty": lambda given: f"NOT({_is_empty(given)})",
}
_TAKES_EMPTY = ("not_equals", "is_empty", "is_not_empty")


def _guarded(field: TableField, condition: str, operator: str = "") -> str:
    """`condition`, false for a cell that is empty or broken, unless the operator is about that."""
    if operator not in _TAKES_EMPTY and field.type != "checkbox":
        condition = f'IF({cell(field)}&""="", 0, {condition})'
    if field.type in RESULTS:
        broken = int(operator in ("not_equals", "is_not_empty"))
        condition = f"IF(ISERROR({cell(field)}), {broken}, {condition})"
    return condition


def _choice(field: TableField, given: str, place: str) -> str:
    known = choices(field)
    if given in known or not known:
        return given
    listed = cast(Sequence[dict[str, JsonValue]], (field.options or {}).get("choices"))
    by_id = {str(choice.get("id")): str(choice.get("name")) for choice in listed}
    if given in by_id:
        return by_id[given]
    raise _wrong(place, f"{field.name!r} {no_choice(given, known)}")


def _is_day(value: JsonValue) -> bool:
    return _day(value) is not None or (isinstance(value, str) and value.lower() in _RELATIVE_DAYS)


def _day(value: JsonValue) -> datetime | None:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day and date.min < day < date.max else None


def _instant(value: JsonValue) -> datetime | None:
    found = read_moment(value) if isinstance(value, str) else None
    try:
        return found and found.astimezone(UTC)
    except OverflowError:
        return None


def _wrong(place: str, message: str) -> InvalidInput:
    return InvalidInput("The filter is not valid.", errors=[FieldProblem(field=place, message=message)])
