"""The filters of postgres_changes: `column=eq.value`, several joined by commas.

Rules of this room (Supabase Realtime, "Available filters"):

- A comma separates conditions only where another condition follows it, because values may have commas.
- Values stay text here; the database compares them as the column's own type.
"""

import re
from dataclasses import dataclass

IN_VALUES_MAX = 100
OPERATORS = ("eq", "neq", "lt", "lte", "gt", "gte", "in", "like", "ilike", "is", "match", "imatch", "isdistinct")
_ANOTHER = re.compile(rf",(?=[^,=]+=(?:not\.)?(?:{'|'.join(OPERATORS)})\.)")
_CONDITION = re.compile(rf"([^=]+)=(not\.)?({'|'.join(OPERATORS)})\.(.*)", re.DOTALL)
_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,"]*))\s*(,|$)', re.DOTALL)
_IS = frozenset({"null", "true", "false", "unknown"})


class FilterRefused(Exception):
    """The filter cannot be understood; the message says why."""


@dataclass(frozen=True)
class Condition:
    """One comparison; `value` of `in` is an array in PostgreSQL's own writing."""

    column: str
    operator: str
    value: str
    negated: bool = False


def read_filter(text: str) -> tuple[Condition, ...]:
    """All conditions of a filter; every one must hold.

    Raises:
        FilterRefused: it is not a filter.
    """
    if "\0" in text:
        raise FilterRefused("a filter has no NUL")
    return tuple(_condition(part) for part in _ANOTHER.split(text))


def _condition(text: str) -> Condition:
    found = _CONDITION.fullmatch(text)
    if not found:
        raise FilterRefused(f"expected column=operator.value with an operator of {', '.join(OPERATORS)}: {text[:100]}")
    column, negated, operator, value = found.groups()
    if operator == "is" and value.lower() not in _IS:
        raise FilterRefused("`is` takes null, true, false or unknown")
    written = _array(value) if operator == "in" else value.lower() if operator == "is" else value
    return Condition(column.strip(), operator, written, bool(negated))


def _array(text: str) -> str:
    if not (text.startswith("(") and text.endswith(")")):
        raise FilterRefused("`in` takes values in parentheses: in.(1,2)")
    values, position, inside = list[str](), 0, text[1:-1]
    while True:
        found = _ITEM.match(inside, position)
        if not found:
            raise FilterRefused("a value of `in` has a quote that does not end")
        quoted, plain, more = found.groups()
        values.append(plain.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
        position = found.end()
        if not more:
            break
    if len(values) > IN_VALUES_MAX:
        raise FilterRefused(f"`in` takes at most {IN_VALUES_MAX} values")
    quoted_values = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    return "{" + ",".join(quoted_values) + "}"
