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


def by_the_clock(name: str, count: int) -> bool:
    """Whether the function's value, of so many arguments, depends on the time.

    A text that is read by a format may leave out the year.
    """
    return name in ("NOW", "TODAY", "FROMNOW", "TONOW") or (name == "DATETIME_PARSE" and count > 1)
