"""REGEX_MATCH, REGEX_EXTRACT, REGEX_REPLACE: RE2, over characters and not bytes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smeboost_shared.formula.compile import compile_formula
from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.mappings import MappedCells, MappedRow
from smeboost_shared.formula.values import Value


def value_of(text: str, **cells: Value) -> Value:
    return compile_formula(text, MappedCells(cells)).evaluate(MappedRow(cells))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("REGEX_MATCH('hello 2024', '\\d{4}')", 1),
        ("REGEX_MATCH('hello 2024', '\\\\d{4}$')", 1),
        ("REGEX_MATCH('hello', '^ell')", 0),
        ("REGEX_MATCH('', '')", 1),
        ("REGEX_MATCH('ÄÖ', '^\\p{Lu}{2}$')", 1),
        ("REGEX_MATCH('é', '^.$')", 1),
        ("REGEX_MATCH('A', '(?i)a')", 1),
        ("REGEX_EXTRACT('call 555-1234 or 555-9999', '\\d{3}-\\d{4}')", "555-1234"),
        ("REGEX_EXTRACT('straße 5', 'ß')", "ß"),
        ("REGEX_REPLACE('John Smith', '(\\w+) (\\w+)', '$2, $1')", "Smith, John"),
        ("REGEX_REPLACE('a1b22', '\\d+', '<$&>')", "a<1>b<22>"),
        ("REGEX_REPLACE('a1', '\\d', '$$1 $9 \\\\1')", "a$1 $9 \\1"),
        ("REGEX_REPLACE('aé€b', '', '-')", "-a-é-€-b-"),
        ("REGEX_REPLACE('(x)', '[()]', '')", "x"),
        ("REGEX_REPLACE('ab', '(a)|(b)', '[$1$2]')", "[a][b]"),
        ("REGEX_MATCH(12.5, '^12[.]5$')", 1),
    ],
)
def test_patterns_are_found_in_texts(formula: str, expected: Value) -> None:
    assert value_of(formula) == expected


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "(?<!a)b", "(a)\\1", "a{1001}", "*", "[b-a]"])
def test_what_re2_does_not_know_is_an_error_of_the_record(pattern: str) -> None:
    with pytest.raises(EvaluationError, match="RE2"):
        value_of("REGEX_MATCH('a', {p})", p=pattern)


def test_extract_without_a_match_is_an_error() -> None:
    with pytest.raises(EvaluationError):
        value_of("REGEX_EXTRACT('abc', '\\d')")


def test_half_a_character_becomes_the_character_for_what_cannot_be_shown() -> None:
    assert value_of("REGEX_REPLACE({t}, 'b', 'c')", t="a\ud800b\x00") == "a\ufffdc\x00"


@given(
    st.text(st.sampled_from("abcé1 "), max_size=12),
    st.from_regex(r"\A(?:[abcé1]|\.|\[ab\]|\(a\|é\))(?:[+*?]?(?:[abcé1]|\.|\[ab\])){0,3}\Z"),
    st.text(st.sampled_from("xy"), max_size=2),
)
def test_simple_patterns_replace_as_python_s_do(text: str, pattern: str, new: str) -> None:
    assert value_of("REGEX_REPLACE({t}, {p}, {n})", t=text, p=pattern, n=new) == re.sub(pattern, new, text)
    assert value_of("REGEX_MATCH({t}, {p})", t=text, p=pattern) == (re.search(pattern, text) is not None)
