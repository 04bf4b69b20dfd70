"""One REST request, taken apart: what it is about, its conditions, its order, its columns."""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.datastructures import QueryParams

from smeboost_emulators.supabase.rest.errors import RestFailure, not_built
from smeboost_emulators.supabase.rest.grammar import (
    Field,
    Filter,
    Logic,
    OrderTerm,
    Selected,
    parse_filter,
    parse_key,
    parse_logic,
    parse_names,
    parse_order,
    parse_select,
)

PARAMETERS_MAX = 1000
_NOT_FILTERS = frozenset({"select", "order", "limit", "offset", "columns", "on_conflict"})
_EVERYTHING = (Selected(Field("*")),)


@dataclass(frozen=True)
class Query:
    """What a request's query string says."""

    select: tuple[Selected, ...]
    filters: tuple[Filter | Logic, ...]
    order: tuple[OrderTerm, ...]
    columns: tuple[str, ...] | None
    on_conflict: tuple[str, ...] | None


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
        RestFailure: PGRST100, or PGRST127 for embedding.
    """
    columns, on_conflict = params.get("columns"), params.get("on_conflict")
    return Query(
        select=parse_select(params["select"]) if "select" in params else _EVERYTHING,
        filters=tuple(_filter(name, value) for name, value in params.multi_items() if name not in _NOT_FILTERS),
        order=parse_order(params["order"]) if params.get("order") else (),
        columns=parse_names(columns, "columns parameter") if columns else None,
        on_conflict=parse_names(on_conflict, "on_conflict parameter") if on_conflict else None,
    )


def _filter(name: str, value: str) -> Filter | Logic:
    plain = name.removeprefix("not.")
    if plain == "and" or plain == "or":  # noqa: PLR1714  # narrows the type
        return parse_logic(plain, value, negated=name != plain)
    if name.endswith((".and", ".or", ".order", ".limit", ".offset")) and not name.startswith('"'):
        raise not_built("Filtering on embedded resources is")
    return parse_filter(parse_key(name), value)
