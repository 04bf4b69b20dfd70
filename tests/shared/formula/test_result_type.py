"""Of what kind a formula's result is."""

import pytest
from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.parse import parse
from smeboost_shared.formula.result_type import result_kind

KINDS = {"Name": Kind.TEXT, "Price": Kind.NUMBER, "Day": Kind.MOMENT, "Tags": Kind.LIST, "Done": Kind.BOOLEAN}


@pytest.mark.parametrize(
    ("formula", "kind"),
    [
        ("1 + 2", Kind.NUMBER),
        ("-{Price}", Kind.NUMBER),
        ("{Price} & ''", Kind.TEXT),
        ("{Price} > 1", Kind.BOOLEAN),
        ("{Day}", Kind.MOMENT),
        ("Name", Kind.TEXT),
        ("TODAY", Kind.MOMENT),
        ("DATEADD({Day}, 1, 'days')", Kind.MOMENT),
        ("ARRAYUNIQUE({Tags})", Kind.LIST),
        ("IF({Done}, {Price})", Kind.NUMBER),
        ("IF({Done}, {Price}, BLANK())", Kind.NUMBER),
        ("IF({Done}, {Price}, {Done})", Kind.NUMBER),
        ("IF({Done}, {Price}, {Name})", Kind.ANY),
        ("SWITCH({Name}, 'a', 1, 'b', 2)", Kind.NUMBER),
        ("SWITCH({Name}, 'a', 1, 'b', 2, 'many')", Kind.ANY),
        ("IF({Done}, BLANK())", Kind.BLANK),
        ("{Elsewhere}", Kind.ANY),
    ],
)
def test_result_has_the_kind_that_its_text_tells(formula: str, kind: Kind) -> None:
    assert result_kind(parse(formula), KINDS.get) is kind
