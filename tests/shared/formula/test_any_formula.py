"""Any text and any formula gives a value or one of three errors, never another exception."""

import math
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from smeboost_shared.formula.compile import UnknownFields, compile_formula
from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.faults import FormulaSyntaxError
from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.mappings import MappedCells, MappedRow
from smeboost_shared.formula.parse import parse
from smeboost_shared.formula.result_type import result_kind
from smeboost_shared.formula.signatures import SIGNATURES, Signature
from smeboost_shared.formula.values import Value, text_of

any_character = st.characters(exclude_categories=())  # half surrogate pairs and NUL included
scalars = st.one_of(
    st.none(),
    st.text(any_character, max_size=12),
    st.sampled_from(["2024-02-29", "1 Mar 2024", "YYYY-MM-DD", "days", "(a|b)+", "de", "Asia/Tokyo", "12.5", "Monday"]),
    st.floats(),
    st.integers(-(10**20), 10**20),
    st.datetimes(timezones=st.just(UTC)),
)
cells = scalars | st.lists(scalars, max_size=4)
FIELDS = ["a", "b", "c d", "fldAAAAAAAAAAAAAA"]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


constants = st.one_of(
    st.floats(0, allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["0", "1", "1e308", "1e9", "-1e300", ".5", "(1/0)", "(0/0)", "TRUE", "NOW()", "BLANK"]),
    scalars.filter(lambda value: isinstance(value, str)).map(lambda text: _quoted(str(text))),
    st.sampled_from([f"{{{name}}}" for name in FIELDS]),
)


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def call(signature: Signature) -> st.SearchStrategy[str]:
        if signature.name == "LAST_MODIFIED_TIME":
            return st.just("LAST_MODIFIED_TIME()")
        most = signature.least + 3 if signature.most is None else signature.most
        arguments = st.lists(inner, min_size=signature.least, max_size=most)
        return arguments.map(lambda given: f"{signature.name}({', '.join(given)})")

    operators = st.sampled_from(["+", "-", "*", "/", "&", "=", "!=", "<", "<=", ">", ">="])
    pairs = st.tuples(inner, operators, inner).map(lambda parts: f"({' '.join(parts)})")
    return pairs | st.sampled_from(list(SIGNATURES.values())).flatmap(call)


formulas = st.recursive(constants, _calls, max_leaves=12)
KINDS: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (int,),
    Kind.MOMENT: (datetime,),
    Kind.LIST: (list,),
    Kind.BLANK: (),
}


@settings(max_examples=400, deadline=None)
@given(formulas, st.tuples(cells, cells, cells, cells))
def test_any_formula_of_the_grammar_has_a_value_of_its_kind_or_is_an_error(formula: str, values: tuple[Value]) -> None:
    row = MappedRow(dict(zip(FIELDS, values, strict=True)), modified=datetime(2024, 5, 1, tzinfo=UTC))
    compiled = compile_formula(formula, MappedCells(FIELDS))
    try:
        value = compiled.evaluate(row)
    except EvaluationError:
        assert not compiled.keeps(row)
        return
    assert compiled.keeps(row) is not (value in (None, 0, "", []) or (isinstance(value, float) and math.isnan(value)))
    text_of(value)
    kind = result_kind(parse(formula), lambda _name: None)
    assert kind is Kind.ANY or value is None or isinstance(value, KINDS[kind])


texts = st.text(st.sampled_from("()[]{}'\"\\+-*/&=<>!,. \n019aeTRUEIFNOTé"), max_size=60) | st.text(
    any_character, max_size=40
)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_any_text_gives_a_value_or_one_of_three_errors(text: str) -> None:
    positions = _positions_of_faults(text)
    assert all(0 <= position <= len(text) for position in positions)


def _positions_of_faults(text: str) -> list[int]:
    try:
        compile_formula(text, MappedCells(["a"])).keeps(MappedRow({"a": "x"}))
    except FormulaSyntaxError as exc:
        return [exc.position]
    except UnknownFields as exc:
        return exc.positions
    return []
