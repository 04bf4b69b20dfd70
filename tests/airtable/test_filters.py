"""Structured filters: what they keep, by the evaluator that the emulator filters with; and that nothing breaks out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smeboost_airtable.filters import OPERATORS, compile_filter
from smeboost_airtable.formulas import number_literal, text_literal
from smeboost_airtable.models import Table
from smeboost_shared.errors import InvalidInput
from smeboost_shared.formula.compile import compile_formula
from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.values import Value

TYPES = {
    "Name": ("singleLineText", None),
    "Price": ("number", None),
    "Kind": ("singleSelect", {"choices": [{"id": "selTool", "name": "Tool"}, {"id": "selToy", "name": "Toy"}]}),
    "Tags": ("multipleSelects", {"choices": [{"id": "selNew", "name": "new"}, {"id": "selOld", "name": "new old"}]}),
    "Online": ("checkbox", None),
    "Since": ("date", None),
    "Orders": ("multipleRecordLinks", None),
    "Total": ("formula", {"result": {"type": "number"}}),
    'A}"\\ {b': ("singleLineText", None),
}
FIELDS = [
    {"id": f"fld{number:014}", "name": name, "type": kind} | ({"options": options} if options else {})
    for number, (name, (kind, options)) in enumerate(TYPES.items())
]
TABLE = Table.model_validate({"id": "tbl1", "name": "T", "primaryFieldId": FIELDS[0]["id"], "fields": FIELDS})
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass
class Row:
    cells: dict[str, Value]
    record_id: str = "rec1"
    created_time: datetime = field(default=TODAY)


class Cells:
    """The fields of the table, by id: a compiled filter never uses a name."""

    def reader(self, name: str) -> Callable[[Row], Value] | None:
        known = {each.id: each.name for each in TABLE.fields}
        return (lambda row: row.cells.get(known[name])) if name in known else None

    def modified_reader(self, names: Sequence[str]) -> None:
        return None


def keeps(given: dict, **cells: Value) -> bool:
    return compile_formula(compile_filter(given, TABLE), Cells()).keeps(Row(cells))


def condition(name: str, op: str, value: Any = None) -> Any:
    return {"field": name, "op": op, "value": value}


def on(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "op", "value", "kept", "dropped"),
    [
        ("Name", "equals", "Ann", ["Ann"], ["ann", "Anna", None]),
        ("Name", "equals", "5", ["5"], [None]),
        ("Name", "not_equals", "Ann", ["ann", None], ["Ann"]),
        ("Name", "contains", "nN", ["Ann", "ANNA"], ["An", None]),
        ("Name", "starts_with", "an", ["Ann"], ["Joan", None]),
        ("Name", "is_any_of", ["a", "b"], ["a", "b"], ["c", "A", None]),
        ("Name", "is_empty", None, [None, ""], ["a"]),
        ("Name", "is_not_empty", None, ["a"], [None, ""]),
        ("Price", "equals", 0, [0.0], [None, 1.0]),
        ("Price", "equals", -1.5e-7, [-1.5e-7], [None, 1.5e-7]),
        ("Price", "less", 5, [4.0, -1.0], [None, 5.0]),
        ("Price", "less_or_equal", 5, [5.0], [5.1, None]),
        ("Price", "greater", 1e21, [1e22], [1e20]),
        ("Price", "greater_or_equal", 0, [0.0], [None]),
        ("Price", "is_any_of", [1, 2], [1.0, 2.0], [3.0, None]),
        ("Price", "is_empty", None, [None], [0.0]),
        ("Kind", "equals", "Tool", ["Tool"], ["Toy", None]),
        ("Kind", "equals", "selTool", ["Tool"], ["selTool"]),
        ("Tags", "is_any_of", ["new"], [["new"], ["x", "new"]], [["new old"], [], None]),
        ("Tags", "equals", ["new", "new old"], [["new", "new old"]], [["new"], ["new old", "new"]]),
        ("Tags", "equals", "new", [["new"]], [["new", "new old"], None]),
        ("Online", "equals", True, [1], [0, None]),
        ("Online", "equals", False, [0, None], [1]),
        ("Online", "not_equals", True, [0, None], [1]),
        ("Online", "is_empty", None, [0], [1]),
        ("Since", "equals", "2026-02-28", [on("2026-02-28"), on("2026-02-28T23:59")], [on("2026-03-01"), None]),
        ("Since", "not_equals", "2026-02-28", [on("2026-03-01"), None], [on("2026-02-28T01:00")]),
        ("Since", "before", "2026-03-01", [on("2026-02-28T23:59")], [on("2026-03-01"), None]),
        ("Since", "after", "2026-03-01", [on("2026-03-02")], [on("2026-03-01T23:00"), None]),
        ("Since", "after", "2026-03-01T10:00+02:00", [on("2026-03-01T08:01")], [on("2026-03-01T08:00")]),
        (
            "Since",
            "within",
            {"from": "2026-01-01", "to": "2026-01-31"},
            [on("2026-01-01"), on("2026-01-31T20:00")],
            [on("2026-02-01"), on("2025-12-31"), None],
        ),
        (
            "Since",
            "within",
            {"past_days": 7},
            [TODAY, TODAY - timedelta(6)],
            [TODAY - timedelta(7), TODAY + timedelta(1)],
        ),
        ("Since", "within", {"next_days": 1}, [TODAY], [TODAY + timedelta(1), TODAY - timedelta(1)]),
        ("Since", "equals", "yesterday", [TODAY - timedelta(1)], [TODAY]),
        ("Since", "is_any_of", ["today", "2026-02-28"], [TODAY, on("2026-02-28")], [TODAY - timedelta(1)]),
        ("Orders", "is_any_of", ["A-1"], [["A-1"], ["A-2", "A-1"]], [["A-11"], []]),
        ("Orders", "contains", "a-1", [["A-11"]], [[]]),
        ("Total", "greater", 5, [6.0], [5.0, None]),
    ],
)
def test_a_condition_keeps_what_it_says(name, op, value, kept, dropped):
    given = condition(name, op, value)
    assert [cell for cell in kept if not keeps(given, **{name: cell})] == []
    assert [cell for cell in dropped if keeps(given, **{name: cell})] == []


class Broken:
    """A cell that cannot be read, like `#ERROR!`."""

    def reader(self, name: str) -> Callable[[Row], Value]:
        def read(row: Row) -> Value:
            if name == FIELDS[7]["id"]:
                raise EvaluationError("broken")
            return row.cells.get("Name")

        return read

    def modified_reader(self, names: Sequence[str]) -> None:
        return None


BROKEN_VALUES = {"is_any_of": [1], "contains": "x", "starts_with": "x"}


@pytest.mark.parametrize("op", [op for op in OPERATORS if op not in ("before", "after", "within")])
def test_a_broken_cell_fails_its_condition_and_not_the_others(op):
    broken = condition("Total", op, BROKEN_VALUES.get(op, 1))
    either: Any = {"any": [broken, condition("Name", "equals", "Ann")]}
    ann = Row({"Name": "Ann"})
    assert compile_formula(compile_filter(either, TABLE), Broken()).keeps(ann)
    alone = compile_formula(compile_filter(broken, TABLE), Broken()).keeps(ann)
    assert alone is (op in ("not_equals", "is_not_empty"))


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20) | st.text(
    st.sampled_from("\\\"'{}()\n\r\t ,&=+"), min_size=1, max_size=12
)


@given(TEXTS, TEXTS)
def test_a_text_equals_itself_and_nothing_else_whatever_it_holds(text, other):
    for name in ("Name", 'A}"\\ {b'):
        given = condition(name, "equals", text)
        assert keeps(given, **{name: text})
        assert keeps(given, **{name: other}) is (text == other)
        assert keeps(condition(name, "is_any_of", [other, text]), **{name: text})
        assert keeps(condition(name, "contains", text), **{name: f"<{text}>"})


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**18), 10**18), st.floats(-1e6, 1e6))
def test_a_number_is_compared_as_the_number_it_is(number, cell):
    assert keeps(condition("Price", "equals", number), Price=float(number))
    assert keeps(condition("Price", "greater", number), Price=cell) is (cell > number)
    assert keeps(condition("Price", "less", number), Price=cell) is (cell < number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_literal_is_exact_and_has_no_exponent(number):
    text = number_literal(number)
    assert "e" not in text
    assert math.isclose(float(text.strip("()")), number, rel_tol=0, abs_tol=0)


LEAVES = st.tuples(st.sampled_from(["a", "b"]), st.booleans())
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.tuples(st.just("all"), st.lists(inner, min_size=1, max_size=3))
        | st.tuples(st.just("any"), st.lists(inner, min_size=1, max_size=3))
        | st.tuples(st.just("not"), inner)
    ),
    max_leaves=8,
)


def depth(tree) -> int:
    word, inner = tree
    if word in ("all", "any"):
        return 1 + max(map(depth, inner))
    return 1 + depth(inner) if word == "not" else 0


@given(TREES.filter(lambda tree: depth(tree) <= 5), st.sampled_from(["a", "b", None]))
def test_groups_mean_what_their_words_say(tree, name):
    def as_filter(part) -> dict:
        word, inner = part
        if word in ("all", "any"):
            return {word: [as_filter(each) for each in inner]}
        if word == "not":
            return {"not": as_filter(inner)}
        return condition("Name", "equals" if inner else "not_equals", word)

    def expected(part) -> bool:
        word, inner = part
        if word in ("all", "any"):
            return (all if word == "all" else any)(map(expected, inner))
        return not expected(inner) if word == "not" else (name == word) is inner

    assert keeps(as_filter(tree), Name=name) is expected(tree)


@pytest.mark.parametrize(
    ("given", "place", "said"),
    [
        ({}, "filter", "no filter"),
        ({"all": []}, "filter.all", "at least one"),
        ({"any": [condition("Name", "equals", "a"), "x"]}, "filter.any.1", "no filter"),
        ({"not": [1]}, "filter.not", "no filter"),
        ({"al": [1]}, "filter.al", "'all'"),
        (condition("Nmae", "equals", "a"), "filter.field", "'Name'"),
        ({"op": "equals", "value": 1}, "filter.field", "list_tables"),
        (condition("Name", "equal", "a"), "filter.op", "'equals'"),
        (condition("Name", "equals", 5), "filter.value", "text"),
        (condition("Name", "equals", ""), "filter.value", "text"),
        (condition("Name", "greater", 5), "filter.value", "no number"),
        (condition("Price", "equals", "5"), "filter.value", "number"),
        (condition("Price", "equals", True), "filter.value", "number"),
        (condition("Price", "equals", math.nan), "filter.value", "number"),
        (condition("Price", "equals", 10**400), "filter.value", "number"),
        (condition("Name", "equals", "x" * 1_001), "filter.value", "1,000"),
        ({"any": [condition("Name", "equals", "x" * 999)] * 60}, "filter", "too long"),
        (condition("Price", "before", "2026-01-01"), "filter.value", "no date"),
        (condition("Kind", "equals", "Tol"), "filter.value", "'Tool'"),
        (condition("Tags", "is_any_of", ["new", "nwe"]), "filter.value.1", "'new'"),
        (condition("Tags", "is_any_of", []), "filter.value", "1 to 100"),
        (condition("Online", "equals", "yes"), "filter.value", "true or false"),
        (condition("Since", "before", "01/02/2026"), "filter.value", "2026-12-31"),
        (condition("Since", "greater", 5), "filter.value", "before"),
        (condition("Since", "within", {"past_days": -1}), "filter.value.past_days", "36500"),
        (condition("Since", "within", {"from": "2026-01-01"}), "filter.value", "past_days"),
        (condition("Orders", "equals", "recProduct0000001"), "filter.value", "by name"),
        ({"all": [condition("Name", "equals", "a")] * 101}, "filter", "100"),
    ],
)
def test_a_wrong_filter_is_told_its_place_and_the_fix(given, place, said):
    with pytest.raises(InvalidInput) as refused:
        compile_filter(given, TABLE)
    (problem,) = refused.value.errors
    assert problem.field == place
    assert said in problem.message


def test_a_filter_nested_without_end_is_refused():
    given = condition("Name", "equals", "a")
    for _ in range(50):
        given = {"not": given}
    with pytest.raises(InvalidInput, match="filter is not valid"):
        compile_filter(given, TABLE)


@given(TEXTS)
def test_a_text_literal_reads_as_the_text(text):
    assert compile_formula(text_literal(text), Cells()).evaluate(Row({})) == text
