"""Whatever pyairtable's formula module builds is read and evaluated here."""

import datetime
import inspect
import math
from decimal import Decimal
from types import FunctionType
from typing import Any

import pytest
from pyairtable import formulas
from pyairtable.formulas import AND, NOT, OR, Field, Formula, FunctionCall, match, to_formula_str
from smeboost_shared.formula.compile import compile_formula
from smeboost_shared.formula.mappings import MappedCells, MappedRow
from smeboost_shared.formula.signatures import SIGNATURES
from smeboost_shared.formula.values import Value

DAY = datetime.datetime(2024, 5, 1, 9, 30, tzinfo=datetime.UTC)
CELLS: dict[str, Value] = {"Name": 'O\'Neil \\ "co"', "Price": 12.5, "Day": DAY, "Tags": ["a", "b"], "odd } name": 7.0}
FUNCTIONS = {
    name: function
    for name, function in vars(formulas).items()
    if name.isupper() and isinstance(function, FunctionType) and name not in ("AND", "OR", "NOT", "RECORD_ID")
}
ARGUMENTS: dict[str, list[Any]] = {
    "DATEADD": [DAY, 3, "days"],
    "DATETIME_DIFF": [DAY, DAY, "days"],
    "IS_SAME": [DAY, DAY, "day"],
    "SET_LOCALE": [DAY, "de"],
    "SET_TIMEZONE": [DAY, "Europe/Berlin"],
    "WEEKDAY": [DAY, "Monday"],
    "WEEKNUM": [DAY, "Monday"],
    "WORKDAY": [DAY, 3, "2024-05-02"],
    "WORKDAY_DIFF": [DAY, DAY, "2024-05-02"],
    "LAST_MODIFIED_TIME": [],
    "DATETIME_FORMAT": [DAY, "YYYY"],
    "DATETIME_PARSE": ["2024", "YYYY", "de"],
}
OF_A_DATE = {"DATESTR", "DAY", "FROMNOW", "HOUR", "MINUTE", "MONTH", "SECOND", "TIMESTR", "TONOW", "YEAR"}


def value_of(formula: Formula | str) -> Value:
    row = MappedRow(CELLS, "recAAAAAAAAAAAAAA", DAY, DAY)
    return compile_formula(str(formula), MappedCells(CELLS)).evaluate(row)


def built(name: str) -> FunctionCall:
    """A call of pyairtable's function with an argument for each that must be given."""
    function = FUNCTIONS[name]
    needed = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_ONLY
    ]
    if name.startswith("IS_A") or name == "IS_BEFORE":
        return function(DAY, DAY)
    if name in OF_A_DATE:
        return function(Field("Day"))
    return function(*ARGUMENTS.get(name, [2] * len(needed)))


def test_every_function_of_pyairtable_is_known_here() -> None:
    assert set(FUNCTIONS) | {"AND", "OR", "NOT", "RECORD_ID"} <= set(SIGNATURES)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"ERROR"}))
def test_every_function_of_pyairtable_has_a_value(name: str) -> None:
    value = value_of(built(name))
    assert (value is None) == (name in ("BLANK", "SEARCH", "T")) or name == "SEARCH"


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (match({"Name": CELLS["Name"], "Price": 12.5}), 1),
        (match({"Name": "x", "Price": ("<", 13)}, match_any=True), 1),
        (match({"Day": (">=", DAY)}), 1),
        (Field("Day").eq(DAY), 1),
        (Field("Day").lt(datetime.date(2024, 5, 2)), 1),
        (Field("odd } name").eq(7), 1),
        (AND(Field("Price").gt(Decimal("12.4")), NOT(Field("Price").eq(13))), 1),
        (OR(Field("Name").ne("x"), Field("Price").eq(0)), 1),
        (Field("Price").gt(1) ^ Field("Price").gt(2), 0),
        (~Field("Price").gt(1), 0),
        (Field("Tags").eq("a, b"), 1),
        (formulas.RECORD_ID().eq("recAAAAAAAAAAAAAA"), 1),
        (formulas.DATETIME_DIFF(DAY, datetime.date(2024, 4, 30), "hours"), 33),
        (formulas.IF(Field("Price").gt(10), "high", "low"), "high"),
        (formulas.SWITCH(Field("Price"), 1, "one", 12.5, "this"), "this"),
        (formulas.REGEX_EXTRACT(Field("Name"), "[A-Z]\\w+"), "Neil"),
        (formulas.LEN(Field("Name")), 13),
        (formulas.CONCATENATE("tab\t", "line\n", "quote'", "back\\slash"), "tab\tline\nquote'back\\slash"),
        (to_formula_str(True), 1),
        (to_formula_str(datetime.date(2024, 5, 1)), datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC)),
    ],
)
def test_what_pyairtable_builds_has_the_value_that_it_says(formula: Formula | str, expected: Value) -> None:
    assert value_of(formula) == expected


def test_numbers_of_pyairtable_are_read_in_every_form() -> None:
    for number in (0.1, 1e-9, 1e300, -2.5, 10**15):
        found = value_of(to_formula_str(number))
        assert isinstance(found, float)
        assert math.isclose(found, number)
