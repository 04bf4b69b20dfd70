"""The pieces that a formula's SQL is put together from.

The rules of every piece of SQL here and in the other `sql_` modules:

- It never raises at run time, whatever the row holds: what could is behind a CASE. Where the record's value is
  #ERROR!, `Term.error` is true and `Term.sql` means nothing.
- NULL is blank. In a condition NULL is false, so a negation is `IS NOT TRUE`.
- Moments are timestamptz; their parts are taken from the timestamp in UTC. Numbers are double precision.
- Nothing of the formula's text stands in it: literals are parameters, names are replaced by the table's columns.
- It binds tightly: a name, a parameter, a call, a CASE, or in parentheses. Only conditions are loose.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from string import Formatter

from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.tree import Call, Chain, Comparison, FieldReference, Negation, Node, Number, Text
from smeboost_shared.formula.values import Value

CELL_LENGTH_MAX = 100_000
"""Characters of a cell's text, which is what Airtable allows."""
STEPS_MAX = 600
"""Intermediate values that one formula may need; each is a subquery."""
NESTING_MAX = 100
"""Subqueries in one another: PostgreSQL plans so many in about 0.1 s, and twice as many in four times as long."""
SQL_LENGTH_MAX = 400_000
Parameter = str | float | int | datetime | Decimal | list[str] | list[float] | list[int]
SQL_TYPES = {Kind.TEXT: "text", Kind.NUMBER: "float8", Kind.MOMENT: "timestamptz", Kind.BOOLEAN: "boolean"}


class NotExpressible(Exception):
    """The formula is sound, but its exact meaning has no SQL here; the evaluator has to answer it."""

    def __init__(self, construct: str, position: int, why: str) -> None:
        """`construct` is the function, operator or field, which begins at `position`, counted from 0."""
        super().__init__(f"{construct} at position {position} cannot be expressed in SQL: {why}.")
        self.construct = construct
        self.position = position
        self.why = why


class Unset:
    """No literal: the value is not known before the row is."""


UNSET = Unset()


@dataclass(frozen=True, slots=True)
class Term:
    """A piece of a formula in SQL.

    `sql` is of the type of its kind: a boolean for BOOLEAN (NULL being false), an array for LIST, whose values are of
    the kind `item`. An ANY has no `sql`, but `choices`: conditions and terms. The last one's condition holds always.
    """

    kind: Kind
    sql: str
    error: str | None = None
    nullable: bool = True
    may_be_nan: bool = True
    size: int = CELL_LENGTH_MAX
    """Characters that it has at most as text."""
    item: Kind = Kind.TEXT
    literal: Value | Unset = UNSET
    choices: tuple[tuple[str, "Term"], ...] = ()
    conjuncts: tuple["Term", ...] = ()
    """What an AND joins, each with its own error."""
    raw: "RawColumn | None" = None

    @property
    def is_blank(self) -> bool:
        """Whether it is known to be blank; empty text is the same to every operator."""
        return self.kind is Kind.BLANK or (isinstance(self.literal, str) and self.literal == "")

    @property
    def sql_type(self) -> str:
        return f"{SQL_TYPES[self.item]}[]" if self.kind is Kind.LIST else SQL_TYPES[self.kind]

    @property
    def length(self) -> int:
        """Characters of its SQL."""
        choices = sum(len(when) + choice.length for when, choice in self.choices)
        return len(self.sql) + len(self.error or "") + choices

    def with_error(self, error: str | None) -> "Term":
        return replace(self, error=either(self.error, error), conjuncts=())


@dataclass(frozen=True, slots=True)
class RawColumn:
    """A column that a comparison with a literal may use as it is, so that an index on it counts."""

    sql: str
    type: str


BLANK = Term(Kind.BLANK, "NULL", size=0, literal=None)


def either(*conditions: str | None) -> str | None:
    """Whether one of the conditions holds; None never does."""
    found = list(dict.fromkeys(condition for condition in conditions if condition is not None))
    return joined("OR", found) if found else None


def joined(operator: str, conditions: list[str]) -> str:
    """The conditions joined by AND or OR."""
    return conditions[0] if len(conditions) == 1 else f" {operator} ".join(f"({condition})" for condition in conditions)


def chained(operator: str, parts: list[str]) -> str:
    """Operands joined in a tree, since PostgreSQL recurses over a chain of operators."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({chained(operator, parts[:middle])} {operator} {chained(operator, parts[middle:])})"


def negated(condition: str) -> str:
    """Whether the condition does not hold."""
    return f"({condition}) IS NOT TRUE"


PLAIN = re.compile(r'"(?:[^"]|"")*"(?:::\w+)?|%\(\w+\)s(?:::\w+(?:\[\])?)?|_+f\w*\.\w+|NULL|[\d.]+::float8')


def construct_of(node: Node) -> str:
    """What a node is called in an error."""
    match node:
        case FieldReference():
            return f"{{{node.name}}}"
        case Call():
            return node.name
        case Chain():
            return node.rest[0][0]
        case Comparison():
            return node.operator
        case Negation():
            return "-"
        case Number():
            return "the number"
        case Text():
            return "the text"


@dataclass(slots=True)
class Scope:
    """What is collected while one formula is translated; `prefix` begins no column's name."""

    prefix: str
    node: Node
    parameters: dict[str, Parameter] = field(default_factory=dict[str, Parameter])
    shared: dict[str, str] = field(default_factory=dict[str, str])
    nesting: dict[str, int] = field(default_factory=dict[str, int])
    """How deep the subqueries are, by the names that they have."""

    def refuse(self, why: str) -> NotExpressible:
        """The error that the construct in hand cannot be expressed."""
        return NotExpressible(construct_of(self.node), self.node.position, why)

    def parameter(self, value: Parameter, sql_type: str = "") -> str:
        """A placeholder for the value, cast to the type if one is given."""
        if isinstance(value, str):
            self.check(value)
        name = f"p{len(self.parameters) + 1}"
        self.parameters[name] = value
        return f"%({name})s" + (f"::{sql_type}" if sql_type else "")

    def fixed(self, value: str, sql_type: str = "text") -> str:
        """The one placeholder for a text of this library, however often it is used."""
        if value not in self.shared:
            self.shared[value] = self.parameter(value, sql_type)
        return self.shared[value]

    def check(self, text: str) -> None:
        """Whether PostgreSQL can hold the text."""
        if "\0" in text:
            raise self.refuse("PostgreSQL's text cannot hold the character NUL")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise self.refuse("PostgreSQL's text cannot hold half a surrogate pair")

    def fill(self, template: str, **operands: str) -> str:
        """The template with its operands. One that is used several times is worked out once, in a subquery."""
        uses = _uses(template)
        repeated = [name for name in uses if uses[name] > 1 and not PLAIN.fullmatch(operands[name])]
        if not repeated:
            return self.checked(template.format_map(operands))
        alias = self._alias()
        columns = ", ".join(f"{operands[name]} AS {self.prefix}{name}" for name in repeated)
        names = {name: f"{alias}.{self.prefix}{name}" for name in repeated}
        return self._subquery(alias, template.format_map({**operands, **names}), columns)

    def let(self, sql: str, body: Callable[[str], str]) -> str:
        """What `body` makes of a name for `sql`, which is worked out once."""
        if PLAIN.fullmatch(sql):
            return body(sql)
        alias = self._alias()
        return self._subquery(alias, body(f"{alias}.{self.prefix}a"), f"{sql} AS {self.prefix}a")

    def _alias(self) -> str:
        if len(self.nesting) >= STEPS_MAX:
            raise self.refuse(f"the formula needs more than {STEPS_MAX} intermediate values")
        alias = f"{self.prefix}{len(self.nesting) + 1}"
        self.nesting[alias] = 1
        return alias

    def _subquery(self, alias: str, body: str, columns: str) -> str:
        # OFFSET 0 keeps the planner from putting the operand into every place where it is used.
        sql = self.checked(f"(SELECT {body} FROM (SELECT {columns} OFFSET 0) AS {alias})")
        self.nesting[alias] += max((self.nesting[inner] for inner in self._aliases(body + columns)), default=0)
        if self.nesting[alias] > NESTING_MAX:
            raise self.refuse(f"more than {NESTING_MAX} intermediate values depend on each other")
        return sql

    def _aliases(self, sql: str) -> list[str]:
        """The names of the subqueries in it."""
        return re.findall(rf" OFFSET 0\) AS ({self.prefix}\d+)\)", sql)

    def checked(self, sql: str) -> str:
        """The same, unless it is longer than PostgreSQL should be asked to read."""
        self.check_length(len(sql))
        return sql

    def check_length(self, characters: int) -> None:
        """Whether a part of the statement may be so long; to be asked before it is repeated."""
        if characters > SQL_LENGTH_MAX:
            raise self.refuse(f"the statement would be longer than {SQL_LENGTH_MAX} characters")


def _uses(template: str) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for _, name, _, _ in Formatter().parse(template):
        if name:
            found[name] = found.get(name, 0) + 1
    return found


Translate = Callable[[Scope, Sequence[Term]], Term]
"""A function of the language in SQL: a term from the terms of its arguments."""
