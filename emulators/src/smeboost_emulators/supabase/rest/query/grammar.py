"""PostgREST's little languages: `order`, filters, `and=(...)`, lists of columns. Text in, values out.

The language of `select` is in `selects.py`; the values of all of them are here.

Rules of this room:

- Nothing here touches SQL. A name is only a name; whether it exists is `statements.py`'s question.
- Bad text raises `RestFailure` PGRST100 and says where.
- Depth and number are limited, because the text is a stranger's.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from smeboost_emulators.supabase.rest.query.reader import REMEMBERED_MAX, Reader

DEPTH_MAX = 32
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
    """One column of `select`; the name `*` stands for all columns.

    `cast` comes before the aggregate, `result_cast` after it.
    """

    field: Field
    alias: str | None = None
    cast: str | None = None
    aggregate: str | None = None
    result_cast: str | None = None


@dataclass(frozen=True)
class Embedded:
    """One related resource of `select`, with its own items; `spread` puts them among its parent's."""

    name: str
    items: "tuple[Selected | Embedded, ...]"
    alias: str | None = None
    hint: str | None = None
    inner: bool = False
    spread: bool = False


Item = Selected | Embedded


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
    """One term of `order`; the field is that of the to-one embed `relation`, if there is one."""

    field: Field
    descending: bool = False
    nulls: Literal["first", "last"] | None = None
    relation: str | None = None


@dataclass(frozen=True)
class Scoped:
    """What a parameter says about the embed that `path` leads to, by aliases or names."""

    path: tuple[str, ...]
    filters: tuple[Filter | Logic, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    limit: int | None = None
    offset: int | None = None


@lru_cache(maxsize=REMEMBERED_MAX)
def parse_order(text: str) -> tuple[OrderTerm, ...]:
    """The terms of `order=`."""
    reader = Reader(text, "order")
    terms = [_order_term(reader)]
    while reader.take(","):
        reader.count(len(terms))
        terms.append(_order_term(reader))
    reader.end('"," or end of input')
    return tuple(terms)


def parse_names(text: str, what: str) -> tuple[str, ...]:
    """The column names of `columns=` and `on_conflict=`."""
    reader = Reader(text, what)
    names = [reader.name()]
    while reader.take(","):
        reader.count(len(names))
        names.append(reader.name())
    reader.end('"," or end of input')
    return tuple(names)


def parse_key(text: str) -> tuple[tuple[str, ...], Field]:
    """The embeds that lead to a field, and the field, as a filter's parameter name spells them: `a.b.column->>key`."""
    reader = Reader(text, "filter key")
    path: list[str] = []
    found = field_of(reader)
    while not found.path and reader.take("."):
        path.append(found.name)
        if len(path) > DEPTH_MAX:
            raise reader.problem(f"at most {DEPTH_MAX} levels")
        found = field_of(reader)
    reader.end("-> or ->> or end of input")
    return tuple(path), found


def parse_path(text: str) -> tuple[str, ...]:
    """The embeds that a parameter name like `a.b.order` leads to, without its last word."""
    path, last = parse_key(text)
    return (*path, last.name)


def parse_filter(found: Field, text: str) -> Filter:
    """The condition that a parameter's value spells: everything after the operator is the value."""
    reader = Reader(text, "filter")
    return _condition(reader, found, nested=False)


def parse_logic(joint: Literal["and", "or"], text: str, *, negated: bool) -> Logic:
    """The tree of `and=(...)` or `or=(...)`."""
    reader = Reader(text, "logic tree")
    tree = Logic(joint, _terms(reader, 0), negated)
    reader.end("end of input")
    return tree


def field_of(reader: Reader) -> Field:
    """The field at the reader's position."""
    name = reader.name()
    steps: list[Step] = []
    while reader.peek("->"):
        as_text = reader.take("->>") or not reader.take("->")
        steps.append(Step(_json_key(reader), as_text))
        if len(steps) > DEPTH_MAX:
            raise reader.problem(f"at most {DEPTH_MAX} steps")
    return Field(name, tuple(steps))


def _json_key(reader: Reader) -> str:
    if reader.take("-"):
        return f"-{reader.name()}"
    return reader.name()


def _order_term(reader: Reader) -> OrderTerm:
    found = field_of(reader)
    relation = None
    if not found.path and reader.take("("):
        relation, found = found.name, field_of(reader)
        reader.need(")")
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
    return OrderTerm(found, descending, nulls, relation)


def _terms(reader: Reader, depth: int) -> tuple[Filter | Logic, ...]:
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


def _term(reader: Reader, depth: int) -> Filter | Logic:
    start = reader.position
    negated = reader.take("not.")
    for joint in ("and", "or"):
        if reader.peek(f"{joint}("):
            reader.need(joint)
            return Logic(joint, _terms(reader, depth + 1), negated)
    reader.position = start
    found = field_of(reader)
    reader.need(".")
    return _condition(reader, found, nested=True)


def _condition(reader: Reader, found: Field, *, nested: bool) -> Filter:
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
        value = value.lower()
        if value not in IS_VALUES:
            raise reader.problem("null, not_null, true, false or unknown")
    return Filter(found, operator, value, negated=negated, quantifier=quantifier, language=language)


def _modifier(reader: Reader) -> str | None:
    if not reader.take("("):
        return None
    modifier = reader.until(")")
    reader.need(")")
    return modifier


def _meaning(reader: Reader, operator: str, modifier: str | None) -> tuple[Literal["any", "all"] | None, str | None]:
    if modifier is None:
        return None, None
    if operator in SEARCHES:
        return None, modifier
    if operator in QUANTIFIABLE and modifier == "any":
        return "any", None
    if operator in QUANTIFIABLE and modifier == "all":
        return "all", None
    raise reader.problem(_EXPECTED_OPERATOR)


def _list(reader: Reader, *, nested: bool) -> tuple[str, ...]:
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


def _list_value(reader: Reader) -> str:
    """Quoted, unless something follows the quotation; or everything up to a comma or parenthesis."""
    start = reader.position
    if reader.peek('"'):
        value = reader.quoted()
        if reader.peek(",") or reader.peek(")"):
            return value
        reader.position = start
    return reader.until(",)")


def _nested_value(reader: Reader) -> str:
    """A value inside a tree: quoted, a `{...}` array, or everything up to a comma or parenthesis."""
    if reader.peek("{"):
        inside = reader.until("}")
        reader.need("}")
        return f"{inside}}}"
    return _list_value(reader)
