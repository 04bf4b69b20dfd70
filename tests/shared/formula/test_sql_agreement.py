"""What formulas mean in SQL: the same as in the evaluator, for every function, operator and kind of cell."""

import math
import random
import re
import struct
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from smeboost_shared.formula.signatures import SIGNATURES
from smeboost_shared.formula.sql import FUNCTION_TRANSLATIONS, WHY_NOT, Column, ColumnKind, SqlTable, compile_sql

EXPRESSED = [
    line for line in (Path(__file__).parent / "expressed.txt").read_text(encoding="utf-8").splitlines() if line
]
BY_THE_C_LIBRARY = ("POWER", "EXP", "LOG")
"""Functions that two C libraries may round in two ways: both sides of this test have one of their own."""


@pytest.mark.parametrize("text", EXPRESSED)
def test_a_formula_has_the_same_values_in_sql(agreement: Any, text: str) -> None:
    agreement.check(text, tolerance=1e-12 if text.startswith(BY_THE_C_LIBRARY) else 0.0)


def test_every_function_is_either_tried_here_or_known_to_have_no_sql() -> None:
    tried = {name for text in EXPRESSED for name in re.findall(r"([A-Z_]+)\(", text)}
    constants = {"TRUE", "FALSE", "BLANK", "NOW", "TODAY"}
    assert set(FUNCTION_TRANSLATIONS) <= tried
    assert set(SIGNATURES) == tried | constants | set(WHY_NOT)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "{Num}+{Two}",
            "{Num}-{Two}",
            "{Num}*{Two}",
            "{Num}/{Two}",
            "MOD({Num},{Two})",
            "{Num}={Two}",
            "{Num}<={Two}",
        ),
        *("ROUND({Num},2)", "ROUNDUP({Num},{Two})", "ROUNDDOWN({Num},-3)", "CEILING({Num},{Two})", "FLOOR({Num},0.01)"),
        *("EVEN({Num})", "ODD({Num})", "SQRT({Num})", "{Num}&''", "SUM({Num},{Two},{Num})", "AVERAGE({Num},{Two})"),
    ],
)
def test_numbers_of_every_size_are_the_same_to_the_last_bit(numbers: Any, text: str) -> None:
    numbers.check(text)


@pytest.fixture(scope="module")
def numbers(agreement_over: Callable[[list[tuple[float, float]]], Any]) -> Any:
    """Floats from random bits, with every exponent as likely as any other, and pairs whose results are on the edge."""
    dice = random.Random(7)  # no secret
    floats = [struct.unpack("d", dice.randbytes(8))[0] for _ in range(1200)]
    pairs = list(zip(floats[::2], floats[1::2], strict=True))
    for left, right in (
        (1023, 0),
        (511, 512),
        (-511, -512),
        (-1022, 52),
        (-537, -538),
        (1000, 1),
        (-1073, 0),
        (1023, 1023),
    ):
        for _ in range(40):
            pairs.append((_near(left, dice), _near(right, dice)))
            pairs.append((_near(left, dice), _near(-right, dice)))
    pairs += [(round(dice.uniform(-1e4, 1e4), 3), round(dice.uniform(-50, 50), 2)) for _ in range(200)]
    return agreement_over(pairs)


def _near(exponent: int, dice: random.Random) -> float:
    return math.ldexp(dice.uniform(0.5, 1), exponent + dice.choice([0, 1])) * dice.choice([1, -1])


@pytest.mark.parametrize(("function", "change"), [("UPPER", str.upper), ("LOWER", str.lower)])
def test_every_character_has_the_case_that_it_has_in_python(
    connection: Connection[Any], function: str, change: Callable[[str], str]
) -> None:
    compiled = compile_sql(f"{function}({{Text}})", SqlTable({"Text": Column("c", ColumnKind.TEXT)}, "id"))
    # Letters of writings without case are many, and have no part in it.
    codes = [code for code in range(1, 0x110000) if unicodedata.category(chr(code)) not in ("Lo", "Cn", "Co", "Cs")]
    # Before and behind each character stands a sigma, whose lower case depends on it.
    texts = [
        "".join(f"Σ{chr(code)}Σ A{chr(code)}Σ. " for code in codes[at : at + 256]) for at in range(0, len(codes), 256)
    ]
    statement = f"select {compiled.value} from unnest(%(texts)s::text[]) with ordinality as given(c, n) order by n"
    found = connection.execute(statement.encode(), {**compiled.parameters, "texts": texts}).fetchall()
    assert [row[0] for row in found] == [change(text) for text in texts]
