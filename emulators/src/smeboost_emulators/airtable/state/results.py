"""What the API shows of a computed value, and as which type a formula's or rollup's result is described.

A seed may say the result's type and format, as the vendor does; else both follow from the formula. How a value looks
over the API: an error is `{"error": "#ERROR!"}`, a number that is none `{"specialValue": "NaN"}` or an infinity (both
seen by clients), a moment is ISO text, a mixture of kinds is text.
"""

import math
from typing import Any

from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.tree import Call, Chain, Node, children
from smeboost_shared.formula.values import Scalar, Value, iso, number_text, text_of

from smeboost_emulators.airtable.shapes import object_of
from smeboost_emulators.airtable.state.cells import EXACT_NUMBER_MAX, Cell
from smeboost_emulators.airtable.state.schema import Field

ERROR: dict[str, Any] = {"error": "#ERROR!"}
PRECISION_MAX = 8
_FRACTIONS = frozenset({"AVERAGE", "SQRT", "EXP", "LOG", "POWER", "VALUE"})
"""Functions whose results have a fraction when their arguments have none."""
ISO_TIME: dict[str, Any] = {
    "timeZone": "utc",
    "dateFormat": {"name": "iso", "format": "YYYY-MM-DD"},
    "timeFormat": {"name": "24hour", "format": "HH:mm"},
}


def settled(value: Value, kind: Kind) -> Value:
    """The value that a formula of this kind has: one whose kind only the record decides is text, or a list."""
    if kind is Kind.ANY and not isinstance(value, list | None):
        return text_of(value)
    return value


def cell_of(value: Value, shown_as: str | None) -> Cell:
    """The cell for a value of a result of type `shown_as`; None when it is empty."""
    if isinstance(value, list):
        return tuple(part for part in (_scalar(item, shown_as) for item in value) if part is not None) or None
    return _scalar(value, shown_as)


def _scalar(value: Scalar, shown_as: str | None) -> Cell:
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, int | float):
        return (True if value else None) if shown_as == "checkbox" else _number(value)
    return iso(value)[:10] if shown_as == "date" else iso(value)


def _number(value: float) -> Cell:
    if not math.isfinite(value):
        return {"specialValue": number_text(value)}
    whole = isinstance(value, float) and value.is_integer() and abs(value) <= EXACT_NUMBER_MAX
    return int(value) if whole else value


def described_result(kind: Kind, tree: Node, fields: list[Field]) -> dict[str, Any]:
    """The type and format of a formula's result over these fields."""
    if kind in (Kind.NUMBER, Kind.BOOLEAN):
        places = 0 if kind is Kind.BOOLEAN else max([_fraction(tree), *(map(_precision, fields))])
        return {"type": "number", "options": {"precision": min(places, PRECISION_MAX)}}
    return {"type": "dateTime", "options": ISO_TIME} if kind is Kind.MOMENT else {"type": "singleLineText"}


def result_of(field: Field) -> dict[str, Any]:
    """The type and options of a computed field's values; empty for other fields."""
    return object_of((field.options or {}).get("result")) or {}


def _precision(field: Field) -> int:
    """Places after the point that the field's numbers have; a percent's are two more than it shows."""
    result = result_of(field)
    options = object_of(result.get("options")) or field.options or {}
    given = options.get("precision", 0)
    return (given if isinstance(given, int) else 0) + (2 if "percent" in (field.type, result.get("type")) else 0)


def _fraction(tree: Node) -> int:
    own = isinstance(tree, Call) and tree.name in _FRACTIONS
    divided = isinstance(tree, Chain) and any(operator == "/" for operator, _ in tree.rest)
    return 2 if own or divided or any(_fraction(child) for child in children(tree)) else 0
