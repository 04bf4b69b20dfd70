"""The formula language: values, blanks, errors, and that no text can break it."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smeboost_shared.formula.compile import UnknownFields, compile_formula
from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.faults import FormulaSyntaxError
from smeboost_shared.formula.mappings import MappedCells, MappedRow
from smeboost_shared.formula.values import Value


def value_of(text: str, **cells: Value) -> Value:
    return compile_formula(text, MappedCells(cells)).evaluate(MappedRow(cells, "recAAAAAAAAAAAAAA"))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("-2 * -3", 6),
        ("2 - -2", 4),
        ("'a' & 1 + 1 & \"b\"", "a2b"),
        ("1 + 1 = 2", 1),
        ("'a' = 'A'", 0),
        ("'5' = 5", 0),
        ("BLANK() = ''", 1),
        ("BLANK() = 0", 1),
        ("TRUE", 1),
        ("if(0, 'yes', 'no')", "no"),
        ("IF(0, 'yes')", None),
        ("SWITCH(2, 1, 'one', 2, 'two', 'many')", "two"),
        ("SWITCH(9, 1, 'one', 'many')", "many"),
        ("AND(1, 'x')", 1),
        ("OR(0, '')", 0),
        ("XOR(1, 1, 1)", 1),
        ("NOT('')", 1),
        ("FIND('b', 'abc')", 2),
        ("FIND('z', 'abc')", 0),
        ("SEARCH('B', 'abc')", 2),
        ("SEARCH('z', 'abc')", None),
        ("MID('abcdef', 2, 3)", "bcd"),
        ("LEFT('abc', 2) & RIGHT('abc', 1)", "abc"),
        ("SUBSTITUTE('a-b-c', '-', '+', 2)", "a-b+c"),
        ("REPLACE('abcdef', 2, 3, 'X')", "aXef"),
        ("ROUND(2.5)", 3),
        ("ROUND(-2.5)", -2),
        ("ROUND(1.005, 2)", 1.01),
        ("ROUNDUP(-1.1, 0)", -2),
        ("ROUNDDOWN(1234, -2)", 1200),
        ("CEILING(7, 5)", 10),
        ("MOD(-1, 3)", 2),
        ("EVEN(3)", 4),
        ("ODD(2)", 3),
        ("1 / 0", math.inf),
        ("LOG(100)", 2),
        ("SUM(1, 'x', 2)", 3),
        ("COUNTA(1, '', 'x')", 2),
        ("ARRAYJOIN('a', '|')", "a"),
        ("ENCODE_URL_COMPONENT('a b/ö')", "a%20b%2F%C3%B6"),
        ("DATESTR(DATEADD('2024-01-31', 1, 'months'))", "2024-02-29"),
        ("DATETIME_DIFF('2024-03-01', '2024-02-01', 'days')", 29),
        ("DATETIME_DIFF('2024-02-29', '2024-01-31', 'months')", 1),
        ("IS_SAME('2024-05-01T10:00:00Z', '2024-05-01T23:00:00Z', 'day')", 1),
        ("WEEKDAY('2024-05-05')", 0),
        ("RECORD_ID()", "recAAAAAAAAAAAAAA"),
        ("ISERROR(ERROR())", 1),
        ("VALUE('$1,234.50')", 1234.5),
        ("ISERROR(VALUE('1' & REPT(' ', 500) & 'x'))", 1),
        ("ISERROR('1_000' + 1)", 1),
        ("'12' + 1", 13),
        ("ISERROR(0 / 0)", 0),
        ("ROUND(1234567890123.45, 1)", 1234567890123.5),
        ("FLOOR(0.3, 0.1)", 0.3),
        ("EVEN(-3)", -2),
        ("ODD(-2)", -3),
        ("LOG(1000)", 3),
        ("0.00001 & ' ' & 1e-7 & ' ' & 1e20 & ' ' & 1e21", "0.00001 1e-7 100000000000000000000 1e+21"),
        ("'it\\'s'", "it's"),
    ],
)
def test_formula_has_the_documented_value(formula: str, expected: Value) -> None:
    assert value_of(formula) == expected


def test_fields_are_read_by_braces_and_bare_and_with_escaped_braces() -> None:
    assert value_of("{Unit price} * Count", **{"Unit price": 2.5, "Count": 4}) == 10
    assert value_of("{odd\\}name}", **{"odd}name": "x"}) == "x"


def test_a_list_cell_compares_and_searches_as_joined_text() -> None:
    assert value_of("{Tags} = 'backend, infra'", Tags=["backend", "infra"]) == 1
    assert value_of("FIND('infra', {Tags}) > 0", Tags=["backend", "infra"]) == 1


def test_dates_compare_with_text_and_with_dates() -> None:
    moment = datetime(2024, 5, 1, 9, 30, tzinfo=UTC)
    assert value_of("{d} >= DATETIME_PARSE('2024-05-01')", d=moment) == 1
    assert value_of("FIND('2024-05-01', {d})", d=moment) == 1
    assert value_of("{d} = BLANK()", d=None) == 1


def test_unknown_fields_are_named_all_at_once() -> None:
    with pytest.raises(UnknownFields) as caught:
        compile_formula("AND({a} = 1, {b} = 2, {a})", MappedCells(["c"]))
    assert caught.value.names == ["a", "b"]


@pytest.mark.parametrize(
    "formula",
    [
        "",
        "  ",
        "1 +",
        "(1",
        "1)",
        "NOT()",
        "IF(1)",
        "NOPE(1)",
        "'open",
        "{}",
        "1 = 1 = 1",
        "a b",
        "1 ^ 2",
        "TRUE() // x",
    ],
)
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(FormulaSyntaxError):
        compile_formula(formula, MappedCells(["a", "b"]))


def test_a_misspelt_function_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(FormulaSyntaxError, match="Did you mean CONCATENATE"):
        compile_formula("CONCATENTE('a')", MappedCells(()))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("ROUND(1e300, 15)", 1e300),
        ("CEILING(1e308, 0.1)", 1e308),
        ("FLOOR(5, 0/0) & ''", "NaN"),
        ("REPT('', 1e300)", ""),
        ("IS_SAME('0001-01-01', '0001-01-01', 'week')", 1),
        ("SUM(EVEN(1e308), EVEN(1e308)) & ''", "Infinity"),
        ("ISERROR(DATETIME_PARSE('0001-01-01T00:00:00+14:00'))", 1),
        ("ISERROR(ARRAYJOIN({Tags}, REPT('a', 1e6)))", 1),
    ],
)
def test_what_overflows_is_a_value_or_an_error_of_the_record(formula: str, expected: Value) -> None:
    assert value_of(formula, Tags=["a", "b", "c"]) == expected


def test_long_flat_formulas_are_not_deep() -> None:
    assert value_of("+".join(["1"] * 2_900)) == 2_900
    terms = ",".join(f"RECORD_ID()='rec{number:014}'" for number in range(500))
    assert value_of(f"OR({terms}, RECORD_ID()='recAAAAAAAAAAAAAA')") == 1


@pytest.mark.parametrize("cell", ["a", "b", "", None, ["b"], ["a", "b"], [], 5.0, 0, datetime(2024, 5, 1, tzinfo=UTC)])
def test_a_long_or_of_texts_agrees_with_its_terms_one_by_one(cell: Value) -> None:
    terms = ["{X}='2024-05-01'", "{X}='b'", "{X}='a, b'", "{X}='5'"]
    quick = compile_formula(f"OR({', '.join(terms)})", MappedCells(["X"]))
    plain = compile_formula(f"OR({', '.join(terms)}, 0)", MappedCells(["X"]))
    assert quick.keeps(MappedRow({"X": cell})) == plain.keeps(MappedRow({"X": cell}))


def test_powers_of_whole_numbers_are_bounded() -> None:
    assert value_of("POWER({n}, {n})", n=10**6) == math.inf


def test_a_filter_drops_a_record_whose_value_is_an_error_or_false() -> None:
    table = MappedCells(["n"])
    kept = compile_formula("10 / VALUE({n}) > 1", table)
    assert [kept.keeps(MappedRow({"n": cell})) for cell in ("5", "50", "five")] == [True, False, False]
    assert not compile_formula("0 / 0", table).keeps(MappedRow())


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(1, 1000))
def test_arithmetic_agrees_with_python(a: int, b: int, c: int) -> None:
    assert value_of(f"({a}) + ({b}) * {c} - ({a}) / {c}") == a + b * c - a / c


scalars = st.sampled_from(
    [None, "", "a", "5", "2024-05-01", 0, 0.0, 5, 5.0, math.inf, datetime(2024, 5, 1, tzinfo=UTC)]
)


@given(
    scalars | st.lists(scalars, max_size=2),
    st.sampled_from(["0", "5", "''", "'a'", "'5'", "'2024-05-01'"]),
    st.sampled_from(["=", "!=", "<", "<=", ">", ">="]),
)
def test_a_comparison_with_a_constant_is_one_with_a_cell_of_that_value(
    left: Value, constant: str, operator: str
) -> None:
    def outcome(formula: str) -> Value | type[Exception]:
        try:
            return value_of(formula, left=left, right=value_of(constant))
        except EvaluationError as exc:
            return type(exc)

    assert outcome(f"{{left}} {operator} {constant}") == outcome(f"{{left}} {operator} {{right}}")
