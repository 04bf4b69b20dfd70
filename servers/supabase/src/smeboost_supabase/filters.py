"""Conditions and orders in PostgREST's words.

Rules of this room (PostgREST manual, "Tables and Views" and "URL Grammar"):

- The text after `eq.` and its kin is taken as it is, to the end: quotes there would become part of the value.
- Inside `in.(...)` commas, quotes, brackets and outer spaces mean something, so every text there is quoted.
- A column whose name is also a parameter of the query (`select`, `limit`, ...) must be quoted. Unquoted it would be
  read as that parameter, the condition would be gone, and an update or delete would reach every row.
"""

import json
import re

from smeboost_shared.errors import FieldProblem, InvalidInput

from smeboost_supabase.models import Filter, Order, Scalar

PARAMETERS = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict", "and", "or", "not"})
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH_KEY = re.compile(r"[\w $]+|-?\d+")
_WORDS = {"contains": "cs", "contained_by": "cd", "overlaps": "ov"}


def condition(one: Filter) -> tuple[str, str]:
    """The query parameter, name and value, that says `one`."""
    operator = _WORDS.get(one.operator, one.operator)
    negation = "not." if one.negate else ""
    return column_path(one.column), f"{negation}{operator}.{_criteria(one)}"


def ordering(order: list[Order]) -> str:
    """The value of the `order` parameter."""
    return ",".join(
        f"{column_path(one.column)}.{one.direction}" + (f".nulls{one.nulls}" if one.nulls else "") for one in order
    )


def column_path(column: str) -> str:
    """A column's name, or a path into a JSON column (`address->>city`), quoted where it has to be.

    Raises:
        InvalidInput: a key of the path has characters that cannot be sent.
    """
    name, *steps = re.split(r"(->>?)", column)
    if steps and not (name and all(_PATH_KEY.fullmatch(key) for key in steps[1::2])):
        problem = FieldProblem(field=column, message="is not a path such as address->>city or tags->0")
        raise InvalidInput("A column is not valid.", errors=[problem])
    plain = _PLAIN.fullmatch(name) and name not in PARAMETERS
    return (name if plain else quoted(name)) + "".join(steps)


def _criteria(one: Filter) -> str:
    value = one.value
    if one.operator == "in" and isinstance(value, list):
        listed = [_listed(element) for element in value if element is not None]
        # PostgREST reads a list of one empty text as the empty list; the same value twice says what is meant.
        return f"({','.join(listed * 2 if value == [''] else listed)})"
    if isinstance(value, list):
        return "{" + ",".join("NULL" if element is None else _listed(element) for element in value) + "}"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "null" if value is None else _text(value)


def _listed(value: Scalar) -> str:
    return quoted(value) if isinstance(value, str) else _text(value)


def quoted(text: str) -> str:
    """`text` as a whole word of PostgREST's grammar."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
