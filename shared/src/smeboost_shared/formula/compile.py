"""Tree to a function of a record, so that a filter over many records reads its formula once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, cast

from smeboost_shared.formula.dates import DATE_FUNCTIONS
from smeboost_shared.formula.faults import FormulaSyntaxError
from smeboost_shared.formula.functions import FUNCTIONS, add, divide, gathered, multiply, subtract
from smeboost_shared.formula.parse import parse
from smeboost_shared.formula.signatures import CONSTANTS, SIGNATURES
from smeboost_shared.formula.tree import Call, Chain, Comparison, FieldReference, Negation, Node, Number, Text
from smeboost_shared.formula.values import EvaluationError, Value, compare, is_true, number_of, text_of


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
Compiled = Callable[[SomeRow], Value]


class Cells(Protocol[RowRead_contra]):
    """The fields of a table: a reader for each, found by name or id."""

    def reader(self, name: str) -> Callable[[RowRead_contra], Value] | None:
        """The function that reads the field's cell from a row, or None when there is no such field."""
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
    """A compiled formula."""

    evaluate: Compiled[SomeRow]

    def keeps(self, row: SomeRow) -> bool:
        """The test of a filter: a record whose value is an error is dropped, like one whose value is false."""
        try:
            return is_true(self.evaluate(row))
        except EvaluationError:
            return False


def compile_formula(text: str, cells: Cells[SomeRow]) -> Formula[SomeRow]:
    """Read `text` against the fields that `cells` knows.

    Raises:
        FormulaSyntaxError: it is not a formula, or calls a function that does not exist or is not built.
        UnknownFields: it names fields that do not exist.
    """
    compiler = _Compiler(cells)
    evaluate = compiler.compile(parse(text))
    if compiler.unknown:
        raise UnknownFields(compiler.unknown)
    return Formula(evaluate)


class _Compiler(Generic[SomeRow]):
    """Walks the tree, whose depth the parser has bounded."""

    def __init__(self, cells: Cells[SomeRow]) -> None:
        self.cells = cells
        self.unknown: list[FieldReference] = []

    def compile(self, node: Node) -> Compiled[SomeRow]:
        match node:
            case Number(value=value):
                return _constant(value)
            case Text(value=value):
                return _constant(value)
            case FieldReference():
                return self._field(node)
            case Call():
                return self._call(node)
            case Chain():
                return self._chain(node)
            case Comparison(operator=operator):
                return _comparison(operator, self.compile(node.left), self.compile(node.right))
            case Negation():
                operand = self.compile(node.operand)
                return lambda row: -number_of(operand(row))

    def _field(self, node: FieldReference) -> Compiled[SomeRow]:
        reader = self.cells.reader(node.name)
        if reader is not None:
            return reader
        if node.bare and node.name.upper() in CONSTANTS:
            return self._call(Call(node.name.upper(), (), node.position, 1))
        self.unknown.append(node)
        return _constant(None)

    def _chain(self, node: Chain) -> Compiled[SomeRow]:
        first = self.compile(node.first)
        rest = [(operator, self.compile(operand)) for operator, operand in node.rest]
        if node.rank == "&":
            parts = [first, *(operand for _, operand in rest)]
            return lambda row: "".join(cast(list[str], gathered(text_of(part(row)) for part in parts)))
        steps = [(ARITHMETIC[operator], operand) for operator, operand in rest]

        def run(row: SomeRow) -> Value:
            total = number_of(first(row))
            for step, operand in steps:
                total = step(total, number_of(operand(row)))
            return total

        return run

    def _call(self, node: Call) -> Compiled[SomeRow]:
        if node.name == "OR" and (texts := _compared_texts(node)):
            return _one_of(self.compile(cast(Comparison, node.arguments[0]).left), texts)
        arguments = [self.compile(argument) for argument in node.arguments]
        if node.name == "RECORD_ID":
            return lambda row: row.record_id
        if node.name == "CREATED_TIME":
            return lambda row: row.created_time
        if node.name == "LAST_MODIFIED_TIME":
            return self._last_modified(node)
        if node.name in BRANCHES:
            return BRANCHES[node.name](arguments)
        run = _function(node)
        if SIGNATURES[node.name].most is None:
            return lambda row: run(*gathered(argument(row) for argument in arguments))
        return lambda row: run(*(argument(row) for argument in arguments))

    def _last_modified(self, node: Call) -> Compiled[SomeRow]:
        names: list[str] = []
        for argument in node.arguments:
            if not isinstance(argument, FieldReference):
                message = f"LAST_MODIFIED_TIME at position {node.position} takes names of fields only."
                raise FormulaSyntaxError(message, node.position)
            names.append(argument.name)
        if self.unknown:
            return _constant(None)
        reader = self.cells.modified_reader(names)
        if reader is None:
            watched = ", ".join(names) or "all fields"
            message = f"LAST_MODIFIED_TIME at position {node.position}: changes of {watched} are not recorded here."
            raise FormulaSyntaxError(message, node.position)
        return reader


ARITHMETIC = {"+": add, "-": subtract, "*": multiply, "/": divide}
ALL_FUNCTIONS = FUNCTIONS | DATE_FUNCTIONS


def _constant(value: Value) -> Compiled[Any]:
    return lambda _row: value


def _comparison(operator: str, left: Compiled[Any], right: Compiled[Any]) -> Compiled[Any]:
    return lambda row: 1 if compare(operator, left(row), right(row)) else 0


def _compared_texts(node: Call) -> tuple[str, ...]:
    """The texts of `OR(x='a', x='b', ...)`, or nothing when the call is of another form.

    Clients ask for hundreds of records in this form; one look into a set is as good as hundreds of comparisons.
    """
    texts: list[str] = []
    first = node.arguments[0] if node.arguments else None
    for term in node.arguments:
        match term:
            case Comparison(operator="=", left=left, right=Text(value=text)) if text:
                if not isinstance(first, Comparison) or left != first.left:
                    return ()
                texts.append(text)
            case _:
                return ()
    return tuple(dict.fromkeys(texts))


def _one_of(read: Compiled[Any], texts: tuple[str, ...]) -> Compiled[Any]:
    known = frozenset(texts)

    def run(row: Any) -> Value:
        value = read(row)
        if isinstance(value, int | float | datetime):
            return 1 if any(compare("=", value, text) for text in texts) else 0
        return 1 if text_of(value) in known else 0

    return run


def _function(node: Call) -> Callable[..., Value]:
    run = ALL_FUNCTIONS.get(node.name)
    if run is None:
        raise FormulaSyntaxError(f"{node.name} (position {node.position}) is not built here.", node.position)
    return run


def _if(arguments: list[Compiled[Any]]) -> Compiled[Any]:
    condition, then = arguments[0], arguments[1]
    otherwise = arguments[2] if len(arguments) > 2 else _constant(None)
    return lambda row: then(row) if is_true(condition(row)) else otherwise(row)


def _switch(arguments: list[Compiled[Any]]) -> Compiled[Any]:
    subject, rest = arguments[0], arguments[1:]
    default = rest.pop() if len(rest) % 2 else _constant(None)
    pairs = list(zip(rest[::2], rest[1::2], strict=True))

    def run(row: Any) -> Value:
        value = subject(row)
        for pattern, result in pairs:
            if compare("=", value, pattern(row)):
                return result(row)
        return default(row)

    return run


def _and(arguments: list[Compiled[Any]]) -> Compiled[Any]:
    return lambda row: 1 if all(is_true(argument(row)) for argument in arguments) else 0


def _or(arguments: list[Compiled[Any]]) -> Compiled[Any]:
    return lambda row: 1 if any(is_true(argument(row)) for argument in arguments) else 0


def _is_error(arguments: list[Compiled[Any]]) -> Compiled[Any]:

    def run(row: Any) -> Value:
        try:
            arguments[0](row)
        except EvaluationError:
            return 1
        return 0

    return run


BRANCHES: dict[str, Callable[[list[Compiled[Any]]], Compiled[Any]]] = {
    "IF": _if,
    "SWITCH": _switch,
    "AND": _and,
    "OR": _or,
    "ISERROR": _is_error,
}
"""Functions that do not evaluate all their arguments."""
