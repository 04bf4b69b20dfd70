"""Values, conditions and order of a parsed request as SQL; `rows.py` makes statements of them.

Rules of this room:

- Values are parameters (`$1`, `$2`), sent as untyped text: PostgreSQL reads each as the type it is compared with,
  which is what PostgREST's quoted literals do.
- Names are `sql.Identifier`s of the schema cache's own names. Operators and keywords are constants of this module.
- JSON is made by PostgreSQL, so numbers, dates and arrays look as they do in PostgREST.
"""

from collections.abc import Callable, Sequence
from typing import LiteralString

from psycopg import sql

from smeboost_emulators.supabase.rest.query.compositions import Binder
from smeboost_emulators.supabase.rest.query.grammar import Field, Filter, Logic, OrderTerm
from smeboost_emulators.supabase.rest.query.targets import Target
from smeboost_emulators.supabase.rest.schema import ComputedField

_OPERATORS: dict[str, LiteralString] = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "isdistinct": "is distinct from",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxr": "&<",
    "nxl": "&>",
    "adj": "-|-",
}
_IS: dict[str, LiteralString] = {
    "null": "is null",
    "not_null": "is not null",
    "true": "is true",
    "false": "is false",
    "unknown": "is unknown",
}
_SEARCHES: dict[str, LiteralString] = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}
_NULLS: dict[str | None, LiteralString] = {"first": " nulls first", "last": " nulls last", None: ""}
_JSON_TYPES = frozenset({"json", "jsonb"})


def value_of(target: Target, found: Field, binder: Binder) -> sql.Composable:
    """The expression of a column or of something inside it."""
    column = target.field(found.name)
    expression: sql.Composable
    if isinstance(column, ComputedField):
        expression = sql.SQL("{}({})").format(column.identifier, target.row)
    else:
        expression = sql.Identifier(target.name, column.name)
    if found.path and column.type.name not in _JSON_TYPES:
        expression = sql.SQL("to_jsonb({})").format(expression)
    for step in found.path:
        arrow = sql.SQL("->>" if step.as_text else "->")
        index = step.key.lstrip("-").isdecimal() and step.key.isascii() and len(step.key) < 10
        kind = sql.SQL("int4" if index else "text")
        expression = sql.SQL("({} {} {}::{})").format(expression, arrow, binder.bind(step.key), kind)
    return expression


def condition(
    target: Target,
    node: Filter | Logic,
    binder: Binder,
    special: Callable[[Filter], sql.Composable | None] | None = None,
) -> sql.Composable:
    """The condition of a filter or of a tree of them; `special` may know better what a filter means."""
    if isinstance(node, Logic):
        joint = sql.SQL(" and " if node.joint == "and" else " or ")
        inside = joint.join([condition(target, term, binder, special) for term in node.terms])
    else:
        inside = (special(node) if special else None) or _comparison(target, node, binder)
    return sql.SQL("not ({})" if node.negated else "({})").format(inside)


def where(target: Target, nodes: Sequence[Filter | Logic], binder: Binder) -> sql.Composable:
    """The `where` clause, or nothing."""
    return where_all([condition(target, node, binder) for node in nodes])


def where_all(conditions: Sequence[sql.Composable]) -> sql.Composable:
    """The `where` clause of conditions that must all hold, or nothing."""
    if not conditions:
        return sql.SQL("")
    return sql.SQL(" where {}").format(sql.SQL(" and ").join(conditions))


def _comparison(target: Target, node: Filter, binder: Binder) -> sql.Composable:
    left = value_of(target, node.field, binder)
    if node.operator == "is":
        return sql.SQL("{} {}").format(left, sql.SQL(_IS[node.value]))
    if node.operator == "in":
        return sql.SQL("{} = any ({})").format(left, binder.bind_filter(node))
    if node.operator in _SEARCHES:
        return _search(target, node, left, binder)
    right: sql.Composable = binder.bind_filter(node)
    if node.quantifier:
        right = sql.SQL("any ({})" if node.quantifier == "any" else "all ({})").format(right)
    return sql.SQL("{} {} {}").format(left, sql.SQL(_OPERATORS[node.operator]), right)


def _search(target: Target, node: Filter, left: sql.Composable, binder: Binder) -> sql.Composable:
    language = sql.SQL("{}::regconfig, ").format(binder.bind(node.language)) if node.language else sql.SQL("")
    column = target.field(node.field.name)
    if node.field.path or column.type.name != "tsvector":
        left = sql.SQL("to_tsvector({}{})").format(language, left)
    query = sql.SQL(_SEARCHES[node.operator])
    return sql.SQL("{} @@ {}({}{})").format(left, query, language, binder.bind_filter(node))


def sorted_by(expression: sql.Composable, term: OrderTerm) -> sql.Composable:
    """One item of an `order by`."""
    direction = sql.SQL(" desc" if term.descending else " asc")
    return expression + direction + sql.SQL(_NULLS[term.nulls])
