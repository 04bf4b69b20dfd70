"""What one item of `select` gives: a name, an expression, and whether that is aggregated.

Rules of this room (PostgREST, "Aggregate Functions"):

- What is not aggregated beside an aggregate is grouped by, so `*` is then all columns, one by one.
- In a spread the expression is only carried up: its aggregate is applied, and its cast made, where the spread ends.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from smeboost_emulators.supabase.rest.query.compositions import Binder
from smeboost_emulators.supabase.rest.query.grammar import Field, Selected
from smeboost_emulators.supabase.rest.query.statements import value_of
from smeboost_emulators.supabase.rest.query.targets import Target
from smeboost_emulators.supabase.rest.schema import TypeName

_AGGREGATES: dict[str, LiteralString] = {"sum": "sum", "avg": "avg", "count": "count", "max": "max", "min": "min"}
ALL = "*"


@dataclass(frozen=True)
class Output:
    """One member of a row; `grouped` is what to group by, if not the expression. The name `*` is all columns."""

    name: str
    expression: sql.Composable
    aggregate: str | None = None
    cast: TypeName | None = None
    grouped: sql.Composable | None = None

    @property
    def value(self) -> sql.Composable:
        """The expression with its aggregate and the cast of the result."""
        if not self.aggregate:
            return self.expression
        value = sql.SQL("{}({})").format(sql.SQL(_AGGREGATES[self.aggregate]), self.expression)
        return sql.SQL("cast({} as {})").format(value, self.cast.identifier) if self.cast else value


def column_outputs(target: Target, item: Selected, binder: Binder, *, carried: bool, grouped: bool) -> Iterator[Output]:
    """The outputs of a column; `carried` when they are those of a spread, `grouped` when there is an aggregate."""
    if item.aggregate:
        yield _aggregated(target, item, binder, carried=carried)
    elif item.field.name == ALL and (carried or grouped):
        for name in target.relation.columns:
            yield Output(name, value_of(target, Field(name), binder))
    elif item.field.name == ALL:
        yield Output(ALL, sql.SQL("{}.*").format(sql.Identifier(target.name)))
    else:
        yield Output(_output_name(item), _value(target, item, binder))


def _aggregated(target: Target, item: Selected, binder: Binder, *, carried: bool) -> Output:
    row = sql.SQL("1" if carried else "*")
    expression = row if item.field.name == ALL else _value(target, item, binder)
    cast = target.cast_type(item.result_cast) if item.result_cast else None
    return Output(item.alias or item.aggregate or "", expression, item.aggregate, cast)


def _value(target: Target, item: Selected, binder: Binder) -> sql.Composable:
    expression = value_of(target, item.field, binder)
    if item.cast:
        return sql.SQL("cast({} as {})").format(expression, target.cast_type(item.cast).identifier)
    return expression


def _output_name(item: Selected) -> str:
    """The alias, else the last JSON key that is no index, else the column's name."""
    if item.alias:
        return item.alias
    keys = [step.key for step in item.field.path if not step.key.lstrip("-").isdecimal()]
    return keys[-1] if keys else item.field.name


def shown(outputs: Sequence[Output]) -> sql.Composable:
    """The list of a `select` under the outputs' own names."""
    return sql.SQL(", ").join(
        [
            output.value
            if output.name == ALL
            else sql.SQL("{} as {}").format(output.value, sql.Identifier(output.name))
            for output in outputs
        ]
    )


def numbered(outputs: Sequence[Output]) -> sql.Composable:
    """The list of a `select` that is carried up, by number, because names may repeat."""
    return sql.SQL(", ").join(
        [
            sql.SQL("{} as {}").format(output.expression, sql.Identifier(str(number)))
            for number, output in enumerate(outputs)
        ]
    )


def group_by(outputs: Sequence[Output]) -> sql.Composable:
    """The `group by` clause, or nothing; by position, as two parameters are never the same expression."""
    if not any(output.aggregate for output in outputs):
        return sql.SQL("")
    keys = [output.grouped or sql.Literal(place) for place, output in enumerate(outputs, 1) if not output.aggregate]
    return sql.SQL(" group by {}").format(sql.SQL(", ").join(keys)) if keys else sql.SQL("")
