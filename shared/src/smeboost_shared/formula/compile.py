"""Tree to a function of a record, so that a filter over many records reads its formula once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import add, mul, sub
from typing import Any, Generic, Protocol, TypeVar, cast

from smeboost_shared.formula.branches import BRANCHES, Compiled, Constant, compared_texts, comparison, one_of
from smeboost_shared.formula.evaluation import Clock, EvaluationError, TooMuchWork, begin, end, utc_now
from smeboost_shared.formula.faults import NAME_SHOWN_MAX, FormulaSyntaxError
from smeboost_shared.formula.functions import FUNCTIONS, by_the_clock
from smeboost_shared.formula.numeric import divide
from smeboost_shared.formula.parse import parse
from smeboost_shared.formula.signatures import CONSTANTS
from smeboost_shared.formula.texts import concatenate
from smeboost_shared.formula.tree import Call, Chain, Comparison, FieldReference, Negation, Node, Number, Text
from smeboost_shared.formula.values import Value, is_true, number_of

FOLDED_LENGTH_MAX = 10_000
"""Characters of a value that is computed once for all records; the next one of that size is computed for each."""


class Row(Protocol):
    """What a formula may ask of a record beside its cells."""

    @property
    def record_id(self) -> str:
        """The record's id."""
        ...

    @property
    def created_time(self) -> datetime:
        """When it was made, in UTC."""
        ...


SomeRow = TypeVar("SomeRow", bound=Row)
RowRead_contra = TypeVar("RowRead_contra", bound=Row, contravariant=True)


class Cells(Protocol[RowRead_contra]):
    """The fields of a table: a reader for each, found by name or id."""

    def reader(self, name: str) -> Callable[[RowRead_contra], Value] | None:
        """The function that reads the field's cell from a row, or None when there is no such field.

        It raises EvaluationError for a cell whose own value is #ERROR!.
        """
        ...

    def modified_reader(self, names: Sequence[str]) -> Callable[[RowRead_contra], datetime | None] | None:
        """The function that reads when one of these fields was changed last; no names: any field.

        All names are of fields that `reader` knows. None: the table does not record it.
        """
        ...


class UnknownFields(Exception):
    """The formula names fields that the table does not have."""

    def __init__(self, references: Sequence[FieldReference]) -> None:
        """`references` in the order of the text; `names` has each name once, `positions` where it stands first."""
        first = {reference.name: reference.position for reference in reversed(references)}
        self.names = list(dict.fromkeys(reference.name for reference in references))
        self.positions = [first[name] for name in self.names]
        super().__init__(f"Unknown field names: {', '.join(self.names)}")


@dataclass(frozen=True, slots=True)
class Formula(Generic[SomeRow]):
    """A compiled formula. It may be used by several threads."""

    run: Callable[[SomeRow], Value]
    clock: Clock

    def evaluate(self, row: SomeRow) -> Value:
        """The value for one record.

        Raises:
            EvaluationError: it is #ERROR!.
        """
        interrupted = begin(self.clock)
        try:
            return self.run(row)
        except RecursionError:
            raise EvaluationError("formulas that read each other are nested too deep") from None
        finally:
            end(interrupted)

    def keeps(self, row: SomeRow) -> bool:
        """The test of a filter: a record whose value is an error is dropped, like one whose value is false."""
        interrupted = begin(self.clock)
        try:
            return is_true(self.run(row))
        except (EvaluationError, RecursionError):
            return False
        finally:
            end(interrupted)


def compile_formula(text: str, cells: Cells[SomeRow], *, clock: Clock = utc_now) -> Formula[SomeRow]:
    """Read `text` against the fields that `cells` knows; NOW and its kin go by `clock`.

    Raises:
        FormulaSyntaxError: it is not a formula.
        UnknownFields: it names fields that do not exist.
    """
    tree = parse(text)
    compiler, interrupted = _Compiler(cells), begin(clock)
    try:
        run = compiler.compile(tree)
    finally:
        end(interrupted)
    if compiler.unknown:
        raise UnknownFields(compiler.unknown)
    return Formula(run, clock)


def constant_value(node: Node) -> Value:
    """The value of a tree that names no field and asks nothing of a record; the evaluation has begun.

    Raises:
        EvaluationError: it is #ERROR!.
    """
    return _Compiler(_NoFields()).compile(node)(None)


class _NoFields:
    """A table without fields."""

    def reader(self, name: str) -> None:
        return None

    def modified_reader(self, names: Sequence[str]) -> None:
        return None


class _Compiler(Generic[SomeRow]):
    """Walks the tree, whose depth the parser has bounded."""

    def __init__(self, cells: Cells[SomeRow]) -> None:
        self.cells = cells
        self.unknown: list[FieldReference] = []
        self.folded_length = 0

    def compile(self, node: Node) -> Compiled:
        match node:
            case Number(value=value) | Text(value=value):
                return Constant(value)
            case FieldReference():
                return self._field(node)
            case Call():
                return self._call(node)
            case Chain():
                return self._chain(node)
            case Comparison(operator=operator):
                return comparison(operator, self.compile(node.left), self.compile(node.right))
            case Negation():
                operand = self.compile(node.operand)
                return self._folded(lambda row: -number_of(operand(row)), [operand])

    def _field(self, node: FieldReference) -> Compiled:
        reader = self.cells.reader(node.name)
        if reader is not None:
            return reader
        if node.bare and node.name.upper() in CONSTANTS:
            return self._call(Call(node.name.upper(), (), node.position, 1))
        self.unknown.append(node)
        return Constant(None)

    def _chain(self, node: Chain) -> Compiled:
        first = self.compile(node.first)
        rest = [(operator, self.compile(operand)) for operator, operand in node.rest]
        parts = [first, *(operand for _, operand in rest)]
        if node.rank == "&":
            return self._folded(applied(concatenate, parts), parts)
        steps = [(ARITHMETIC[operator], operand) for operator, operand in rest]

        def run(row: Any) -> Value:
            total = number_of(first(row))
            for step, operand in steps:
                total = step(total, number_of(operand(row)))
            return total

        return self._folded(run, parts)

    def _call(self, node: Call) -> Compiled:
        if node.name == "OR" and (texts := compared_texts(node)):
            return one_of(self.compile(cast(Comparison, node.arguments[0]).left), texts)
        arguments = [self.compile(argument) for argument in node.arguments]
        match node.name:
            case "RECORD_ID":
                return lambda row: row.record_id
            case "CREATED_TIME":
                return lambda row: row.created_time
            case "LAST_MODIFIED_TIME":
                return self._last_modified(node)
            case "IF" | "SWITCH" | "AND" | "OR" | "ISERROR":
                return BRANCHES[node.name](arguments)
            case name:
                run = applied(FUNCTIONS[name], arguments)
                return run if by_the_clock(name, len(arguments)) else self._folded(run, arguments)

    def _folded(self, run: Compiled, parts: Sequence[Compiled]) -> Compiled:
        """What depends on constants only is computed once, unless it is an error or long."""
        if self.folded_length > FOLDED_LENGTH_MAX or not all(isinstance(part, Constant) for part in parts):
            return run
        try:
            value = run(None)
        except TooMuchWork:
            self.folded_length = FOLDED_LENGTH_MAX + 1
            return run
        except EvaluationError:
            return run
        self.folded_length += len(value) if isinstance(value, str | list) else 1
        return Constant(value) if self.folded_length <= FOLDED_LENGTH_MAX else run

    def _last_modified(self, node: Call) -> Compiled:
        names: list[str] = []
        for argument in node.arguments:
            if not isinstance(argument, FieldReference):
                message = f"LAST_MODIFIED_TIME at position {node.position} takes names of fields only."
                raise FormulaSyntaxError(message, node.position)
            names.append(argument.name)
        if self.unknown:
            return Constant(None)
        reader = self.cells.modified_reader(names)
        if reader is None:
            watched = ", ".join(names)[:NAME_SHOWN_MAX] or "all fields"
            message = f"LAST_MODIFIED_TIME at position {node.position}: changes of {watched} are not recorded here."
            raise FormulaSyntaxError(message, node.position)
        return reader


ARITHMETIC: dict[str, Callable[[float, float], float]] = {"+": add, "-": sub, "*": mul, "/": divide}


def applied(function: Callable[..., Value], arguments: Sequence[Compiled]) -> Compiled:
    """The function of the arguments' values."""
    match arguments:
        case []:
            return lambda _row: function()
        case [only]:
            return lambda row: function(only(row))
        case [first, second]:
            return lambda row: function(first(row), second(row))
        case [first, second, third]:
            return lambda row: function(first(row), second(row), third(row))
        case _:
            return lambda row: function(*[argument(row) for argument in arguments])
