"""Turn a parsed request into one SQL statement.

Rules of this room:

- Values are parameters (`$1`, `$2`), sent as untyped text: PostgreSQL reads each as the type it is compared with,
  which is what PostgREST's quoted literals do.
- Names are `sql.Identifier`s of the schema cache's own names. Operators and keywords are constants of this module.
- JSON is made by PostgreSQL, so numbers, dates and arrays look as they do in PostgREST.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import LiteralString, cast

from psycopg import sql

from smeboost_emulators.supabase.rest.errors import RestFailure, UnknownName
from smeboost_emulators.supabase.rest.grammar import Field, Filter, Logic, OrderTerm, Selected
from smeboost_emulators.supabase.rest.schema import Column, Relation, Schema, TypeName

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


@dataclass
class Binder:
    """The parameters of a statement, in order."""

    values: list[str | None] = field(default_factory=list[str | None])

    def bind(self, value: str) -> sql.SQL:
        """The placeholder of one more parameter."""
        self.values.append(value)
        return sql.SQL(cast(LiteralString, f"${len(self.values)}"))


@dataclass(frozen=True)
class Target:
    """What a request is about, and how its names are looked up."""

    relation: Relation
    schema: Schema

    def column(self, name: str) -> Column:
        """The column with this name.

        Raises:
            UnknownName: 42703, as PostgreSQL itself would say.
        """
        found = self.relation.columns.get(name)
        if found is None:
            failure = RestFailure(400, "42703", f"column {self.relation.name}.{name} does not exist")
            raise UnknownName(failure, schema=self.relation.schema, relation=self.relation.name, column=name)
        return found

    def written(self, name: str) -> Column:
        """The column with this name, for a write.

        Raises:
            UnknownName: PGRST204.
        """
        found = self.relation.columns.get(name)
        if found is None:
            message = f"Could not find the '{name}' column of '{self.relation.name}' in the schema cache"
            failure = RestFailure(400, "PGRST204", message)
            raise UnknownName(failure, schema=self.relation.schema, relation=self.relation.name, column=name)
        return found

    def cast_type(self, name: str) -> TypeName:
        """The type that a `::cast` names.

        Raises:
            RestFailure: 42704.
        """
        found = self.schema.types.get(name.lower())
        if found is None:
            raise RestFailure(400, "42704", f'type "{name}" does not exist')
        return found


def value_of(target: Target, found: Field, binder: Binder) -> sql.Composable:
    """The expression of a column or of something inside it."""
    column = target.column(found.name)
    expression: sql.Composable = sql.Identifier(target.relation.name, column.name)
    if found.path and column.type.name not in _JSON_TYPES:
        expression = sql.SQL("to_jsonb({})").format(expression)
    for step in found.path:
        arrow = sql.SQL("->>" if step.as_text else "->")
        index = step.key.lstrip("-").isdecimal() and step.key.isascii() and len(step.key) < 10
        kind = sql.SQL("int4" if index else "text")
        expression = sql.SQL("({} {} {}::{})").format(expression, arrow, binder.bind(step.key), kind)
    return expression


def condition(target: Target, node: Filter | Logic, binder: Binder) -> sql.Composable:
    """The condition of a filter or of a tree of them."""
    if isinstance(node, Logic):
        joint = sql.SQL(" and " if node.joint == "and" else " or ")
        inside = joint.join([condition(target, term, binder) for term in node.terms])
    else:
        inside = _comparison(target, node, binder)
    return sql.SQL("not ({})" if node.negated else "({})").format(inside)


def where(target: Target, nodes: Sequence[Filter | Logic], binder: Binder) -> sql.Composable:
    """The `where` clause, or nothing."""
    if not nodes:
        return sql.SQL("")
    return sql.SQL(" where {}").format(sql.SQL(" and ").join([condition(target, node, binder) for node in nodes]))


def _comparison(target: Target, node: Filter, binder: Binder) -> sql.Composable:
    left = value_of(target, node.field, binder)
    if node.operator == "is":
        return sql.SQL("{} {}").format(left, sql.SQL(_IS[node.value]))
    if node.operator == "in":
        return sql.SQL("{} = any ({})").format(left, binder.bind(array_literal(node.values)))
    if node.operator in _SEARCHES:
        return _search(target, node, left, binder)
    value = node.value.replace("*", "%") if node.operator in {"like", "ilike"} else node.value
    right: sql.Composable = binder.bind(value)
    if node.quantifier:
        right = sql.SQL("any ({})" if node.quantifier == "any" else "all ({})").format(right)
    return sql.SQL("{} {} {}").format(left, sql.SQL(_OPERATORS[node.operator]), right)


def _search(target: Target, node: Filter, left: sql.Composable, binder: Binder) -> sql.Composable:
    language = sql.SQL("{}::regconfig, ").format(binder.bind(node.language)) if node.language else sql.SQL("")
    column = target.column(node.field.name)
    if node.field.path or column.type.name != "tsvector":
        left = sql.SQL("to_tsvector({}{})").format(language, left)
    query = sql.SQL(_SEARCHES[node.operator])
    return sql.SQL("{} @@ {}({}{})").format(left, query, language, binder.bind(node.value))


def array_literal(values: Sequence[str]) -> str:
    """PostgreSQL's text form of an array, every member quoted."""
    quoted = ['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]
    return "{" + ",".join(quoted) + "}"


def order_by(target: Target, terms: Sequence[OrderTerm], binder: Binder) -> sql.Composable:
    """The `order by` clause, or nothing."""
    if not terms:
        return sql.SQL("")
    parts: list[sql.Composable] = []
    for term in terms:
        direction = sql.SQL(" desc" if term.descending else " asc")
        parts.append(value_of(target, term.field, binder) + direction + sql.SQL(_NULLS[term.nulls]))
    return sql.SQL(" order by {}").format(sql.SQL(", ").join(parts))


def select_list(target: Target, items: Sequence[Selected], binder: Binder) -> sql.Composable:
    """The expressions of `select=`."""
    return sql.SQL(", ").join([_selected(target, item, binder) for item in items])


def _selected(target: Target, item: Selected, binder: Binder) -> sql.Composable:
    if item.field.name == "*":
        return sql.SQL("{}.*").format(sql.Identifier(target.relation.name))
    expression = value_of(target, item.field, binder)
    if item.cast:
        expression = sql.SQL("cast({} as {})").format(expression, target.cast_type(item.cast).identifier)
    return sql.SQL("{} as {}").format(expression, sql.Identifier(_output_name(item)))


def _output_name(item: Selected) -> str:
    """The alias, else the last JSON key that is no index, else the column's name."""
    if item.alias:
        return item.alias
    keys = [step.key for step in item.field.path if not step.key.lstrip("-").isdecimal()]
    return keys[-1] if keys else item.field.name


def returned_columns(target: Target, items: Sequence[Selected]) -> sql.Composable:
    """What a write has to return so that `select_list` can be made of it; qualified, as a body joins an update."""
    names = list(dict.fromkeys(item.field.name for item in items))
    table = target.relation.name
    if not names:
        # Nothing is asked for, so nothing needs the right to be read.
        return sql.SQL("1 as written")
    if "*" in names:
        return sql.SQL("{}.*").format(sql.Identifier(table))
    return sql.SQL(", ").join([sql.Identifier(table, target.column(name).name) for name in names])
