"""The table of functions is the whole truth: what it lists is built, and takes the arguments that it shows."""

from collections.abc import Callable, Sequence
from datetime import datetime

import pytest
from smeboost_shared.formula.branches import BRANCHES
from smeboost_shared.formula.compile import compile_formula
from smeboost_shared.formula.evaluation import EvaluationError
from smeboost_shared.formula.faults import FormulaSyntaxError
from smeboost_shared.formula.functions import FUNCTIONS
from smeboost_shared.formula.mappings import MappedCells, MappedRow
from smeboost_shared.formula.signatures import CONSTANTS, SIGNATURES, Signature

OF_THE_RECORD = {"RECORD_ID", "CREATED_TIME", "LAST_MODIFIED_TIME"}


def test_every_function_is_built_and_none_is_hidden() -> None:
    assert {*FUNCTIONS, *BRANCHES, *OF_THE_RECORD} == set(SIGNATURES)
    assert {name for name, signature in SIGNATURES.items() if signature.least == 0} >= CONSTANTS


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_a_function_takes_as_many_arguments_as_its_usage_shows(signature: Signature) -> None:
    most = signature.least + 4 if signature.most is None else signature.most
    for count in range(most + 2):
        text = f"{signature.name}({', '.join(['{f}'] * count)})"
        if signature.least <= count and (signature.most is None or count <= most):
            _evaluate(text)
        else:
            with pytest.raises(FormulaSyntaxError, match=signature.name):
                compile_formula(text, MappedCells(["f"]))


def _evaluate(text: str) -> None:
    try:
        compile_formula(text, Watched(["f"])).evaluate(MappedRow({"f": 1.0}))
    except EvaluationError:
        return


class Watched(MappedCells):
    """A mapping knows when a record was changed; here each field is."""

    def modified_reader(self, names: Sequence[str]) -> Callable[[MappedRow], datetime | None]:
        return lambda row: row.modified
