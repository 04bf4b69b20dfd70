"""The functions that evaluate all their arguments, by name."""

from smeboost_shared.formula.arguments import Function
from smeboost_shared.formula.arrays import ARRAY_FUNCTIONS
from smeboost_shared.formula.dates import DATE_FUNCTIONS
from smeboost_shared.formula.numeric import NUMBER_FUNCTIONS
from smeboost_shared.formula.patterns import PATTERN_FUNCTIONS
from smeboost_shared.formula.texts import TEXT_FUNCTIONS

FUNCTIONS: dict[str, Function] = {
    **ARRAY_FUNCTIONS,
    **DATE_FUNCTIONS,
    **NUMBER_FUNCTIONS,
    **PATTERN_FUNCTIONS,
    **TEXT_FUNCTIONS,
}
BY_THE_CLOCK = frozenset({"NOW", "TODAY", "FROMNOW", "TONOW", "DATETIME_PARSE"})
"""Functions whose value depends on the time. DATETIME_PARSE: a text may leave out the year."""
