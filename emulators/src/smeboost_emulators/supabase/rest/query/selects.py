"""The language of `select`: columns, JSON paths, casts, aggregates, and related resources inside one another.

    alias:column->path::cast.sum()::cast     alias:relation!hint!inner(...)     ...relation!hint(...)

Rules of this room: those of `grammar.py`.
"""

from functools import lru_cache

from smeboost_emulators.supabase.rest.query.grammar import Embedded, Field, Item, Selected, field_of
from smeboost_emulators.supabase.rest.query.reader import REMEMBERED_MAX, Reader

EMBED_DEPTH_MAX = 16
EMBEDS_MAX = 100
AGGREGATES = ("sum", "avg", "count", "max", "min")
EVERYTHING = (Selected(Field("*")),)
_JOINS = {"inner": True, "left": False}


@lru_cache(maxsize=REMEMBERED_MAX)
def parse_select(text: str) -> tuple[Item, ...]:
    """The items of `select=`; an empty text selects nothing."""
    reader = Reader(text, "select parameter")
    items = () if reader.done() else _items(reader, 0)
    reader.end('"," or end of input')
    return items


def _items(reader: Reader, depth: int) -> tuple[Item, ...]:
    items = [_item(reader, depth)]
    while reader.take(","):
        reader.number += 1
        reader.count(reader.number)
        items.append(_item(reader, depth))
    return tuple(items)


def _item(reader: Reader, depth: int) -> Item:
    if reader.take("..."):
        return _embedded(reader, reader.name(), None, depth, spread=True)
    if reader.take("*"):
        return _counted_rows(reader, None) if reader.peek(".") else Selected(Field("*"))
    alias = _alias(reader)
    if reader.take("count()"):
        return Selected(Field("*"), alias, aggregate="count", result_cast=_cast(reader))
    found = field_of(reader)
    if not found.path and (reader.peek("(") or reader.peek("!")):
        return _embedded(reader, found.name, alias, depth, spread=False)
    cast = _cast(reader)
    aggregate = _aggregate(reader)
    return Selected(found, alias, cast, aggregate, _cast(reader) if aggregate else None)


def _counted_rows(reader: Reader, alias: str | None) -> Selected:
    reader.need(".count()")
    return Selected(Field("*"), alias, aggregate="count", result_cast=_cast(reader))


def _alias(reader: Reader) -> str | None:
    start = reader.position
    if not reader.peek("count()"):
        alias = reader.name()
        if reader.peek(":") and not reader.peek("::"):
            reader.need(":")
            return alias
    reader.position = start
    return None


def _embedded(reader: Reader, name: str, alias: str | None, depth: int, *, spread: bool) -> Embedded:
    if depth >= EMBED_DEPTH_MAX:
        raise reader.problem(f"at most {EMBED_DEPTH_MAX} levels of related resources")
    reader.embeds += 1
    if reader.embeds > EMBEDS_MAX:
        raise reader.problem(f"at most {EMBEDS_MAX} related resources")
    hint, inner = _modifiers(reader)
    reader.need("(")
    items = () if reader.peek(")") else _items(reader, depth + 1)
    reader.need(")")
    return Embedded(name, items, alias, hint, inner=inner, spread=spread)


def _modifiers(reader: Reader) -> tuple[str | None, bool]:
    """`!hint`, `!inner` and `!left`, in any order, each at most once."""
    hint: str | None = None
    inner: bool | None = None
    while reader.take("!"):
        word = reader.name()
        if inner is None and word in _JOINS:
            inner = _JOINS[word]
        elif hint is None:
            hint = word
        else:
            raise reader.problem('"("')
    return hint, bool(inner)


def _cast(reader: Reader) -> str | None:
    if not reader.take("::"):
        return None
    name = reader.until(",.()").strip()
    if not name:
        raise reader.problem("type name")
    return name


def _aggregate(reader: Reader) -> str | None:
    if not reader.take("."):
        return None
    for name in AGGREGATES:
        if reader.take(f"{name}()"):
            return name
    raise reader.problem("sum(), avg(), count(), max() or min()")
