"""One REST request, taken apart: what it is about, its conditions, its order, its columns."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from starlette.datastructures import QueryParams

from smeboost_emulators.supabase.rest.errors import RestFailure
from smeboost_emulators.supabase.rest.preferences import page_number
from smeboost_emulators.supabase.rest.query.grammar import (
    Filter,
    Item,
    Logic,
    OrderTerm,
    Scoped,
    parse_filter,
    parse_key,
    parse_logic,
    parse_names,
    parse_order,
    parse_path,
)
from smeboost_emulators.supabase.rest.query.reader import REMEMBERED_MAX
from smeboost_emulators.supabase.rest.query.selects import EVERYTHING, parse_select

PARAMETERS_MAX = 1000
_NOT_FILTERS = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict"})
_PAGE = ("limit", "offset")


@dataclass(frozen=True)
class Query:
    """What a request's query string says; `scoped` is about embeds, all else about the resource itself."""

    select: tuple[Item, ...]
    filters: tuple[Filter | Logic, ...]
    order: tuple[OrderTerm, ...]
    columns: tuple[str, ...] | None
    on_conflict: tuple[str, ...] | None
    scoped: tuple[Scoped, ...] = ()


def query_params(query_string: bytes) -> QueryParams:
    """The parameters, refused early when PostgreSQL could never take them.

    Raises:
        RestFailure: a NUL character, or too many parameters.
    """
    text = query_string.decode("latin-1")
    if text.count("&") >= PARAMETERS_MAX:
        raise RestFailure(400, "PGRST100", f"More than {PARAMETERS_MAX} query parameters")
    pairs = parse_qsl(text, keep_blank_values=True)
    for name, value in pairs:
        refuse_nul(name)
        refuse_nul(value)
    return QueryParams(pairs)


def refuse_nul(text: str) -> None:
    """PostgreSQL's text cannot hold a NUL character; say so in its words.

    Raises:
        RestFailure: 22021.
    """
    if "\0" in text:
        raise RestFailure(400, "22021", 'invalid byte sequence for encoding "UTF8": 0x00')


def parse_query(params: QueryParams) -> Query:
    """The query string in the words of `grammar.py`.

    Raises:
        RestFailure: PGRST100.
    """
    columns, on_conflict = params.get("columns"), params.get("on_conflict")
    conditions = [parse_condition(name, value) for name, value in params.multi_items() if name not in _NOT_FILTERS]
    return Query(
        select=parse_select(params["select"]) if "select" in params else EVERYTHING,
        filters=tuple(term for condition in conditions if not condition.path for term in condition.filters),
        order=parse_order(params["order"]) if params.get("order") else (),
        columns=parse_names(columns, "columns parameter") if columns else None,
        on_conflict=parse_names(on_conflict, "on_conflict parameter") if on_conflict else None,
        scoped=tuple(condition for condition in conditions if condition.path),
    )


@lru_cache(maxsize=REMEMBERED_MAX)
def parse_condition(name: str, value: str) -> Scoped:
    """What one parameter says: about the resource itself if the path is empty, else about an embed.

    Raises:
        RestFailure: PGRST100.
    """
    above, _, last = name.rpartition(".")
    if last in {"and", "or"}:
        return _tree(name, value)
    if above and last == "order":
        return Scoped(parse_path(above), order=parse_order(value) if value else ())
    if above and last in _PAGE:
        number, path = page_number(last, value), parse_path(above)
        return Scoped(path, limit=number) if last == "limit" else Scoped(path, offset=number)
    path, found = parse_key(name)
    return Scoped(path, (parse_filter(found, value),))


def _tree(name: str, value: str) -> Scoped:
    above, _, last = name.rpartition(".")
    negated = above == "not" or above.endswith(".not")
    path = above[: -len("not")].removesuffix(".") if negated else above
    joint = "and" if last == "and" else "or"
    return Scoped(parse_path(path) if path else (), (parse_logic(joint, value, negated=negated),))
