"""PostgREST's little languages: `select`, `order`, filters, `and=(...)`, lists of columns. Text in, values out.

Rules of this room:

- Nothing here touches SQL. A name is only a name; whether it exists is `statements.py`'s question.
- Bad text raises `RestFailure` PGRST100 and says where.
- Depth and number are limited, because the text is a stranger's.
"""

from dataclasses import dataclass, field
from typing import Literal

from smeboost_emulators.supabase.rest.errors import RestFailure, not_built, unparsable

DEPTH_MAX = 32
TERMS_MAX = 500
IS_VALUES = ("null", "not_null", "true", "false", "unknown")
COMPARISONS = ("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "isdistinct")
CONTAINMENTS = ("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj")
SEARCHES = ("fts", "plfts", "phfts", "wfts")
QUANTIFIABLE = ("eq", "like", "ilike", "gt", "gte", "lt", "lte", "match", "imatch")
OPERATORS = (*COMPARISONS, *CONTAINMENTS, *SEARCHES, "in", "is")
AGGREGATES = ("sum", "avg", "count", "max", "min")
_EXPECTED_OPERATOR = '"not" or operator (eq, gt, ...)'


@dataclass(frozen=True)
class Step:
    """One `->` or `->>` of a JSON path; a key of digits is an index."""

    key: str
    as_text: bool


@dataclass(frozen=True)
class Field:
    """A column, or something inside a JSON column."""

    name: str
    path: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Selected:
    """One item of `select`; the name `*` stands for all columns."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True)
class Filter:
    """A condition on one field; `values` holds the members of `in`."""

    field: Field
    operator: str
    value: str = ""
    values: tuple[str, ...] = ()
    negated: bool = False
    quantifier: Literal["any", "all"] | None = None
    language: str | None = None


@dataclass(frozen=True)
class Logic:
    """Conditions joined by `and` or `or`."""

    joint: Literal["and", "or"]
    terms: tuple["Filter | Logic", ...]
    negated: bool = False


@dataclass(frozen=True)
class OrderTerm:
    """One term of `order`."""

    field: Field
    descending: bool = False
    nulls: Literal["first", "last"] | None = None


def parse_select(text: str) -> tuple[Selected, ...]:
    """The items of `select=`; an empty text selects nothing."""
    reader = _Reader(text, "select parameter")
    if reader.done():
        return ()
    items = [_selected(reader)]
    while reader.take(","):
        reader.count(len(items))
        items.append(_selected(reader))
    reader.end('"," or end of input')
    return tuple(items)


def parse_order(text: str) -> tuple[OrderTerm, ...]:
    """The terms of `order=`."""
    reader = _Reader(text, "order")
    terms = [_order_term(reader)]
    while reader.take(","):
        reader.count(len(terms))
        terms.append(_order_term(reader))
    reader.end('"," or end of input')
    return tuple(terms)


def parse_names(text: str, what: str) -> tuple[str, ...]:
    """The column names of `columns=` and `on_conflict=`."""
    reader = _Reader(text, what)
    names = [reader.name()]
    while reader.take(","):
        reader.count(len(names))
        names.append(reader.name())
    reader.end('"," or end of input')
    return tuple(names)


def parse_key(text: str) -> Field:
    """The field that a filter's parameter name spells."""
    reader = _Reader(text, "filter key")
    found = _field(reader)
    if reader.peek(".") and not reader.done():
        raise not_built("Filtering on embedded resources is")
    reader.end("-> or ->> or end of input")
    return found


def parse_filter(found: Field, text: str) -> Filter:
    """The condition that a parameter's value spells: everything after the operator is the value."""
    reader = _Reader(text, "filter")
    return _condition(reader, found, nested=False)


def parse_logic(joint: Literal["and", "or"], text: str, *, negated: bool) -> Logic:
    """The tree of `and=(...)` or `or=(...)`."""
    reader = _Reader(text, "logic tree")
    tree = Logic(joint, _terms(reader, 0), negated)
    reader.end("end of input")
    return tree


@dataclass
class _Reader:
    """A position in a text."""

    text: str
    what: str
    position: int = 0
    number: int = field(default=0)

    def done(self) -> bool:
        return self.position >= len(self.text)

    def peek(self, expected: str) -> bool:
        return self.text.startswith(expected, self.position)

    def take(self, expected: str) -> bool:
        if not self.peek(expected):
            return False
        self.position += len(expected)
        return True

    def need(self, expected: str) -> None:
        if not self.take(expected):
            raise self.problem(f'"{expected}"')

    def end(self, expected: str) -> None:
        if not self.done():
            raise self.problem(expected)

    def problem(self, expected: str) -> RestFailure:
        return unparsable(self.what, self.text, self.position, expected)

    def count(self, terms: int) -> None:
        if terms >= TERMS_MAX:
            raise self.problem(f"at most {TERMS_MAX} terms")

    def until(self, stops: str) -> str:
        start = self.position
        while self.position < len(self.text) and self.text[self.position] not in stops:
            self.position += 1
        return self.text[start : self.position]

    def quoted(self) -> str:
        """A double-quoted text, in which a backslash takes the next character as it is."""
        self.need('"')
        characters: list[str] = []
        while not self.done():
            character = self.text[self.position]
            self.position += 1
            if character == '"':
                return "".join(characters)
            if character == "\\" and not self.done():
                character = self.text[self.position]
                self.position += 1
            characters.append(character)
        raise self.problem('"\\""')

    def name(self) -> str:
        """An identifier: quoted, or letters, digits, `_`, `$`, spaces, and dashes that begin no arrow."""
        if self.peek('"'):
            return self.quoted()
        start = self.position
        while not self.done() and self._in_name():
            self.position += 1
        name = self.text[start : self.position].strip()
        if not name:
            raise self.problem("field name")
        return name

    def _in_name(self) -> bool:
        character = self.text[self.position]
        if character == "-":
            return not self.peek("->")
        return character.isalnum() or character in "_$ "


def _field(reader: _Reader) -> Field:
    name = reader.name()
    steps: list[Step] = []
    while reader.peek("->"):
        as_text = reader.take("->>") or not reader.take("->")
        steps.append(Step(_json_key(reader), as_text))
        if len(steps) > DEPTH_MAX:
            raise reader.problem(f"at most {DEPTH_MAX} steps")
    return Field(name, tuple(steps))


def _json_key(reader: _Reader) -> str:
    if reader.take("-"):
        return f"-{reader.name()}"
    return reader.name()


def _selected(reader: _Reader) -> Selected:
    if reader.take("..."):
        raise not_built("Embedding (spread) is")
    if reader.take("*"):
        return Selected(Field("*"))
    start = reader.position
    alias = reader.name()
    if reader.peek(":") and not reader.peek("::"):
        reader.need(":")
    else:
        alias, reader.position = None, start
    found = _field(reader)
    _refuse_calls(reader, found)
    cast = _cast(reader) if reader.take("::") else None
    return Selected(found, alias, cast)


def _refuse_calls(reader: _Reader, found: Field) -> None:
    aggregated = any(reader.peek(f".{name}()") for name in AGGREGATES)
    if aggregated or (found.name == "count" and reader.peek("()")):
        raise RestFailure(400, "PGRST123", "Use of aggregate functions is not allowed")
    if reader.peek("(") or reader.peek("!"):
        raise not_built("Embedding is")


def _cast(reader: _Reader) -> str:
    name = reader.until(",").strip()
    if not name:
        raise reader.problem("type name")
    return name


def _order_term(reader: _Reader) -> OrderTerm:
    found = _field(reader)
    if reader.peek("("):
        raise not_built("Ordering by embedded resources is")
    descending = False
    nulls: Literal["first", "last"] | None = None
    if reader.take(".asc") or reader.peek(".desc"):
        descending = reader.take(".desc")
    if reader.take(".nullsfirst"):
        nulls = "first"
    elif reader.take(".nullslast"):
        nulls = "last"
    if not (reader.done() or reader.peek(",")):
        raise reader.problem('"asc", "desc", "nullsfirst" or "nullslast"')
    return OrderTerm(found, descending, nulls)


def _terms(reader: _Reader, depth: int) -> tuple[Filter | Logic, ...]:
    if depth > DEPTH_MAX:
        raise reader.problem(f"at most {DEPTH_MAX} levels")
    reader.need("(")
    terms = [_term(reader, depth)]
    while reader.take(","):
        reader.number += 1
        reader.count(reader.number)
        terms.append(_term(reader, depth))
    reader.need(")")
    return tuple(terms)


def _term(reader: _Reader, depth: int) -> Filter | Logic:
    start = reader.position
    negated = reader.take("not.")
    for joint in ("and", "or"):
        if reader.peek(f"{joint}("):
            reader.need(joint)
            return Logic(joint, _terms(reader, depth + 1), negated)
    reader.position = start
    found = _field(reader)
    reader.need(".")
    return _condition(reader, found, nested=True)


def _condition(reader: _Reader, found: Field, *, nested: bool) -> Filter:
    negated = reader.take("not.")
    start = reader.position
    operator = reader.until(".(")
    if operator not in OPERATORS:
        reader.position = start
        raise reader.problem(_EXPECTED_OPERATOR)
    modifier = _modifier(reader)
    quantifier, language = _meaning(reader, operator, modifier)
    reader.need(".")
    if operator == "in":
        return Filter(found, operator, values=_list(reader, nested=nested), negated=negated)
    value = _nested_value(reader) if nested else reader.until("")
    if operator == "is":
        value = value.lower()
        if value not in IS_VALUES:
            raise reader.problem("null, not_null, true, false or unknown")
    return Filter(found, operator, value, negated=negated, quantifier=quantifier, language=language)


def _modifier(reader: _Reader) -> str | None:
    if not reader.take("("):
        return None
    modifier = reader.until(")")
    reader.need(")")
    return modifier


def _meaning(reader: _Reader, operator: str, modifier: str | None) -> tuple[Literal["any", "all"] | None, str | None]:
    if modifier is None:
        return None, None
    if operator in SEARCHES:
        return None, modifier
    if operator in QUANTIFIABLE and modifier == "any":
        return "any", None
    if operator in QUANTIFIABLE and modifier == "all":
        return "all", None
    raise reader.problem(_EXPECTED_OPERATOR)


def _list(reader: _Reader, *, nested: bool) -> tuple[str, ...]:
    reader.need("(")
    values: list[str] = []
    if not reader.peek(")"):
        values.append(_list_value(reader))
        while reader.take(","):
            values.append(_list_value(reader))
    reader.need(")")
    if not nested:
        reader.end("end of input")
    return tuple(values)


def _list_value(reader: _Reader) -> str:
    return reader.quoted() if reader.peek('"') else reader.until(",)")


def _nested_value(reader: _Reader) -> str:
    """A value inside a tree: quoted, a `{...}` array, or everything up to a comma or parenthesis."""
    if reader.peek('"'):
        return reader.quoted()
    if reader.peek("{"):
        inside = reader.until("}")
        reader.need("}")
        return f"{inside}}}"
    return reader.until(",)")
