"""What is wrong with a formula is said with its place."""

import pytest
from smeboost_shared.formula.faults import FormulaSyntaxError
from smeboost_shared.formula.parse import parse
from smeboost_shared.formula.tree import references


@pytest.mark.parametrize(
    ("formula", "position", "words"),
    [
        ("1 + * 2", 4, "'*'"),
        ("1 +", 3, "too early"),
        ("(1", 2, "closing parenthesis"),
        ("1)", 1, "')'"),
        ("1 + 'open", 4, "not closed"),
        ("{open", 0, "not closed"),
        ("1 + {}", 4, "names no field"),
        ("2 ^ 3", 2, "POWER"),
        ("a == 1", 3, "single '='"),
        ("a <> 1", 3, "!="),
        ("a && b", 3, "AND"),
        ("a || b", 2, "OR"),
        ("a // b", 3, "Comments"),
        ("“a”", 0, "straight"),
        ("IF(a; b)", 4, "comma"),
        ("  NOPE(1)", 2, "no function NOPE"),
        ("1 + CONCATENTE('a')", 4, "Did you mean CONCATENATE"),
        ("AND(1, NOT())", 7, "NOT(value)"),
        ("IF(1)", 0, "IF(condition, then, [otherwise])"),
        ("1 = 1 = 1", 6, "'='"),
        ("a\x00", 1, "'\\x00'"),
        ("a \ud800", 2, "'\\ud800'"),
    ],
)
def test_a_fault_is_placed_and_explained(formula: str, position: int, words: str) -> None:
    with pytest.raises(FormulaSyntaxError) as caught:
        parse(formula)
    assert caught.value.position == position
    assert words in caught.value.message


def test_references_are_where_the_text_has_them() -> None:
    text = "IF({a \\} b} = bare, SUM({c}, -{d}) & LOWER({e\\n}))"
    found = [(reference.name, text[reference.position : reference.end]) for reference in references(parse(text))]
    assert found == [
        ("a } b", "{a \\} b}"),
        ("bare", "bare"),
        ("c", "{c}"),
        ("d", "{d}"),
        ("e\\n", "{e\\n}"),
    ]
