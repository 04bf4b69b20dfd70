"""A formula as SQL for PostgreSQL 16 and later, over a table that has a column for each field.

The statement means exactly what the evaluator means, or the formula is reported as `NotExpressible`. What differs:

- The evaluator gives up on a record that is too much work; SQL does not count.
- Powers, exponentials and logarithms are those of the C library of the database's machine, to the last digit or two.
- Empty text and blank, which no operator tells apart, may stand for each other in a value.

NOW() and all that depends on it is the moment of the translation: translate a formula for each query.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from smeboost_shared.formula.compile import UnknownFields, constant_value
from smeboost_shared.formula.evaluation import Clock, EvaluationError, TooMuchWork, begin, end, utc_now
from smeboost_shared.formula.kinds import Kind
from smeboost_shared.formula.parse import parse
from smeboost_shared.formula.signatures import CONSTANTS
from smeboost_shared.formula.sql_comparisons import compare
from smeboost_shared.formula.sql_conversions import as_number, literal, number, number_sql
from smeboost_shared.formula.sql_dates import DATE_TRANSLATIONS
from smeboost_shared.formula.sql_lists import LIST_TRANSLATIONS
from smeboost_shared.formula.sql_logic import LOGIC_TRANSLATIONS, any_equal, can_be_any_of, kept, runs_of_texts
from smeboost_shared.formula.sql_number_functions import NUMBER_TRANSLATIONS
from smeboost_shared.formula.sql_numbers import add, divide, multiply, subtract
from smeboost_shared.formula.sql_terms import BLANK, NotExpressible, Parameter, RawColumn, Scope, Term, either, negated
from smeboost_shared.formula.sql_texts import TEXT_TRANSLATIONS, concatenate
from smeboost_shared.formula.tree import Call, Chain, Comparison, FieldReference, Negation, Node, children, references

__all__ = ["Column", "ColumnKind", "NotExpressible", "SqlFormula", "SqlTable", "compile_sql"]


class ColumnKind(StrEnum):
    """What a column holds, and as which type of PostgreSQL. NULL is a blank cell.

    NUMERIC and BIGINT hold numbers that a double can hold, which are all that Airtable has. TEXTS, NUMBERS and
    MOMENTS are the arrays text[], float8[] and timestamptz[]: cells with several values, and lookups.
    """

    TEXT = "text"
    NUMBER = "double precision"
    NUMERIC = "numeric"
    BIGINT = "bigint"
    CHECKBOX = "boolean"
    DATE = "date"
    MOMENT = "timestamp with time zone"
    TEXTS = "text[]"
    NUMBERS = "double precision[]"
    MOMENTS = "timestamp with time zone[]"
    OTHER = "other"
    """Something that a formula cannot look into, such as jsonb."""


@dataclass(frozen=True, slots=True)
class Column:
    """The column of a field, by its name as PostgreSQL has it, not quoted."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, slots=True)
class SqlTable:
    """The columns of a table: by the name and the id of their fields, and those of the record itself."""

    columns: Mapping[str, Column]
    record_id: str
    created_time: str | None = None
    modified_time: str | None = None
    """The columns, not quoted, of type text, timestamptz and timestamptz."""


@dataclass(frozen=True, slots=True)
class SqlFormula:
    """SQL to put into a statement over the table, which takes `parameters` by name, also when there are none.

    `condition` keeps a record in a WHERE; put it in parentheses beside others. `value` is NULL where it is blank or
    #ERROR!, `error` is true where it is the latter. Where the values are of several kinds, `kind` is ANY and there is
    no `value`. BOOLEAN: the numbers 1 and 0.
    """

    condition: str
    value: str | None
    error: str
    kind: Kind
    parameters: dict[str, Parameter]


def compile_sql(text: str, table: SqlTable, *, clock: Clock = utc_now) -> SqlFormula:
    """Translate `text` for the columns that `table` has.

    Raises:
        FormulaSyntaxError: it is not a formula.
        UnknownFields: it names fields that do not exist.
        NotExpressible: its exact meaning has no SQL here; says which construct, where and why.
    """
    tree = parse(text)
    translator = _Translator(table, tree)
    unknown = [one for one in references(tree) if not translator.is_known(one)]
    if unknown:
        raise UnknownFields(unknown)
    interrupted = begin(clock)
    try:
        term = translator.term(tree)
    finally:
        end(interrupted)
    condition, value, error = translator.scope.checked(kept(term)), _value(term), term.error or "false"
    names = _names(f"{condition} {value} {error}")
    parameters = {new: translator.scope.parameters[old] for old, new in names.items()}
    renamed = _renamed(value, names) if value else None
    return SqlFormula(_renamed(condition, names), renamed, _renamed(error, names), term.kind, parameters)


PLACEHOLDER = re.compile(r"%%|%\((\w+)\)s")
"""A placeholder; in a column's name the sign is doubled."""


def _names(sql: str) -> dict[str, str]:
    """The parameters that are in use, by the names that they had and shall have."""
    used = dict.fromkeys(match[1] for match in PLACEHOLDER.finditer(sql) if match[1])
    return {name: f"p{place}" for place, name in enumerate(used, start=1)}


def _renamed(sql: str, names: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda match: f"%({names[match[1]]})s" if match[1] else match[0], sql)


def _value(term: Term) -> str | None:
    if term.kind is Kind.ANY:
        return None
    value = "NULL::text" if term.kind is Kind.BLANK else number_sql(term)
    return f"CASE WHEN {negated(term.error)} THEN {value} END" if term.error else value


def quoted(name: str) -> str:
    """A column's name in a statement that takes parameters."""
    if not name or "\0" in name:
        raise ValueError(f"{name!r} is no name of a column")
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def _prefix(table: SqlTable) -> str:
    """How the names of subqueries begin: as no column's name does, so that none is taken for the other."""
    names = [column.name for column in table.columns.values()]
    names += [name for name in (table.record_id, table.created_time, table.modified_time) if name]
    prefix = "_f"
    while any(name.startswith(prefix) for name in names):
        prefix = f"_{prefix}"
    return prefix


FUNCTION_TRANSLATIONS = (
    LOGIC_TRANSLATIONS | TEXT_TRANSLATIONS | NUMBER_TRANSLATIONS | LIST_TRANSLATIONS | DATE_TRANSLATIONS
)
OF_RECORD = frozenset({"RECORD_ID", "CREATED_TIME", "LAST_MODIFIED_TIME"})
ARITHMETIC = {"+": add, "-": subtract, "*": multiply, "/": divide}
WHY_NOT = {
    "REGEX_MATCH": "patterns of RE2 and of PostgreSQL differ",
    "REGEX_EXTRACT": "patterns of RE2 and of PostgreSQL differ",
    "REGEX_REPLACE": "patterns of RE2 and of PostgreSQL differ",
    "FROMNOW": "it is in words for people",
    "TONOW": "it is in words for people",
    "SET_TIMEZONE": "the database's time zones may be of another year",
    "SET_LOCALE": "the database has no names of months in other languages",
}


class _Translator:
    """Walks the tree, whose depth the parser has bounded."""

    def __init__(self, table: SqlTable, tree: Node) -> None:
        self.table = table
        self.scope = Scope(_prefix(table), tree)
        self.constant: dict[int, bool] = {}

    def is_known(self, node: FieldReference) -> bool:
        """Whether there is such a field or, bare, such a constant."""
        return node.name in self.table.columns or (node.bare and node.name.upper() in CONSTANTS)

    def term(self, node: Node) -> Term:
        """The node in SQL."""
        if self._is_constant(node):
            self.scope.node = node
            try:
                return literal(self.scope, constant_value(node))
            except TooMuchWork:
                raise self.scope.refuse("its value is too much work") from None
            except EvaluationError:
                return BLANK.with_error("true")
        if isinstance(node, Call) and node.name == "OR":
            return self._or(node)
        if isinstance(node, Call) and node.name in OF_RECORD:
            return self._of_record(node)
        parts = [self.term(child) for child in children(node)]
        self.scope.node = node
        combined = self._combined(node, parts)
        self.scope.check_length(combined.length)
        return combined

    def _is_constant(self, node: Node) -> bool:
        """Whether no record has a say in the value."""
        known = self.constant.get(id(node))
        if known is None:
            if isinstance(node, FieldReference):
                known = node.name not in self.table.columns
            else:
                known = not (isinstance(node, Call) and node.name in OF_RECORD)
                known = known and all(self._is_constant(child) for child in children(node))
            self.constant[id(node)] = known
        return known

    def _combined(self, node: Node, parts: list[Term]) -> Term:
        match node:
            case FieldReference():
                return self._field(node)
            case Comparison():
                return compare(self.scope, node.operator, parts[0], parts[1])
            case Negation():
                operand = as_number(self.scope, parts[0])
                return number(f"(- {operand.sql})", may_be_nan=operand.may_be_nan, error=operand.error)
            case Chain():
                return self._chain(node, parts)
            case Call():
                translate = FUNCTION_TRANSLATIONS.get(node.name)
                if translate is None:
                    raise self.scope.refuse(WHY_NOT.get(node.name, "there is no translation of it"))
                return translate(self.scope, parts)
            case _:
                raise self.scope.refuse("it is no part of the language")

    def _chain(self, node: Chain, parts: list[Term]) -> Term:
        if node.rank == "&":
            return concatenate(self.scope, parts)
        operands = [as_number(self.scope, part) for part in parts]
        sql = operands[0].sql
        for (operator, _), operand in zip(node.rest, operands[1:], strict=True):
            sql = ARITHMETIC[operator](self.scope, sql, operand.sql)
        return number(sql, error=either(*(operand.error for operand in operands)))

    def _or(self, node: Call) -> Term:
        """An OR of many comparisons of one text is one comparison with a list."""
        terms: list[Term] = []
        for part, texts in runs_of_texts(node):
            given = self.term(part)
            self.scope.node = node
            if not texts:
                terms.append(given)
            elif can_be_any_of(given, texts):
                terms.append(any_equal(self.scope, given, texts))
            else:
                terms += [compare(self.scope, "=", given, literal(self.scope, value)) for value in texts]
        self.scope.node = node
        return FUNCTION_TRANSLATIONS["OR"](self.scope, terms)

    def _of_record(self, node: Call) -> Term:
        self.scope.node = node
        if node.name == "RECORD_ID":
            sql = quoted(self.table.record_id)
            return Term(Kind.TEXT, sql, nullable=False, size=RECORD_ID_SIZE, raw=RawColumn(sql, "text"))
        if node.arguments:
            raise self.scope.refuse("the table has one time of change for the whole record")
        name = self.table.created_time if node.name == "CREATED_TIME" else self.table.modified_time
        if name is None:
            raise self.scope.refuse("the table has no column for it")
        sql = quoted(name)
        return Term(Kind.MOMENT, sql, size=MOMENT_SIZE, raw=RawColumn(sql, "timestamptz"))

    def _field(self, node: FieldReference) -> Term:
        column = self.table.columns[node.name]
        sql = quoted(column.name)
        match column.kind:
            case ColumnKind.TEXT:
                return Term(Kind.TEXT, sql, raw=RawColumn(sql, "text"))
            case ColumnKind.NUMBER:
                return Term(Kind.NUMBER, sql, size=NUMBER_SIZE)
            case ColumnKind.NUMERIC:
                return Term(Kind.NUMBER, f"{sql}::float8", size=NUMBER_SIZE, raw=RawColumn(sql, "numeric"))
            case ColumnKind.BIGINT:
                raw = RawColumn(sql, "bigint")
                return Term(Kind.NUMBER, f"{sql}::float8", may_be_nan=False, size=NUMBER_SIZE, raw=raw)
            case ColumnKind.CHECKBOX:
                return Term(Kind.BOOLEAN, sql, nullable=False, may_be_nan=False, size=1)
            case ColumnKind.DATE:
                moment = f"({sql}::timestamp AT TIME ZONE 'UTC')"
                return Term(Kind.MOMENT, moment, size=MOMENT_SIZE, raw=RawColumn(sql, "date"))
            case ColumnKind.MOMENT:
                return Term(Kind.MOMENT, sql, size=MOMENT_SIZE, raw=RawColumn(sql, "timestamptz"))
            case ColumnKind.TEXTS:
                return Term(Kind.LIST, sql)
            case ColumnKind.NUMBERS:
                return Term(Kind.LIST, sql, item=Kind.NUMBER)
            case ColumnKind.MOMENTS:
                return Term(Kind.LIST, sql, item=Kind.MOMENT)
            case ColumnKind.OTHER:
                raise self.scope.refuse("its column holds what a formula cannot look into")


RECORD_ID_SIZE, NUMBER_SIZE, MOMENT_SIZE = 17, 30, 24
